"""Weights from timm and torchvision: the outputs do not differ at all, and what does not fit is named."""

import os
from functools import cache

import fresh
import pytest
import timm
import torch
from peers import flops, settle, shake, undrawn
from torch import nn
from torchvision.models import MobileNet_V2_Weights
from torchvision.models import mobilenet_v2 as torchvision_v2
from torchvision.transforms import functional as transforms

from mobilenet_lib import MobileNetV1, MobileNetV2, cost, downloads, measure, photographs, pretrained, specs

SIZES = (64, 97)  # halved evenly, and not; those of the text are tried in tests/test_models.py
WIDTHS = (0.25, 0.35, 0.5, 1.0, 1.4)


@cache
def peer(name):
    """Return timm's model of that name; it is random, and no test may change it."""
    torch.manual_seed(1)
    return settle(timm.create_model(name))


def build(name, **options):
    """Build our network of that name in timm."""
    kind, arguments = pretrained.TIMM[name]
    return kind(**arguments, **options)


def assert_equal_outputs(ours, theirs):
    """Require bit-equal outputs in both modes, and bit-equal running averages after training mode."""
    kept = {key: tensor.clone() for key, tensor in theirs.state_dict().items()}
    for size in SIZES:
        x = torch.randn(2, 3, size, size)
        with torch.no_grad():
            y, others = ours.eval()(x), theirs.eval()(x)
        assert (y[0] - y[1]).std() > 0.01  # the images come through
        assert (y - others).abs().max() == 0.0
    x = torch.randn(2, 3, SIZES[-1], SIZES[-1])
    with torch.no_grad():
        y, others = ours.train()(x), theirs.train()(x)
    assert (y - others).abs().max() == 0.0
    for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        assert torch.equal(mine, other)
    theirs.load_state_dict(kept)
    theirs.eval()


def test_every_network_of_both_libraries_is_there():
    listed = {name for name in timm.list_models("mobilenetv[12]_*") if name != "mobilenetv1_100h"}
    assert listed == set(pretrained.TIMM)


@pytest.mark.parametrize("name", pretrained.TIMM)
def test_with_timms_weights_the_output_does_not_differ_from_timms_at_all(name):
    with undrawn():
        ours = build(name)
    assert pretrained.load_timm(ours, peer(name)) is ours
    assert_equal_outputs(ours, peer(name))


@pytest.mark.parametrize("width_mult", WIDTHS)
def test_with_torchvisions_weights_the_output_does_not_differ_from_torchvisions_at_all(width_mult):
    theirs = settle(torchvision_v2(width_mult=width_mult, dropout=0.0))
    with undrawn():
        ours = MobileNetV2(width_mult=width_mult)
    pretrained.load_torchvision(ours, theirs)
    assert_equal_outputs(ours, theirs)


@pytest.mark.parametrize("name", pretrained.TIMM)
def test_names_are_those_of_timm_in_the_order_of_timm(name):
    with undrawn():
        network = build(name)
    names = pretrained.timm_names(network)
    assert list(names.values()) == list(peer(name).state_dict())
    assert list(names) == list(network.state_dict())
    assert all(ours.split(".")[-1] == theirs.split(".")[-1] for ours, theirs in names.items())


@pytest.mark.parametrize("width_mult", WIDTHS)
def test_names_are_those_of_torchvision_in_the_order_of_torchvision(width_mult):
    with undrawn():
        ours, theirs = MobileNetV2(width_mult=width_mult), torchvision_v2(width_mult=width_mult)
    names = pretrained.torchvision_names(ours)
    assert list(names.values()) == list(theirs.state_dict())
    assert all(ours.split(".")[-1] == theirs.split(".")[-1] for ours, theirs in names.items())


@pytest.mark.parametrize("name", pretrained.TIMM)
def test_weights_come_back_from_timm_as_they_went(name):
    with undrawn():
        ours, there, back = build(name), timm.create_model(name), build(name)
    shake(ours)
    for i, norm in enumerate(part for part in ours.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.num_batches_tracked.fill_(i + 1)
    there.load_state_dict(pretrained.to_timm(ours), strict=True)
    pretrained.load_timm(back, there)
    for mine, again in zip(ours.state_dict().values(), back.state_dict().values(), strict=True):
        assert torch.equal(mine, again)


def test_weights_come_back_from_torchvision_as_they_went_and_from_one_library_to_the_other():
    ours = settle(MobileNetV2(7, 0.5))
    there = torchvision_v2(num_classes=7, width_mult=0.5)
    there.load_state_dict(pretrained.to_torchvision(ours), strict=True)
    back = pretrained.load_torchvision(MobileNetV2(7, 0.5), there)
    timms = timm.create_model("mobilenetv2_050", num_classes=7)
    timms.load_state_dict(pretrained.to_timm(back), strict=True)
    x = torch.randn(2, 3, 65, 65)
    with torch.no_grad():
        outputs = [model.eval()(x) for model in (ours, there, back, timms)]
    assert all(torch.equal(outputs[0], output) for output in outputs[1:])


@pytest.mark.parametrize(("name", "spec"), [("110d", specs.V2_110D_SPEC), ("120d", specs.V2_120D_SPEC)])
def test_the_deeper_networks_keep_stem_head_and_the_depth_of_both_ends(name, spec):
    theirs = peer(f"mobilenetv2_{name}")
    assert [row.n for row in spec] == [len(stage) for stage in theirs.blocks]
    assert [row.c for row in spec] == [stage[-1].feature_info("")["num_chs"] for stage in theirs.blocks]
    assert (spec[0].n, spec[-1].n) == (1, 1)
    with undrawn():
        ours = build(f"mobilenetv2_{name}")
    assert (ours.stem[0].out_channels, ours.head[0].out_channels) == (32, 1280)
    counted = cost.Cost(measure.params(theirs), flops(theirs, 1, 3, 96, 96) // 2)
    assert cost.mobilenet_v2(resolution=96, spec=spec) == counted


# Where the weights may come from


@cache
def settled():
    """Return a small network with weights of its own; no test may change it."""
    return settle(MobileNetV2(5, 0.35))


@pytest.fixture
def small():
    """Return the weights of that network under timm's names, for a test to change."""
    return {key: tensor.clone() for key, tensor in pretrained.to_timm(settled()).items()}


@cache
def drawn(*arguments, kind=MobileNetV2, **options):
    """Return a network that must stay as it is: for weights that are refused, which is what `assert_refused` asks."""
    return kind(*arguments, **options)


def loaded(state):
    """Return whether a fresh network takes all that is in a state dict."""
    network = pretrained.load_timm(MobileNetV2(5, 0.35), state)
    mine = pretrained.to_timm(network)
    return all(torch.equal(mine[key], tensor) for key, tensor in mine.items())


def test_a_model_its_state_dict_and_a_file_of_either_kind_are_taken(small, tmp_path):
    from safetensors.torch import load_file, save_file

    model = timm.create_model("mobilenetv2_035", num_classes=5)
    model.load_state_dict(small)
    torch.save(small, tmp_path / "weights.pth")
    save_file(small, tmp_path / "weights.safetensors")
    assert list(load_file(tmp_path / "weights.safetensors")) != list(small)  # that format sorts: order is no help there
    for source in (model, small, tmp_path / "weights.pth", str(tmp_path / "weights.safetensors")):
        mine = pretrained.to_timm(pretrained.load_timm(MobileNetV2(5, 0.35), source))
        assert all(torch.equal(mine[key], tensor) for key, tensor in small.items())
    reverse = dict(reversed(small.items()))
    mine = pretrained.to_timm(pretrained.load_timm(MobileNetV2(5, 0.35), reverse))
    assert all(torch.equal(mine[key], tensor) for key, tensor in small.items())


def test_half_precision_and_double_are_converted(small):
    doubles = {key: tensor.double() if tensor.is_floating_point() else tensor for key, tensor in small.items()}
    network = pretrained.load_timm(MobileNetV2(5, 0.35), doubles)
    assert network.stem[0].weight.dtype == torch.float32
    assert torch.equal(network.stem[0].weight, small["conv_stem.weight"])


def test_loading_keeps_mode_output_stride_and_the_source(small):
    source = {key: tensor.clone() for key, tensor in small.items()}
    network = MobileNetV2(5, 0.35, output_stride=8).eval()
    parameters = list(network.parameters())
    pretrained.load_timm(network, small)
    assert not network.training
    assert all(p is q and p.requires_grad for p, q in zip(parameters, network.parameters(), strict=True))
    with torch.no_grad():
        network.stem[0].weight.add_(1)
    assert all(torch.equal(source[key], tensor) for key, tensor in small.items())


def assert_refused(network, source, error, *words, loader=pretrained.load_timm):
    """Require an error with these words, and the network as it was."""
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(error) as caught:
        loader(network, source)
    for word in words:
        assert word in str(caught.value)
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[key]), key


def test_a_missing_tensor_is_named(small):
    for key in ("conv_stem.weight", "blocks.6.0.bn3.running_var", "classifier.bias", "bn1.num_batches_tracked"):
        without = {name: tensor for name, tensor in small.items() if name != key}
        assert_refused(drawn(5, 0.35), without, ValueError, key, "missing")


def test_a_tensor_too_many_is_named(small):
    more = {**small, "blocks.0.0.se.conv_reduce.weight": torch.zeros(1)}
    assert_refused(drawn(5, 0.35), more, ValueError, "blocks.0.0.se.conv_reduce.weight", "no place")
    assert_refused(drawn(5, 0.35), {**more, "ema": torch.zeros(1)}, ValueError, "(and 1 more)")


def test_a_tensor_of_another_shape_is_named_with_both_shapes(small):
    key = "blocks.5.2.conv_dw.weight"
    wrong = {**small, key: small[key].squeeze(1)}
    assert_refused(
        drawn(5, 0.35), wrong, ValueError, key, "blocks.15.depthwise.0.weight", "(336, 1, 3, 3)", "(336, 3, 3)"
    )


@pytest.mark.parametrize(
    ("ours", "name", "fits"),
    [
        (lambda: MobileNetV2(), "mobilenetv2_050", "MobileNetV2(1000, width_mult=0.5)"),
        (lambda: MobileNetV2(width_mult=0.35), "mobilenetv2_140", "MobileNetV2(1000, width_mult=1.4)"),
        (lambda: MobileNetV2(), "mobilenetv2_110d", "MobileNetV2(1000, spec=specs.V2_110D_SPEC)"),
        (lambda: MobileNetV2(spec=specs.V2_110D_SPEC), "mobilenetv2_120d", "specs.V2_120D_SPEC"),
        (lambda: MobileNetV2(5), "mobilenetv2_100", "MobileNetV2(1000, width_mult=1.0)"),
        (lambda: MobileNetV2(), "mobilenetv1_100", "MobileNetV1(1000, width_mult=1.0)"),
        (lambda: MobileNetV1(), "mobilenetv2_100", "MobileNetV2(1000, width_mult=1.0)"),
        (lambda: MobileNetV1(), "mobilenetv1_125", "MobileNetV1(1000, width_mult=1.25)"),
    ],
)
def test_weights_of_another_network_name_a_key_and_the_network_they_fit(ours, name, fits):
    with undrawn():
        network = ours()
    keys = set(pretrained.timm_names(network).values()) | set(peer(name).state_dict())
    with pytest.raises(ValueError, match="these weights fit") as caught:
        pretrained.load_timm(network, peer(name))
    assert fits in str(caught.value)
    assert any(key in str(caught.value) for key in keys)
    kind, _, arguments = fits.partition("(")
    if kind.startswith("MobileNet"):  # the advice, taken
        known = {"MobileNetV1": MobileNetV1, "MobileNetV2": MobileNetV2, "specs": specs}
        with undrawn():
            advised = eval(f"{kind}({arguments}", known)
        pretrained.load_timm(advised, peer(name))


def test_advice_leaves_the_random_numbers_alone(small):
    state = torch.get_rng_state()
    network = MobileNetV2(5, 0.5)
    torch.set_rng_state(state)
    with pytest.raises(ValueError, match="these weights fit"):
        pretrained.load_timm(network, small)
    assert torch.equal(torch.get_rng_state(), state)


def test_torchvisions_misfits_are_named_too():
    theirs = torchvision_v2(width_mult=0.5)
    load = pretrained.load_torchvision
    fits = "MobileNetV2(1000, width_mult=0.5)"
    assert_refused(drawn(width_mult=0.75), theirs, ValueError, "features.0.0.weight", fits, loader=load)
    assert_refused(drawn(5, width_mult=0.5), theirs, ValueError, "classifier.1.weight", fits, loader=load)
    assert_refused(drawn(width_mult=0.5), {}, ValueError, "features.0.0.weight", "missing", loader=load)
    assert_refused(drawn(kind=MobileNetV1), theirs, TypeError, "network", "MobileNetV1", loader=load)


def test_weights_of_the_other_library_are_refused(small):
    assert_refused(drawn(width_mult=0.5), torchvision_v2(width_mult=0.5), ValueError, "conv_stem.weight")
    assert_refused(drawn(5, 0.35), small, ValueError, "features.0.0.weight", loader=pretrained.load_torchvision)


def test_a_batchnorm_with_another_eps_is_refused_although_all_weights_fit():
    theirs = timm.create_model("mobilenetv2_035", bn_eps=1e-3)
    assert_refused(drawn(width_mult=0.35), theirs, ValueError, "bn1.running_var", "eps=0.001", "eps=1e-05")


def test_a_model_without_its_classifier_is_refused():
    headless = timm.create_model("mobilenetv2_035", num_classes=0)
    assert_refused(drawn(5, 0.35), headless, ValueError, "classifier.weight", "missing")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda small: None, TypeError, "NoneType"),
        (lambda small: list(small.values()), TypeError, "list"),
        (lambda small: {"epoch": 3, "state_dict": [*small.values()]}, ValueError, "'epoch': int"),
        (lambda small: {**small, "epoch": 3}, ValueError, "'epoch': int"),
        (lambda small: {**small, "bn1.bias": [0.0]}, ValueError, "'bn1.bias': list"),
        (lambda small: {**small, "bn1.bias": small["bn1.bias"].to("meta")}, ValueError, "bn1.bias on the meta device"),
    ],
)
def test_what_is_no_state_dict_is_refused(small, change, error, words):
    assert_refused(drawn(5, 0.35), change(small), error, "source", words)


def test_a_network_without_numbers_is_refused(small):
    with torch.device("meta"):
        network = MobileNetV2(5, 0.35)
    with pytest.raises(ValueError, match="network must hold numbers"):
        pretrained.load_timm(network, small)


def test_what_is_no_file_of_tensors_is_refused(small, tmp_path):
    network = drawn(5, 0.35)
    assert_refused(network, tmp_path / "none.pth", FileNotFoundError, "none.pth", "from_timm")
    assert_refused(network, "mobilenetv2_035", FileNotFoundError, "mobilenetv2_035", "from_timm")
    (tmp_path / "text.pth").write_text("no weights here")
    (tmp_path / "text.safetensors").write_text("no weights here")
    torch.save(small, tmp_path / "cut.pth")
    data = (tmp_path / "cut.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(data[: len(data) // 2])
    for name in ("text.pth", "text.safetensors", "cut.pth"):
        assert_refused(network, tmp_path / name, ValueError, name, "no file of tensors")


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save(timm.create_model("mobilenetv2_035"), tmp_path / "whole.pth")  # a pickled model, not its state dict
    assert_refused(drawn(width_mult=0.35), tmp_path / "whole.pth", ValueError, "whole.pth", "state_dict()")


@pytest.mark.parametrize("network", [nn.Identity(), None, MobileNetV2, torchvision_v2(width_mult=0.1)])
def test_what_is_no_network_of_ours_is_refused(network):
    calls = (pretrained.timm_names, pretrained.torchvision_names, pretrained.to_timm, pretrained.to_torchvision)
    for call in (*calls, lambda network: pretrained.load_timm(network, {})):
        with pytest.raises(TypeError, match="network must be"):
            call(network)


# By name


@pytest.mark.parametrize("name", ["mobilenetv1_125", "mobilenetv2_035", "mobilenetv2_110d"])
def test_by_name_with_random_weights_the_output_is_timms(name):
    torch.manual_seed(7)
    ours = pretrained.from_timm(name, pretrained=False)
    assert not ours.training
    torch.manual_seed(7)
    build(name)  # draws as from_timm does
    theirs = timm.create_model(name).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


def test_a_tag_that_timm_has_may_follow_the_name_without_its_weights():
    assert pretrained.from_timm("mobilenetv2_050.lamb_in1k", pretrained=False).head[0].in_channels == 160


def test_by_name_with_an_output_stride():
    network = pretrained.from_timm("mobilenetv2_035", pretrained=False, output_stride=8)
    assert network.levels[-1].reduction == 8
    assert pretrained.from_torchvision(0.35, pretrained=False, output_stride=16).levels[-1].reduction == 16


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: pretrained.from_timm("mobilenetv3_large_100"), ValueError, ("name", "'mobilenetv3_large_100'")),
        (lambda: pretrained.from_timm("mobilenetv1_100h"), ValueError, ("name", "'mobilenetv1_100h'")),
        (lambda: pretrained.from_timm(None), ValueError, ("name", "None")),
        (
            lambda: pretrained.from_timm("mobilenetv2_035"),
            ValueError,
            ("name", "'mobilenetv2_035'", "pretrained=False"),
        ),
        *(
            (
                lambda tag=tag: pretrained.from_timm(f"mobilenetv2_100.{tag}", False),
                ValueError,
                ("name", repr(f"mobilenetv2_100.{tag}"), "mobilenetv2_100.ra_in1k"),
            )
            for tag in ("nonsense", "", "ra_in1k.", "RA_IN1K", "lamb_in1k")
        ),
        (
            lambda: pretrained.from_timm("mobilenetv2_035.ra_in1k", False),
            ValueError,
            ("name", "none of mobilenetv2"),
        ),
        (lambda: pretrained.from_timm("mobilenetv2_100", False, output_stride=4), ValueError, ("output_stride", "4")),
        (lambda: pretrained.from_torchvision(0.5), ValueError, ("width_mult", "0.5", "pretrained=False")),
        (lambda: pretrained.from_torchvision(weights="IMAGENET1K_V3"), ValueError, ("weights", "V3'", "DEFAULT")),
        (lambda: pretrained.from_timm("mobilenetv2_100", "yes"), TypeError, ("pretrained", "'yes'")),
        (lambda: pretrained.from_torchvision(1.0, None), TypeError, ("pretrained", "None", "random weights")),
        (lambda: pretrained.from_torchvision(weights=None), ValueError, ("weights", "None", "IMAGENET1K_V1")),
        (lambda: pretrained.from_torchvision(0, pretrained=False), ValueError, ("width_mult", "0")),
        (lambda: pretrained.from_torchvision("1.0"), TypeError, ("width_mult", "'1.0'")),
        (lambda: pretrained.from_torchvision(1.0, False, output_stride=4), ValueError, ("output_stride", "4")),
    ],
)
def test_bad_arguments_are_refused_by_name_and_value(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words)


def test_trained_weights_go_from_timms_own_download_into_the_network(monkeypatch):
    asked = []

    def create_model(name, pretrained):
        asked.append((name, pretrained))
        return peer("mobilenetv2_050")

    monkeypatch.setattr(timm, "create_model", create_model)
    monkeypatch.setattr(downloads, "answers", lambda address: True)
    network = pretrained.from_timm("mobilenetv2_050.lamb_in1k")
    assert asked == [("mobilenetv2_050.lamb_in1k", True)]
    assert torch.equal(network.classifier.weight, peer("mobilenetv2_050").classifier.weight)


def run(program, **environment):
    """Run a program in a Python of its own, with some variables set and no proxy."""
    with pytest.MonkeyPatch.context() as patch:
        for key in [key for key in os.environ if key.lower().endswith("_proxy")]:
            patch.delenv(key)
        done = fresh.python(program, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_internet_it_fails_soon_with_one_clear_error_or_finds_what_it_fetched_before(tmp_path):
    # A port of this machine where nothing listens stands for the hub; its cache holds one network's weights.
    from safetensors.torch import save_file

    kept = tmp_path / "hub" / "models--timm--mobilenetv2_050.lamb_in1k"
    for folder in ("refs", f"snapshots/{40 * '0'}"):
        (kept / folder).mkdir(parents=True)
    (kept / "refs" / "main").write_text(40 * "0")
    save_file(peer("mobilenetv2_050").state_dict(), kept / "snapshots" / (40 * "0") / "model.safetensors")
    said = run(
        """
        import time
        import timm
        from mobilenet_lib import downloads, pretrained

        downloads.RELEASES["mobilenet_v2"] = downloads.RELEASES["mobilenet_v2"]._replace(address="http://127.0.0.1:9")
        begin = time.monotonic()
        for call in (lambda: pretrained.from_timm("mobilenetv2_100"), lambda: pretrained.from_torchvision()):
            try:
                call()
            except ConnectionError as error:
                print("error:", error)
                assert error.__cause__ is not None
        print("soon" if time.monotonic() - begin < 15 else "late")
        from huggingface_hub import constants
        print(constants.HF_HUB_OFFLINE)
        print(pretrained.from_timm("mobilenetv2_050").classifier.weight.sum().item())
        """,
        HF_HOME=str(tmp_path),
        TORCH_HOME=str(tmp_path),
        HF_ENDPOINT="http://127.0.0.1:9",
        PIP_INDEX_URL="http://127.0.0.1:9",
        PIP_CONFIG_FILE=os.devnull,
    )
    from_timm, from_torchvision = (line for line in said.splitlines() if line.startswith("error: "))
    assert from_timm.startswith("error: timm's weights for mobilenetv2_100 could not be fetched")
    assert from_torchvision.startswith("error: torchvision's weights for mobilenet_v2 could not be fetched")
    for line, load in ((from_timm, "load_timm"), (from_torchvision, "load_torchvision")):
        assert f"{load}(network, path)" in line
        assert "pretrained=False" in line
    soon, setting, total = said.splitlines()[-3:]
    assert (soon, setting) == ("soon", "False")  # by itself the hub tries for a minute; its setting is restored
    assert float(total) == pytest.approx(peer("mobilenetv2_050").classifier.weight.sum().item(), rel=1e-4)


def test_libraries_are_asked_for_by_name_where_they_are_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run(
        """
        import sys
        sys.modules["timm"] = sys.modules["torchvision"] = sys.modules["torchvision.models"] = None
        sys.modules["safetensors"] = sys.modules["safetensors.torch"] = None
        from pathlib import Path
        from mobilenet_lib import MobileNetV2, pretrained
        calls = (
            lambda: pretrained.from_timm("mobilenetv2_035", pretrained=False),
            lambda: pretrained.from_torchvision(pretrained=False),
            lambda: pretrained.load_timm(MobileNetV2(5, 0.25), "x.safetensors"),
        )
        Path("x.safetensors").write_bytes(b"whatever")
        for call in calls:
            try:
                call()
            except ImportError as error:
                print(error)
        network = pretrained.load_timm(MobileNetV2(5, 0.25), pretrained.to_timm(MobileNetV2(5, 0.25)))
        """
    )
    for line, name in zip(said.splitlines(), ("timm", "torchvision", "safetensors"), strict=True):
        assert f"pip install {name}" in line


# The trained network itself


@cache
def trained(file):
    """Return torchvision's network and ours, each with the weights of the paper's network from a file."""
    with undrawn():
        theirs, ours = torchvision_v2(), MobileNetV2()
    theirs.load_state_dict(torch.load(file, weights_only=True))
    return theirs.eval(), pretrained.load_torchvision(ours, file).eval()


FIRST = {
    "coffee": ["espresso"],
    "camera": ["tripod"],
    "chelsea": ["Egyptian cat", "tiger cat", "tabby"],
    "china": ["palace"],
    "hopper": ["bow tie", "military uniform"],
    "rocket": ["drilling platform", "space shuttle"],
    "astronaut": ["bobsled"],
}
WEIGHTS = MobileNet_V2_Weights.IMAGENET1K_V1


@torch.no_grad()
@pytest.mark.parametrize("name", photographs.SHIPPED)
def test_with_the_trained_weights_a_photograph_gets_torchvisions_scores_to_the_last_bit_and_its_name(name, released):
    theirs, ours = trained(released("mobilenet_v2"))
    x = WEIGHTS.transforms()(photographs.picture(name))[None]
    scores = theirs(x)
    assert (ours(x) - scores).abs().max() == 0.0
    first = [WEIGHTS.meta["categories"][i] for i in scores[0].argsort(descending=True)]
    if name in FIRST:
        assert first[: len(FIRST[name])] == FIRST[name]


def test_torchvisions_network_is_had_by_one_call_and_by_torchvisions_own_name_for_its_weights(released):
    released("mobilenet_v2")
    for weights in ({}, {"weights": "IMAGENET1K_V1"}, {"weights": WEIGHTS}):
        network = pretrained.from_torchvision(**weights, output_stride=16)
        assert not network.training
        assert torch.equal(network.classifier.weight, trained(released("mobilenet_v2"))[1].classifier.weight)


def test_the_trained_weights_fit_nothing_else(released):
    file = released("mobilenet_v2")
    for network, loader, words in (
        (drawn(), pretrained.load_timm, "its names are torchvision's: use load_torchvision(network, source)"),
        (drawn(10), pretrained.load_torchvision, "these weights fit MobileNetV2(1000, width_mult=1.0)"),
    ):
        assert_refused(network, file, ValueError, words, loader=loader)


@torch.no_grad()
def test_the_file_of_lite0_is_timms_network_under_other_names(released):
    with undrawn():
        theirs = timm.create_model("tf_efficientnet_lite0")
    state = torch.load(released("efficientnet_lite0"))
    for (key, tensor), (name, mine) in zip(state.items(), theirs.state_dict().items(), strict=True):
        assert key.split(".")[-1] == name.split(".")[-1] and tensor.shape == mine.shape
        mine.copy_(tensor)
    pixels = torch.stack([transforms.pil_to_tensor(transforms.resize(photographs.picture(name), [224, 224]))
                          for name in ("coffee", "chelsea")])  # fmt: skip
    first = theirs.eval()((pixels - 127.0) / 128).argmax(1)
    assert [WEIGHTS.meta["categories"][i] for i in first] == ["espresso", "Egyptian cat"]
