"""The closed forms, held against counters that run or trace the real modules: fvcore, torch's own, torchinfo."""

import inspect
import random
import re
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from peers import flops
from torch import nn
from torchvision.models import mobilenet_v2 as torchvision_v2

from mobilenet_lib import (
    ConvBN,
    ConvBNReLU,
    ConvDepthwiseConv,
    Cost,
    DepthwiseProjection,
    DepthwiseSeparableConv,
    MobileNetV1,
    MobileNetV2,
    _validation,
    cost,
    measure,
    specs,
)

pytestmark = pytest.mark.usefixtures("undrawn")

NETWORKS = {
    "v1": (MobileNetV1, cost.mobilenet_v1, cost.mobilenet_v1_layers),
    "v2": (MobileNetV2, cost.mobilenet_v2, cost.mobilenet_v2_layers),
}


def bottleneck(in_channels, mid_channels, out_channels, kernel_size, stride, dilation):
    """Build the classical bottleneck, which the library counts and does not ship, from its layers."""
    return nn.Sequential(
        ConvBNReLU(in_channels, mid_channels, kernel_size=1),
        ConvBNReLU(mid_channels, mid_channels, kernel_size, stride, dilation=dilation),
        ConvBN(mid_channels, out_channels, kernel_size=1),
    )


# For each block: how to build it, its closed form, the layers of that, and whether it has a middle.
BLOCKS = {
    "standard": (ConvBNReLU, cost.standard_block, cost.standard_block_layers, False),
    "separable": (DepthwiseSeparableConv, cost.depthwise_separable, cost.depthwise_separable_layers, False),
    "projection": (DepthwiseProjection, cost.depthwise_projection, cost.depthwise_projection_layers, False),
    "inverted": (ConvDepthwiseConv, cost.inverted_residual, cost.inverted_residual_layers, True),
    "bottleneck": (bottleneck, cost.bottleneck, cost.bottleneck_layers, True),
}


def random_blocks(kind, count):
    """Yield (channels, options, size) of `count` blocks: any parity of sides, non-square maps, equal ends at times."""
    draw = random.Random(kind)
    for _ in range(count):
        in_channels = draw.randint(1, 40)
        out_channels = draw.choice([in_channels, draw.randint(1, 40)])
        middle = [in_channels * draw.randint(1, 10)] if BLOCKS[kind][3] else []
        options = {
            "kernel_size": draw.choice([1, 3, 5, 7]),
            "stride": draw.choice([1, 2]),
            "dilation": draw.choice([1, 1, 2, 3]),
        }
        yield [in_channels, *middle, out_channels], options, (draw.randint(2, 30), draw.randint(2, 30))


def run_convolutions(module, size, in_channels=3):
    """Run a module once on a blank map and return [(convolution or linear layer, input shape, output shape)]."""
    seen = []
    hooks = [
        part.register_forward_hook(lambda part, x, y: seen.append((part, x[0].shape, y.shape)))
        for part in module.modules()
        if isinstance(part, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        module.eval()(torch.zeros(1, in_channels, *size, device=next(module.parameters()).device))
    for hook in hooks:
        hook.remove()
    return seen


def assert_rows_describe(rows, seen):
    """Require one row for each convolution that ran, in order, with its true shapes and weights."""
    assert len(rows) == len(seen)
    for row, (part, before, after) in zip(rows, seen, strict=True):
        assert row.weights == part.weight.numel(), row
        assert row.activations == after.numel(), row
        assert row.bias == (part.bias is not None), row
        if isinstance(part, nn.Conv2d):
            assert (row.in_channels, *row.in_size) == tuple(before[1:]), row
            assert (row.out_channels, *row.out_size) == tuple(after[1:]), row
            assert (row.kernel_size, row.kernel_size) == part.kernel_size, row
            assert (row.stride, row.dilation, row.groups) == (part.stride[0], part.dilation[0], part.groups), row
            assert row.norm, row


@pytest.mark.parametrize("kind", BLOCKS)
def test_closed_form_equals_fvcore_on_random_blocks(kind):
    build, closed_form, layers, _ = BLOCKS[kind]
    for channels, options, size in random_blocks(kind, 50):
        block = build(*channels, **options)
        measured = measure.cost(block, (1, channels[0], *size))
        assert closed_form(*channels, size, **options) == measured, (kind, channels, options, size)
        assert cost.total(layers(*channels, size, **options)) == measured


@pytest.mark.parametrize("kind", BLOCKS)
def test_every_row_of_a_block_describes_the_convolution_that_runs_there(kind):
    build, _, layers, _ = BLOCKS[kind]
    for channels, options, size in random_blocks(kind, 50):
        seen = run_convolutions(build(*channels, **options), size, channels[0])
        assert_rows_describe(layers(*channels, size, **options), seen)


@pytest.mark.parametrize("kind", ["separable", "projection", "inverted"])
def test_rows_of_a_block_carry_the_names_of_its_parts(kind):
    build, _, layers, middle = BLOCKS[kind]
    channels = [8, 16, 24] if middle else [8, 24]
    block = build(*channels)
    for row in layers(*channels, 7):
        assert block.get_submodule(row.name)[0].weight.numel() == row.weights


def test_one_convolution_costs_what_torch_counts_when_it_runs():
    draw = random.Random(0)
    for _ in range(100):
        groups, kernel_size, size = draw.randint(1, 6), draw.choice([1, 3, 5, 7]), draw.randint(1, 20)
        m, n = groups * draw.randint(1, 8), groups * draw.randint(1, 8)
        module = nn.Conv2d(m, n, kernel_size, padding=kernel_size // 2, groups=groups)
        derived = cost.conv(m, n, kernel_size, size, groups, bias=True)
        assert 2 * derived.macs == flops(module, 1, m, size, size)
        assert derived.params == measure.params(module)


def test_a_linear_layer_is_a_1x1_convolution_on_one_pixel():
    assert cost.linear(1280, 1000) == measure.cost(nn.Linear(1280, 1000), (1, 1280))
    assert cost.linear(64, 10, bias=False) == measure.cost(nn.Linear(64, 10, bias=False), (1, 64))


def test_separable_costs_one_nth_plus_one_over_kernel_squared_of_standard():
    for n in (16, 64, 96, 1024):
        for k in (1, 3, 5, 7):
            separable = cost.depthwise_separable(48, n, 14, kernel_size=k)
            standard = cost.standard_block(48, n, 14, kernel_size=k)
            assert Fraction(separable.macs, standard.macs) == Fraction(1, n) + Fraction(1, k * k)


def test_inverted_residual_at_stride_one_follows_the_formula_of_the_paper():
    for h, w, d_in, t, k, d_out in ((56, 56, 24, 6, 3, 24), (7, 5, 160, 3, 5, 320), (1, 9, 8, 10, 7, 16)):
        derived = cost.inverted_residual(d_in, t * d_in, d_out, (h, w), kernel_size=k)
        assert derived.macs == h * w * d_in * t * (d_in + k**2 + d_out)


def test_stride_two_leaves_the_expansion_on_the_large_map():
    expansion, depthwise, projection = cost.inverted_residual_layers(24, 144, 32, 57, stride=2)
    assert expansion.macs == 57 * 57 * 24 * 144
    assert depthwise.macs == 29 * 29 * 9 * 144
    assert projection.macs == 29 * 29 * 144 * 32


def test_dilation_changes_no_cost_but_stays_in_the_row():
    assert cost.standard_block(8, 16, 20, dilation=3) == cost.standard_block(8, 16, 20)
    assert [row.dilation for row in cost.inverted_residual_layers(8, 16, 8, 20, dilation=3)] == [1, 3, 1]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_row_of_a_network_describes_the_layer_of_that_name(name):
    build, _, layers = NETWORKS[name]
    for width_mult, size, num_classes in ((1.0, (224, 224), 1000), (0.35, (97, 130), 10)):
        with torch.device("meta"):
            model = build(num_classes, width_mult)
        seen = run_convolutions(model, size)
        rows = layers(width_mult, size, num_classes)
        assert_rows_describe(rows, seen)
        for row, (part, *_) in zip(rows, seen, strict=True):
            named = model.get_submodule(row.name)
            assert part is (named if row.name == "classifier" else named[0])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("width_mult", [0.1, 0.25, 0.35, 0.75, 1.0, 1.4])
def test_networks_cost_half_the_flops_that_torch_counts_at_any_width_and_resolution(name, width_mult):
    build, closed_form, _ = NETWORKS[name]
    model = build(width_mult=width_mult).eval()
    for size in ((32, 32), (96, 96), (161, 161), (224, 224), (33, 190)):
        assert closed_form(width_mult, size).macs * 2 == flops(model, 1, 3, *size)
    assert closed_form(width_mult).params == measure.params(model)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("width_mult", "size", "num_classes"), [(1.0, (224, 224), 1000), (0.5, (129, 64), 7)])
def test_networks_cost_what_fvcore_measures(name, width_mult, size, num_classes):
    build, closed_form, _ = NETWORKS[name]
    measured = measure.cost(build(num_classes, width_mult), (1, 3, *size))
    assert closed_form(width_mult, size, num_classes) == measured


@pytest.mark.parametrize("expansion", [1, 2, 6, 10])
def test_v2_with_another_expansion_costs_what_torchvisions_does(expansion):
    spec = specs.v2_spec(expansion)
    assert [row[1:] for row in spec] == [row[1:] for row in specs.V2_SPEC]
    peer = torchvision_v2(inverted_residual_setting=[list(row) for row in spec]).eval()
    derived = cost.total(cost.mobilenet_v2_layers(resolution=160, spec=spec))
    assert derived == Cost(measure.params(peer), flops(peer, 1, 3, 160, 160) // 2)


def test_the_two_networks_cost_what_the_book_says():
    assert cost.mobilenet_v1() == Cost(params=4_231_976, macs=568_740_352)
    assert cost.mobilenet_v2() == Cost(params=3_504_872, macs=300_774_272)


@pytest.mark.parametrize("size", [56, (56, 56), [56, 56], np.int64(56), (np.int32(56), 56)])
def test_size_is_one_integer_or_a_pair(size):
    assert cost.inverted_residual(24, 144, 24, size) == cost.inverted_residual(24, 144, 24, 56)


def test_numpys_integers_give_plain_ones_that_do_not_overflow():
    big = np.int32(2048)
    huge = cost.standard_block(big, big, np.int32(224), kernel_size=np.int32(7))
    assert huge == cost.standard_block(2048, 2048, 224, kernel_size=7)
    assert cost.conv(big, big, np.int8(7), (np.int32(224), 224)).macs == huge.macs
    (row,) = cost.standard_block_layers(big, big, 224, np.int32(7), np.int32(2), np.int32(1))
    assert row == cost.standard_block_layers(2048, 2048, 224, 7, 2, 1)[0]
    numbers = [huge.params, huge.macs, row.weights, row.activations, *row[2:8], *row.in_size, *row.out_size]
    assert {type(number) for number in numbers} == {int}
    assert type(cost.batch_norm(np.int16(8)).params) is int


def test_costs_add_and_add_to_nothing_else():
    a, b = Cost(1, 20), Cost(300, 4000)
    assert a + b == b + a == sum([a, b], Cost()) == Cost(params=301, macs=4020)
    with pytest.raises(TypeError):
        a + 1
    with pytest.raises(AttributeError):
        a.macs = 5
    assert len({a, Cost(1, 20), b}) == 2


def test_a_row_adds_its_batch_norm_and_bias_to_params_and_not_to_weights():
    bare, normed = (cost.conv_layer("c", "standard", 4, 6, 5, norm=norm) for norm in (False, True))
    biased = cost.conv_layer("c", "standard", 4, 6, 5, norm=False, bias=True)
    assert (bare.weights, bare.params, normed.params, biased.params) == (24, 24, 24 + 12, 24 + 6)
    assert bare.macs == normed.macs == biased.macs
    assert {bare.weights, normed.weights, biased.weights} == {24}


def test_layers_of_a_network_follow_the_blocks_of_the_specs():
    for _, _, layers in NETWORKS.values():
        rows = layers()
        for before, after in zip(rows, rows[1:], strict=False):
            assert before.out_channels == after.in_channels
            assert before.out_size == after.in_size or after.name == "classifier"
    strides = [row.stride for row in cost.mobilenet_v2_layers() if row.role == "depthwise"]
    assert strides == [block.stride for block in specs.v2_blocks()]


BAD = [
    (lambda: cost.conv(0, 8), ValueError, "in_channels", "0"),
    (lambda: cost.conv(8, -3), ValueError, "out_channels", "-3"),
    (lambda: cost.conv(8.0, 8), TypeError, "in_channels", "8.0"),
    (lambda: cost.conv(8, True), TypeError, "out_channels", "True"),
    (lambda: cost.conv("8", 8), TypeError, "in_channels", "'8'"),
    (lambda: cost.conv(8, 8, kernel_size=4), ValueError, "kernel_size", "4"),
    (lambda: cost.conv(8, 8, kernel_size=0), ValueError, "kernel_size", "0"),
    (lambda: cost.conv(8, 8, out_size=0), ValueError, "out_size", "0"),
    (lambda: cost.conv(8, 8, out_size=(7, 7, 7)), TypeError, "out_size", "(7, 7, 7)"),
    (lambda: cost.conv(8, 9, groups=2), ValueError, "groups", "2"),
    (lambda: cost.conv(8, 8, groups=0), ValueError, "groups", "0"),
    (lambda: cost.batch_norm(0), ValueError, "channels", "0"),
    (lambda: cost.standard_block(8, 8, size=None), TypeError, "size", "None"),
    (lambda: cost.standard_block(8, 8, size=(7, 0)), ValueError, "size (width)", "0"),
    (lambda: cost.standard_block(8, 8, 7, stride=3), ValueError, "stride", "3"),
    (lambda: cost.standard_block(8, 8, 7, stride=0), ValueError, "stride", "0"),
    (lambda: cost.standard_block(8, 8, 7, stride=1.5), TypeError, "stride", "1.5"),
    (lambda: cost.depthwise_separable(8, 8, 7, kernel_size=2), ValueError, "kernel_size", "2"),
    (lambda: cost.depthwise_separable(8, 8, 7, dilation=0), ValueError, "dilation", "0"),
    (lambda: cost.depthwise_separable(8, 8, 1, stride=2), ValueError, "size", "1x1"),
    (lambda: cost.depthwise_projection(8, 8, (1, 5), stride=2), ValueError, "size", "1x5"),
    (lambda: cost.inverted_residual(8, 0, 16, 7), ValueError, "mid_channels", "0"),
    (lambda: cost.inverted_residual(8, 12.5, 16, 7), TypeError, "mid_channels", "12.5"),
    (lambda: cost.bottleneck(8, -1, 16, 7), ValueError, "mid_channels", "-1"),
    (lambda: cost.mobilenet_v1(0), ValueError, "width_mult", "0"),
    (lambda: cost.mobilenet_v1(float("nan")), ValueError, "width_mult", "nan"),
    (lambda: cost.mobilenet_v2(float("inf")), ValueError, "width_mult", "inf"),
    (lambda: cost.mobilenet_v2(-1), ValueError, "width_mult", "-1"),
    (lambda: cost.mobilenet_v2("1"), TypeError, "width_mult", "'1'"),
    (lambda: cost.mobilenet_v2(True), TypeError, "width_mult", "True"),
    (lambda: cost.mobilenet_v1(resolution=31), ValueError, "resolution", "31x31"),
    (lambda: cost.mobilenet_v2(resolution=(224, 16)), ValueError, "resolution", "224x16"),
    (lambda: cost.mobilenet_v2(resolution=224.0), TypeError, "resolution", "224.0"),
    (lambda: cost.mobilenet_v1(num_classes=0), ValueError, "num_classes", "0"),
    (lambda: cost.mobilenet_v2(num_classes=True), TypeError, "num_classes", "True"),
    (lambda: cost.standard_block(8, 8, 7, padding=1), TypeError, "padding", ""),
    (lambda: cost.mobilenet_v2(width=1.0), TypeError, "width", ""),
]


@pytest.mark.parametrize(("call", "error", "name", "value"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(call, error, name, value):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) is error
    assert name in message
    assert value in message


TWINS = [name.removesuffix("_layers") for name in vars(cost) if name.endswith("_layers")]


def test_each_function_that_lists_layers_has_a_closed_form_and_there_are_eleven():
    assert len(TWINS) == 11
    assert all(callable(getattr(cost, name)) for name in TWINS)


@pytest.mark.parametrize("name", TWINS)
def test_a_closed_form_has_the_signature_and_the_sections_of_its_layers(name):
    closed_form, layers = getattr(cost, name), getattr(cost, f"{name}_layers")
    mine, theirs = inspect.signature(closed_form), inspect.signature(layers)
    assert mine.parameters == theirs.parameters
    assert (mine.return_annotation, theirs.return_annotation) == ("Cost", "list[Layer]")
    assert (closed_form.__name__, closed_form.__module__) == (name, cost.__name__)
    text = inspect.getdoc(closed_form)
    assert text.startswith("Cost of ")
    titles = ["Parameters", "Returns", "Raises", "References", "Examples"]
    assert re.findall(r"^(\w+)\n-+$", text, re.MULTILINE) == titles
    for taken in mine.parameters:
        assert re.search(rf"^[\w, ]*\b{taken}\b[\w, ]* : ", text, re.MULTILINE), taken
    assert f">>> {name}(" in text


def values_checked(call):
    """Count the values that the library's checks look at while a call runs."""
    seen = 0

    def watch(frame, event, _):
        nonlocal seen
        code = frame.f_code
        if event == "call" and code.co_filename == _validation.__file__:
            seen += len(frame.f_locals.get("arguments", ()))

    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(None)
    return seen


def test_each_argument_is_checked_once_however_many_layers_there_are():
    assert values_checked(lambda: cost.conv(8, 8)) == 7 + 2  # both sides of the map; the Cost is of two numbers
    assert values_checked(lambda: cost.inverted_residual(24, 144, 24, 56)) == 8 + 2
    assert values_checked(lambda: cost.inverted_residual_layers(24, 144, 24, 56)[1].cost) == 8 + 2
    deep = specs.scaled(depth_mult=9.0)
    assert len(cost.mobilenet_v2_layers(spec=deep)) > 300
    assert values_checked(lambda: cost.mobilenet_v2(spec=deep)) == values_checked(cost.mobilenet_v2) < 100
    assert values_checked(cost.mobilenet_v1) < 60


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("in_channels", [1, 3, 4])
def test_networks_of_any_image_cost_what_fvcore_measures(name, in_channels):
    build, closed_form, layers = NETWORKS[name]
    network = build(10, 0.35, in_channels=in_channels)
    derived = closed_form(0.35, 96, 10, in_channels=in_channels)
    assert derived == measure.cost(network, (1, in_channels, 96, 96))
    assert_rows_describe(
        layers(0.35, 96, 10, in_channels=in_channels), run_convolutions(network, (96, 96), in_channels)
    )


@pytest.mark.parametrize(
    ("options", "smallest"),
    [
        ({"output_stride": 32}, 32),
        ({"output_stride": 16}, 16),
        ({"output_stride": 8}, 8),
        ({"spec": specs.V2_SPEC[:3]}, 8),
        ({"spec": specs.V2_SPEC[:1]}, 2),
        ({"spec": [[6, 8, 1, 2]] * 5}, 32),  # beyond the output stride a stride becomes dilation
    ],
)
def test_the_smallest_image_follows_from_the_strides(options, smallest):
    network = MobileNetV2(5, 0.35, **options)
    assert cost.mobilenet_v2(0.35, smallest, 5, **options) == measure.cost(network, (1, 3, smallest, smallest))
    with pytest.raises(ValueError, match=f"resolution must be at least {smallest} .*got {smallest - 1}x{smallest}"):
        cost.mobilenet_v2(0.35, (smallest - 1, smallest), 5, **options)
    with pytest.raises(ValueError, match=f"x must be at least {smallest} .*got {smallest}x{smallest - 1}"):
        network(torch.zeros(1, 3, smallest, smallest - 1))


def test_a_row_counts_the_numbers_it_reads_and_writes():
    for row, (_, before, after) in zip(
        cost.mobilenet_v2_layers(0.35, 96, 5), run_convolutions(MobileNetV2(5, 0.35), (96, 96)), strict=True
    ):
        assert (row.inputs, row.activations) == (before.numel(), after.numel())
        assert row.cost == Cost(row.params, row.macs)


MORE_BAD = [
    (lambda: cost.linear(0, 8), ValueError, "in_features", "0"),
    (lambda: cost.linear(8, 8, "no"), TypeError, "bias", "'no'"),
    (lambda: cost.conv(8, 8, bias=None), TypeError, "bias", "None"),
    (lambda: cost.conv_layer("stem", 3, 3, 32, 224), TypeError, "role", "3"),
    (lambda: cost.mobilenet_v1(in_channels=0), ValueError, "in_channels", "0"),
    (lambda: cost.mobilenet_v2(in_channels="3"), TypeError, "in_channels", "'3'"),
    (lambda: cost.mobilenet_v2(spec=()), ValueError, "spec", "()"),
    (lambda: cost.mobilenet_v2(spec=6), TypeError, "spec", "6"),
    (lambda: cost.mobilenet_v2(spec=[(6, 24, 2)]), TypeError, "spec[0]", "(6, 24, 2)"),
    (lambda: cost.mobilenet_v2(spec=[(6, 24, 2, 3)]), ValueError, "spec[0].s", "3"),
    (lambda: cost.total(None), TypeError, "layers", "None"),
    (lambda: cost.total([3]), TypeError, "layers[0]", "3"),
    (lambda: Cost(params=-1), ValueError, "params", "-1"),
    (lambda: Cost(macs=1.5), TypeError, "macs", "1.5"),
]


@pytest.mark.parametrize(("call", "error", "name", "value"), MORE_BAD)
def test_more_bad_arguments_are_refused_by_name_and_value(call, error, name, value):
    with pytest.raises(error) as caught:
        call()
    assert f"{name} must" in str(caught.value)
    assert value in str(caught.value)


def test_numpys_integers_do_not_overflow_in_a_sum():
    largest, one = np.int32(2**31 - 1), np.int32(1)
    assert cost.Cost(largest, largest) + cost.Cost(one, one) == cost.Cost(2**31, 2**31)
    assert type(cost.Cost(one).params) is int


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cost.conv(-(10**5000), 1), "in_channels must be a positive integer, got int of thousands of digits"),
        (lambda: cost.conv(10**5000, 3, groups=2), "groups must divide in_channels and out_channels, got groups=2"),
        (lambda: cost.conv(3, 8, kernel_size=10**5000), "kernel_size must be odd, got int of thousands of digits"),
        (lambda: specs.make_divisible(10**5000), "value must be a finite number above 0, got int of thousands"),
    ],
)
def test_an_integer_that_python_does_not_write_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("size", [np.array([4, 5]), torch.tensor([4, 5]), {4, 5}, (size for size in (4, 5))])
def test_two_sizes_in_another_dress_are_named_as_two(size):
    with pytest.raises(
        TypeError, match=r"out_size must be one integer or \(height, width\), got .*; give two integers"
    ):
        cost.conv(3, 8, out_size=size)
