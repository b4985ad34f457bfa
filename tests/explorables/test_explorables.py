"""The explorables: their JavaScript computes what `cost` and fvcore do, and their Python side keeps its promises."""

from __future__ import annotations

import itertools
import math
import random
import re
import sys
import weakref
from functools import cache
from pathlib import Path
from textwrap import dedent
from threading import Thread

import numpy as np
import pytest
import torch
import traitlets
from drawn import Elements, byte_count, drawn, drawn_anew, nice_ceiling, short, words
from node import EXPORT, esm, javascript, node, run
from torch import Tensor, nn
from torch.nn import functional

from mobilenet_lib import blocks, cost, explorables, layers, measure, specs
from mobilenet_lib.explorables import kit
from mobilenet_lib.explorables.inverted_block import InvertedBlock


@pytest.fixture(params=explorables.__all__)
def explorable(request: pytest.FixtureRequest) -> type[kit.Explorable]:
    """Return each explorable in turn."""
    return getattr(explorables, request.param)


@cache
def first(explorable: type[kit.Explorable]) -> kit.Explorable:
    """Return an explorable in its first state, to look at: it is made, and counted, once."""
    return explorable()


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


def test_counts_and_axes_are_written_in_round_numbers():
    rng = random.Random(0)
    numbers = [*range(1, 2000), 999_949, 999_950, 1_250_000, *(int(10 ** rng.uniform(3, 13)) for _ in range(2000))]
    assert javascript(KIT, "short", [[n] for n in numbers]) == [short(n) for n in numbers]
    assert javascript(KIT, "niceCeiling", [[n] for n in numbers]) == [nice_ceiling(n) for n in numbers]


def test_the_module_can_be_hosted(explorable):
    source = esm(explorable)
    assert source.endswith("\n" + EXPORT)
    assert source.count("export ") == 1
    assert "\nimport " not in source and "import(" not in source


def test_a_stored_notebook_says_the_numbers_in_words(explorable):
    shown = first(explorable)
    bundle, _ = shown._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/plain", "text/markdown"}
    sentence, blank, heads, rule, *rows = bundle["text/markdown"].split("\n")
    assert repr(shown) in sentence and blank == ""
    assert len(rows) == len(shown.numbers()) >= 2
    assert {line.count("|") for line in (heads, rule, *rows)} == {len(shown.numbers()[0]) + 1}
    if type(shown).measure_state is not kit.Explorable.measure_state and type(shown).numbers is kit.Explorable.numbers:
        assert f"{shown.layers()[0].macs:,}" in rows[0]


def test_the_static_form_is_the_scripts_own_and_needs_no_style_attribute(explorable):
    form = drawn(first(explorable))
    elements = Elements(form.html).found
    for name, attributes in elements:
        assert "style" not in attributes and "onclick" not in attributes, (name, attributes)
        assert name not in ("script", "canvas"), name
        assert attributes.get("tabindex") is None and attributes.get("role") not in ("status", "application"), (
            attributes
        )
        if name in ("input", "button", "textarea"):
            assert "disabled" in attributes
        if attributes.get("role") == "img" or name == "img":
            assert attributes.get("aria-label") or attributes.get("alt"), (name, attributes)
    assert not any(bad in form.html for bad in ("NaN", "undefined", "Infinity", "[object"))
    for used in re.findall(r"\b[sf][0-9a-f]{8}\b", form.html):
        assert used in form.rules


def test_figures_made_and_drawn_again_in_another_process_are_the_same_to_the_byte():
    names = explorables.__all__
    again = drawn_anew([getattr(explorables, name)() for name in names])
    for name, form in zip(names, again, strict=True):
        assert form == drawn(first(getattr(explorables, name))), name


def test_ids_of_a_static_form_are_its_own_and_lead_somewhere(explorable):
    elements = Elements(drawn(first(explorable)).html).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", explorable.__name__).lower()
    assert len(ids) == len(set(ids)) and all(each.startswith(f"{name}-s") for each in ids)
    for _, attributes in elements:
        for key in ("for", "aria-labelledby", "aria-describedby"):
            if key in attributes:
                assert set(attributes[key].split()) <= set(ids), attributes
        assert set(re.findall(r"url\(#([^)]+)\)", str(attributes.get("fill")))) <= set(ids)


def test_the_result_in_words_is_read_where_there_is_no_live_region(explorable):
    html = drawn(first(explorable)).html
    sentence = re.search(r'<p class="mn-result">([^<]{20,})', html)
    assert sentence, "the result is empty, or hidden from a screen reader"
    assert 'class="mn-status"' not in html


def test_the_first_state_is_counted_by_fvcore_and_agrees(explorable):
    shown = first(explorable)
    if type(shown).measure_state is kit.Explorable.measure_state:
        assert shown.measured == {}  # what it shows has no MACs
    else:
        assert shown.measured == {"key": shown.key(), "macs": cost.total(shown.layers()).macs}


def test_python_and_javascript_write_the_same_key(explorable):
    shown = first(explorable)
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
        ("dilation", 4, "dilation must be one of 1, 2, 3, got 4"),
        ("size", 57, "size must be one of 7, 14, 28, 56, 112, got 57"),
        ("view", "speed", "view must be one of cost, memory, got 'speed'"),
        ("pieces", 9, "pieces must be one of 1, 2, 3, 4, 5, 6, 7, 8, got 9"),
        ("bits", 4, "bits must be one of 8, 16, 32, got 4"),
    ],
)
def test_a_value_that_no_slider_has_is_refused_with_its_name_and_the_remedy(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=message.replace(".", r"\.")):
        InvertedBlock(**{setting: value})
    block = InvertedBlock()
    with pytest.raises(traitlets.TraitError):
        setattr(block, setting, value)
    assert block.measured["key"] == block.key() == first(InvertedBlock).key()


NONSENSE = [None, True, -7.5, math.nan, "nonsense", [3], {}, np.zeros(2), torch.zeros(2), object()]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", explorables.__all__)
def test_a_wrong_value_is_refused_by_name_in_every_figure_and_for_every_setting(name):
    figure = getattr(explorables, name)
    for setting, trait in figure._setting_traits().items():
        # A text may be any word that the reader types, and is only wrong when it is too long.
        word = "nonsense" * (1000 if isinstance(trait, kit.Words) else 1)
        for wrong in [word if isinstance(each, str) else each for each in NONSENSE]:
            with pytest.raises(ValueError, match=rf"^{setting} must be ") as refused:
                trait.validate(None, wrong)
            assert f"got {wrong!r}" in str(refused.value)
        with pytest.raises(ValueError, match=rf"^{setting} must be "):
            figure(**{setting: word})
    with pytest.raises(ValueError, match="'ranges' trait"):
        figure(ranges=3)


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="InvertedBlock has no setting 'widht'; it has expansion, width_mult"):
        InvertedBlock(widht=1.0)


def test_values_from_javascript_come_back_in_their_own_type():
    block = InvertedBlock()
    block.set_state({"width_mult": 1, "expansion": 3.0})
    assert isinstance(block.width_mult, float) and isinstance(block.expansion, int)
    assert block.key() == "[3,1,24,24,3,1,1,56]"


def test_the_compact_one_has_two_sliders():
    assert InvertedBlock(compact=True).settings == ["expansion", "stride"]
    assert InvertedBlock(compact=True).key() == "[6,1]"
    assert len(InvertedBlock().settings) == 11


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
    assert calls == ["[6,1,24,24,3,1,1,56]", "[3,1,24,32,3,2,1,56]"]
    assert block.measured == {"key": block.key(), "macs": cost.inverted_residual(24, 72, 32, 56, stride=2).macs}


def test_what_only_chooses_where_to_look_is_not_counted_again(monkeypatch):
    calls = count_calls(monkeypatch)
    block = InvertedBlock()
    block.set_state({"view": "memory", "pieces": 8, "bits": 8})
    assert len(calls) == 1 and block.measured["key"] == block.key()


def test_counting_leaves_torchs_threads_and_random_numbers_alone():
    before = torch.get_num_threads(), torch.random.get_rng_state()
    InvertedBlock().expansion = 2
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


def test_a_figure_waits_until_another_one_has_counted():
    """JupyterLab answers in threads, and while one of them traces a network with torch.fx no other module can run."""
    done: list[str] = []

    def count() -> None:
        with kit.undisturbed():
            done.append("second")

    second = Thread(target=count)
    with kit.undisturbed():
        second.start()
        second.join(0.1)
        done.append("first")
    second.join()
    assert done == ["first", "second"]


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
        "dilation": [1, 2, 3],
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


def expected_layers(state: dict) -> dict[str, cost.Layer]:
    in_channels, out_channels = (
        specs.make_divisible(state[end] * state["width_mult"]) for end in ("in_channels", "out_channels")
    )
    how = {name: state[name] for name in ("size", "kernel_size", "stride", "dilation")}
    block = cost.inverted_residual_layers(in_channels, in_channels * state["expansion"], out_channels, **how)
    [standard] = cost.standard_block_layers(in_channels, out_channels, **how)
    narrow = max(8, specs.make_divisible(out_channels / 4))
    classical = cost.bottleneck_layers(in_channels, narrow, out_channels, **how)
    return {layer.role: layer for layer in [*block, standard]} | {layer.name: layer for layer in classical}


def test_javascript_equals_the_closed_form_stage_by_stage(computed):
    assert len(computed) > 900
    for state, block in computed:
        expected = expected_layers(state)
        assert set(expected) == {*ROLES, "standard", *CLASSICAL}
        for name, layer in expected.items():
            stage = block[name]
            found = stage["params"], stage["macs"], stage["activations"]
            assert found == (layer.params, layer.macs, layer.activations), (state, layer)


def test_javascript_equals_fvcore_on_real_blocks(computed):
    small = [(s, b) for s, b in computed if 100_000 < sum(b[role]["macs"] for role in ROLES) < 150_000_000]
    for state, block in random.Random(2).sample(small, 40):
        how = {name: state[name] for name in ("kernel_size", "stride", "dilation")}
        real = blocks.InvertedResidual(block["input"], block["middle"], block["output"], **how)
        counted = measure.cost(real, (1, block["input"], state["size"], state["size"]))
        sums = (sum(block[role][metric] for role in ROLES) for metric in ("params", "macs"))
        assert (counted.params, counted.macs) == tuple(sums), state
        assert real.use_residual == block["residual"], state


def classical_bottleneck(block: dict, state: dict) -> nn.Sequential:
    how = {name: state[name] for name in ("kernel_size", "stride", "dilation")}
    narrow = block["narrow"]
    return nn.Sequential(
        layers.ConvBNReLU(block["input"], narrow, kernel_size=1),
        layers.ConvBNReLU(narrow, narrow, **how),
        layers.ConvBN(narrow, block["output"], kernel_size=1),
    )


def test_the_other_two_equal_fvcore_on_real_layers(computed):
    small = [(s, b) for s, b in computed if 100_000 < b["standard"]["macs"] < 150_000_000]
    for state, block in random.Random(3).sample(small, 20):
        how = {name: state[name] for name in ("kernel_size", "stride", "dilation")}
        standard = layers.ConvBNReLU(block["input"], block["output"], **how)
        for real, names in ((standard, ["standard"]), (classical_bottleneck(block, state), CLASSICAL)):
            counted = measure.cost(real, (1, block["input"], state["size"], state["size"]))
            sums = (sum(block[name][metric] for name in names) for metric in ("params", "macs"))
            assert (counted.params, counted.macs) == tuple(sums), state


def test_dilation_costs_nothing_and_reaches_further(computed):
    sentences = javascript(esm(InvertedBlock), "reachSentence", [[block] for _, block in computed])
    dilated = [{**state, "dilation": 1} for state, _ in computed]
    plain = javascript(esm(InvertedBlock), "stages", [[state] for state in dilated])
    for (state, block), without, sentence in zip(computed, plain, sentences, strict=True):
        assert all(block[name] == without[name] for name in (*ROLES, "standard", *CLASSICAL)), state
        reach = max(i * state["dilation"] for i in range(state["kernel_size"])) + 1
        assert f"reaches {reach}×{reach} pixels with {state['kernel_size'] ** 2} weights" in sentence, sentence
        assert ("as many weights and MACs" in sentence) == (state["dilation"] > 1), sentence
        # Whether some place of the filter lies on the map as a whole.
        fits = any(place + reach <= state["size"] for place in range(state["size"]))
        assert ("Nowhere does it fit" in sentence) == (not fits), (state, sentence)


ROLES = ("expansion", "depthwise", "projection")
CLASSICAL = ("reduce", "conv", "restore")


def test_the_reason_for_no_residual_names_what_is_different(computed):
    reasons = javascript(esm(InvertedBlock), "whyNoResidual", [[block] for _, block in computed])
    for (state, block), why in zip(computed, reasons, strict=True):
        said = ", ".join(why)
        assert (why == []) == block["residual"]
        assert ("stride 2 halves the map" in said) == (state["stride"] == 2)
        different = f"{block['input']} channels in, {block['output']} out"
        assert (different in said) == (block["input"] != block["output"])


def test_the_words_are_true_in_every_state(computed):
    sentences = javascript(esm(InvertedBlock), "costSentence", [[block] for _, block in computed])
    for (state, block), sentence in zip(computed, sentences, strict=True):
        macs = sum(block[role]["macs"] for role in ROLES)
        standard, wide = block["standard"]["macs"], block["wide"]["macs"]
        first, second = sentence.split(". ")
        assert short(macs) in first and short(standard) in first, sentence
        assert (macs > standard) == ("times" in first or "more than" in first), (state, sentence)
        assert (macs < standard) == ("% of" in first or "less than" in first), (state, sentence)
        if block["input"] == block["middle"] == block["output"]:
            assert second == "With t = 1 its middle is no wider than the ends.", (state, sentence)
        elif wide > macs:
            assert second.startswith("But" if macs > standard else "And"), (state, sentence)
            assert short(wide) in second, (state, sentence)
        else:
            assert second.startswith("It filters only"), (state, sentence)


def test_the_words_about_the_classical_bottleneck_are_true_in_every_state(computed):
    sentences = javascript(esm(InvertedBlock), "classicalSentence", [[block] for _, block in computed])
    exceptions = javascript(esm(InvertedBlock), "notNarrow", [[block] for _, block in computed])
    for (state, block), sentence, exception in zip(computed, sentences, exceptions, strict=True):
        classical, macs = (sum(block[name]["macs"] for name in names) for names in (CLASSICAL, ROLES))
        assert f"needs {short(classical)}, " in sentence and f"filters {block['narrow']} channels" in sentence
        assert (classical > macs) == (" times the block" in sentence or "more than" in sentence), (state, sentence)
        assert (classical < macs) == ("% of the block" in sentence or "less than" in sentence), (state, sentence)
        for end in ("input", "output"):
            assert (end in exception) == (block["narrow"] >= block[end]), (state, exception)


def test_the_line_of_code_builds_the_block(computed):
    dilated = next(i for i, (state, _) in enumerate(computed) if state["dilation"] == 2)
    for (state, block), expected in (
        (computed[0], "InvertedResidual(24, 24, 24, kernel_size=3, stride=1)"),
        (computed[dilated], "InvertedResidual(24, 144, 24, kernel_size=3, stride=1, dilation=2)"),
    ):
        [line] = javascript(esm(InvertedBlock), "codeLine", [[block]])
        assert line == expected
        built = eval(line, {"InvertedResidual": blocks.InvertedResidual})
        wanted = expected_layers(state)
        assert measure.params(built) == sum(wanted[role].params for role in ROLES)
        assert built.depthwise[0].dilation == (state["dilation"],) * 2


def test_the_static_form_carries_the_numbers_of_its_state():
    block = InvertedBlock(stride=2, out_channels=32)
    text = words(block)
    total, standard = cost.total(block.layers()), block.standard_layer()
    for number in (f"closed form: {total.macs:,} MACs", f"= {standard.macs:,}", short(total.params), short(total.macs)):
        assert number in text
    assert "stride 2 halves the map" in text and "24 channels in, 32 out" in text
    assert "residual: input + output" in words(InvertedBlock())
    for role in (*ROLES, "standard"):
        assert f'data-role="{role}"' in drawn(block).html


# --- inverted residual: memory


def with_pieces(computed) -> list[tuple[dict, dict]]:
    rng = random.Random(4)
    return [({**s, "pieces": rng.randint(1, 8), "bits": rng.choice([8, 16, 32])}, b) for s, b in computed]


def memory(states: list[tuple[dict, dict]]) -> list[dict]:
    return javascript(esm(InvertedBlock), "memoryOf", [[block, state["pieces"]] for state, block in states])


def test_python_and_javascript_agree_on_what_is_in_memory_at_every_step(computed, monkeypatch):
    monkeypatch.setattr(kit, "COUNTED_UP_TO", 0)
    states, block = with_pieces(computed), InvertedBlock()
    for (state, _), found in zip(states, memory(states), strict=True):
        block.set_state(state)
        expected = block.alive()
        assert list(found) == list(expected) == ["layers", "pieces", "classical", "standard"]
        assert len(expected["pieces"]) == 3 * state["pieces"]
        for name, steps in expected.items():
            assert [(s["name"], s["numbers"], s["total"]) for s in found[name]] == [
                (s.name, s.numbers, s.total) for s in steps
            ], state


def test_one_piece_is_layer_by_layer_and_from_three_on_more_pieces_never_need_more(computed):
    cases = [({"pieces": pieces}, block) for _, block in computed[::25] for pieces in range(1, 9)]
    found = memory(cases)
    for first in range(0, len(found), 8):
        assert found[first]["pieces"] == found[first]["layers"]
        # With two, one end may still be missing, or be gone already, when the other is there.
        peaks = [max(step["total"] for step in one["pieces"]) for one in found[first + 2 : first + 8]]
        assert peaks == sorted(peaks, reverse=True)


class Heap:
    """Knows which of the tensors handed to it are still referred to."""

    def __init__(self):
        self.references: list[weakref.ref] = []
        self.marks: list[int] = []

    def hold(self, tensor: Tensor) -> Tensor:
        self.references.append(weakref.ref(tensor))
        return tensor

    def mark(self) -> None:
        tensors = [reference() for reference in self.references]
        self.marks.append(sum(tensor.numel() for tensor in tensors if tensor is not None))


def run_in_pieces(parts, inputs: list[Tensor], slices: list[int], residual: bool) -> tuple[Tensor, list[int]]:
    """Run a real block on slices of its middle, letting go of every tensor as early as Python can.

    Sums, BatchNorm and ReLU6 work in place. Only a depthwise filter can be sliced, so a classical bottleneck has one.
    """
    heap = Heap()
    x = heap.hold(inputs.pop())  # the caller does not hold it either
    (widen, widen_norm, _), (spatial, spatial_norm, _), (narrow, narrow_norm) = parts

    def scaled(tensor: Tensor, norm: nn.BatchNorm2d, part: slice) -> Tensor:
        scale = norm.weight[part] / torch.sqrt(norm.running_var[part] + norm.eps)
        shift = norm.bias[part] - norm.running_mean[part] * scale
        return tensor.mul_(scale[:, None, None]).add_(shift[:, None, None])

    y = None
    for start, channels in zip(itertools.accumulate([0, *slices]), slices, strict=False):
        part = slice(start, start + channels)
        wide = heap.hold(functional.conv2d(x, widen.weight[part]))
        scaled(wide, widen_norm, part).clamp_(0, 6)
        heap.mark()
        if part.stop == widen.out_channels and not residual:
            del x
        how = {"stride": spatial.stride, "padding": spatial.padding, "dilation": spatial.dilation}
        groups = 1 if spatial.groups == 1 else channels
        filtered = heap.hold(functional.conv2d(wide, spatial.weight[part], groups=groups, **how))
        scaled(filtered, spatial_norm, part).clamp_(0, 6)
        heap.mark()
        del wide
        share = functional.conv2d(filtered, narrow.weight[:, part])
        if y is None:
            y = heap.hold(share)
        else:
            y.add_(share)
        heap.mark()
        del filtered, share
    scaled(y, narrow_norm, slice(None))
    return (y.add_(x) if residual else y), heap.marks


@torch.no_grad()
def test_real_tensors_are_alive_as_counted_and_the_pieces_add_up_to_the_block(computed):
    small = [(s, b) for s, b in with_pieces(computed) if s["size"] < 28 and b["middle"] + b["output"] < 600]
    chosen = random.Random(5).sample(small, 20)
    assert {b["residual"] for _, b in chosen} == {True, False} and any(b["middle"] % s["pieces"] for s, b in chosen)
    torch.manual_seed(0)
    for (state, block), found in zip(chosen, memory(chosen), strict=True):
        how = {name: state[name] for name in ("kernel_size", "stride", "dilation")}
        inverted = blocks.InvertedResidual(block["input"], block["middle"], block["output"], **how)
        classical = classical_bottleneck(block, state)
        for norm in [*inverted.modules(), *classical.modules()]:
            if isinstance(norm, nn.BatchNorm2d):
                for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                    values.uniform_(0.5, 1.5)
        three = inverted.conv1, inverted.depthwise, inverted.conv2
        as_even_as_can_be = [len(part) for part in np.array_split(range(block["middle"]), state["pieces"])]
        for name, parts, slices in (
            ("layers", three, [block["middle"]]),
            ("pieces", three, as_even_as_can_be),
            ("classical", classical, [block["narrow"]]),
        ):
            x = torch.randn(1, block["input"], state["size"], state["size"])
            whole = nn.Sequential(*parts).eval()(x)
            expected = whole + x if block["residual"] else whole
            inputs = [x]
            del x
            y, marks = run_in_pieces(parts, inputs, slices, block["residual"])
            torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
            totals = [step["total"] for step in found[name]]
            # Which slices are the larger ones is free: the most there is at once, it is not.
            assert (marks == totals) if name != "pieces" else (max(marks) == max(totals)), (state, name)


def test_bytes_are_written_alike_in_python_and_javascript():
    cases = [(392, 8), (1, 32), (499, 16), (500, 16), (150_528, 16), (124_999, 8), (999_949, 8), (10**9, 32)]
    assert javascript(KIT, "bytes", [[*case] for case in cases]) == [byte_count(*case) for case in cases]


def test_the_words_about_memory_are_true_in_every_state(computed):
    states = with_pieces(computed)
    cases = [[block, steps, state] for (state, block), steps in zip(states, memory(states), strict=True)]
    sentences = javascript(esm(InvertedBlock), "memorySentence", cases)
    for (block, steps, state), sentence in zip(cases, sentences, strict=True):
        peak = {name: max(step["total"] for step in own) for name, own in steps.items()}
        held = {name: byte_count(total, state["bits"]) for name, total in peak.items()}
        first, second, third = sentence.split(". ")
        assert f"up to {held['layers']} " in first, sentence
        [layer] = [role for role in ROLES if f"its {role} layer" in first]
        assert next(s["total"] for s in steps["layers"] if s["name"] == layer) == peak["layers"], sentence
        if state["pieces"] == 1:
            assert second == "In one piece, nothing is split"
        else:
            assert f"in {state['pieces']} pieces" in second and held["pieces"] in second, sentence
            assert ("never holds more" in second) == (peak["pieces"] < peak["layers"]), (state, sentence)
            assert ("% of that" in second or "less than that" in second) == (peak["pieces"] < peak["layers"]), sentence
        wide = block["middle"] * (block["size"] ** 2 + block["out"] ** 2)
        assert f"holds {held['standard']} with these ends" in third, sentence
        assert f"{byte_count(wide, state['bits'])} as wide as the middle" in third, sentence
        assert third.endswith(f"up to {held['classical']}."), sentence


def test_the_definition_says_how_wide_the_pieces_are(computed):
    states = with_pieces(computed)
    texts = javascript(esm(InvertedBlock), "definition", [[block, state] for state, block in states])
    for (state, block), text in zip(states, texts, strict=True):
        sizes = sorted({len(part) for part in np.array_split(range(block["middle"]), state["pieces"])})
        words = f"here {' or '.join(f'{size:,}' for size in sizes)} channel{'s' if sizes[-1] > 1 else ''}."
        assert (words in text) == (state["pieces"] > 1), (state, text)


def test_the_static_form_of_the_memory_carries_its_numbers():
    text = words(InvertedBlock(view="memory", dilation=2, bits=32))
    for number in ("3.9\xa0MB", "1.5\xa0MB", "702.5\xa0kB", "602.1\xa0kB", "in 4 pieces"):
        assert number in text, number
    rows = {row["way"]: row for row in InvertedBlock(view="memory", dilation=2, bits=32).numbers()}
    for way, written in (("layers", "3.9\xa0MB"), ("pieces", "1.5\xa0MB"), ("standard", "602.1\xa0kB")):
        assert byte_count(rows[way]["numbers"], 32) == byte_count(rows[way]["bytes"], 8) == written
