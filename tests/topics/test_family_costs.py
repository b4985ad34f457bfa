"""What the later blocks cost by closed form is what fvcore counts, and the families what was published."""

from __future__ import annotations

import itertools
import re

import pytest
import torch
from timm.models._efficientnet_blocks import MobileAttention, UniversalInvertedResidual

from mobilenet_lib import Cost, cost, families, measure

SIZES = [(8, 8), (9, 14)]
KERNELS = [(0, 3, 0), (3, 0, 0), (5, 3, 0), (0, 0, 0), (0, 0, 3), (3, 5, 7), (3, 0, 5)]


@pytest.mark.parametrize("stride", [1, 2])
def test_a_blocks_closed_form_is_what_fvcore_counts(stride):
    for size, (m, mid, n), k in itertools.product(SIZES, [(8, 24, 8), (8, 32, 16)], [3, 5]):
        shape = (1, m, *size)
        for name, module, form in (
            ("er", families.EdgeResidual(m, mid, n, k, stride), families.edge_residual(m, mid, n, size, k, stride)),
            ("er se", families.EdgeResidualSE(m, mid, n, 2, k, stride),
             families.edge_residual_se(m, mid, n, 2, size, k, stride)),
            ("ds se", families.DepthwiseProjectionSE(m, n, 2, k, stride),
             families.depthwise_projection_se(m, n, 2, size, k, stride)),
        ):  # fmt: skip
            assert measure.cost(module.eval(), shape) == form, (name, size, m, mid, n, k)


@pytest.mark.parametrize("kernels", KERNELS)
def test_the_universal_block_costs_what_fvcore_counts_in_ours_and_in_timms(kernels):
    for stride, size in itertools.product((1, 2) if any(kernels) else (1,), SIZES):
        form = families.universal(8, 32, 16, size, *kernels, stride)
        ours = families.UniversalInvertedBottleneck(8, 32, 16, *kernels, stride).eval()
        theirs = UniversalInvertedResidual(8, 16, *kernels, stride, exp_ratio=4, layer_scale_init_value=None).eval()
        assert measure.cost(ours, (1, 8, *size)) == measure.cost(theirs, (1, 8, *size)) == form
    scaled = families.ScaledUniversalInvertedBottleneck(8, 32, 16, *kernels).eval()
    plain = families.universal(8, 32, 16, SIZES[0], *kernels)
    assert measure.cost(scaled, (1, 8, *SIZES[0])) == plain + cost.Cost(params=16, macs=0)


@pytest.mark.parametrize("branches", [1, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_branches_cost_what_fvcore_counts_and_one_filter_less(stride, branches):
    block = families.ReparameterizableDepthwise(8, 3, stride, branches).eval()
    form = families.reparameterizable_depthwise(8, (9, 14), 3, stride, branches)
    assert measure.cost(block, (1, 8, 9, 14)) == form
    one = cost.conv(8, 8, 3, (-(-9 // stride), -(-14 // stride)), groups=8, bias=True)
    assert measure.cost(families.reparameterized(block), (1, 8, 9, 14)) == one


@pytest.mark.parametrize("kv_stride", [1, 2])
@pytest.mark.parametrize("size", [(8, 8), (9, 14)])
def test_attention_costs_what_fvcore_counts_in_timms(size, kv_stride):
    block = MobileAttention(
        16,
        16,
        num_heads=2,
        key_dim=4,
        value_dim=4,
        kv_stride=kv_stride,
        use_multi_query=True,
        layer_scale_init_value=None,
    ).eval()
    block.attn.fused_attn = False  # fvcore has no count of the fused operation
    form = families.multi_query_attention(16, size, heads=2, key_dim=4, kv_stride=kv_stride)
    assert measure.cost(block, (1, 16, *size)) == form


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "tf_efficientnetv2_b0", "mobilenetv4_conv_small"])
@torch.no_grad()
def test_each_layer_of_a_network_stands_where_its_name_says(name):
    """Sizes and channels, layer by layer, of what really runs."""
    network, seen = families.named(name).eval(), {}

    def look(key):
        def hook(part, inputs, output):
            name = re.sub(r"\.conv$", "", key.removesuffix(".0"))
            seen[re.sub(r"^head.*", "head", name)] = (inputs[0].shape, output.shape)

        return hook

    for key, part in network.named_modules():
        if isinstance(part, torch.nn.Conv2d):
            part.register_forward_hook(look(key))
    network(torch.zeros(1, 3, 65, 96))
    layers = families.member_layers(name, (65, 96))[:-1]
    assert [layer.name.removesuffix(".conv") for layer in layers] == list(seen)
    for layer, (before, after) in zip(layers, seen.values(), strict=True):
        assert (layer.in_channels, *layer.in_size) == tuple(before[1:])
        assert (layer.out_channels, *layer.out_size) == tuple(after[1:])


# Parameters in millions, as timm's results-imagenet.csv states them.
PARAMS = {
    "mobilenetv1_100": 4.23, "mobilenetv2_100": 3.50, "mnasnet_100": 4.38, "semnasnet_100": 3.89,
    "mobilenetv3_large_100": 5.48, "mobilenetv3_small_100": 2.54, "efficientnet_b0": 5.29, "efficientnet_lite0": 4.65,
    "tf_efficientnetv2_b0": 7.14, "mobilenetv4_conv_small": 3.77, "mobilenetv4_conv_medium": 9.72,
}  # fmt: skip
# Millions of MACs in the papers: V1's table 8, V2's 4, MnasNet's 1, V3's 3 and 4, EfficientNet's 2.
MMACS = {
    "mobilenetv1_100": 569, "mobilenetv2_100": 300, "mnasnet_100": 315, "semnasnet_100": 312,
    "mobilenetv3_large_100": 219, "mobilenetv3_small_100": 56, "efficientnet_b0": 390,
}  # fmt: skip


def test_parameters_are_as_published():
    assert {name: round(families.member(name).params / 1e6, 2) for name in PARAMS} == PARAMS


@pytest.mark.parametrize("name", MMACS)
def test_macs_are_those_of_the_paper_to_a_hundredth(name):
    """The papers round, and count a few layers otherwise."""
    assert families.member(name, 224).macs / 1e6 == pytest.approx(MMACS[name], rel=0.0125)


def test_the_universal_block_has_four_settings_of_two_switches():
    at = {"size": 14}
    assert families.universal(96, 384, 96, **at) == cost.inverted_residual(96, 384, 96, **at)
    feed_forward = families.universal(96, 384, 96, **at, middle=0)
    assert feed_forward.macs == 2 * 96 * 384 * 14 * 14
    extra = families.universal(96, 384, 96, **at, start=3)
    assert extra == families.universal(96, 384, 96, **at) + Cost(9 * 96 + 2 * 96, 9 * 96 * 14 * 14)


def test_compound_scaling_rounds_depth_up():
    """B1's 1.1 and a depth of 1.2 are the same network where stages have few blocks."""
    b0 = families.family("efficientnet_b0").options()
    deep = {depth: families.built(**{**b0, "depth_mult": depth}) for depth in (1.0, 1.1, 1.2)}
    assert deep[1.1] == deep[1.2] != deep[1.0]
