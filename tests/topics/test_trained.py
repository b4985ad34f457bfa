"""The results on the trained network: the file is whole, and what it says comes out again."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from mobilenet_lib import (
    MobileNetV2,
    anatomy,
    few_bits,
    lite0,
    naming,
    page_model,
    pretrained,
    shipping,
    surgery,
    trained,
)
from mobilenet_lib.topics import photographs
from mobilenet_lib.topics._command import DATA
from mobilenet_lib.topics.compare import Answer, agreement, first_classes, scores
from mobilenet_lib.topics.preparing import WAYS

FILE = DATA / trained.FILE


def numbers(part):
    """Return all triples of an agreement and the ends of its interval in a part of the file."""
    if isinstance(part, dict):
        return [triple for value in part.values() for triple in numbers(value)]
    if isinstance(part, list) and part and isinstance(part[0], list):
        return [triple for value in part for triple in numbers(value)]
    return [part] if isinstance(part, list) and len(part) == 3 and all(isinstance(v, float) for v in part) else []


def test_the_file_is_complete_and_says_how_it_was_made():
    file = json.loads(FILE.read_text(encoding="utf-8"))
    assert FILE.read_text(encoding="utf-8") == trained._written(file)  # two of them can be compared line by line
    about = file["about"]
    assert about["pieces"] == trained.EACH * len(about["compared"])
    assert about["photographs"] == list(photographs.SHIPPED)
    assert about["compared"] == list(trained.to_compare())
    assert set(trained.PACKAGES) == set(about["versions"])
    assert list(file["answers"]) == about["photographs"]
    assert list(file["surgery"]) == [change.key for change in surgery.changes(MobileNetV2())]
    assert list(file["preparing"]) == list(WAYS)
    for way in ("tensor", "channel", "equalized"):
        for bits in trained.BITS:
            assert {f"{way} {bits}", f"{way}, corrected {bits}"} <= set(file["bits"]["agreement"])
    assert len(file["filters"]) == len(file["dimensions"]) == 17


def test_a_mean_lies_in_its_interval_and_counts_whole_pieces():
    file = trained.results()
    triples = numbers({name: file[name] for name in ("surgery", "preparing", "bits")})
    assert len(triples) > 200
    for mean, low, high in triples:
        assert low <= mean <= high
    for name in ("surgery", "bits"):
        for mean, _, _ in numbers(file["surgery"] if name == "surgery" else file["bits"]["agreement"]):
            agreeing = mean * file["about"]["pieces"] / 100
            assert abs(agreeing - round(agreeing)) < 0.05 * file["about"]["pieces"] / 100 + 1e-6
            assert 0 <= mean <= 100


def test_there_are_answers_to_each_photograph_after_each_change():
    file = trained.results()
    for photograph in file["about"]["photographs"]:
        for change in ("", *file["surgery"]):
            found = trained.answers(photograph, change)
            percents = [answer.percent for answer in found]
            assert len({answer.category for answer in found}) == 5
            assert percents == sorted(percents, reverse=True)
            assert max(answer.category for answer in found) < 1000
            assert sum(percents) < 100.05
        intact = [[answer.category, pytest.approx(answer.percent, abs=0.006)] for answer in trained.answers(photograph)]
        assert file["answers"][photograph] == intact


def test_the_stored_answers_are_small():
    assert (DATA / trained.ANSWERS).stat().st_size < 60_000
    assert (DATA / trained.FILTERS).stat().st_size < 100_000


@pytest.mark.parametrize("block", [0, 8, 16])
def test_stored_filters_have_the_shape_of_the_block(block):
    channels = MobileNetV2().blocks[block].depthwise[0].out_channels
    found = trained.filters(block)
    assert found.shape == (channels, 3, 3)
    assert np.abs(found).max() > 0


def test_what_is_not_stored_is_refused():
    with pytest.raises(ValueError, match="photograph must be one of 'coffee', .*got 'dog'"):
        trained.answers("dog")
    with pytest.raises(ValueError, match="change must be one of '', 'relu6 0', .*got 'shortcut 3'"):
        trained.answers("chelsea", "shortcut 3")
    with pytest.raises(ValueError, match="block must be from 0 to 16, got 17"):
        trained.filters(17)


def test_the_command_writes_what_the_library_reads_twice_alike(tmp_path, monkeypatch):
    torch.manual_seed(0)
    network, lite = MobileNetV2(width_mult=0.35).eval(), lite0.EfficientNetLite0().eval()
    changes = [surgery.Change("branch", (4,)), surgery.Change("contribution", share=50)]
    monkeypatch.setattr(surgery, "changes", lambda network: changes)
    monkeypatch.setattr(trained, "BITS", (4,))
    monkeypatch.setattr(trained, "MEASURED_ON", (1, 11))
    monkeypatch.setattr(trained, "EACH", 1)
    gallery = {name: picture.resize((300, 260)) for name, picture in photographs.pictures("chelsea", "coffee").items()}
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        trained._make(network, network, lite, gallery, gallery, folder)
        written.append([(folder / name).read_bytes() for name in (trained.FILE, trained.ANSWERS, trained.FILTERS)])
    assert written[0] == written[1]
    file = json.loads(written[0][0])
    assert file["about"]["photographs"] == ["chelsea", "coffee"]
    assert list(file["surgery"]) == ["branch 4", "contribution 50 %"]
    with np.load(tmp_path / "a" / trained.ANSWERS) as stored:
        assert stored["category"].shape == stored["percent"].shape == (3, 2, 5)
    assert isinstance(Answer(*file["answers"]["coffee"][0]).category, int)


# Some of it once more, with the trained weights

TOLERANCE = 1.5  # percentage points: three pieces or four of 240, where another processor rounds otherwise


@pytest.fixture(scope="module")
def network():
    return shipping.fold(pretrained.from_torchvision(weights="IMAGENET1K_V1"))


@pytest.fixture(scope="module")
def shown():
    return trained._pictures(photographs.pictures(), trained.to_compare())


@pytest.fixture(scope="module")
def said(network, shown):
    """Return what the network says to the pieces, and what flows into the block that is then taken away."""
    inside = []
    hook = network.blocks[12].register_forward_pre_hook(lambda block, given: inside.append(given[0]))
    found = scores(network, shown.pieces)
    hook.remove()
    return found, torch.cat(inside)


def test_the_intact_network_gives_the_stored_answers(network, shown):
    found = first_classes(scores(network, shown.whole))
    for photograph, five in zip(trained.results()["about"]["photographs"], found, strict=True):
        assert trained.answers(photograph) == [(a.category, pytest.approx(a.percent, abs=0.05)) for a in five]


KEYS = ["relu6 2", "shortcut 4", "branch 12", "activations 8", "branch 7 8 9", "contribution 5 %", "random 2 %"]


@pytest.mark.parametrize("key", KEYS)
def test_a_change_made_again_gives_the_stored_answers(network, shown, key):
    (change,) = (one for one in surgery.changes(network) if one.key == key)
    found = first_classes(scores(surgery.changed(network, change, shown.others), shown.whole))
    for photograph, five in zip(trained.results()["about"]["photographs"], found, strict=True):
        stored = trained.answers(photograph, key)
        assert [answer.percent for answer in stored] == pytest.approx([answer.percent for answer in five], abs=0.1)
        assert stored[0].category == five[0].category or abs(five[0].percent - five[1].percent) < 0.2


def test_an_agreement_computed_again_lands_where_the_file_says(network, shown, said):
    reference, inside = said
    other = surgery.without_branch(network, 12)
    other.stem, other.blocks = torch.nn.Identity(), other.blocks[12:]  # before it, nothing has changed
    other.check = lambda x: None  # what comes in is no image
    reached = agreement(reference, scores(other, inside), shown.groups)
    assert reached[:3] == pytest.approx(trained.results()["surgery"]["branch 12"], abs=TOLERANCE)


def test_ranges_of_weights_are_those_in_the_file(network):
    stored = trained.results()["bits"]["ranges"]
    for row, (layer, channels, *ends, lost) in zip(few_bits.ranges(network), stored, strict=True):
        assert (row.layer, row.channels, row.lost) == (layer, channels, lost)
        assert row[2:5] == pytest.approx(ends, rel=1e-3)


def test_filters_are_those_in_the_file(network):
    for kind, row in zip(anatomy.kinds_of_filters(network), trained.results()["filters"], strict=True):
        assert list(kind) == pytest.approx(row, abs=0.06)
    for block, weights in enumerate(anatomy.depthwise_filters(network)):
        step = weights.abs().amax((1, 2), keepdim=True) / 127
        assert ((weights - torch.from_numpy(trained.filters(block))).abs() <= 0.7 * step + 1e-6).all()


def test_what_relu6_cuts_is_what_the_file_says(network, shown):
    found = anatomy.clipped(network, shown.pieces[::20])
    for row, (layer, channels, _, zeros, sixes) in zip(found, trained.results()["clipped"]["layers"], strict=True):
        assert (row.layer, row.channels) == (layer, channels)
        assert row.zeros == pytest.approx(zeros, abs=6)  # of one piece in ten
        assert row.sixes == pytest.approx(sixes, abs=0.15)


def test_maps_are_exact_and_twice_as_dense_with_the_same_weights(network, shown):
    dense = pretrained.from_torchvision(weights="IMAGENET1K_V1", output_stride=16)
    found = trained._mapped(network, dense, shown.whole[:2])
    assert found["error"] < 1e-5
    assert [percent for _, percent in found["dense"]] == pytest.approx(
        [percent for _, percent in trained.results()["maps"]["dense"][:2]], abs=0.1
    )
    assert anatomy.class_activation_map(dense, shown.whole[0], 285).shape == (14, 14)


# What a page fetches, of the same network and on the same pieces


def test_the_committed_file_of_the_page_is_what_its_command_makes_today(network, shown):
    """If this fails: make page-model. Integers and halves to the bit; a bias may differ with the processor."""
    assert page_model.MEASURED_ON == trained.MEASURED_ON
    few = page_model.rounded(network, shown.others)
    made = onnx.load_from_string(page_model.to_file(few, naming.categories()))
    here = onnx.load_from_string(page_model.stored())
    assert made.graph.node == here.graph.node
    for new, old in zip(made.graph.initializer, here.graph.initializer, strict=True):
        assert new.name == old.name
        values, stored = (numpy_helper.to_array(each) for each in (new, old))
        assert values.shape == stored.shape
        near = np.abs(values - stored).max() <= 1e-4 if new.name.endswith(".bias") else (values == stored).all()
        assert near, new.name


def test_the_file_of_the_page_gives_pieces_the_class_that_float32_gives_them(shown, said):
    """At least 95 of 100 do, and as many as the figure says; in the camera's size as many as it says of that."""
    assert page_model.COMPARED_ON == (trained.EACH, trained.SEED)
    stored = json.loads((DATA / page_model.ANSWERS).read_text("utf8"))["about"]["agreement"]
    few = shipping.OnnxNetwork(page_model.stored())
    again, small = (
        torch.stack([page_model._at_size(piece, side) for piece in pieces])
        for side, pieces in ((page_model.SIDE, shown.cut.pictures[::20]), (page_model.SMALL, shown.cut.pictures))
    )
    assert torch.equal(again, shown.pieces[::20])
    for side, images in ((page_model.SIDE, shown.pieces), (page_model.SMALL, small)):
        parts = [part.numpy() for part in images.split(4)]
        seen = [few.session.run(["output"], {few.input: part})[0] for part in parts]
        found = agreement(said[0], torch.from_numpy(np.concatenate(seen)), shown.groups)
        assert [found.mean, found.low, found.high] == pytest.approx(stored[str(side)], abs=TOLERANCE)
        assert side != page_model.SIDE or found.mean >= 95


def test_losses_are_those_of_one_block_each():
    found, stored = trained.losses("shortcut", "branch"), trained.results()["surgery"]
    assert list(found) == [f"block {i}" for i in surgery.residual_blocks(MobileNetV2())]
    for block, row in found.items():
        for kind, (mean, low, high) in row.items():
            again = [round(100 + value, 1) for value in (mean, low, high)]
            assert low <= mean <= high <= 0 and again == stored[f"{kind} {block.split()[1]}"]
    with pytest.raises(ValueError, match="kinds must be of relu6, .*got 'prune'"):
        trained.losses("prune")
