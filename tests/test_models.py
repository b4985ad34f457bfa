"""The two networks, held against timm's and torchvision's with the same weights: no difference at all."""

import json

import numpy as np
import pytest
import timm
import torch
import torchinfo
from peers import undrawn
from torch import nn
from torchvision.models import mobilenet_v2 as torchvision_v2

from mobilenet_lib import V2_SPEC, DepthwiseProjection, MobileNetV1, MobileNetV2, cost, models, specs

# name: ours, the peer, the image sizes to compare at
PEERS = {
    "v1, timm": (MobileNetV1, lambda: timm.create_model("mobilenetv1_100"), (224, 192, 161)),
    "v2, timm": (MobileNetV2, lambda: timm.create_model("mobilenetv2_100"), (224, 192, 161)),
    "v2, torchvision": (MobileNetV2, lambda: torchvision_v2(dropout=0.0), (224, 192, 161)),
    "v1 x 1.25, timm": (lambda: MobileNetV1(width_mult=1.25), lambda: timm.create_model("mobilenetv1_125"), (161,)),
    "v2 x 0.35, timm": (lambda: MobileNetV2(width_mult=0.35), lambda: timm.create_model("mobilenetv2_035"), (161,)),
}
for width in (0.25, 0.35, 0.5, 1.4):
    PEERS[f"v2 x {width}, torchvision"] = (
        lambda width=width: MobileNetV2(width_mult=width),
        lambda width=width: torchvision_v2(width_mult=width, dropout=0.0),
        (161,),
    )


def randomise(model):
    """Give BatchNorm running averages and scales as after training: at their start they hide mistakes."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.2)


@pytest.fixture(scope="module", params=PEERS)
def pair(request):
    """Return our network, a peer that carries the same weights, and the sizes to compare at."""
    build, build_peer, sizes = PEERS[request.param]
    torch.manual_seed(0)
    ours = build()
    with undrawn():
        peer = build_peer()
    randomise(ours)
    mine, theirs = ours.state_dict(), peer.state_dict()
    assert len(mine) == len(theirs)
    for (name, tensor), (peer_name, peer_tensor) in zip(mine.items(), theirs.items(), strict=True):
        assert name.split(".")[-1] == peer_name.split(".")[-1]
        assert tensor.shape == peer_tensor.shape, (name, peer_name)
        peer_tensor.copy_(tensor)
    return ours, peer, sizes


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_output_does_not_differ_from_the_peers_at_all(pair, training):
    ours, peer, sizes = pair
    for size in sizes:
        x = torch.randn(2 if training else 1, 3, size, size)
        with torch.no_grad():
            y, peers = ours.train(training)(x), peer.train(training)(x)
        assert y.std() > 0
        assert (y - peers).abs().max() == 0.0
    for mine, theirs in zip(ours.buffers(), peer.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_gradients_do_not_differ_from_torchvisions():
    torch.manual_seed(0)
    ours, peer = MobileNetV2(10, width_mult=0.25), torchvision_v2(num_classes=10, width_mult=0.25, dropout=0.0)
    for mine, theirs in zip(ours.state_dict().values(), peer.state_dict().values(), strict=True):
        theirs.copy_(mine)
    x = torch.randn(4, 3, 64, 64)
    for model in (ours, peer):
        model(x).square().sum().backward()
    for mine, theirs in zip(ours.parameters(), peer.parameters(), strict=True):
        assert torch.equal(mine.grad, theirs.grad)
        assert mine.grad.abs().sum() > 0


@pytest.mark.parametrize("width_mult", [0.1, 0.25, 0.35, 0.5, 0.75, 1.0, 1.3, 1.4, 2.0])
def test_residuals_stand_where_torchvisions_stand(width_mult):
    with torch.device("meta"), undrawn():
        ours, peer = MobileNetV2(width_mult=width_mult), torchvision_v2(width_mult=width_mult)
    residuals = [block.use_residual for block in ours.blocks]
    assert residuals == [block.use_res_connect for block in peer.features[1:-1]]
    assert isinstance(ours.blocks[0], DepthwiseProjection)


def test_at_width_a_quarter_the_first_block_of_v2_gains_a_residual():
    assert MobileNetV2(10, width_mult=0.25).blocks[0].use_residual
    assert not MobileNetV2(10, width_mult=1.0).blocks[0].use_residual


@pytest.mark.parametrize(("build", "params"), [(MobileNetV1, 4_231_976), (MobileNetV2, 3_504_872)])
def test_parameters_are_those_the_book_says_by_torchinfo_too(build, params):
    model = build()
    assert sum(parameter.numel() for parameter in model.parameters()) == params
    summary = torchinfo.summary(model, (1, 3, 32, 32), verbose=0)
    assert (summary.total_params, summary.trainable_params) == (params, params)


def test_the_same_seed_draws_the_weights_that_torchvision_draws():
    torch.manual_seed(5)
    ours = MobileNetV2(10, 0.35)
    torch.manual_seed(5)
    peer = torchvision_v2(num_classes=10, width_mult=0.35)
    for mine, theirs in zip(ours.state_dict().values(), peer.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_v1_draws_its_weights_by_the_same_rule():
    model = MobileNetV1()
    for part in model.modules():
        if isinstance(part, nn.Conv2d) and part.weight.numel() > 4000:
            fan_out = part.kernel_size[0] ** 2 * part.out_channels  # torch's, which overlooks groups
            assert part.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.06)
    assert model.classifier.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert torch.count_nonzero(model.classifier.bias) == 0


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
def test_any_number_of_classes_and_any_size_from_32_pixels(build):
    model = build(7, 0.25).eval()
    with torch.no_grad():
        for size in ((32, 32), (33, 47), (32, 100)):
            assert model(torch.zeros(2, 3, *size)).shape == (2, 7)


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
def test_dropout_acts_on_the_features_in_training_alone(build):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 64, 64)
    dropped = build(5, 0.25, dropout=1.0)
    with torch.no_grad():
        assert torch.equal(dropped(x), dropped.classifier.bias.expand(2, 5))
        assert dropped.eval()(x).abs().sum() > 0


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
def test_numpys_numbers_are_numbers(build):
    assert build(np.int64(3), np.float32(0.25)).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


BAD_MODELS = [
    ({"width_mult": 0}, ValueError, "0"),
    ({"width_mult": -1}, ValueError, "-1"),
    ({"width_mult": float("nan")}, ValueError, "nan"),
    ({"width_mult": float("inf")}, ValueError, "inf"),
    ({"width_mult": "1"}, TypeError, "'1'"),
    ({"width_mult": True}, TypeError, "True"),
    ({"width_mult": None}, TypeError, "None"),
    ({"num_classes": 0}, ValueError, "0"),
    ({"num_classes": -10}, ValueError, "-10"),
    ({"num_classes": 10.0}, TypeError, "10.0"),
    ({"num_classes": True}, TypeError, "True"),
    ({"num_classes": "10"}, TypeError, "'10'"),
    ({"dropout": 1.5}, ValueError, "1.5"),
    ({"dropout": -0.1}, ValueError, "-0.1"),
    ({"dropout": float("nan")}, ValueError, "nan"),
    ({"dropout": "0.2"}, TypeError, "'0.2'"),
    ({"dropout": True}, TypeError, "True"),
    ({"width": 1.0}, TypeError, ""),
    ({"pretrained": True}, TypeError, ""),
]


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
@pytest.mark.parametrize(("options", "error", "value"), BAD_MODELS)
def test_bad_arguments_are_refused_by_name_and_value(build, options, error, value):
    with pytest.raises(error) as caught:
        build(**options)
    assert next(iter(options)) in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((1, 3, 64, 64), dtype=np.float32), TypeError, "ndarray"),
        (None, TypeError, "NoneType"),
        (torch.zeros(3, 64, 64), ValueError, "(3, 64, 64)"),
        (torch.zeros(1, 1, 64, 64), ValueError, "got 1"),
        (torch.zeros(1, 64, 64, 3), ValueError, "got 64"),
        (torch.zeros(1, 3, 31, 64), ValueError, "31x64"),
        (torch.zeros(1, 3, 64, 1), ValueError, "64x1"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), TypeError, "got torch.uint8; for pixels from 0 to 255"),
    ],
)
def test_what_is_not_a_batch_of_large_enough_images_is_refused(build, x, error, words):
    with pytest.raises(error, match="x must") as caught:
        build(5, 0.25)(x)
    assert words in str(caught.value)


def test_a_row_without_expansion_becomes_a_block_without_that_layer():
    assert isinstance(models.v2_block(32, 1, 16, 1), DepthwiseProjection)
    assert models.v2_block(16, 6, 24, 2).conv1[0].out_channels == 96


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
@pytest.mark.parametrize("in_channels", [1, 4])
def test_grey_and_four_channel_images_give_what_timm_gives(build, in_channels):
    name = {MobileNetV1: "mobilenetv1_100", MobileNetV2: "mobilenetv2_100"}[build]
    torch.manual_seed(0)
    ours, peer = build(in_channels=in_channels).eval(), timm.create_model(name, in_chans=in_channels).eval()
    for mine, theirs in zip(ours.state_dict().values(), peer.state_dict().values(), strict=True):
        theirs.copy_(mine)
    x = torch.randn(1, in_channels, 96, 96)
    with torch.no_grad():
        assert torch.equal(ours(x), peer(x))
    with pytest.raises(ValueError, match=f"x must have {in_channels} channels .*got 3"):
        ours(torch.zeros(1, 3, 96, 96))


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
@pytest.mark.parametrize("first", [
    nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False),
    nn.Conv2d(1, 8, 3, stride=2, padding=1),
    nn.Conv2d(1, 8, (3, 5), stride=2, padding=(1, 2)),
    nn.Sequential(nn.Conv2d(1, 3, 1), nn.Conv2d(3, 8, 3, stride=2, padding=1)),
])  # fmt: skip
def test_the_first_convolution_can_be_replaced(build, first):
    network = build(5, 0.25).eval()
    network.stem[0] = first
    x = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        scores = network(x)
        maps = models.Pyramid(network)(x)
        y = network.blocks(nn.Sequential(first, *list(network.stem)[1:])(x))
    assert scores.shape == (2, 5)
    assert torch.equal(maps[-1], y)


def test_a_convolution_that_waits_for_its_first_input_may_stand_first():
    network = MobileNetV2(5, 0.25).eval()
    network.stem[0] = nn.LazyConv2d(8, 3, stride=2, padding=1)
    assert network(torch.zeros(1, 7, 64, 64)).shape == (1, 5)
    with pytest.raises(ValueError, match="x must have 7 channels"):
        network(torch.zeros(1, 3, 64, 64))


def test_a_stem_replaced_as_a_whole_is_asked_for_its_channels():
    network = MobileNetV2(5, 0.25).eval()
    network.stem = nn.Sequential(nn.Conv2d(2, 3, 1), network.stem)
    assert network(torch.zeros(1, 2, 64, 64)).shape == (1, 5)
    with pytest.raises(ValueError, match="x must have 2 channels"):
        network(torch.zeros(1, 3, 64, 64))
    network.stem = nn.Upsample(scale_factor=2)
    with pytest.raises(ValueError, match="x must have 8 channels"):  # of the first block
        network(torch.zeros(1, 3, 64, 64))


def test_a_stem_that_keeps_the_size_takes_half_the_image():
    network = MobileNetV2(5, 0.25).eval()
    network.stem[0].stride = (1, 1)
    assert network(torch.zeros(1, 3, 28, 16)).shape == (1, 5)
    with pytest.raises(ValueError, match="x must be at least 16 pixels a side, got 15x28"):
        network(torch.zeros(1, 3, 15, 28))


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
def test_an_image_of_28_pixels_is_taken_at_output_stride_8(build):
    network = build(5, 0.25, output_stride=8).eval()
    assert network(torch.zeros(1, 3, 28, 28)).shape == (1, 5)
    assert models.Pyramid(network)(torch.zeros(1, 3, 28, 28))[-1].shape[2:] == (4, 4)


def test_a_table_read_from_json_builds_the_network():
    rows = json.loads(json.dumps(V2_SPEC))
    network = MobileNetV2(5, 0.25, spec=rows)
    assert network.spec == V2_SPEC
    assert list(network.state_dict()) == list(MobileNetV2(5, 0.25).state_dict())


@pytest.mark.parametrize(("spec", "error", "words"), [
    ((), ValueError, "spec must hold one row or more, got ()"),
    (6, TypeError, "spec must be rows (t, c, n, s), got 6"),
    ("6", TypeError, "spec must be rows (t, c, n, s), got '6'"),
    ([6, 24, 2, 2], TypeError, "spec[0] must be a row (t, c, n, s), got 6"),
    ([(6, 24, 2)], TypeError, "spec[0] must be a row (t, c, n, s), got (6, 24, 2)"),
    ([(6, 24, 2, 2), (6, 0, 2, 2)], ValueError, "spec[1].c must be a positive integer, got 0"),
    ([(6, 24, 2, 4)], ValueError, "spec[0].s must be 1 or 2, got 4"),
])  # fmt: skip
def test_what_is_no_table_is_refused(spec, error, words):
    for build in (
        lambda: MobileNetV2(spec=spec),
        lambda: list(specs.v2_blocks(spec=spec)),
        lambda: specs.v2_rows(spec),
    ):
        with pytest.raises(error) as caught:
            build()
        assert words in str(caught.value)


@pytest.mark.parametrize("build", [MobileNetV1, MobileNetV2])
@pytest.mark.parametrize(("in_channels", "error"), [(0, ValueError), (3.0, TypeError), (True, TypeError)])
def test_images_have_a_positive_number_of_channels(build, in_channels, error):
    with pytest.raises(error, match="in_channels") as caught:
        build(in_channels=in_channels)
    assert str(in_channels) in str(caught.value)


def test_resnets_bottleneck_and_v2s_block_do_not_share_a_name():
    own = [{name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__}
           for module in (cost, models)]  # fmt: skip
    assert "bottleneck" in own[0] and "v2_block" in own[1]
    assert own[0] & own[1] == set()
