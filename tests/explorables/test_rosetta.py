"""One block, three names: they are those of the real modules, and every line stands in the installed source."""

import ast
import re
import subprocess
import sys
from functools import cache
from html import unescape
from pathlib import Path

import pytest
import static_form
import static_widgets
import timm
import torchvision
import traitlets
from node import draw, esm, javascript
from timm.layers import norm_act
from timm.models import _efficientnet_blocks

import mobilenet_lib
from mobilenet_lib import cost, explorables, measure
from mobilenet_lib.explorables import rosetta, rosetta_found, rosetta_parts, source_lines

BLOCKS = list(rosetta_parts.BLOCKS)
CHOICES = [(block, part) for block in BLOCKS for part in rosetta_parts.PARTS]


@pytest.fixture(scope="module")
def figure() -> explorables.Rosetta:
    return explorables.Rosetta()


@pytest.fixture
def found_once(monkeypatch):
    """Let figures share what is found in the libraries, where a test is about something else."""
    monkeypatch.setattr(rosetta, "collect", _found)


@cache
def _found() -> rosetta_found.Found:
    return rosetta_found.collect()


@pytest.fixture(scope="module")
def real() -> dict:
    """Return the real blocks: this book's, timm's, torchvision's, from the networks as their users build them."""
    timms = {name: timm.create_model(name).blocks for name in ("mobilenetv1_100", "mobilenetv2_100")}
    features = torchvision.models.mobilenet_v2().features
    v1, v2 = mobilenet_lib.MobileNetV1().blocks, mobilenet_lib.MobileNetV2().blocks
    return {
        "v1": [v1[0], timms["mobilenetv1_100"][0][0], None],
        "v2": [v2[2], timms["mobilenetv2_100"][1][1], features[3]],
        "v2_first": [v2[0], timms["mobilenetv2_100"][0][0], features[1]],
    }


@pytest.mark.parametrize("block", BLOCKS)
def test_names_and_shapes_are_the_state_dicts_in_their_order(figure, real, block):
    for i, module in enumerate(real[block]):
        found = {}
        for part in figure.parts(block):
            found.update(figure.entries(part, block)[i].tensors)
        assert list(found.items()) == (
            [(key, tuple(tensor.shape)) for key, tensor in module.state_dict().items()] if module else []
        )


@pytest.mark.parametrize("block", BLOCKS)
def test_names_and_classes_are_those_of_the_real_modules(figure, real, block):
    for part in figure.parts(block):
        for i, entry in enumerate(figure.entries(part, block)):
            if not entry.name:
                assert entry.note and entry.kind == ""
                continue
            for name, kind in zip(entry.name.split(", "), entry.kind.split(", "), strict=True):
                value = real[block][i]
                for piece in name.split("."):
                    value = getattr(value, piece)
                assert kind == (
                    str(value) if isinstance(value, bool) else "None" if value is None else type(value).__name__
                )


def test_weights_of_the_three_have_one_shape(figure):
    for block, part in CHOICES:
        shapes = [list(entry.tensors.values()) for entry in figure._found.parts[block].get(part, []) if entry.name]
        assert all(own == shapes[0] for own in shapes), (block, part)


def installed(lines: source_lines.Lines) -> tuple[Path, list[str]]:
    package, *rest = lines.file.split("/")
    path = Path(sys.modules[package].__file__).parent.joinpath(*rest)
    return path, path.read_text(encoding="utf8").splitlines()


def test_every_quoted_line_stands_in_the_installed_source_at_its_number(figure):
    checked = 0
    for block in BLOCKS:
        for part in figure.parts(block):
            for entry in figure.entries(part, block):
                for lines in [*entry.made, *entry.run]:
                    path, source = installed(lines)
                    for number, text in lines.lines:
                        # A call over many lines is shown in one: compare without spaces, and its last comma.
                        wanted = "".join(text.split()).replace(",)", ")")
                        there = "".join("".join(source[number - 1 : number + 15]).split()).replace(",)", ")")
                        assert there.startswith(wanted), (path, number, text)
                        checked += 1
    assert checked > 150


def test_the_lines_are_of_the_function_that_is_named(figure):
    for block in BLOCKS:
        for part in figure.parts(block):
            for entry in figure.entries(part, block):
                for lines in [*entry.made, *entry.run]:
                    owner, _, name = lines.where.rpartition(".")
                    tree = ast.parse("\n".join(installed(lines)[1]))
                    if owner:
                        tree = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == owner)
                    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
                    assert all(function.lineno < number <= function.end_lineno for number, _ in lines.lines)


@pytest.mark.parametrize(
    ("block", "part", "library", "made", "run"),
    [
        ("v2", "expansion", 0, "self.conv1 = ", "self.conv1(x)"),
        ("v2", "expansion_relu6", 0, "nn.ReLU6(", "self.conv1(x)"),
        ("v2", "depthwise", 1, "self.conv_dw = ", "self.conv_dw(x)"),
        ("v2", "pointwise_norm", 1, "apply_act=False", "self.bn3(x)"),
        ("v2", "depthwise_relu6", 1, "self.act = ", "self.act(x)"),
        ("v2", "depthwise", 2, "groups=hidden_dim", "self.conv(x)"),
        ("v2_first", "pointwise", 2, "nn.Conv2d(hidden_dim", "self.conv(x)"),
        ("v2", "residual", 0, "stride == 1 and in_channels == out_channels", "x + y"),
        ("v1", "residual", 1, "self.has_skip = ", "+ shortcut"),
        ("v2", "others", 1, "self.se = ", "self.drop_path(x)"),
    ],
)
def test_lines_are_those_a_reader_would_look_for(figure, block, part, library, made, run):
    entry = figure.entries(part, block)[library]
    texts = ["\n".join(text for own in group for _, text in own.lines) for group in (entry.made, entry.run)]
    assert made in texts[0] and run in texts[1], texts


@pytest.mark.parametrize("block", BLOCKS)
def test_macs_agree_in_all_libraries_and_with_the_closed_form(found_once, figure, real, block):
    exported = figure.names["blocks"][block]
    macs = cost.total(rosetta_parts.BLOCKS[block].layers()).macs
    shown = explorables.Rosetta(block=block)
    assert shown.measured == {"key": shown.key(), "macs": macs}
    assert exported["macs"] == macs
    assert [own for own in exported["counted"] if own is not None] == [macs] * (1 if block == "v1" else 2)
    ends = rosetta_parts.BLOCKS[block].shape
    assert all(measure.macs(module, ends) == macs for module in real[block] if module is not None)


def test_looking_at_a_part_counts_nothing_again(found_once, monkeypatch):
    shown = explorables.Rosetta()
    runs = []
    monkeypatch.setattr(type(shown), "measure_state", lambda self: runs.append(self.key()) or 1)
    shown.part = "residual"
    assert runs == []
    shown.block = "v1"
    assert runs == ['["v1"]']


def shown_part(figure: explorables.Rosetta, block: str, part: str) -> str:
    """Return the part that is shown: the chosen one, or the nearest to it that the block has."""
    nearest = (part, part.replace("expansion", "depthwise"), "residual")
    return next(name for name in nearest if name in figure.names["blocks"][block]["parts"])


def test_a_part_that_a_block_does_not_have_gives_way_to_the_nearest(figure):
    pages = javascript(esm(figure), "shownPart", [[{"block": b, "part": p}, figure.names] for b, p in CHOICES])
    for (block, part), page in zip(CHOICES, pages, strict=True):
        assert page == shown_part(figure, block, part)
        assert (page == part) == (part in figure.parts(block))


def test_exported_lines_and_names_are_those_found(figure):
    lines = figure.names["lines"]
    for block in BLOCKS:
        for part, row in figure.names["blocks"][block]["parts"].items():
            for exported, entry in zip(row["entries"], figure.entries(part, block), strict=True):
                assert [exported[key] for key in ("name", "kind", "note")] == [entry.name, entry.kind, entry.note]
                for group in ("made", "run"):
                    assert [lines[i] for i in exported[group]] == [
                        [own.file, own.where, [list(line) for line in own.lines]] for own in getattr(entry, group)
                    ]
    assert figure.names["libraries"][1:] == [
        f"timm {timm.__version__}",
        f"torchvision {torchvision.__version__.split('+')[0]}",
    ]


def test_sentences_and_static_forms_say_the_names(figure):
    states = [
        figure.set_trait("block", block) or figure.set_trait("part", part) or figure.get_state()
        for block, part in CHOICES
    ]
    asked = [static_form.Figure("rosetta", esm(figure), static_widgets.public(each)) for each in states]
    forms = static_form.draw(asked, draw)
    for (block, part), form in zip(CHOICES, forms, strict=True):
        shown = shown_part(figure, block, part)
        row, text = figure.names["blocks"][block]["parts"][shown], unescape(re.sub(r"<[^>]*>", " ", form.html))
        for entry in figure.entries(shown, block):
            assert entry.name == "" or entry.name in text
        assert row["says"] in text and row["label"] in text
        assert row["says"].endswith(".") and not any(bad in row["says"] for bad in ("nan", "NoneType", "  ", " : "))


def test_making_the_figure_leaves_random_numbers_as_they_were():
    import torch

    torch.manual_seed(3)
    before = torch.get_rng_state()
    rosetta_found.collect()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("absent", [("timm",), ("torchvision",), ("timm", "torchvision")])
def test_without_a_library_the_figure_says_so_and_works(monkeypatch, absent):
    real_import = rosetta_found.import_module

    def without(name):
        if name in absent:
            raise ImportError(f"No module named {name}")
        return real_import(name)

    monkeypatch.setattr(rosetta_found, "import_module", without)
    shown = explorables.Rosetta()
    for library in absent:
        entry = shown.entries("expansion")[rosetta_parts.LIBRARIES.index(library)]
        assert entry == rosetta_found.Entry(note=f"{library} is not installed here: pip install {library}")
        assert library in shown.names["libraries"]
    assert shown.entries("expansion")[0].name == "conv1.0"
    for block, part in CHOICES:
        shown._counted = (block,)
        shown.block, shown.part = block, part
        own = shown_part(shown, block, part)
        row = shown.names["blocks"][block]["parts"][own]
        for library in absent:
            assert f"in {library}" not in row["says"]
            assert f"pip install {library}" in shown.entries(own)[rosetta_parts.LIBRARIES.index(library)].note
        assert row["says"].endswith(".")
    pages = javascript(esm(shown), "shownPart", [[{"block": b, "part": "others"}, shown.names] for b in BLOCKS])
    assert set(pages) == {"residual" if "timm" in absent else "others"}


class Renamed(_efficientnet_blocks.InvertedResidual):
    """What timm's block might become."""


@pytest.mark.usefixtures("undrawn")
def test_a_name_that_timm_has_moved_is_named_in_the_error(monkeypatch):
    create = timm.create_model

    def moved(name, change):
        def create_moved(*args, **kwargs):
            network = create(*args, **kwargs)
            if args[0] == "mobilenetv2_100":
                change(network.blocks[1][1])
            return network

        monkeypatch.setattr(timm, "create_model", create_moved)
        with pytest.raises(LookupError, match=f"timm {timm.__version__} has no {name} any more".replace(".", r"\.")):
            rosetta_found.collect()

    moved("InvertedResidual.conv_pwl", lambda block: delattr(block, "conv_pwl"))
    moved("InvertedResidual.has_skip", lambda block: delattr(block, "has_skip"))
    moved("InvertedResidual.bn2.act", lambda block: delattr(block.bn2, "act"))
    moved(
        "InvertedResidual at mobilenetv2_100.blocks[1][1], but Renamed,".replace("[", r"\[").replace("]", r"\]"),
        lambda block: setattr(block, "__class__", Renamed),
    )
    monkeypatch.setattr(timm, "create_model", create)

    def forward(self, x):
        return self.run_everything(x)

    monkeypatch.setattr(_efficientnet_blocks.InvertedResidual, "forward", forward)
    with pytest.raises(LookupError, match=r"has no self\.conv_pw\(\.\.\.\) in .*forward any more.*rosetta_found\.py"):
        rosetta_found.collect()
    monkeypatch.undo()
    monkeypatch.setattr(norm_act.BatchNormAct2d, "forward", forward)
    with pytest.raises(LookupError, match=r"has no self\.act\(\.\.\.\) in "):
        rosetta_found.collect()


def test_a_model_that_timm_no_longer_has_is_named_in_the_error(monkeypatch):
    def unknown(name):
        raise RuntimeError(f"Unknown model ({name})")

    monkeypatch.setattr(timm, "create_model", unknown)
    with pytest.raises(LookupError, match="has no model mobilenetv1_100 any more"):
        rosetta_found.collect()


def test_a_name_that_torchvision_has_moved_is_named_in_the_error(monkeypatch):
    block = torchvision.models.mobilenetv2.InvertedResidual
    monkeypatch.setattr(block, "forward", lambda self, x: self.conv(x))
    with pytest.raises(LookupError, match=r"torchvision .* has no if self\.use_res_connect in "):
        rosetta_found.collect()


def test_importing_the_explorables_loads_neither_timm_nor_torchvision():
    program = (
        "import sys; from mobilenet_lib import explorables; explorables.Rosetta; "
        "print([name for name in ('timm', 'torchvision', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"block": "v3"}, "block must be one of v1, v2, v2_first, got 'v3'"),
        ({"part": "conv_pw"}, "part must be one of expansion, expansion_norm"),
    ],
)
def test_bad_values_are_refused_in_words(found_once, values, says):
    with pytest.raises(traitlets.TraitError, match=says):
        explorables.Rosetta(**values)
    with pytest.raises(TypeError, match="Rosetta has no setting 'layer'"):
        explorables.Rosetta(layer=1)
