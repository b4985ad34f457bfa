"""Weights as people have them: wrapped, in a checkpoint, in a file of any format; nothing in a file is run."""

from __future__ import annotations

import argparse
import collections
import copy
import json
import pathlib
import re
from functools import cache

import numpy as np
import pytest
import timm
import timm.utils
import torch
from peers import settle, undrawn
from torch import nn
from torch.nn.utils import prune
from torch.optim.swa_utils import AveragedModel
from torchvision.models import mobilenet_v2 as torchvision_v2

from mobilenet_lib import MobileNetV2, pretrained, specs
from mobilenet_lib.topics import weight_files

IMAGES = torch.randn(2, 3, 33, 33, generator=torch.Generator().manual_seed(0))


SHORT = specs.V2_SPEC[:3]  # six blocks: whatever weights are wrapped in, it does not matter how many there are


def small():
    return MobileNetV2(5, 0.1, spec=SHORT)


def torchvisions():
    return torchvision_v2(num_classes=5, width_mult=0.1, inverted_residual_setting=SHORT, dropout=0.0)


@cache
def theirs():
    """Return torchvision's short, narrow network with weights of its own; no test may change it."""
    return settle(torchvisions())


@cache
def timms():
    """Return timm's narrowest, with weights of its own; no test may change it."""
    return settle(timm.create_model("mobilenetv2_035", num_classes=5), seed=1)


def scores(network):
    with torch.no_grad():
        return network.eval()(IMAGES)


scores_of_a_peer = cache(lambda peer: scores(peer()))


def same(network, peer):
    """Say whether two networks give the same scores, to the last bit."""
    return torch.equal(scores(network), scores(peer))


@cache
def receiver(timms):
    """Return the network that weights are loaded into, which is built once: that takes longer than a load."""
    with undrawn():
        return MobileNetV2(5, 0.35) if timms else small()


def emptied(timms):
    """Return that network with nan for each number: one that is not loaded would show in every score."""
    network = receiver(timms).train()
    for tensor in network.state_dict().values():
        tensor.fill_(torch.nan if tensor.is_floating_point() else -1)
    return network


def takes(source, peer=theirs, load=pretrained.load_torchvision, **options):
    """Say whether a network without any number gives the peer's scores after loading."""
    return torch.equal(scores(load(emptied(peer is timms), source, **options)), scores_of_a_peer(peer))


class Other(nn.Module):
    """Holds a network under a name of its own, as people's training code does."""

    def __init__(self, network, name="net"):
        super().__init__()
        setattr(self, name, network)


class Average:
    """Holds an average of weights without being a module."""

    def __init__(self, network):
        self.ema = network


def test_fresh_networks_differ_from_those_with_weights_of_their_own():
    assert not same(small(), theirs())
    assert not same(MobileNetV2(5, 0.35), timms())


# Names that tell of a wrapper


@pytest.mark.parametrize(
    "front",
    ["module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module.", "module.model.", "model._orig_mod.",
     "net.", "backbone.", "student.net.", "module.net.", "0.", "_fsdp_wrapped_module.", "_forward_module.model."],
)  # fmt: skip
def test_what_stands_before_the_names_does_not_matter(front):
    assert takes({front + key: tensor for key, tensor in theirs().state_dict().items()})
    timms_state = {front + key: tensor for key, tensor in timms().state_dict().items()}
    assert takes(timms_state, timms, pretrained.load_timm)


def halves(network):
    network.features = nn.DataParallel(network.features)
    return network


def blockwise(network):
    for i in range(3, 6):
        network.features[i] = torch.compile(network.features[i])
    return network


WRAPPED = {
    "DataParallel": nn.DataParallel,
    "torch.compile": torch.compile,
    "torch.compile in DataParallel": lambda network: nn.DataParallel(torch.compile(network)),
    "DataParallel in torch.compile": lambda network: torch.compile(nn.DataParallel(network)),
    "torch's average": AveragedModel,
    "torch's average of a wrapped network": lambda network: AveragedModel(nn.DataParallel(network)),
    "timm's second average": timm.utils.ModelEmaV2,
    "timm's third average": timm.utils.ModelEmaV3,
    "timm's first average": timm.utils.ModelEma,
    "an average that is no module": Average,
    "a module with a network": Other,
    "a Sequential": nn.Sequential,
    "the features alone wrapped": halves,
    "some blocks alone compiled": blockwise,
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_a_wrapped_network_is_taken_and_so_is_its_state_dict(wrap):
    wrapped = wrap(copy.deepcopy(theirs()))
    assert takes(wrapped)
    if isinstance(wrapped, nn.Module):
        assert takes(wrapped.state_dict())


def test_the_eps_of_a_wrapped_batchnorm_is_looked_at_too():
    network = copy.deepcopy(theirs())
    network.features[3].conv[0][1].eps = 0.5
    with pytest.raises(ValueError, match=r"features\.3\.conv\.0\.1\.running_var.*eps=1e-05.*eps=0\.5"):
        pretrained.load_torchvision(small(), AveragedModel(nn.DataParallel(network)))


def test_with_the_eps_that_the_message_asks_for_the_outputs_agree():
    peer = settle(timm.create_model("mobilenetv2_035", num_classes=5, bn_eps=1e-3))
    network = MobileNetV2(5, 0.35)
    with pytest.raises(ValueError, match="give the BatchNorms of network that eps first"):
        pretrained.load_timm(network, peer)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-3
    assert same(pretrained.load_timm(network, peer), peer)


def test_a_network_behind_another_layer_is_not_the_network():
    """Its weights fit, and its output is another one."""
    normalised = nn.Sequential(nn.InstanceNorm2d(3), copy.deepcopy(theirs()))
    with pytest.raises(ValueError, match=r"'0' beside it; give source.get_submodule\('1'\)"):
        pretrained.load_torchvision(small(), normalised)
    assert takes(normalised.get_submodule("1"))


def test_something_beside_the_network_is_named_and_the_remedy_works():
    source = {f"net.{key}": tensor for key, tensor in theirs().state_dict().items()}
    source |= {"loss.weight": torch.ones(3)}
    with pytest.raises(ValueError, match=r"'loss.weight' beside the network") as caught:
        pretrained.load_torchvision(small(), source)
    assert takes(eval(str(caught.value).split("leave it out: ")[1], {"source": source}))


def test_two_networks_in_one_state_dict_are_never_mixed():
    first = theirs().state_dict()
    second = {key: tensor + 1 for key, tensor in first.items()}
    for fronts in (("student.", "teacher."), ("", "module."), ("", "ema."), ("module.", "model.")):
        both = {front + key: tensor for front, state in zip(fronts, (first, second), strict=True)
                for key, tensor in state.items()}  # fmt: skip
        network = small()
        before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        with pytest.raises(ValueError, match="source h"):
            pretrained.load_torchvision(network, both)
        assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


def test_without_the_number_of_batches_the_network_keeps_its_own():
    old = {key: tensor for key, tensor in theirs().state_dict().items() if "num_batches" not in key}
    peer = torchvisions()
    assert peer.load_state_dict(old).missing_keys == []  # torch takes it, too
    network = small()
    network.stem[1].num_batches_tracked += 7
    assert same(pretrained.load_torchvision(network, old), theirs())
    assert network.stem[1].num_batches_tracked == 7


def test_arrays_are_taken_for_tensors():
    assert takes({key: tensor.numpy() for key, tensor in theirs().state_dict().items()})


# Checkpoints


def checkpoint(**networks):
    """Return what a training saves: networks, the optimiser, settings, counts of several kinds."""
    optimiser = torch.optim.SGD(theirs().parameters(), 0.1, momentum=0.9)
    args = argparse.Namespace(lr=0.1, out=pathlib.Path("out"), nested=argparse.Namespace(a=1))
    best = {"best": np.float64(71.9), "curve": np.arange(3.0), "log": collections.defaultdict(list, top1=[1.0])}
    return {"epoch": 3, "optimizer": optimiser.state_dict(), "args": args, **best, **networks}


KEYS = ("state_dict", "model", "model_state_dict", "net", "network", "weights", "model_ema", "state_dict_ema", "ema",
        "params", "anything")  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("new", [True, False], ids=["zip", "before 1.6"])
def test_a_checkpoint_of_a_training_is_opened_by_any_name(key, new, tmp_path):
    saved = checkpoint(**{key: nn.DataParallel(theirs()).state_dict()})
    torch.save(saved, tmp_path / "x.pth", _use_new_zipfile_serialization=new)
    assert takes(tmp_path / "x.pth")
    assert takes(saved)


def test_a_checkpoint_in_a_checkpoint_is_opened():
    assert takes({"state": {"ema": {"module": theirs().state_dict()}}, "epoch": 1})
    assert takes({"model": theirs(), "epoch": 1})


def test_of_a_network_and_its_average_the_network_is_taken_unless_the_other_is_asked_for(tmp_path):
    shifted = copy.deepcopy(theirs())
    nn.init.normal_(shifted.classifier[1].bias)
    for plain, averaged in (("model", "model_ema"), ("state_dict", "state_dict_ema"), ("net", "swa")):
        saved = checkpoint(**{averaged: AveragedModel(shifted).state_dict(), plain: theirs().state_dict()})
        torch.save(saved, tmp_path / "x.pth")
        assert takes(tmp_path / "x.pth")
        assert takes(tmp_path / "x.pth", part=plain)
        assert takes(tmp_path / "x.pth", lambda: shifted, part=averaged)


def test_several_networks_must_be_told_apart_and_the_remedy_works():
    saved = {"generator": theirs().state_dict(), "second": theirs().state_dict()}
    with pytest.raises(ValueError, match="'generator', 'second'; say which, as in part='generator'"):
        pretrained.load_torchvision(small(), saved)
    assert takes(saved, part="generator")
    with pytest.raises(ValueError, match="part must be one of those in source, 'generator', 'second', got 'third'"):
        pretrained.load_torchvision(small(), saved, part="third")
    with pytest.raises(ValueError, match="part must be .* one network alone, got 'model'"):
        pretrained.load_torchvision(small(), theirs(), part="model")
    with pytest.raises(TypeError, match="part must be the name .* got 1"):
        pretrained.load_torchvision(small(), saved, part=1)


def test_a_file_in_the_home_folder_is_found_by_its_short_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    torch.save(theirs().state_dict(), tmp_path / "x.pth")
    assert takes("~/x.pth")
    assert takes(pathlib.Path("~") / "x.pth")


def test_safetensors_are_known_by_what_they_are_whatever_the_name(tmp_path):
    from safetensors.torch import save_file

    state = {f"model.{key}": tensor for key, tensor in timms().state_dict().items()}
    for name in ("x.safetensors", "x.bin", "x"):
        save_file(state, tmp_path / name)
        assert takes(tmp_path / name, timms, pretrained.load_timm)
    torch.save(state, tmp_path / "y.safetensors")
    assert takes(tmp_path / "y.safetensors", timms, pretrained.load_timm)


# Nothing in a file is run


def make(path):
    pathlib.Path(path).touch()


class Evil:
    """Asks whoever unpickles it to make a file."""

    def __init__(self, call, path):
        self.call, self.path = call, path

    def __reduce__(self):
        return self.call, (str(self.path),)


@pytest.mark.parametrize("call", [make, eval, open, pathlib.Path.touch, __import__("os").mkdir])
@pytest.mark.parametrize("new", [True, False], ids=["zip", "before 1.6"])
def test_code_in_a_file_never_runs_wherever_it_stands(call, new, tmp_path):
    canary = tmp_path / "canary"
    argument = f"open({str(canary)!r}, 'w')" if call is eval else canary
    state = theirs().state_dict()
    evil, allowed = Evil(call, argument), set(torch.serialization.get_safe_globals())
    for source in (evil, {"model": state, "args": evil}, {"model": evil}, {**state, "classifier.1.bias": evil}):
        torch.save(source, tmp_path / "x.pth", _use_new_zipfile_serialization=new)
        network = small()
        before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        try:
            pretrained.load_torchvision(network, tmp_path / "x.pth")
        except ValueError as error:
            assert "source" in str(error)
            assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
        else:
            assert same(network, theirs())
        assert not canary.exists()
        assert set(torch.serialization.get_safe_globals()) == allowed


@pytest.mark.parametrize(
    "wrap", [lambda network: network, nn.DataParallel, lambda network: {"epoch": 1, "model": network},
             lambda network: {"args": argparse.Namespace(lr=1), "ema": network}],
)  # fmt: skip
def test_a_whole_model_in_a_file_is_named_and_the_remedy_works(wrap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(wrap(theirs()), "whole.pth")
    with pytest.raises(ValueError, match="where you trust it") as caught:
        pretrained.load_torchvision(small(), "whole.pth")
    assert re.search(r"whole.pth holds more than tensors: (torchvision|torch)\.\w+.*\.(MobileNetV2|DataParallel), ",
                     str(caught.value))  # fmt: skip
    exec(str(caught.value).split("alone: ")[1], {"torch": torch})
    assert takes("weights.pth")


def test_a_program_of_torch_jit_is_named_and_the_remedy_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.jit.trace(theirs().eval(), IMAGES).save("traced.pt")
    with pytest.raises(ValueError, match="traced.pt holds a program, written by torch.jit") as caught:
        pretrained.load_torchvision(small(), "traced.pt")
    exec(str(caught.value).split("alone: ")[1], {"torch": torch})
    assert takes("weights.pth")


NO_FILES = {
    "empty": (b"", "is empty"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "page": (b"<!DOCTYPE html>\n<title>Sign in</title>", "a web page"),
    "page after an empty line": (b"\r\n<html><title>Sign in</title>", "a web page"),
    "answer": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "what a server answers"),
    "text": (b"no weights here", "no file of tensors"),
    "binary": (bytes(range(256)), "no file of tensors"),
}


@pytest.mark.parametrize("name", NO_FILES)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_file_of_weights_is_told_from_what_it_is(name, suffix, tmp_path):
    content, words = NO_FILES[name]
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"source: .*{name}{suffix} .*{words}"):
        pretrained.load_timm(small(), path)


@pytest.mark.parametrize("thing", [[1, 2], torch.ones(3), "word", 3, {}, {"epoch": 3}, {"lr": torch.ones(1)}])
def test_a_file_of_something_else_is_refused(thing, tmp_path):
    torch.save(thing, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="source"):
        pretrained.load_timm(small(), tmp_path / "x.pth")


def test_a_cut_off_file_and_a_folder_are_refused(tmp_path):
    torch.save(checkpoint(model=theirs().state_dict()), tmp_path / "x.pth")
    whole = (tmp_path / "x.pth").read_bytes()
    for length in (1, 20, 1000, len(whole) // 2, len(whole) - 1):
        (tmp_path / "x.pth").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="no file of tensors, or it is damaged"):
            pretrained.load_torchvision(small(), tmp_path / "x.pth")
    with pytest.raises(ValueError, match="source must be a file, got the folder"):
        pretrained.load_torchvision(small(), tmp_path)


# Another network's, another library's


LOADERS = {"load_timm": pretrained.load_timm, "load_torchvision": pretrained.load_torchvision,
           "load_own": pretrained.load_own}  # fmt: skip


@pytest.mark.parametrize("front", ["", "module.", "net."])
@pytest.mark.parametrize("right", LOADERS)
def test_names_of_another_library_are_told_and_the_loader_that_is_named_takes_them(right, front):
    ours = pretrained.load_torchvision(small(), theirs())
    states = {"load_timm": pretrained.to_timm(ours), "load_torchvision": theirs().state_dict(),
              "load_own": ours.state_dict()}  # fmt: skip
    source = {front + key: tensor for key, tensor in states[right].items()}
    for wrong in LOADERS.keys() - {right}:
        network = small()
        with pytest.raises(ValueError, match=rf"its names are [a-z' ]+: use {right}\(network, source\)") as caught:
            LOADERS[wrong](network, source)
        names = {**LOADERS, "network": network, "source": source}
        assert same(eval(str(caught.value).split("use ")[1], names), theirs())


def test_another_network_under_another_librarys_names_is_told_with_both():
    source = nn.DataParallel(torchvision_v2(num_classes=7, width_mult=0.5)).state_dict()
    with pytest.raises(ValueError, match=r"these weights fit MobileNetV2\(7, width_mult=0.5\), whose names are "
                                         r"torchvision's: use load_torchvision"):  # fmt: skip
        pretrained.load_timm(small(), source)
    pretrained.load_torchvision(MobileNetV2(7, width_mult=0.5), source)


def test_a_strangers_network_gets_no_advice():
    for stranger in (timm.create_model("mobilenetv3_small_050"), nn.Linear(2, 2), nn.Sequential()):
        with pytest.raises(ValueError, match="missing") as caught:
            pretrained.load_torchvision(small(), stranger)
        assert "use load" not in str(caught.value) and "these weights fit" not in str(caught.value)


OWN = {
    "classifier.1.weight": lambda network: setattr(network, "classifier", nn.Sequential(nn.Dropout(), nn.Linear(9, 5))),
    "extra.weight": lambda network: setattr(network, "extra", nn.Linear(2, 2)),
    "blocks.3.weight": lambda network: network.blocks.__setitem__(3, nn.Conv2d(2, 2, 1)),
    "blocks.3.conv1.0.weight": lambda network: network.blocks.__setitem__(3, Other(small().blocks[3].conv1, "conv1")),
    "scale": lambda network: setattr(network, "scale", nn.Parameter(torch.ones(1))),
}


@pytest.mark.parametrize("key", OWN)
def test_a_part_of_ones_own_is_named(key):
    network = small()
    OWN[key](network)
    calls = {
        "timm": (lambda: pretrained.load_timm(network, timms()), lambda: pretrained.to_timm(network)),
        "torchvision": (lambda: pretrained.load_torchvision(network, theirs()),
                        lambda: pretrained.to_torchvision(network)),
    }  # fmt: skip
    for library, both in calls.items():
        for call in both:
            if key == "blocks.3.conv1.0.weight" and library == "torchvision":
                continue  # one layer in place of three has a name there: that of a projection
            with pytest.raises(ValueError, match=f"network must be .* {key}, for which {library} has no name"):
                call()


def test_weights_come_first_and_a_head_of_ones_own_then_and_the_whole_comes_back():
    network = pretrained.load_torchvision(small(), theirs())
    network.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 2))
    again = small()
    again.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 2))
    saved = {"epoch": 1, "model_ema": AveragedModel(network).state_dict(), "args": None}
    assert same(pretrained.load_own(again, saved), network)


def test_a_table_from_a_file_is_as_good_as_ours():
    table = json.loads(json.dumps(specs.V2_SPEC))
    assert isinstance(table[0], list)
    network = MobileNetV2(5, 0.35, spec=table)
    assert pretrained.timm_names(network) == pretrained.timm_names(MobileNetV2(5, 0.35))
    assert same(pretrained.load_timm(network, timms()), timms())


def test_weights_in_whole_numbers_are_no_weights():
    state = {key: tensor.to(torch.int8) for key, tensor in theirs().state_dict().items()}
    with pytest.raises(ValueError, match=r"features.0.0.weight in source must hold floats .* got torch.int8"):
        pretrained.load_torchvision(small(), state)


def test_weights_are_taken_in_any_layout():
    state = {key: tensor.to_sparse() for key, tensor in theirs().state_dict().items()}
    assert takes(state)


def test_a_scripted_model_is_taken():
    assert takes(torch.jit.script(theirs()))


@pytest.mark.parametrize("make", [nn.utils.parametrizations.weight_norm, lambda layer: prune.identity(layer, "weight")])
def test_a_layer_that_makes_its_weights_anew_is_named_with_a_remedy(make):
    model = torchvisions()
    make(model.classifier[1])
    with pytest.raises(
        ValueError, match=r"source must have classifier.1.weight .*got classifier.1.*weight.*; make such"
    ):
        pretrained.load_torchvision(small(), model)


def test_a_network_for_grey_pictures_is_recognised():
    grey = timm.create_model("mobilenetv2_035", num_classes=5, in_chans=1)
    with pytest.raises(ValueError, match=r"these weights fit MobileNetV2\(5, width_mult=0.35, in_channels=1\)$"):
        pretrained.load_timm(small(), grey)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_of_a_wrapped_network_it_is_said_what_is_inside(wrap):
    network = wrap(small())
    with pytest.raises(TypeError, match="network must be .*; give what is inside it, network.[a-z_]+$") as caught:
        pretrained.load_torchvision(network, theirs())
    inside = eval(str(caught.value).rpartition(", ")[2], {"network": network})
    assert same(pretrained.load_torchvision(inside, theirs()), theirs())


def test_a_stand_in_takes_whatever_a_pickle_does_to_an_object():
    stand_in = weight_files.Unread(1, two=2)
    stand_in.__setstate__({"three": 3})
    assert vars(stand_in) == {}
