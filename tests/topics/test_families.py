"""Networks from timm's strings are timm's networks, to the last bit; and what they cost is what is counted."""

from __future__ import annotations

import pytest
import timm
import timm.models._efficientnet_builder as timms
import torch
from peers import flops, settle, undrawn
from torch import nn

from mobilenet_lib import Cost, MobileNetV1, MobileNetV2, families, lite0, measure, pretrained
from mobilenet_lib.blocks import ConvDepthwiseConv, DepthwiseProjection, DepthwiseSeparableConv, InvertedResidualSE


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=families.FAMILIES)
def both(request):
    """Return a member's name, timm's network of that name, with numbers of its own, and ours with the same."""
    theirs = settle(timm.create_model(request.param), size=64)
    with undrawn():
        ours = families.named(request.param)
    return request.param, theirs, families.load_timm(ours, theirs)


@torch.no_grad()
def test_it_is_timms_network_in_both_modes_and_for_even_and_odd_sizes(both):
    _, theirs, ours = both
    for size in ((64, 64), (33, 65)):
        x = torch.randn(2, 3, *size)
        for training in (False, True):
            y = theirs.train(training)(x)
            assert (y[0] - y[1]).std() > 0.01  # the images come through
            assert torch.equal(ours.train(training)(x), y)


def test_it_costs_what_is_counted_in_timms(both):
    """By closed form, and in the tables, which are timm's, too."""
    name, theirs, ours = both
    size = (65, 96)
    counted = Cost(measure.params(theirs), flops(theirs.eval(), 1, 3, *size) // 2)
    assert counted == families.member(name, size)
    assert counted.params == measure.params(ours) == families.FAMILIES[name].params


@torch.no_grad()
@pytest.mark.parametrize("output_stride", [16, 8])
@pytest.mark.parametrize("name", ["mobilenetv2_050", "efficientnet_b0"])
def test_strides_become_dilation_as_in_timm(name, output_stride):
    theirs = settle(timm.create_model(name, num_classes=10, output_stride=output_stride), size=64)
    ours = families.named(name, num_classes=10, output_stride=output_stride)
    x = torch.randn(1, 3, 65, 64)
    assert torch.equal(families.load_timm(ours, theirs).eval()(x), theirs(x))


def test_repeats_grow_as_in_timm():
    for repeats in ([1], [4], [1, 2], [1, 3, 1], [2, 2, 5, 1]):
        for depth in (0.5, 1.0, 1.1, 1.2, 1.4, 1.8, 3.1):
            args = [{"row": i} for i in range(len(repeats))]
            theirs = timms._scale_stage_depth(args, repeats, depth)
            ours = families.deepened(repeats, depth)
            assert [row["row"] for row in theirs] == [i for i, n in enumerate(ours) for _ in range(n)]


def test_the_blocks_are_the_books_own():
    kinds = {type(block) for name in ("mobilenetv1_100", "mobilenetv2_050") for block in families.named(name).blocks}
    assert kinds == {DepthwiseSeparableConv, DepthwiseProjection, ConvDepthwiseConv}
    assert {type(block) for block in families.named("mobilenetv3_small_050").blocks} > {InvertedResidualSE}


@pytest.mark.parametrize(("name", "build"), [("mobilenetv1_100", MobileNetV1), ("mobilenetv2_100", MobileNetV2)])
@torch.no_grad()
def test_v1_and_v2_from_strings_are_the_subjects_networks(name, build):
    theirs = settle(timm.create_model(name, num_classes=10), size=64)
    x = torch.randn(1, 3, 65, 64)
    subject = pretrained.load_timm(build(10), theirs).eval()
    assert torch.equal(families.load_timm(families.named(name, num_classes=10), theirs).eval()(x), subject(x))


@torch.no_grad()
def test_lite0_with_its_trained_weights_is_the_network_of_the_earlier_chapter():
    """The released weights, under timm's names as `lite0` says them."""
    trained = lite0.pretrained()
    names, state = lite0._timm_names(trained), trained.state_dict()
    ours = families.load_timm(families.named("tf_efficientnet_lite0"), {names[key]: state[key] for key in names}).eval()
    x = torch.rand(2, 3, 97, 96)
    assert torch.equal(ours(x), trained(x))
    assert ours(x).std() > 0.1


def test_weights_that_do_not_fit_are_refused_whole_and_by_name():
    network = families.named("mnasnet_100", num_classes=10)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    source = timm.create_model("mnasnet_100", num_classes=10).state_dict()
    with pytest.raises(ValueError, match=r"must have shape \(10, 1280\) for classifier.weight, got \(11, 1280\)"):
        families.load_timm(network, {**source, "classifier.weight": torch.zeros(11, 1280)})
    with pytest.raises(ValueError, match="must have blocks.0.0.conv_dw.weight for blocks.0.depthwise.0.weight"):
        families.load_timm(network, {key: source[key] for key in source if key != "blocks.0.0.conv_dw.weight"})
    with pytest.raises(ValueError, match="source has more, for which this FamilyNetwork has no place"):
        families.load_timm(network, {**source, "more": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"eps=1e-05 as in .*, got eps=0.001"):
        families.load_timm(network, timm.create_model("mnasnet_100", num_classes=10, bn_eps=1e-3))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_weights_under_other_names_are_told_from_wrong_ones():
    network = families.named("mobilenetv3_small_050", num_classes=10)
    with pytest.raises(ValueError, match=r"its names are this library's: use network.load_state_dict\(source\)"):
        families.load_timm(network, network.state_dict())


def test_a_wrong_string_in_a_table_is_found():
    with pytest.raises(families.Misread, match=r"rows\[1\]: string must have letters of ir, got 'q' at character 7 of"):
        families.build(["ds_r1_k3_s1_c16", "ir_r2_q3_s2_e6_c24"])


def test_no_filter_for_a_step_is_refused():
    with pytest.raises(ValueError, match="stride must be 1 where no filter can take a step, got 2; give middle=3"):
        families.UniversalInvertedBottleneck(16, 64, 16, middle=0, stride=2)


@pytest.mark.parametrize(
    "kernels", [(0, 3, 0), (3, 0, 0), (3, 3, 0), (0, 0, 0), (5, 3, 0), (0, 0, 3), (3, 0, 5), (3, 5, 7)]
)
@pytest.mark.parametrize("stride", [1, 2])
@torch.no_grad()
def test_the_universal_block_is_timms(kernels, stride):
    from timm.models._efficientnet_blocks import UniversalInvertedResidual

    if stride == 2 and not any(kernels):
        return
    theirs = settle_block(UniversalInvertedResidual(16, 16, *kernels, stride, exp_ratio=4, layer_scale_init_value=None))
    ours = families.UniversalInvertedBottleneck(16, 64, 16, *kernels, stride).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    x = torch.randn(2, 16, 9, 12)
    assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize(("kernels", "out"), [((7, 0, 0), 16), ((0, 3, 0), 16), ((3, 5, 7), 24)])
@torch.no_grad()
def test_with_layer_scale_and_another_activation_the_universal_block_is_timms_too(kernels, out):
    from timm.models._efficientnet_blocks import UniversalInvertedResidual

    theirs = settle_block(UniversalInvertedResidual(16, out, *kernels, exp_ratio=4, act_layer=nn.GELU))
    theirs.layer_scale.gamma.uniform_(-1, 1)
    block = families.ScaledUniversalInvertedBottleneck(16, 64, out, *kernels)
    ours = families.with_layer(block, families.ConvBNGELU).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    x = torch.randn(2, 16, 9, 12)
    assert torch.equal(ours(x), theirs(x))


def settle_block(block):
    """Give a block numbers of its own."""
    torch.manual_seed(0)
    for norm in block.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    block.train()(torch.randn(4, 16, 9, 12))
    return block.eval()


@pytest.mark.parametrize("branches", [1, 4])
@pytest.mark.parametrize("stride", [1, 2])
@torch.no_grad()
def test_branches_add_up_as_in_timms_mobileone(stride, branches):
    from timm.models.byobnet import LayerFn, MobileOneBlock

    theirs = MobileOneBlock(16, 16, 3, stride, group_size=1, num_conv_branches=branches, layers=LayerFn())
    theirs = settle_block(theirs)
    ours = families.ReparameterizableDepthwise(16, 3, stride, branches).eval()
    by_name = dict(theirs.named_modules())
    parts = [part for part in (ours.first, *ours.others)]
    names = [*(f"conv_kxk.{i}" for i in range(branches)), "conv_scale", *["identity"] * (stride == 1)]
    for part, name in zip(parts, names, strict=True):
        part.load_state_dict(dict(zip(part.state_dict(), by_name[name].state_dict().values(), strict=True)))
    x = torch.randn(2, 16, 9, 12)
    y = theirs(x)
    assert torch.allclose(ours(x), y, atol=1e-5)
    assert torch.allclose(families.reparameterized(ours)(x), y, atol=1e-4)
    theirs.reparameterize()
    assert torch.allclose(families.reparameterized(ours)(x), theirs(x), atol=1e-5)
    double = ours.double()
    assert torch.allclose(families.reparameterized(double)(x.double()), double(x.double()), atol=1e-12)


def test_branches_do_not_add_up_in_training():
    with pytest.raises(ValueError, match="block must be in eval mode, got one in training; call block.eval"):
        families.reparameterized(families.ReparameterizableDepthwise(8))


@torch.no_grad()
def test_the_first_setting_is_the_inverted_residual():
    universal, residual = families.UniversalInvertedBottleneck(16, 64, 16), ConvDepthwiseConv(16, 64, 16)
    residual.load_state_dict(universal.state_dict())
    x = torch.randn(2, 16, 9, 12)
    ours = families.with_layer(universal, type(residual.conv1))
    ours.load_state_dict(residual.state_dict())
    assert torch.equal(ours.eval()(x), residual.eval()(x))
