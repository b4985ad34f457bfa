"""Output stride and the pyramid, held against timm's with the same weights, and against the strided network itself."""

import copy
from functools import cache

import pytest
import timm
import torch
from peers import flops, settle, undrawn
from torch import nn
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

from mobilenet_lib import MobileNetV1, MobileNetV2, cost, measure, models, pretrained, specs

NETWORKS = {"v1": (MobileNetV1, "mobilenetv1_100"), "v2": (MobileNetV2, "mobilenetv2_100")}
CLOSED = {
    "v1": (cost.mobilenet_v1, cost.mobilenet_v1_layers, specs.v1_blocks),
    "v2": (cost.mobilenet_v2, cost.mobilenet_v2_layers, specs.v2_blocks),
}
BELOW = (16, 8)


@cache
def settled(name, output_stride):
    """Return our network with numbers of its own, in eval mode; no test may change it."""
    build, _ = NETWORKS[name]
    return settle(build(output_stride=output_stride))


def filters(network):
    """Return (stride, dilation, padding) of every convolution that looks further than its pixel, in order."""
    convolutions = [part for part in network.modules() if isinstance(part, nn.Conv2d) and part.kernel_size[0] > 1]
    return [(part.stride, part.dilation, part.padding) for part in convolutions]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("output_stride", specs.OUTPUT_STRIDES)
def test_output_does_not_differ_from_timms_at_any_output_stride(name, output_stride):
    ours, (_, peer_name) = copy.deepcopy(settled(name, output_stride)), NETWORKS[name]
    with undrawn():
        peer = timm.create_model(peer_name, output_stride=output_stride)
    peer.load_state_dict(pretrained.to_timm(ours))
    assert filters(ours) == filters(peer)
    for training, size in ((False, (96, 96)), (False, (97, 65)), (True, (65, 65))):
        x = torch.randn(2, 3, *size)
        with torch.no_grad():
            y, peers = ours.train(training)(x), peer.train(training)(x)
        assert (y[0] - y[1]).std() > 0.01  # the images come through
        assert (y - peers).abs().max() == 0.0


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("output_stride", specs.OUTPUT_STRIDES)
def test_pyramid_gives_the_maps_of_timms_features_with_channels_and_reductions(name, output_stride):
    ours, (_, peer_name) = settled(name, output_stride), NETWORKS[name]
    pyramid = models.Pyramid(ours)
    with undrawn():
        peer = timm.create_model(peer_name, features_only=True, output_stride=output_stride).eval()
    state = pretrained.to_timm(ours)
    peer.load_state_dict({key: state[key] for key in peer.state_dict()})
    assert [level.channels for level in pyramid.levels] == peer.feature_info.channels()
    assert [level.reduction for level in pyramid.levels] == peer.feature_info.reduction()
    for size in ((64, 64), (75, 97)):
        x = torch.randn(1, 3, *size)
        with torch.no_grad():
            maps, peers = pyramid(x), peer(x)
        assert len(maps) == len(peers) == 5
        for features, others, level in zip(maps, peers, pyramid.levels, strict=True):
            assert (features - others).abs().max() == 0.0
            assert features.shape == (1, level.channels, *(-(-side // level.reduction) for side in size))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("output_stride", BELOW)
def test_the_pixels_of_the_strided_network_come_out_the_same_and_new_ones_lie_between(name, output_stride):
    build, _ = NETWORKS[name]
    strided = settle(build(10, 0.25)).eval()
    with undrawn():
        dense = build(10, 0.25, output_stride=output_stride).eval()
    dense.load_state_dict(strided.state_dict())
    step = 32 // output_stride
    for size in ((64, 96), (97, 65)):
        x = torch.randn(1, 3, *size, dtype=torch.float64)
        with torch.no_grad():
            coarse, fine = (models.Pyramid(network.double())(x)[-1] for network in (strided, dense))
        assert (fine[:, :, ::step, ::step] - coarse).abs().max() < 1e-10
        between = fine[:, :, 1::step, 1::step]
        assert (between - coarse[:, :, : between.shape[2], : between.shape[3]]).abs().mean() > 0.1


def test_dilating_the_block_that_gives_up_its_stride_would_change_them():
    # torchvision's dilated MobileNetV3 does so; timm and this library do not.
    torchvisions = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None).backbone
    first_dilated = next(c for c in torchvisions.modules() if isinstance(c, nn.Conv2d) and c.dilation != (1, 1))
    assert first_dilated.stride == (1, 1)
    assert first_dilated.in_channels == 672  # of the block whose stride was 2
    strided = settle(MobileNetV2(10, 0.25)).eval()
    dense = MobileNetV2(10, 0.25, output_stride=16).eval()
    dense.load_state_dict(strided.state_dict())
    first = next(block.depthwise[0] for block, row in zip(dense.blocks, specs.v2_blocks(0.25), strict=True)
                 if row.stride == 2 and block.depthwise[0].stride == (1, 1))  # fmt: skip
    assert first.dilation == (1, 1)
    first.dilation, first.padding = (2, 2), (2, 2)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        coarse, fine = models.Pyramid(strided)(x)[-1], models.Pyramid(dense)(x)[-1]
    assert (fine[:, :, ::2, ::2] - coarse).abs().max() > 0.1


@pytest.mark.parametrize("name", NETWORKS)
def test_32_is_the_network_as_it_was_and_parameters_stay_at_any_output_stride(name):
    build, _ = NETWORKS[name]
    plain = build(10, 0.25)
    assert filters(plain) == filters(build(10, 0.25, output_stride=32))
    assert {dilation for _, dilation, _ in filters(plain)} == {(1, 1)}
    for output_stride in BELOW:
        dense = build(10, 0.25, output_stride=output_stride)
        dense.load_state_dict(plain.state_dict())  # the same keys and shapes


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("output_stride", specs.OUTPUT_STRIDES)
def test_closed_form_equals_what_torch_and_fvcore_count(name, output_stride):
    build, _ = NETWORKS[name]
    closed_form, _, _ = CLOSED[name]
    for width_mult in (0.35, 1.0):
        model = build(10, width_mult, output_stride=output_stride).eval()
        for size in ((224, 224), (97, 130)):
            derived = closed_form(width_mult, size, 10, output_stride=output_stride)
            assert 2 * derived.macs == flops(model, 1, 3, *size)
            assert derived.params == measure.params(model)
    measured = measure.cost(build(10, 0.35, output_stride=output_stride), (1, 3, 97, 64))
    assert closed_form(0.35, (97, 64), 10, output_stride=output_stride) == measured


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("output_stride", specs.OUTPUT_STRIDES)
def test_every_row_has_the_stride_and_the_dilation_of_its_layer(name, output_stride):
    build, _ = NETWORKS[name]
    _, layers, _ = CLOSED[name]
    with torch.device("meta"):
        model = build(output_stride=output_stride)
    for row in layers(output_stride=output_stride)[:-1]:
        conv = model.get_submodule(row.name)[0]
        assert (conv.stride[0], conv.dilation[0]) == (row.stride, row.dilation), row.name


@pytest.mark.parametrize("name", NETWORKS)
def test_levels_stand_before_each_stride_and_at_the_end(name):
    _, _, blocks_of = CLOSED[name]
    blocks = list(blocks_of())
    ends = [i for i, block in enumerate(blocks) if i + 1 == len(blocks) or blocks[i + 1].stride == 2]
    found = specs.levels(blocks_of())
    assert [level.end for level in found] == ends
    assert [level.channels for level in found] == [blocks[end].out_channels for end in ends]
    for output_stride in BELOW:
        assert [level.reduction for level in specs.levels(blocks, output_stride)] == [
            min(level.reduction, output_stride) for level in found
        ]


def test_pyramid_shares_the_networks_weights_and_leaves_its_maps_alone():
    network = MobileNetV2(10, 0.35).eval()
    pyramid = models.Pyramid(network)
    assert {id(p) for p in pyramid.parameters()} < {id(p) for p in network.parameters()}
    assert list(pyramid.state_dict()) == [key for key in network.state_dict() if key[0] in "sb"]
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps = pyramid(x)
        y = network.stem(x)
        for i, block in enumerate(network.blocks):  # each map is still what its block gave
            y = block(y)
            for features, level in zip(maps, pyramid.levels, strict=True):
                if level.end == i:
                    assert torch.equal(features, y)
        head = network.head(maps[-1])
        assert torch.equal(network.classifier(network.pool(head).flatten(1)), network(x))


@pytest.mark.parametrize(("output_stride", "error"), [
    (4, ValueError), (64, ValueError), (0, ValueError), (-16, ValueError), (24, ValueError), (16.0, TypeError),
    ("16", TypeError), (None, TypeError), (True, TypeError),
])  # fmt: skip
def test_other_output_strides_are_refused(output_stride, error):
    calls = [
        lambda: MobileNetV1(output_stride=output_stride),
        lambda: MobileNetV2(output_stride=output_stride),
        lambda: cost.mobilenet_v1(output_stride=output_stride),
        lambda: cost.mobilenet_v2(output_stride=output_stride),
        lambda: specs.dilate(specs.v1_blocks(), output_stride),
        lambda: specs.levels(specs.v1_blocks(), output_stride),
    ]
    for call in calls:
        with pytest.raises(error, match="output_stride") as caught:
            call()
        assert repr(output_stride) in str(caught.value)


def test_output_stride_and_spec_are_keywords():
    with pytest.raises(TypeError):
        MobileNetV1(10, 0.25, 0.0)
    with pytest.raises(TypeError):
        MobileNetV2(10, 0.25, 0.0)
    with pytest.raises(TypeError):
        cost.mobilenet_v1(1.0, 224, 1000, 16)


@pytest.mark.parametrize("network", [nn.Identity(), None, MobileNetV2, "mobilenetv2_100"])
def test_pyramid_refuses_what_is_no_network_of_ours(network):
    with pytest.raises(TypeError, match="network must be a MobileNetV1 or a MobileNetV2"):
        models.Pyramid(network)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (None, TypeError, "NoneType"),
        (torch.zeros(3, 64, 64), ValueError, "(3, 64, 64)"),
        (torch.zeros(1, 4, 64, 64), ValueError, "got 4"),
        (torch.zeros(1, 3, 31, 64), ValueError, "31x64"),
    ],
)
def test_pyramid_refuses_what_is_no_batch_of_images(x, error, words):
    with pytest.raises(error, match="x must") as caught:
        models.Pyramid(MobileNetV2(10, 0.25))(x)
    assert words in str(caught.value)


@pytest.mark.parametrize(("width_mult", "depth_mult", "error", "name"), [
    (0, 1.0, ValueError, "width_mult"), (1.0, -1, ValueError, "depth_mult"), (1.0, "2", TypeError, "depth_mult"),
    (float("nan"), 1.0, ValueError, "width_mult"), (1.0, float("inf"), ValueError, "depth_mult"),
])  # fmt: skip
def test_a_table_is_scaled_by_positive_numbers_alone(width_mult, depth_mult, error, name):
    with pytest.raises(error, match=name):
        specs.scaled(width_mult=width_mult, depth_mult=depth_mult)


def test_scaling_by_one_changes_nothing_and_the_ends_keep_their_depth():
    assert specs.scaled() == specs.V2_SPEC
    assert specs.scaled(specs.V2_SPEC[:1], depth_mult=3) == specs.V2_SPEC[:1]
    assert specs.scaled((), depth_mult=3) == ()
    deep = specs.scaled(depth_mult=1.4)
    assert [row.n for row in deep] == [1, 3, 5, 6, 5, 5, 1]
