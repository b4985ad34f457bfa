"""The quizzes: their text, their logic in node, and the widget in a real browser, as the static page hosts it."""

from __future__ import annotations

import functools
import inspect
import io
import json
import re
import warnings
from pathlib import Path

import axe_playwright_python
import nbformat
import node
import pytest
import timm
import torch
from peers import undrawn
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace
from timm.models import _efficientnet_blocks, _efficientnet_builder, efficientnet

from mobilenet_lib import cost, experiments, family_results, palette, quiz, roofline, specs, transfer_results

ROOT = Path(__file__).parents[2]
CHAPTERS = (
    "standard_convolution",
    "counting",
    "depthwise_separable_convolution",
    "mobilenet_v1",
    "linear_bottleneck",
    "inverted_residual",
    "mobilenet_v2",
    "reading_timm",
    "fewer_macs_faster",
    "training_and_ablations",
    "beyond",
    "shipping",
    "transfer_learning",
    "after_v2",
)
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"


def question(**changes):
    right = {"text": "yes", "right": True, "because": "It is."}
    wrong = {"text": "no", "right": False, "because": "It looks like it."}
    return {"question": "Is it?", "choices": [right, wrong]} | changes


def choice(**changes):
    return {"text": "perhaps", "right": False, "because": "It may."} | changes


RIGHT, WRONG = question()["choices"]


# The text


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_chapter_has_three_questions_with_tempting_wrong_answers(name):
    questions = quiz.chapter(name).questions
    assert len(questions) == 3
    for each in questions:
        assert len(each["choices"]) >= 3
        assert sum(choice["right"] for choice in each["choices"]) == 1
        for choice_ in each["choices"]:
            assert 60 <= len(choice_["because"]) <= 330, choice_["because"]


def test_sizes_and_signs_are_written_as_in_the_chapters():
    for path in sorted((ROOT / "mobilenet_lib" / "data" / "quizzes").glob("*.md")):
        words = re.sub(r"`[^`]*`", "", path.read_text(encoding="utf8"))
        assert re.findall(r"\d ?x ?\d|(?<=[ (])-\d|\w'\w", words) == [], path.name


def test_there_is_a_quiz_for_each_of_the_chapters():
    assert set(CHAPTERS) <= set(quiz.names())


def test_the_right_answer_stands_in_no_favourite_place():
    places = [
        [choice["right"] for choice in each["choices"]].index(True)
        for name in quiz.names()
        for each in quiz.chapter(name).questions
    ]
    assert {places.count(place) for place in (0, 1, 2)} <= set(range(len(places) // 5, len(places) // 2 + 1))


def test_the_longest_answer_is_not_always_the_right_one():
    longest = [
        max(each["choices"], key=lambda choice: len(choice["text"]))["right"]
        for name in quiz.names()
        for each in quiz.chapter(name).questions
    ]
    assert sum(longest) <= 0.6 * len(longest)


@functools.lru_cache
def timm_network(output_stride=32):
    with torch.device("meta"), undrawn():
        return timm.create_model("mobilenetv2_100", output_stride=output_stride).eval()


def convolutions(network):
    return [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]


def params(network):
    return sum(parameter.numel() for parameter in network.parameters())


def timm_macs(network):
    """Count a timm network's MACs at 224x224 from the sizes of its maps."""
    side, macs = 224, network.classifier.weight.numel()
    for layer in convolutions(network):
        side = (side - 1) // layer.stride[0] + 1
        macs += layer.weight.numel() * side**2
    return macs


def receptive_field(network):
    pixels, jump = 1, 1
    for layer in convolutions(network):
        pixels += layer.dilation[0] * (layer.kernel_size[0] - 1) * jump
        jump *= layer.stride[0]
    return pixels


def test_only_the_first_block_of_a_line_of_timm_halves_the_map():
    lines = re.findall(r"'((?:ds|ir)_\w+)'", inspect.getsource(efficientnet._gen_mobilenet_v2))
    assert lines.index("ir_r4_k3_s2_e6_c64") == 3
    assert [block.conv_dw.stride for block in timm_network().blocks[3]] == [(2, 2), (1, 1), (1, 1), (1, 1)]
    assert timm_network().conv_stem.stride == (2, 2)
    building = inspect.getsource(_efficientnet_builder.EfficientNetBuilder.__call__)
    assert re.search(r"#.*\bonly the first block\b.*\bstride\b", building)


def test_timms_separable_block_has_its_second_activation_only_if_asked():
    block = _efficientnet_blocks.DepthwiseSeparableConv(32, 64)
    assert inspect.signature(type(block)).parameters["pw_act"].default is False
    assert not block.has_pw_act and not isinstance(block.bn1.act, torch.nn.Identity)
    assert isinstance(block.bn2.act, torch.nn.Identity)
    assert isinstance(block.bn2, torch.nn.BatchNorm2d) and type(block.bn2).__name__ == "BatchNormAct2d"
    assert not re.search(r"\bact|relu", inspect.getsource(type(block).forward).lower())
    decode = _efficientnet_builder._decode_block_str
    assert [decode(f"{letters}_r1_k3_s1_c16")[0]["pw_act"] for letters in ("ds", "dsa")] == [False, True]
    lines = [inspect.getsource(make) for make in (efficientnet._gen_mobilenet_v1, efficientnet._gen_mobilenet_v2)]
    assert ["dsa_" in source for source in lines] == [True, False]
    first = timm_network().blocks[0][0]
    assert isinstance(first, _efficientnet_blocks.DepthwiseSeparableConv) and not first.has_pw_act


def test_timm_dilates_the_block_behind_the_one_that_loses_its_stride():
    usual, dense = ([block.conv_dw for stage in timm_network(stride).blocks for block in stage] for stride in (32, 16))
    lost = [i for i, (a, b) in enumerate(zip(usual, dense, strict=True)) if a.stride != b.stride]
    dilated = [i for i, conv in enumerate(dense) if conv.dilation == (2, 2)]
    assert len(lost) == 1 and dilated[0] == lost[0] + 1
    assert all(conv.dilation == (1, 1) for conv in dense[: dilated[0]])


def test_squeeze_and_excitation_looks_at_all_channels_of_the_image_and_not_at_places():
    block = _efficientnet_blocks.SqueezeExcite(4, rd_ratio=0.5, gate_layer=torch.nn.Hardsigmoid).eval()
    for weight in block.parameters():
        torch.nn.init.uniform_(weight, 0.1, 0.5)  # no dead ReLU
    x = torch.rand(2, 4, 3, 3) + 0.1
    factors = block(x) / x
    assert torch.allclose(factors, factors[..., :1, :1].expand_as(x), atol=1e-5)  # one number for each map
    assert not torch.allclose(factors[0], factors[1])  # and for each image
    brighter = x.clone().requires_grad_()
    (block(brighter)[0, 0, 0, 0] / brighter[0, 0, 0, 0].detach()).backward()
    assert brighter.grad[0, 1:].abs().sum() > 0  # the other channels matter
    assert torch.allclose(block(x.flip(3)), block(x).flip(3))


def computed(name):
    """Return the numbers that a quiz prints, worked out by the library; and, apart, those that it sets or says."""
    v1, v2 = cost.mobilenet_v1(), cost.mobilenet_v2()
    layers = cost.mobilenet_v2_layers()
    normed, pooled = sum(layer.activations for layer in layers if layer.norm), layers[-2].activations
    if name == "standard_convolution":
        layer = cost.conv(64, 128, 3, 56)
        assert cost.conv(64, 128, 3, 112) == cost.Cost(layer.params, 4 * layer.macs)
        return {layer.macs // (128 * 56**2), layer.params}, {3, 9, 6, 56, 64, 112, 128}
    if name == "counting":
        total = v2.macs + 2 * normed + pooled
        billions = {f"{v2.macs / 1e9:.1f}", f"{2 * v2.macs / 1e9:.1f}"}
        return {v2.macs, total, 2 * v2.macs, normed, pooled, total - v2.macs, *billions}, {32}
    if name == "depthwise_separable_convolution":
        pair = cost.depthwise_separable_layers(512, 512, 14)
        factors = {
            f"{cost.standard_block(512, n, 14).macs / cost.depthwise_separable(512, n, 14).macs:.2f}"
            for n in (512, 1024)
        }
        share = f"{100 * pair[1].macs / cost.total(pair).macs:.1f}"
        balanced = next(
            n for n in range(1, 99) if len({r.macs for r in cost.depthwise_separable_layers(64, n, 14)}) == 1
        )
        assert [layer.macs // (512 * 14 * 14) for layer in pair] == [9, 512] and balanced == 9
        return {*factors, share}, {1, 3, 6, 9, 512, 1024}
    if name == "mobilenet_v1":
        half, small = cost.mobilenet_v1(0.5), cost.mobilenet_v1(resolution=112)
        strides = [block.stride for block in specs.v1_blocks()]
        last = cost.conv_layer("", "depthwise", 1024, 1024, 7, kernel_size=3, stride=2, groups=1024)
        assert last.out_size == (4, 4) and cost.mobilenet_v1_layers()[-3].in_size == (7, 7)
        millions = {
            f"{half.macs / 1e6:.1f}",
            f"{small.macs / 1e6:.1f}",
            f"{half.params / 1e6:.1f}",
            f"{v1.params / 1e6:.1f}",
        }
        share = f"{100 * half.macs / v1.macs:.0f}"
        return {*millions, share, strides.count(2), len(strides)}, {"0.5", 1, 2, 4, 7, 112, 224, 1024}
    if name == "linear_bottleneck":
        assert (2 + 1) / 2**2 == 3 / 4
        return {f"{6 / 255:.3f}", 2**8}, {0, 1, 2, 6, 8}
    if name == "inverted_residual":
        block, standard = cost.inverted_residual(24, 144, 24, 56), cost.standard_block(24, 24, 56)
        small, large = (cost.inverted_residual_layers(24, 144, 24, 56, stride=stride) for stride in (2, 1))
        assert [4 * a.macs == b.macs for a, b in zip(small, large, strict=True)] == [False, True, True]
        cheaper = [t for t in range(1, 10) if cost.inverted_residual(24, 24 * t, 24, 56).macs < standard.macs]
        assert max(cheaper) == 3
        return {f"{block.macs / standard.macs:.2f}"}, {1, 2, 3, 4, 6, 24, 32, 144}
    if name == "mobilenet_v2":
        blocks = list(specs.v2_blocks())
        stride1 = [block for block in blocks if block.stride == 1]
        residuals = [block for block in stride1 if block.in_channels == block.out_channels]
        assert len(stride1) - len(residuals) == 3 and len(blocks) - len(specs.V2_SPEC) == len(residuals)
        depthwise = sum(layer.macs for layer in cost.mobilenet_v1_layers() if layer.role == "depthwise") / v1.macs
        thin = cost.mobilenet_v2_layers(0.35)
        total = cost.total(thin)
        *rest, head, classifier = thin
        assert cost.total(rest).macs > 0.8 * total.macs
        shares = {100 * part.params / total.params for part in (head, classifier, cost.total(rest))}
        shares |= {100 * classifier.macs / total.macs, 100 * depthwise}
        counts = {len(stride1), len(residuals), len(blocks), len(layers), len(cost.mobilenet_v1_layers())}
        sizes = {f"{v1.macs / 1e6:.0f}", f"{v2.macs / 1e6:.0f}", f"{total.params / 1e6:.2f}", head.out_channels}
        return {*counts, *sizes, *(f"{share:.0f}" for share in shares)}, {"0.35", 1, 7, 19, 1000}
    if name == "reading_timm":
        halved = 2 ** len(timm_network().blocks[3])
        reduction = timm_network().feature_info[-1]["reduction"]
        return {len(timm_network().blocks[3]), halved, reduction}, {1, 2, 3, 6, 64}
    if name == "beyond":
        plain, dilated = (cost.depthwise_separable_layers(8, 8, 14, dilation=dilation)[0] for dilation in (1, 2))
        assert plain.macs == dilated.macs and dilated.macs // dilated.activations == 9
        assert dilated.dilation * (dilated.kernel_size - 1) + 1 == 5
        wide, narrow = (timm_macs(timm_network(stride)) for stride in (16, 32))
        assert narrow == v2.macs and params(timm_network(16)) == params(timm_network()) == v2.params
        assert receptive_field(timm_network(16)) == receptive_field(timm_network())
        return {f"{macs / 1e6:.0f}" for macs in (wide, narrow)}, {0, 1, 2, 3, 5, 6, 9, 16, 25, 32}
    if name == "fewer_macs_faster":
        same = [cost.conv_layer("", "pointwise", 192, 192, 56)]
        same.append(cost.conv_layer("", "depthwise", 1024, 1024, 112, kernel_size=3, groups=1024))
        assert same[0].macs == same[1].macs and roofline.intensity(same[0]) > 10 * roofline.intensity(same[1])
        return set(), {64}
    if name == "training_and_ablations":
        interval = experiments.Effect(mean=0.3, low=-0.2, high=0.8, pairs=5)
        assert interval.mean == pytest.approx((interval.low + interval.high) / 2)
        assert interval.verdict == "not resolved" and interval.low < 0.5 < interval.high
        return set(), {95, 95.1, 95.8, 0.2, 0.3, 0.5, 0.8}
    if name == "shipping":
        return {2**8, 2**8 - 1}, {0, 6}
    if name == "transfer_learning":
        few = transfer_results.results()["few"]
        middle, last, bare = (few["digits"][what]["32"][0] for what in ("11", "17", "pixels"))
        assert middle > last > bare - 5 and middle > bare + 5
        return set(), set()
    if name == "after_v2":
        ghost, orders = family_results.relative("ghostnet_100")[0], family_results.orders("rtx_4090")
        assert ghost["MACs"] < 0.5 and ghost["i7"] > 1 < ghost["i9"] and ghost["RTX 4090"] < 1
        assert min(orders, key=lambda count: orders[count].rho) == "params"
        return set(), {1, 3}
    raise AssertionError(f"no numbers are worked out for the quiz {name}")


@pytest.mark.parametrize("name", quiz.names())
def test_every_number_in_a_quiz_is_worked_out_by_the_library(name):
    results, given = computed(name)
    text = json.dumps(quiz.chapter(name).questions, ensure_ascii=False)
    text = re.sub(r"MobileNetV\d|ReLU6|\bV[12]\b|Table 1\b|`bn2`|_100\b|\w+2d\b", "", text)
    printed = {number.replace(",", "") for number in re.findall(r"\d+(?:,\d{3})+|\d+\.\d+|\d+", text)}
    assert printed <= {str(number) for number in results | given}
    assert {str(number) for number in results} <= printed, "a result is worked out that the quiz does not print"


# Validation


@pytest.mark.parametrize(
    ("questions", "error", "words"),
    [
        ([], ValueError, "at least one question"),
        ([question(choices=[RIGHT])], ValueError, "question 1 has 1 choices; give it 2 to 8"),
        ([question(choices=[WRONG, choice()])], ValueError, "question 1 has no right choice"),
        ([question(choices=[RIGHT, choice(right=True)])], ValueError, "every choice of question 1 is right"),
        ([question(choices=[RIGHT, WRONG, WRONG])], ValueError, "two choices of question 1 read 'no'"),
        ([question(), question()], ValueError, r"two questions read 'Is it\?'"),
        ([question(question=" ")], ValueError, "the question of question 1 is empty"),
        ([question(choices=[RIGHT, choice(because="")])], ValueError, '"because" of choice b of question 1 is empty'),
        ([question(choices=[RIGHT, {"text": "no", "right": False}])], ValueError, 'choice b .* has no "because"'),
        ([question(choices=[RIGHT, choice(hint="x")])], ValueError, 'unknown key "hint"'),
        ([question(choices=[RIGHT, choice(right="no")])], TypeError, '"right" of choice b of question 1 must be True'),
        ([question(choices=[RIGHT, choice(text=9)])], TypeError, "must be text, got 9"),
        ([question(choices=["yes", "no"])], TypeError, "choice a of question 1 must be a dict"),
        (["Is it?"], TypeError, "question 1 must be a dict with the keys question, choices"),
        ([question(question="Is $D_K$ 3?")], ValueError, "holds LaTeX"),
        ([question(question=r"Is \alpha 3?")], ValueError, "holds LaTeX"),
        ([question(question="Is `x 3?")], ValueError, "a ` without its partner"),
        ([question(question="Is **x 3?")], ValueError, r"a \*\* without its partner"),
        ([question(question="Is *x* 3?")], ValueError, r"has a single \*"),
    ],
)
def test_a_faulty_quiz_says_which_question_and_what_to_do(questions, error, words):
    with pytest.raises(error, match=words):
        quiz.Quiz(questions)


def test_code_may_hold_what_text_may_not():
    assert quiz.Quiz([question(question=r"What is `$HOME\n` and `a ** b`?")]).questions


def test_an_unknown_chapter_lists_those_there_are():
    with pytest.raises(ValueError, match="counting, .*got 'cuonting'"):
        quiz.chapter("cuonting")


def test_a_line_that_belongs_nowhere_is_named():
    with pytest.raises(ValueError, match="line 2 belongs to no question: 'lost'"):
        quiz.read("# Title\nlost\n")


def test_html_shows_no_answer_until_it_is_unfolded():
    html = quiz.Quiz([question(question="Is `a < b` **so**?")]).to_html()
    assert "<code>a &lt; b</code> <strong>so</strong>" in html
    before, unfolded = html.split("<details>")
    assert "It is." in unfolded and "It is." not in before and "Right." not in before


def test_bundle_carries_the_text_for_where_there_is_no_javascript():
    data, _ = quiz.chapter("counting")._repr_mimebundle_()
    assert data["text/html"].startswith('<div class="mn mn-quiz mn-quiz-text">')
    assert "application/vnd.jupyter.widget-view+json" in data


# The JavaScript, in node


SCRIPT = (ROOT / "mobilenet_lib" / "course" / "quiz.js").read_text(encoding="utf8").rstrip()


def javascript(expression, *arguments):
    """Evaluate an expression of the arguments a, b, c among the functions of quiz.js."""
    names = ["a", "b", "c"][: len(arguments)]
    [value] = node.javascript(SCRIPT, f"({', '.join(names)}) => {expression}", [list(arguments)])
    return value


def test_script_is_a_module_without_imports_that_ends_as_the_static_host_needs():
    assert SCRIPT.endswith("\nexport default { render };")
    assert not re.search(r"^\s*import\b", SCRIPT, re.MULTILINE)


def test_javascript_and_python_read_the_same_marks():
    texts = ["", "`a`", "**a** b `c **d**` e", "2 * 3", "a `b` **c**"]
    for name in quiz.names():
        for each in quiz.chapter(name).questions:
            texts += [each["question"], *(c[key] for c in each["choices"] for key in ("text", "because"))]
    assert javascript("a.map(inline)", texts) == [quiz.inline(text) for text in texts]


THREE = [question(), question(question="And it?"), question(question="And then?")]


@pytest.mark.parametrize(
    ("tries", "score", "sentence"),
    [
        ([[], [], []], (3, 0, 0, 0), "Choose an answer: the reason follows at once."),
        ([[1], [], []], (3, 1, 0, 0), "1 of 3 answered."),
        ([[0], [0], [0]], (3, 3, 3, 3), "All 3 right at the first try."),
        ([[0], [1], [0]], (3, 3, 2, 2), "2 of 3 right at the first try. One is still open: try again."),
        ([[1], [1], [0]], (3, 3, 1, 1), "1 of 3 right at the first try. 2 are still open: try again."),
        ([[0, 1], [1, 0], [0]], (3, 3, 2, 3), "2 of 3 right at the first try, and the rest found by now."),
    ],
)
def test_score_counts_first_tries(tries, score, sentence):
    counted = javascript("scoreOf(a, b)", THREE, tries)
    assert tuple(counted[key] for key in ("total", "answered", "firstTry", "solved")) == score
    assert javascript("scoreSentence(a)", counted) == sentence


def test_a_choice_is_tried_once():
    assert javascript("withTry(withTry(withTry(noTries(a), 1, 1), 1, 0), 1, 1)", THREE) == [[], [1, 0], []]


def test_answer_key_names_every_right_choice():
    two = question(question="Which?", choices=[WRONG, RIGHT, choice(right=True)])
    assert javascript("answerKey(a)", [question(), two]) == "1 a, 2 b and c"


# The widget in a browser, built by the book's own extension into a page without a kernel

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
PAGE_STYLE = """
html[data-theme="dark"] { background: #121212; color: #ddd; color-scheme: dark; }
body { margin: 1rem; font: 16px system-ui, sans-serif; }
div.body { min-width: 0; }
"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Return a built page that shows one quiz twice."""
    source = tmp_path_factory.mktemp("quiz")
    widget = quiz.chapter("depthwise_separable_convolution")
    data, _ = widget._repr_mimebundle_()
    view = {"text/html": data["text/html"], "text/plain": data["text/plain"]}
    private = {"_esm": str(widget._esm), "_css": str(widget._css), "_anywidget_id": widget._anywidget_id}
    state = private | {"questions": widget.questions, "title": widget.title}
    cells = [nbformat.v4.new_markdown_cell("# A page")]
    models = {}
    for model_id in ("0" * 32, "1" * 32):
        models[model_id] = {"model_module": "anywidget", "model_name": "AnyModel", "state": state}
        output = view | {VIEW: {"version_major": 2, "version_minor": 0, "model_id": model_id}}
        cells.append(nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", output)]))
    metadata = {"widgets": {STATE: {"version_major": 2, "version_minor": 0, "state": models}}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), source / "index.ipynb")
    (source / "conf.py").write_text(
        'extensions = ["myst_nb", "static_widgets"]\nhtml_theme = "basic"\nlanguage = "en"\n'
        'nb_execution_mode = "off"\nhtml_static_path = ["style"]\nhtml_css_files = ["page.css"]\n'
        'suppress_warnings = ["mystnb.lexer"]\n'
    )
    (source / "style").mkdir()
    (source / "style" / "page.css").write_text(PAGE_STYLE)
    complaints = io.StringIO()
    with docutils_namespace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app = Sphinx(source, source, source / "html", source / "doctrees", "html", status=None, warning=complaints)
        app.build()
    assert app.statuscode == 0, complaints.getvalue()
    return source / "html" / "index.html"


@pytest.fixture(scope="module")
def tab(browser):
    """Return a function that gives an empty tab with some options, and the errors in it: one for all tests."""
    kept = {}

    def tab_with(**options):
        key = repr(options)
        if key not in kept:
            page, errors = browser.new_context(**options).new_page(), []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
            kept[key] = page, errors
        page, errors = kept[key]
        page.mouse.move(0, 0)
        page.emulate_media(media="null")
        return page, errors

    yield tab_with
    for page, _ in kept.values():
        page.context.close()


@pytest.fixture
def open_page(tab, page_file):
    """Return a function that opens the page anew; a quiz keeps nothing."""
    met = []

    def open_it(theme="light", **options):
        page, errors = tab(**options)
        met.append(errors)
        page.goto(page_file.as_uri())
        if options.get("java_script_enabled", True):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        return page

    yield open_it
    found = [error for errors in met for error in errors]
    for errors in met:
        errors.clear()
    assert found == []


def first_question(page):
    return page.locator("fieldset").first


def feedback(page):
    return first_question(page).get_by_role("status").inner_text()


def violations(page):
    page.evaluate(AXE.read_text(encoding="utf8"))
    found = page.evaluate("axe.run('.mn-explorable', {resultTypes: ['violations'], preload: false})")
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found["violations"]]


def test_a_click_answers_at_once_and_another_try_is_allowed(open_page):
    page = open_page()
    assert page.locator(".mn-quiz").count() == 2
    for word in ("Right", "✓", "✗", "can never pass 9, however"):
        assert word not in page.locator(".mn-quiz").first.inner_text()
    first_question(page).locator("label").nth(0).click()
    assert feedback(page).startswith("✗ Not quite. 1/N does halve.")
    assert first_question(page).get_by_role("radio", name="✗ wrong").count() == 1
    first_question(page).locator("label").nth(2).click()
    assert feedback(page).startswith("✓ Right. 1/N + 1/9 sinks")
    assert first_question(page).get_by_role("radio", name="✓ right").is_checked()
    assert page.locator(".mn-score").first.inner_text() == "1 of 3 answered."
    # The other one of the same kind is untouched.
    assert page.locator(".mn-score").nth(1).inner_text().startswith("Choose an answer")


def test_keyboard_walks_with_arrows_and_answers_with_enter(open_page):
    page = open_page()
    radios = first_question(page).get_by_role("radio")
    radios.nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert radios.nth(2).is_checked()
    assert feedback(page) == "Press Enter to check this answer."  # walking past an answer does not give it away
    page.keyboard.press("Enter")
    assert feedback(page).startswith("✓ Right.")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check this answer"
    page.keyboard.press("Enter")
    assert feedback(page).startswith("✗ Not quite. That would be true")
    assert radios.nth(1).evaluate("input => input === document.activeElement")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the space bar answers with the choice it stands on
    second = page.locator("fieldset").nth(1)
    assert second.get_by_role("status").inner_text().startswith("✓ Right.")


def test_score_at_the_end_and_starting_over(open_page):
    page = open_page()
    again = page.get_by_role("button", name="Start over").first
    assert not again.is_visible()
    for number, place in enumerate((2, 0, 0)):
        page.locator("fieldset").nth(number).locator("label").nth(place).click()
    score = page.locator(".mn-score").first
    assert score.inner_text() == "2 of 3 right at the first try. One is still open: try again."
    page.locator("fieldset").nth(2).locator("label").nth(2).click()
    assert score.inner_text() == "2 of 3 right at the first try, and the rest found by now."
    again.click()
    assert score.inner_text().startswith("Choose an answer")
    assert page.locator("input:checked").count() == 0
    assert page.locator(".mn-quiz").first.get_by_text("✓").count() == 0
    assert page.evaluate("document.activeElement.type") == "radio"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_before_and_after_answering(open_page, theme):
    page = open_page(theme)
    assert violations(page) == []
    for number in range(3):
        page.locator("fieldset").nth(number).locator("label").nth(number).click()
    page.mouse.move(0, 0)
    assert violations(page) == []


def test_targets_are_finger_sized_and_nothing_scrolls_sideways_on_a_phone(open_page):
    page = open_page(viewport={"width": 375, "height": 800})
    page.locator("fieldset").nth(0).locator("label").nth(0).click()
    for target in [*page.locator(".mn-answer label").all(), page.get_by_role("button", name="Start over").first]:
        box = target.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_focus_shows(open_page):
    page = open_page()
    first_question(page).get_by_role("radio").nth(0).focus()
    page.keyboard.press("ArrowDown")
    style = "label => { const s = getComputedStyle(label); return [s.outlineStyle, parseFloat(s.outlineWidth)]; }"
    kind, width = first_question(page).locator("label").nth(1).evaluate(style)
    assert kind == "solid" and width >= 2


def test_works_under_a_strict_content_security_policy(browser, page_file):
    policy = {"Content-Security-Policy": "default-src 'self'"}
    context = browser.new_context()
    page = context.new_page()
    errors = []
    page.on("console", lambda message: errors.append(message) if message.type == "error" else None)

    def serve(route):
        path = page_file.parent / route.request.url.removeprefix("http://book.test/").partition("?")[0]
        route.fulfill(path=path, headers=policy) if path.exists() else route.fulfill(status=404)

    page.route("**/*", serve)
    page.goto("http://book.test/index.html")
    first_question(page).locator("label").nth(2).click()
    assert feedback(page).startswith("✓ Right.")
    # What the bare theme has inline is blocked; nothing of the quiz is.
    assert [error.text for error in errors if not error.location["url"].endswith("index.html")] == []
    context.close()


def test_without_javascript_the_questions_stand_there_and_answers_unfold(open_page):
    page = open_page(java_script_enabled=False)
    text = page.locator(".mn-static").first
    assert text.get_by_text("where is the work?").is_visible()
    assert not text.get_by_text("98.3 % of it.").is_visible()
    text.locator("summary").nth(1).click()
    assert text.get_by_text("98.3 % of it.").is_visible()


def test_on_paper_there_is_an_answer_key_and_no_button(open_page):
    page = open_page()
    key = page.locator(".mn-quiz-key").first
    assert not key.is_visible()
    page.emulate_media(media="print")
    assert key.is_visible() and key.inner_text() == "Answers: 1 c, 2 a, 3 c"
    assert not page.get_by_role("button").first.is_visible()


def test_concepts_colours_follow_the_page(open_page):
    page = open_page("dark")
    first_question(page).locator("label").nth(2).click()
    colour = first_question(page).get_by_role("status").evaluate("p => getComputedStyle(p).borderLeftColor")
    green = palette.COLOURS["pointwise"].dark.lstrip("#")
    assert colour == f"rgb({', '.join(str(int(green[i : i + 2], 16)) for i in (0, 2, 4))})"
