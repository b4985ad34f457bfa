"""The segmentation heads, held against torchvision's with the same weights and torch's counts; the toy task."""

import numpy as np
import pytest
import torch
from peers import carry, flops, shake, undrawn
from sklearn.metrics import jaccard_score
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.segmentation.deeplabv3 import ASPP, DeepLabHead
from torchvision.models.segmentation.lraspp import LRASPPHead

from mobilenet_lib import MobileNetV1, MobileNetV2, cost, measure, segmentation


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("sizes", [((28, 28), (14, 14)), ((13, 9), (7, 5)), ((8, 8), (8, 8)), ((4, 5), (1, 1))])
def test_lraspp_head_is_torchvisions(sizes, training):
    ours = shake(segmentation.LRASPPHead(24, 40, num_classes=5, mid_channels=16)).train(training)
    peer = LRASPPHead(24, 40, num_classes=5, inter_channels=16).train(training)
    carry(ours, peer)
    low, high = torch.randn(2, 24, *sizes[0]), 3 * torch.randn(2, 40, *sizes[1])
    with torch.no_grad():
        y, peers = ours(low, high), peer({"low": low, "high": high})
    assert y.shape == (2, 5, *sizes[0])
    assert y.std() > 0
    assert (y - peers).abs().max() == 0.0
    for mine, theirs in zip(ours.buffers(), peer.buffers(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize(
    ("size", "rates"), [((14, 14), (6, 12, 18)), ((9, 5), (1, 2)), ((33, 20), (12, 24, 36)), ((4, 4), ())]
)
def test_deeplab_head_is_torchvisions(size, rates, training):
    ours = shake(segmentation.DeepLabHead(24, num_classes=5, rates=rates)).train(training)
    peer = DeepLabHead(24, num_classes=5, atrous_rates=rates).train(training)
    carry(ours, peer)
    x = 3 * torch.randn(2, 24, *size)
    with torch.no_grad():
        torch.manual_seed(1)  # dropout draws from the same numbers
        y = ours(x)
        torch.manual_seed(1)
        peers = peer(x)
    assert y.shape == (2, 5, *size)
    assert y.std() > 0
    assert (y - peers).abs().max() == 0.0
    for mine, theirs in zip(ours.buffers(), peer.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_pyramid_pooling_is_torchvisions_at_other_widths():
    ours = shake(segmentation.DeepLabHead(24, num_classes=5, mid_channels=32, rates=(2, 4, 6))).eval()
    peer = ASPP(24, (2, 4, 6), out_channels=32).eval()
    state = list(ours.state_dict().values())
    for theirs, mine in zip(peer.state_dict().values(), state, strict=False):
        theirs.copy_(mine)
    x = torch.randn(2, 24, 15, 11)
    with torch.no_grad():
        assert (ours(x) - ours.classifier(ours.conv(peer(x)))).abs().max() == 0.0


BUILDS = {
    "lraspp": (segmentation.LRASPP, cost.lraspp, cost.lraspp_layers, {"mid_channels": 24}),
    "deeplab": (
        segmentation.DeepLabV3,
        cost.deeplab_v3,
        cost.deeplab_v3_layers,
        {"mid_channels": 24, "rates": (2, 3)},
    ),
}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("output_stride", [32, 16, 8])
def test_closed_form_equals_what_torch_counts_and_its_rows_are_the_layers(name, output_stride):
    build, closed_form, layers, options = BUILDS[name]
    for width_mult, size, classes in ((0.35, (96, 96), 4), (0.5, (97, 130), 21), (0.25, (33, 47), 1)):
        with undrawn():
            model = build(MobileNetV2(width_mult=width_mult, output_stride=output_stride), classes, **options).eval()
        derived = closed_form(classes, width_mult, size, output_stride=output_stride, **options)
        assert derived == cost.Cost(measure.params(model), flops(model, 1, 3, *size) // 2)
        rows = layers(classes, width_mult, size, output_stride=output_stride, **options)
        assert cost.total(rows) == derived
        for row in rows:
            part = model.get_submodule(row.name if row.name.startswith("head.") else f"backbone.{row.name}")
            conv = part if isinstance(part, nn.Conv2d) else part[0]
            assert row.weights == conv.weight.numel(), row.name
            assert (row.bias, row.norm) == (conv.bias is not None, part is not conv), row.name
            assert (row.stride, row.dilation) == (conv.stride[0], conv.dilation[0]), row.name


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("output_stride", [16, 8])
def test_closed_form_with_the_papers_head_equals_what_torch_counts(name, output_stride):
    build, closed_form, _, _ = BUILDS[name]
    with torch.device("meta"):
        model = build(MobileNetV2(output_stride=output_stride), 21).eval()
    derived = closed_form(21, resolution=(513, 300), output_stride=output_stride)
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 513, 300, device="meta"))
    assert derived.params == measure.params(model)
    assert 2 * derived.macs == counter.get_total_flops()


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("network", [MobileNetV1, MobileNetV2])
@pytest.mark.parametrize("output_stride", [32, 16, 8])
def test_scores_have_the_size_of_the_image_whatever_it_is(name, network, output_stride):
    build, _, _, options = BUILDS[name]
    model = build(network(width_mult=0.25, output_stride=output_stride), 3, **options).eval()
    with torch.no_grad():
        for size in ((32, 32), (33, 47), (64, 101)):
            assert model(torch.zeros(1, 3, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize("name", BUILDS)
def test_a_backbone_is_shared_and_its_classifier_left_out(name):
    build, _, _, options = BUILDS[name]
    network = MobileNetV2(width_mult=0.25, output_stride=16)
    model = build(network, 3, **options)
    assert model.backbone.stem is network.stem
    assert model.backbone.blocks is network.blocks
    assert not any(part is network.classifier or part is network.head for part in model.modules())


@pytest.mark.parametrize("name", BUILDS)
def test_gradients_reach_every_weight(name):
    build, _, _, options = BUILDS[name]
    model = build(MobileNetV2(width_mult=0.25, output_stride=8), 3, **options)
    torch.manual_seed(0)
    model(torch.randn(4, 3, 64, 64)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_resize_is_what_each_pixels_neighbours_say():
    x = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    expected = torch.tensor([0.0, 1.0, 3.0, 4.0]) + torch.tensor([[0.0], [2.0], [6.0], [8.0]])
    assert torch.allclose(segmentation.resize(x, (4, 4))[0, 0], expected)
    assert torch.equal(segmentation.resize(x, (2, 2)), x)


def test_deeplab_says_why_one_image_is_too_few_to_train_on():
    head = segmentation.DeepLabHead(8, 3, mid_channels=4)
    x = torch.randn(1, 8, 5, 5)
    with pytest.raises(ValueError, match="x must hold 2 images or more in training, got 1"):
        head(x)
    assert head.eval()(x).shape == (1, 3, 5, 5)
    head.train().context.eval()  # the remedy that the message names
    assert head(x).shape == (1, 3, 5, 5)


# The toy task


def test_scenes_are_drawn_again_by_their_seed_alone():
    images, masks = segmentation.toy_scenes(5, seed=3)
    torch.manual_seed(9)
    before = torch.get_rng_state()
    again, masks_again = segmentation.toy_scenes(5, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(images, again)
    assert torch.equal(masks, masks_again)
    others, _ = segmentation.toy_scenes(5, seed=4)
    assert not torch.equal(images, others)


@pytest.mark.parametrize("size", [32, 64, 255, 256])
def test_scenes_are_pictures_and_their_classes(size):
    images, masks = segmentation.toy_scenes(12, size=size)
    assert images.shape == (12, 3, size, size)
    assert images.dtype == torch.float32
    assert 0 <= images.min() < 0.2 < 0.8 < images.max() <= 1
    assert masks.shape == (12, size, size)
    assert masks.dtype == torch.int64
    assert sorted(masks.unique().tolist()) == list(range(len(segmentation.SHAPES)))
    assert 0.05 < (masks > 0).float().mean() < 0.5


def test_what_is_background_comes_from_the_photograph_untouched():
    images, masks = segmentation.toy_scenes(40, seed=5, size=32)
    photograph = (255 * segmentation._photograph()).round().to(torch.uint8)
    windows = photograph.unfold(1, 32, 1).unfold(2, 32, 1)  # (3, rows, columns, 32, 32), a view
    for image, mask in zip(images[:6], masks, strict=False):
        pixels = (255 * image).round().to(torch.uint8)
        found = False
        for picture in (pixels, pixels.flip(2)):
            outside = (mask if picture is pixels else mask.flip(1)) == 0
            ys, xs = (where[:: max(1, len(where) // 40)] for where in outside.nonzero(as_tuple=True))
            same = torch.ones(windows.shape[1:3], dtype=torch.bool)
            for y, x in zip(ys, xs, strict=True):
                for c in range(3):
                    same &= windows[c, :, :, y, x] == picture[c, y, x]
            found |= bool(same.any())
        assert found


def test_the_three_shapes_have_about_one_area_and_their_own_outlines():
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 401), torch.linspace(-1, 1, 401), indexing="ij")
    disc, square, triangle = segmentation._outlines(rows, columns, 0.5)
    areas = [shape.float().mean().item() * 4 for shape in (disc, square, triangle)]
    assert areas[0] == pytest.approx(np.pi / 4, rel=0.02)
    assert max(areas) < 1.1 * min(areas)
    widths = [shape.any(0).sum() / 200 for shape in (disc, square, triangle)]
    assert widths[0] == pytest.approx(1.0, abs=0.02)
    # A disc and a square are the same upside down, a triangle is not; only the square has corners on its diagonal.
    assert torch.equal(square, square.flip(0))
    assert not torch.equal(triangle, triangle.flip(0))
    assert square[200 + 80, 200 + 80]
    assert not disc[200 + 80, 200 + 80]


def test_iou_counts_pixels_as_sets_do():
    generator = torch.Generator().manual_seed(0)
    for classes in (1, 2, 5):
        predicted, masks = (torch.randint(classes, (3, 7, 6), generator=generator) for _ in range(2))
        expected = []
        for c in range(classes):
            ours, truth = ({tuple(place) for place in (x == c).nonzero().tolist()} for x in (predicted, masks))
            expected.append(len(ours & truth) / len(ours | truth))
        assert segmentation.iou(predicted, masks, classes).tolist() == pytest.approx(expected)


def test_iou_of_a_perfect_answer_is_one_and_of_an_absent_class_is_nan():
    masks = torch.tensor([[0, 2], [2, 2]])
    score = segmentation.iou(masks, masks, 4)
    assert score[[0, 2]].tolist() == [1.0, 1.0]
    assert score[[1, 3]].isnan().all()
    assert segmentation.iou(masks.to(torch.uint8), masks, 3)[0] == 1.0


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64]


@pytest.mark.parametrize("ours", INTEGERS)
@pytest.mark.parametrize("theirs", INTEGERS)
def test_iou_is_scikit_learns_whatever_integers_hold_the_classes(ours, theirs):
    generator = torch.Generator().manual_seed(0)
    predicted, masks = (torch.randint(100, (2, 40, 40), generator=generator) for _ in range(2))
    expected = jaccard_score(masks.flatten().numpy(), predicted.flatten().numpy(), average=None)
    found = segmentation.iou(predicted.to(ours), masks.to(theirs), 100)
    assert found.tolist() == pytest.approx(expected.tolist())
    assert segmentation.iou(masks.to(ours), masks.to(theirs), 100).eq(1).all()


@pytest.mark.parametrize(("dtype", "classes"), [(torch.uint8, 256), (torch.int16, 1000), (torch.bool, 2)])
def test_iou_has_room_for_every_label_of_a_dtype(dtype, classes):
    masks = torch.arange(classes).to(dtype)
    assert segmentation.iou(masks, masks, classes).tolist() == [1.0] * classes


@pytest.mark.parametrize("void", [255, -1, -100, 3, 21])
def test_what_is_ignored_counts_neither_as_a_hit_nor_as_a_miss(void):
    generator = torch.Generator().manual_seed(0)
    predicted, masks = (torch.randint(3, (2, 30, 30), generator=generator) for _ in range(2))
    hidden = torch.rand(masks.shape, generator=generator) < 0.3
    masks = torch.where(hidden, void, masks)
    expected = jaccard_score(masks[~hidden].numpy(), predicted[~hidden].numpy(), average=None)
    found = segmentation.iou(predicted, masks, 3, ignore=void)
    assert found.tolist() == pytest.approx(expected.tolist())
    anything = torch.where(hidden, void, predicted)  # what is predicted there does not matter, whatever it is
    assert segmentation.iou(anything, masks, 3, ignore=void).tolist() == found.tolist()


def test_a_class_may_be_ignored_and_nothing_may_be_left():
    predicted, masks = torch.tensor([0, 1, 1, 0]), torch.tensor([0, 0, 1, 1])
    assert segmentation.iou(predicted, masks, 2, ignore=0).tolist() == [0.0, 0.5]
    assert segmentation.iou(predicted, torch.full((4,), 255), 2, ignore=255).isnan().all()
    assert segmentation.iou(predicted, masks, 2, ignore=9).tolist() == segmentation.iou(predicted, masks, 2).tolist()


def test_the_remedies_that_iou_names_help():
    predicted, masks = torch.tensor([0, 1, 2]), torch.tensor([0, 1, 255], dtype=torch.uint8)
    with pytest.raises(ValueError, match="masks must .*ignore=255 leaves out.*, num_classes=256 has room"):
        segmentation.iou(predicted, masks, 3)
    assert segmentation.iou(predicted, masks, 3, ignore=255)[:2].tolist() == [1.0, 1.0]
    assert segmentation.iou(predicted, masks, 256)[:2].tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="masks must .*got -1 to 1; ignore=-1 leaves out.*, classes begin at 0"):
        segmentation.iou(predicted, torch.tensor([0, 1, -1]), 3)
    with pytest.raises(ValueError, match="predicted must .*got 0 to 2; num_classes=3 has room for all"):
        segmentation.iou(predicted, torch.tensor([0, 1, 1]), 2)
    with pytest.raises(ValueError, match="masks must .*got 0 to 255; num_classes=256 has room for all"):
        segmentation.iou(predicted, torch.tensor([0, 4, 255]), 3)
    with pytest.raises(TypeError, match=r"masks must .*got torch.float32; masks.long\(\)"):
        segmentation.iou(predicted, torch.tensor([0.0, 1.0, 2.0]), 3)
    with pytest.raises(TypeError, match=r"predicted must .*got torch.float32; scores.argmax\(1\)"):
        segmentation.iou(torch.randn(1, 3, 4), predicted, 3)
    for label in (True, 255.0, "255", (255,)):
        with pytest.raises(TypeError, match="ignore must be an integer label or None, got"):
            segmentation.iou(predicted, masks, 3, ignore=label)


def test_a_small_network_learns_to_find_the_shapes():
    torch.manual_seed(0)
    images, masks = segmentation.toy_scenes(16, seed=1, size=32)
    model = segmentation.LRASPP(MobileNetV2(width_mult=0.25, output_stride=8), len(segmentation.SHAPES), 32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        loss = nn.functional.cross_entropy(model(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


TINY = MobileNetV2(2, 0.1)
BAD = [
    (lambda: segmentation.LRASPPHead(0, 8, 3), ValueError, "low_channels", "0"),
    (lambda: segmentation.LRASPPHead(8, 8.0, 3), TypeError, "high_channels", "8.0"),
    (lambda: segmentation.LRASPPHead(8, 8, 0), ValueError, "num_classes", "0"),
    (lambda: segmentation.LRASPPHead(8, 8, 3, 0), ValueError, "mid_channels", "0"),
    (lambda: segmentation.LRASPPHead(8, 8, 3, rates=(6,)), TypeError, "rates", ""),
    (lambda: segmentation.DeepLabHead(-8, 3), ValueError, "in_channels", "-8"),
    (lambda: segmentation.DeepLabHead(8, True), TypeError, "num_classes", "True"),
    (lambda: segmentation.DeepLabHead(8, 3, mid_channels=0), ValueError, "mid_channels", "0"),
    (lambda: segmentation.DeepLabHead(8, 3, rates=6), TypeError, "rates", "6"),
    (lambda: segmentation.DeepLabHead(8, 3, rates=(6, 0)), ValueError, "rates[1]", "0"),
    (lambda: segmentation.DeepLabHead(8, 3, rates=(6.0,)), TypeError, "rates[0]", "6.0"),
    (lambda: segmentation.DeepLabHead(8, 3, dropout=2), ValueError, "dropout", "2"),
    (lambda: segmentation.LRASPP(nn.Identity(), 3), TypeError, "network", "Identity"),
    (lambda: segmentation.LRASPP(TINY), TypeError, "num_classes", ""),
    (lambda: segmentation.LRASPP(TINY, 0), ValueError, "num_classes", "0"),
    (lambda: segmentation.LRASPP(TINY, 3, 0), ValueError, "mid_channels", "0"),
    (lambda: segmentation.LRASPP(MobileNetV2(3, 0.35, spec=[(6, 24, 1, 2)]), 3), ValueError, "network", "[4]"),
    (lambda: segmentation.DeepLabV3("v2", 3), TypeError, "network", "str"),
    (lambda: segmentation.DeepLabV3(TINY, 3, rates=(-1,)), ValueError, "rates[0]", "-1"),
    (lambda: segmentation.DeepLabV3(TINY, 3, dropout="0.5"), TypeError, "dropout", "'0.5'"),
    (lambda: cost.lraspp(0), ValueError, "num_classes", "0"),
    (lambda: cost.lraspp(21, 0), ValueError, "width_mult", "0"),
    (lambda: cost.lraspp(21, resolution=15), ValueError, "resolution", "15x15"),
    (lambda: cost.lraspp(21, mid_channels=8.0), TypeError, "mid_channels", "8.0"),
    (lambda: cost.lraspp(21, output_stride=4), ValueError, "output_stride", "4"),
    (lambda: cost.deeplab_v3("21"), TypeError, "num_classes", "'21'"),
    (lambda: cost.deeplab_v3(21, rates=12), TypeError, "rates", "12"),
    (lambda: cost.deeplab_v3(21, rates=(1, 0)), ValueError, "rates[1]", "0"),
    (lambda: cost.deeplab_v3(21, mid_channels=0), ValueError, "mid_channels", "0"),
    (lambda: segmentation.toy_scenes(0), ValueError, "count", "0"),
    (lambda: segmentation.toy_scenes(2.5), TypeError, "count", "2.5"),
    (lambda: segmentation.toy_scenes(2, seed=-1), ValueError, "seed", "-1"),
    (lambda: segmentation.toy_scenes(2, seed=None), TypeError, "seed", "None"),
    (lambda: segmentation.toy_scenes(2, size=31), ValueError, "size", "31"),
    (lambda: segmentation.toy_scenes(2, size=257), ValueError, "size", "257"),
    (lambda: segmentation.toy_scenes(2, size=64.0), TypeError, "size", "64.0"),
    (lambda: segmentation.resize(torch.zeros(1, 1, 2, 2).long(), 3), TypeError, "x", "int64"),
    (lambda: segmentation.iou(torch.zeros(2, 2), torch.zeros(2, 2).long(), 2), TypeError, "predicted", "float32"),
    (lambda: segmentation.iou(torch.zeros(2, 2).long(), [[0]], 2), TypeError, "masks", "list"),
    (lambda: segmentation.iou(torch.tensor([2]), torch.tensor([0]), 2), ValueError, "predicted", "2 to 2"),
    (lambda: segmentation.iou(torch.tensor([0]), torch.tensor([-1]), 2), ValueError, "masks", "-1"),
    (lambda: segmentation.iou(torch.tensor([0]), torch.tensor([0, 0]), 2), ValueError, "shape", "(2,)"),
    (lambda: segmentation.iou(torch.tensor([0]), torch.tensor([0]), 0), ValueError, "num_classes", "0"),
]


@pytest.mark.parametrize(("build", "error", "name", "value"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(build, error, name, value):
    with pytest.raises(error) as caught:
        build()
    assert name in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize("build", [segmentation.LRASPP, segmentation.DeepLabV3])
@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((1, 3, 64, 64), dtype=np.float32), TypeError, "ndarray"),
        (torch.zeros(3, 64, 64), ValueError, "(3, 64, 64)"),
        (torch.zeros(1, 1, 64, 64), ValueError, "got 1"),
        (torch.zeros(1, 3, 31, 64), ValueError, "31x64"),
    ],
)
def test_what_is_no_batch_of_large_enough_images_is_refused(build, x, error, words):
    with pytest.raises(error, match="x must") as caught:
        build(TINY, 3)(x)
    assert words in str(caught.value)


@pytest.mark.parametrize("channels", [(9, 8), (8, 9)])
def test_heads_refuse_maps_of_other_channels(channels):
    low, high = (torch.zeros(2, c, 6, 6) for c in channels)
    with pytest.raises(ValueError, match="x must have 8 channels"):
        segmentation.LRASPPHead(8, 8, 3)(low, high)
    with pytest.raises(ValueError, match="x must have 8 channels"):
        segmentation.DeepLabHead(8, 3)(torch.zeros(2, 9, 6, 6))
