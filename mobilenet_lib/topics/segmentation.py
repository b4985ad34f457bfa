"""A class for each pixel: two heads that read a MobileNet's maps, and a small task of our own to try them on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from numbers import Integral
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._validation import pair, positive_int, positive_ints, share, tensor, zero_or_more
from ..layers import Checked, ConvBN, check_map
from ..models import MobileNetV1, MobileNetV2, Pyramid

SHAPES = ("background", "disc", "square", "triangle")


class LRASPPHead(Checked):
    """Lite reduced atrous spatial pyramid pooling: MobileNetV3's segmentation head.

    A 1x1 convolution of the last map, gated channel by channel by what the whole map holds, then classified; a fine
    map, classified too, is added and gives the edges.

    Parameters
    ----------
    low_channels, high_channels : int
        Of the fine map and of the last one.
    num_classes : int
        Maps that come out, the background's included.
    mid_channels : int, default=128
        Between the last map and its classifier.

    Attributes
    ----------
    high : Sequential
        1x1 convolution, BatchNorm, ReLU.
    gate : Sequential
        Global average, 1x1 convolution, sigmoid: squeeze-and-excitation with a single layer.
    low_classifier, high_classifier : Conv2d
        1x1 with a bias.

    Shape
    -----
    low (N, C_low, H, W) and high (N, C_high, h, w) -> (N, num_classes, H, W).

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer; on a call, if a map is not of the promised channels.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, section 6.4 and figure 10.

    Examples
    --------
    >>> LRASPPHead(32, 320, num_classes=21)(torch.zeros(2, 32, 28, 28), torch.zeros(2, 320, 14, 14)).shape
    torch.Size([2, 21, 28, 28])
    """

    def __init__(self, low_channels: int, high_channels: int, num_classes: int, mid_channels: int = 128):
        super().__init__()
        low_channels, high_channels = positive_int(low_channels=low_channels, high_channels=high_channels)
        num_classes, mid_channels = positive_int(num_classes=num_classes, mid_channels=mid_channels)
        self.high = _ConvBNPlainReLU(high_channels, mid_channels, kernel_size=1)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high_channels, mid_channels, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(mid_channels, num_classes, 1)

    def check(self, low: Tensor, high: Tensor) -> None:
        check_map(low, self.low_classifier.in_channels)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        x = _like(low, self.high(high) * self.gate(high))
        return self.low_classifier(low) + self.high_classifier(x)


class DeepLabHead(Checked):
    """Atrous spatial pyramid pooling: look at the last map at several distances at once, as in DeepLabV3.

    Parameters
    ----------
    in_channels : int
        Of the last map.
    num_classes : int
        Maps that come out, the background's included.
    mid_channels : int, default=256
        Of each branch.
    rates : iterable of int, default=(6, 12, 18)
        Dilation of each 3x3 branch, in pixels of the last map. The paper's for output stride 16; double them for 8.
    dropout : float, default=0.5
        Share of the numbers dropped after the branches meet, in training.

    Attributes
    ----------
    branches : ModuleList
        A 1x1 convolution and a dilated 3x3 convolution for each rate, all with BatchNorm and ReLU.
    context : Sequential
        Global average, 1x1 convolution, BatchNorm, ReLU: one pixel, spread over the map.
    project : Sequential
        1x1 convolution of all of these together, BatchNorm, ReLU; dropout.
    conv, classifier : Module
        3x3 convolution with BatchNorm and ReLU; 1x1 convolution with a bias.

    Shape
    -----
    (N, C_in, H, W) -> (N, num_classes, H, W).

    Raises
    ------
    TypeError, ValueError
        If a count or a rate is not a positive integer, or dropout is not in [0, 1]; on a call, if the input is not
        (N, in_channels, H, W), or is a single image in training (one pixel has no variance).

    Notes
    -----
    The 3x3 branches are standard convolutions: most of the head's cost. A rate larger than the map leaves the
    centre tap alone on pixels: then the branch is a 1x1 convolution.

    References
    ----------
    Chen et al. 2017, arXiv:1706.05587, section 3.3 and figure 5.

    Examples
    --------
    >>> DeepLabHead(320, num_classes=21)(torch.zeros(2, 320, 14, 14)).shape
    torch.Size([2, 21, 14, 14])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        mid_channels: int = 256,
        rates: Iterable[int] = (6, 12, 18),
        dropout: float = 0.5,
    ):
        super().__init__()
        in_channels, num_classes, mid_channels = positive_int(
            in_channels=in_channels, num_classes=num_classes, mid_channels=mid_channels
        )
        rates = positive_ints("rates", rates)
        (dropout,) = share(dropout=dropout)
        self.in_channels = in_channels
        self.branches = nn.ModuleList([_ConvBNPlainReLU(in_channels, mid_channels, kernel_size=1)])
        for rate in rates:
            self.branches.append(_ConvBNPlainReLU(in_channels, mid_channels, kernel_size=3, dilation=rate))
        self.context = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), _ConvBNPlainReLU(in_channels, mid_channels, kernel_size=1)
        )
        together = (len(self.branches) + 1) * mid_channels
        self.project = nn.Sequential(_ConvBNPlainReLU(together, mid_channels, kernel_size=1), nn.Dropout(dropout))
        self.conv = _ConvBNPlainReLU(mid_channels, mid_channels, kernel_size=3)
        self.classifier = nn.Conv2d(mid_channels, num_classes, 1)

    def check(self, x: Tensor) -> None:
        check_map(x, self.in_channels)
        if len(x) == 1 and self.context.training:
            raise ValueError(
                "x must hold 2 images or more in training, got 1: the global average is a single pixel, and BatchNorm "
                "cannot normalise one number; use a larger batch, or head.context.eval()"
            )

    def forward(self, x: Tensor) -> Tensor:
        maps = [branch(x) for branch in self.branches]
        maps.append(_like(x, self.context(x)))
        return self.classifier(self.conv(self.project(torch.cat(maps, dim=1))))


class LRASPP(nn.Module):
    """A MobileNet with the LR-ASPP head: scores for each pixel of the image.

    Parameters
    ----------
    network : MobileNetV1 or MobileNetV2
        The backbone; its classifier is left out, its weights are shared. MobileNetV3's paper has output stride 16.
    num_classes : int
        Maps that come out, the background's included.
    mid_channels : int, default=128
        Of the head.

    Attributes
    ----------
    backbone : Pyramid
        Gives the maps.
    head : LRASPPHead
        Reads the last map, and the one with 8 image pixels to a pixel.

    Shape
    -----
    (N, 3, H, W) -> (N, num_classes, H, W), any H and W from 32.

    Raises
    ------
    TypeError, ValueError
        If network is not one of ours or has no map with 8 image pixels to a pixel, or a count is not a positive
        integer; on a call, if the input is not (N, 3, H, W) or is below 32 pixels a side.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, section 6.4.

    Examples
    --------
    >>> network = MobileNetV2(width_mult=0.35, output_stride=16)
    >>> LRASPP(network, num_classes=4)(torch.zeros(2, 3, 75, 100)).shape
    torch.Size([2, 4, 75, 100])
    """

    def __init__(self, network: MobileNetV1 | MobileNetV2, num_classes: int, mid_channels: int = 128):
        super().__init__()
        self.backbone = Pyramid(network)
        reductions = [level.reduction for level in self.backbone.levels]
        if 8 not in reductions:
            raise ValueError(
                f"network must have a map with 8 image pixels to a pixel, got one with {reductions}; "
                "build it with a table that has two rows of stride 2 or more, as specs.V2_SPEC has"
            )
        self.fine = reductions.index(8)
        low, high = self.backbone.levels[self.fine], self.backbone.levels[-1]
        self.head = LRASPPHead(low.channels, high.channels, num_classes, mid_channels)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.backbone(x)
        return _like(x, self.head(maps[self.fine], maps[-1]))


class DeepLabV3(nn.Module):
    """A MobileNet with a DeepLabV3 head: scores for each pixel of the image.

    Parameters
    ----------
    network : MobileNetV1 or MobileNetV2
        The backbone; its classifier is left out, its weights are shared. MobileNetV2's paper has output stride 16.
    num_classes : int
        Maps that come out, the background's included.
    mid_channels : int, default=256
        Of the head.
    rates : iterable of int, default=(6, 12, 18)
        Dilation of the head's branches, in pixels of the last map.
    dropout : float, default=0.5
        In the head, in training.

    Attributes
    ----------
    backbone : Pyramid
        Gives the maps.
    head : DeepLabHead
        Reads the last map, with 320 channels for MobileNetV2, as its paper does.

    Shape
    -----
    (N, 3, H, W) -> (N, num_classes, H, W), any H and W from 32.

    Raises
    ------
    TypeError, ValueError
        If network is not one of ours, a count or a rate is not a positive integer, or dropout is not in [0, 1]; on a
        call, if the input is not (N, 3, H, W), is below 32 pixels a side, or is a single image in training.

    References
    ----------
    Chen et al. 2017, arXiv:1706.05587; Sandler et al. 2018, arXiv:1801.04381, section 6.3.

    Examples
    --------
    >>> network = MobileNetV2(width_mult=0.35, output_stride=16)
    >>> DeepLabV3(network, num_classes=4, mid_channels=32)(torch.zeros(2, 3, 75, 100)).shape
    torch.Size([2, 4, 75, 100])
    """

    def __init__(
        self,
        network: MobileNetV1 | MobileNetV2,
        num_classes: int,
        mid_channels: int = 256,
        rates: Iterable[int] = (6, 12, 18),
        dropout: float = 0.5,
    ):
        super().__init__()
        self.backbone = Pyramid(network)
        self.head = DeepLabHead(self.backbone.levels[-1].channels, num_classes, mid_channels, rates, dropout)

    def forward(self, x: Tensor) -> Tensor:
        return _like(x, self.head(self.backbone(x)[-1]))


class _ConvBNPlainReLU(ConvBN):
    """Convolution, BatchNorm, ReLU: the heads' papers do not cut at 6."""

    def _activation(self) -> tuple[nn.Module, ...]:
        return (nn.ReLU(inplace=True),)


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Stretch or shrink maps to another size, bilinearly, the corners of the pixels (not their centres) aligned.

    Parameters
    ----------
    x : Tensor
        (N, C, h, w).
    size : (int, int)
        Height and width wanted.

    Shape
    -----
    (N, C, h, w) -> (N, C, H, W), with size = (H, W).

    Raises
    ------
    TypeError, ValueError
        If x is not a batch of maps of floating-point numbers, or size is not two positive integers.

    Examples
    --------
    >>> resize(torch.tensor([[[[0.0, 4.0]]]]), (1, 4))
    tensor([[[[0., 1., 3., 4.]]]])
    """
    tensor("x", x, "(N, C, h, w)")
    if not x.is_floating_point():
        raise TypeError(f"x must hold floating-point numbers, got {x.dtype}; resize scores, and take argmax(1) then")
    size = pair(size)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _like(other: Tensor, x: Tensor) -> Tensor:
    """Resize maps to the size of others: torch.jit.script knows the type of a shape, and not that of a pair."""
    return F.interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=False)


def toy_scenes(count: int, seed: int = 0, size: int = 64) -> tuple[Tensor, Tensor]:
    """Draw pictures of discs, squares and triangles on pieces of a photograph, and the class of each pixel.

    A task of our own making, small enough for half a minute on one core: the background is real, the shapes are not.
    One or two shapes are cut out of other places of the same photograph and tinted, each in a colour drawn at random.
    All three kinds have the same colours and about the same area, so what tells them apart is the outline. The masks
    are right by construction, since the shapes are cut out along them; a shape may hide a part of another.

    Parameters
    ----------
    count : int
        How many pictures.
    seed : int, default=0
        The same seed draws the same pictures.
    size : int, default=64
        Height and width of a picture, in pixels.

    Returns
    -------
    images : Tensor
        (count, 3, size, size), from 0 to 1.
    masks : Tensor
        (count, size, size), integers: indices of ``SHAPES``, 0 for the background.

    Raises
    ------
    TypeError, ValueError
        If count is not a positive integer, seed not an integer of 0 or more, or size not an integer from 32 to 256.

    Notes
    -----
    The photograph is the portrait of Grace Hopper that Matplotlib ships as sample data, a work of the United States
    Navy in the public domain. Two seeds draw from that one photograph: what is measured on the second tells whether
    the shapes were learned, and nothing about photographs in general.

    Examples
    --------
    >>> images, masks = toy_scenes(2)
    >>> images.shape, masks.shape, int(masks.max()) < len(SHAPES)
    (torch.Size([2, 3, 64, 64]), torch.Size([2, 64, 64]), True)
    """
    count, size = positive_int(count=count, size=size)
    (seed,) = zero_or_more(seed=seed)
    if not 32 <= size <= 256:
        raise ValueError(f"size must be from 32 to 256 pixels, got {size}; the photograph is 512x600")
    draw = torch.Generator().manual_seed(int(seed))

    def number(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=draw).item()

    def piece() -> Tensor:
        _, height, width = _photograph().shape
        top, left = int(number(0, height - size)), int(number(0, width - size))
        crop = _photograph()[:, top : top + size, left : left + size]
        return crop.flip(2) if number(0, 1) < 0.5 else crop

    rows, columns = torch.meshgrid(torch.arange(size) / size, torch.arange(size) / size, indexing="ij")
    images, masks = [], torch.zeros(count, size, size, dtype=torch.long)
    for mask in masks:
        image = piece().clone()
        for _ in range(int(number(1, 3))):
            kind, radius = int(number(1, 4)), number(0.15, 0.28)
            y, x = rows - number(0.2, 0.8), columns - number(0.2, 0.8)
            tint = torch.rand(3, 1, generator=draw)
            inside = _outlines(y, x, radius)[kind - 1]
            image[:, inside] = 0.4 * piece()[:, inside] + 0.6 * tint
            mask[inside] = kind
        images.append(image)
    return torch.stack(images), masks


def _outlines(y: Tensor, x: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return which pixels are inside a disc, a square and a triangle of about one area, centred at the origin."""
    disc = y.square() + x.square() < radius**2
    square = torch.maximum(y.abs(), x.abs()) < 0.89 * radius
    triangle = (y < 0.9 * radius) & (2 * x.abs() < y + 1.6 * radius)
    return disc, square, triangle


@cache
def _photograph() -> Tensor:
    import matplotlib
    from matplotlib.image import pil_to_array
    from PIL import Image

    with Image.open(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")) as photograph:
        return torch.tensor(pil_to_array(photograph)[..., :3]).permute(2, 0, 1) / 255


def iou(predicted: Tensor, masks: Tensor, num_classes: int, *, ignore: int | None = None) -> Tensor:
    """Intersection over union for each class: of the pixels that either says are of it, the share both do.

    Parameters
    ----------
    predicted, masks : Tensor
        Integer classes of one shape, for example (N, H, W), of any integer dtype; ``scores.argmax(1)`` makes them from
        scores.
    num_classes : int
        How many classes there are.
    ignore : int, optional
        The label of pixels in `masks` that do not count, whatever is predicted there: 255 in VOC and Cityscapes.

    Returns
    -------
    Tensor
        (num_classes,), from 0 to 1; nan for a class that is in neither. Its ``nanmean()`` is the mean IoU.

    Raises
    ------
    TypeError, ValueError
        If num_classes is not a positive integer, ignore is not an integer, a tensor does not hold integers from 0 to
        num_classes - 1 where it counts, or the shapes differ.

    References
    ----------
    Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) Challenge", section 4.

    Examples
    --------
    >>> iou(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), num_classes=2)
    tensor([0.5000, 0.6667])
    >>> iou(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 255, 1, 1]), num_classes=2, ignore=255)
    tensor([1., 1.])
    """
    (num_classes,) = positive_int(num_classes=num_classes)
    if ignore is not None and (isinstance(ignore, bool) or not isinstance(ignore, Integral)):
        raise TypeError(f"ignore must be an integer label or None, got {ignore!r}; VOC and Cityscapes have 255")
    # Labels are stored in a byte mostly, and 21 * 20 does not fit into one.
    predicted = _labels("predicted", predicted, "scores.argmax(1) makes one from scores")
    masks = _labels("masks", masks, "masks.long() makes one where its numbers are whole")
    if predicted.shape != masks.shape:
        raise ValueError(
            f"predicted must have the shape of masks, got {tuple(predicted.shape)} and {tuple(masks.shape)}; "
            "scores of shape (N, classes, H, W) want argmax(1)"
        )
    if ignore is not None:
        counts = masks != ignore
        predicted, masks = predicted[counts], masks[counts]
    _check_classes("predicted", predicted, num_classes)
    _check_classes("masks", masks, num_classes)
    pairs = torch.bincount((num_classes * masks + predicted).flatten(), minlength=num_classes**2)
    pairs = pairs.reshape(num_classes, num_classes).double()
    both = pairs.diagonal()
    return (both / (pairs.sum(0) + pairs.sum(1) - both)).float()


def _labels(name: str, tensor: object, remedy: str) -> Tensor:
    """Return labels as int64, in which arithmetic on them is safe."""
    if not isinstance(tensor, Tensor) or tensor.is_floating_point() or tensor.is_complex():
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"{name} must be a tensor of integer classes, got {kind}; {remedy}")
    return tensor.long()


def _check_classes(name: str, labels: Tensor, num_classes: int) -> None:
    """Require classes from 0 on, or say which labels are none and what helps."""
    others = labels[(labels < 0) | (labels >= num_classes)].unique().tolist()
    if not others:
        return
    remedies = []
    if name == "masks" and len(others) == 1:
        remedies.append(f"ignore={others[0]} leaves out pixels without a class")
    remedies.append(f"num_classes={others[-1] + 1} has room for all" if others[0] >= 0 else "classes begin at 0")
    got = f"got {int(labels.min())} to {int(labels.max())}"
    raise ValueError(f"{name} must hold classes from 0 to {num_classes - 1}, {got}; {', '.join(remedies)}")
