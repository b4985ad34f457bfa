"""The explorables: their JavaScript computes what `cost` and fvcore do, and their Python side keeps its promises."""

from __future__ import annotations

import itertools
import random
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from textwrap import dedent

import pytest
import traitlets
from node import EXPORT, esm, javascript, node, run

from mobilenet_lib import blocks, cost, explorables, measure, specs
from mobilenet_lib.explorables import kit
from mobilenet_lib.explorables.inverted_block import InvertedBlock


@pytest.fixture(params=explorables.__all__)
def explorable(request: pytest.FixtureRequest) -> type[kit.Explorable]:
    """Return each explorable in turn."""
    return getattr(explorables, request.param)


KIT = (Path(kit.__file__).parent / "kit.js").read_text(encoding="utf8")


# --- the kit


def test_the_kits_javascript_functions():
    tests = Path(__file__).parent / "js"
    files = sorted(str(path) for path in tests.glob("*.test.mjs"))
    assert files
    done = run(node(), "--test", *files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_channels_are_rounded_alike_in_python_and_javascript():
    wishes = [channels * width / 100 for channels in range(1, 400, 3) for width in range(25, 205, 5)]
    expected = [specs.make_divisible(wish) for wish in wishes]
    assert javascript(KIT, "makeDivisible", [[wish] for wish in wishes]) == expected


def test_counts_and_axes_are_written_alike_in_python_and_javascript():
    rng = random.Random(0)
    numbers = [*range(1, 2000), 999_949, 999_950, 1_250_000, *(int(10 ** rng.uniform(3, 13)) for _ in range(2000))]
    assert javascript(KIT, "short", [[n] for n in numbers]) == [kit.short(n) for n in numbers]
    assert javascript(KIT, "niceCeiling", [[n] for n in numbers]) == [kit.nice_ceiling(n) for n in numbers]


def test_the_module_can_be_hosted(explorable):
    source = esm(explorable)
    assert source.endswith("\n" + EXPORT)
    assert source.count("export ") == 1
    assert "\nimport " not in source and "import(" not in source


def test_the_static_picture_is_well_formed_and_says_what_it_shows(explorable):
    shown = explorable()
    bundle, _ = shown._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    svg = ElementTree.fromstring(bundle["image/svg+xml"])
    space = "{http://www.w3.org/2000/svg}"
    assert svg.tag == f"{space}svg" and svg.get("role") == "img"
    assert svg.find(f"{space}title").text and svg.find(f"{space}desc").text
    assert not svg.findall(f".//{space}script")


def test_the_first_state_is_counted_by_fvcore_and_agrees(explorable):
    shown = explorable()
    if type(shown).measure_state is kit.Explorable.measure_state:
        assert shown.measured == {}  # what it shows has no MACs
    else:
        assert shown.measured == {"key": shown.key(), "macs": cost.total(shown.layers()).macs}


def test_python_and_javascript_write_the_same_key(explorable):
    shown = explorable()
    counted = [name for name in shown.settings if shown.traits()[name].counts]
    values = [getattr(shown, name) for name in counted]
    assert javascript("", "JSON.stringify", [[values]]) == [shown.key()]


def test_importing_the_explorables_loads_neither_torch_nor_widgets():
    code = """
        import sys
        from mobilenet_lib import explorables
        dir(explorables)
        print("torch" in sys.modules, "anywidget" in sys.modules)
        explorables.InvertedBlock
        print("torch" in sys.modules)
    """
    done = run(sys.executable, "-c", dedent(code))
    assert done.stdout.split() == ["False", "False", "False"], done.stderr


def test_an_unknown_explorable_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'InvertedBloc'"):
        explorables.InvertedBloc  # noqa: B018


# --- settings


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("expansion", 11, "expansion must be from 1 to 10 in steps of 1, got 11"),
        ("expansion", 2.5, "expansion must be from 1 to 10"),
        ("expansion", True, "expansion must be from 1 to 10"),
        ("width_mult", 0.2, "width_mult must be from 0.25 to 2.0 in steps of 0.05, got 0.2"),
        ("width_mult", float("nan"), "width_mult must be from 0.25 to 2.0"),
        ("in_channels", 20, "in_channels must be from 8 to 320 in steps of 8, got 20"),
        ("out_channels", "24", "out_channels must be from 8 to 320 in steps of 8, got '24'"),
        ("kernel_size", 4, "kernel_size must be one of 3, 5, 7, got 4"),
        ("stride", 3, "stride must be one of 1, 2, got 3"),
        ("stride", True, "stride must be one of 1, 2, got True"),
        ("size", 57, "size must be one of 7, 14, 28, 56, 112, got 57"),
    ],
)
def test_a_value_that_no_slider_has_is_refused_with_its_name_and_the_remedy(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message.replace(".", r"\.")):
        InvertedBlock(**{setting: value})
    block = InvertedBlock()
    with pytest.raises(traitlets.TraitError):
        setattr(block, setting, value)
    assert block.measured["key"] == block.key() == InvertedBlock().key()


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="InvertedBlock has no setting 'widht'; it has expansion, width_mult"):
        InvertedBlock(widht=1.0)


def test_values_from_javascript_come_back_in_their_own_type():
    block = InvertedBlock()
    block.set_state({"width_mult": 1, "expansion": 3.0})
    assert isinstance(block.width_mult, float) and isinstance(block.expansion, int)
    assert block.key() == "[3,1,24,24,3,1,56]"


def test_the_compact_one_has_two_sliders():
    assert InvertedBlock(compact=True).settings == ["expansion", "stride"]
    assert InvertedBlock(compact=True).key() == "[6,1]"
    assert len(InvertedBlock().settings) == 7


# --- counting live


def count_calls(monkeypatch) -> list[tuple]:
    calls = []
    original = InvertedBlock.measure_state

    def counting(self):
        calls.append(self.key())
        return original(self)

    monkeypatch.setattr(InvertedBlock, "measure_state", counting)
    return calls


def test_each_new_state_is_counted_once_however_many_settings_change(monkeypatch):
    calls = count_calls(monkeypatch)
    block = InvertedBlock()
    block.set_state({"stride": 2, "expansion": 3, "out_channels": 32})
    block.set_state({"stride": 2})
    assert calls == ["[6,1,24,24,3,1,56]", "[3,1,24,32,3,2,56]"]
    assert block.measured == {"key": block.key(), "macs": cost.inverted_residual(24, 72, 32, 56, stride=2).macs}


def test_counting_leaves_torchs_threads_and_random_numbers_alone():
    import torch

    before = torch.get_num_threads(), torch.random.get_rng_state()
    InvertedBlock().expansion = 2
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


def test_without_fvcore_the_figure_says_so_and_goes_on(monkeypatch):
    block = InvertedBlock()
    monkeypatch.setitem(sys.modules, "fvcore.nn", None)
    block.expansion = 5
    assert block.measured["key"] == block.key()
    assert "could not count" in block.measured["error"] and "fvcore" in block.measured["error"]
    monkeypatch.undo()
    block.expansion = 4
    assert block.measured == {"key": block.key(), "macs": cost.total(block.layers()).macs}


def test_a_state_too_large_to_count_live_says_so():
    block = InvertedBlock(expansion=10, width_mult=2.0, in_channels=320, out_channels=320, size=112)
    assert block.measured["error"].startswith("not run, 103.5\N{NO-BREAK SPACE}G MACs")


# --- inverted residual


def grid() -> list[dict]:
    """Every slider over its whole range with the others at their defaults, and 600 random states."""
    ranges = {
        "expansion": range(1, 11),
        "width_mult": [round(0.25 + 0.05 * i, 2) for i in range(36)],
        "in_channels": range(8, 321, 8),
        "out_channels": range(8, 321, 8),
        "kernel_size": [3, 5, 7],
        "stride": [1, 2],
        "size": [7, 14, 28, 56, 112],
    }
    default = {name: getattr(InvertedBlock, name).default_value for name in ranges}
    along = [{**default, name: value} for name, values in ranges.items() for value in values]
    extremes = itertools.product(*([values[0], values[-1]] for values in ranges.values()))
    ends = [dict(zip(ranges, values, strict=True)) for values in extremes]
    rng = random.Random(1)
    return along + ends + [{name: rng.choice(values) for name, values in ranges.items()} for _ in range(600)]


@pytest.fixture(scope="module")
def computed() -> list[tuple[dict, dict]]:
    """Return each state of the grid with what the JavaScript computes for it."""
    states = grid()
    return list(zip(states, javascript(esm(InvertedBlock), "stages", [[state] for state in states]), strict=True))


def expected_layers(state: dict) -> list[cost.Layer]:
    in_channels, out_channels = (
        specs.make_divisible(state[end] * state["width_mult"]) for end in ("in_channels", "out_channels")
    )
    ends = {"size": state["size"], "kernel_size": state["kernel_size"], "stride": state["stride"]}
    block = cost.inverted_residual_layers(in_channels, in_channels * state["expansion"], out_channels, **ends)
    return [*block, *cost.standard_block_layers(in_channels, out_channels, **ends)]


def test_javascript_equals_the_closed_form_stage_by_stage(computed):
    assert len(computed) > 800
    for state, block in computed:
        for layer in expected_layers(state):
            stage = block[layer.role]
            found = stage["params"], stage["macs"], stage["activations"]
            assert found == (layer.params, layer.macs, layer.activations), (state, layer)


def test_javascript_equals_fvcore_on_real_blocks(computed):
    small = [(s, b) for s, b in computed if 100_000 < sum(b[role]["macs"] for role in ROLES) < 150_000_000]
    for state, block in random.Random(2).sample(small, 40):
        real = blocks.InvertedResidual(
            block["input"], block["middle"], block["output"], kernel_size=state["kernel_size"], stride=state["stride"]
        )
        counted = measure.cost(real, (1, block["input"], state["size"], state["size"]))
        sums = (sum(block[role][metric] for role in ROLES) for metric in ("params", "macs"))
        assert (counted.params, counted.macs) == tuple(sums), state
        assert real.use_residual == block["residual"], state


ROLES = ("expansion", "depthwise", "projection")


def test_python_and_javascript_give_the_same_reason_for_no_residual(computed):
    reasons = javascript(esm(InvertedBlock), "whyNoResidual", [[block] for _, block in computed])
    for (state, block), why in list(zip(computed, reasons, strict=True))[::20]:
        assert (why == []) == block["residual"]
        assert ", ".join(why) == InvertedBlock(**state | {"size": 7}).why_no_residual()


def test_the_words_are_true_in_every_state(computed):
    sentences = javascript(esm(InvertedBlock), "resultSentence", [[block] for _, block in computed])
    for (state, block), sentence in zip(computed, sentences, strict=True):
        macs = sum(block[role]["macs"] for role in ROLES)
        standard, wide = block["standard"]["macs"], block["wide"]["macs"]
        first, second = sentence.split(". ")
        assert kit.short(macs) in first and kit.short(standard) in first, sentence
        assert (macs > standard) == ("times" in first or "more than" in first), (state, sentence)
        assert (macs < standard) == ("% of" in first or "less than" in first), (state, sentence)
        if block["input"] == block["middle"] == block["output"]:
            assert second == "With t = 1 its middle is no wider than the ends.", (state, sentence)
        elif wide > macs:
            assert second.startswith("But" if macs > standard else "And"), (state, sentence)
            assert kit.short(wide) in second, (state, sentence)
        else:
            assert second.startswith("It filters only"), (state, sentence)


def test_the_line_of_code_builds_the_block(computed):
    state, block = computed[0]
    [line] = javascript(esm(InvertedBlock), "codeLine", [[block]])
    assert line == "InvertedResidual(24, 24, 24, kernel_size=3, stride=1)"
    built = eval(line, {"InvertedResidual": blocks.InvertedResidual})
    assert measure.params(built) == cost.total(expected_layers(state)[:3]).params


def test_the_static_picture_carries_the_numbers_of_its_state():
    block = InvertedBlock(stride=2, out_channels=32)
    svg = block.static_svg()
    total, standard = cost.total(block.layers()), block.standard_layer()
    for number in (f"{total.macs:,}", f"{total.params:,}", f"{standard.macs:,}", kit.short(total.macs), "28×28"):
        assert number in svg
    assert "no residual: stride 2 halves the map, and 24 channels in, 32 out" in svg
    assert "residual: input + output" in InvertedBlock().static_svg()
    for role in (*ROLES, "standard"):
        assert f'fill="{kit.paint(role)}"' in svg
