"""The blocks that came after V2's, beside those of the subject: fused, universal, re-parameterised, with a gate.

All of them stand on the subject's layers. What differs in the activation alone is no class of its own:
:func:`with_layer` puts any block on other layers.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..._validation import instance, one_or_two, positive_int, shown, zero_or_more
from ...blocks import DepthwiseProjection
from ...layers import Checked, ConvBN, SqueezeExcite, check_map
from ..lite0 import SamePadding

Block = TypeVar("Block", bound=nn.Module)


class ConvBNPlainReLU(ConvBN):
    """Convolution, BatchNorm, ReLU without an upper end: the layer of MnasNet and MobileNetV4.

    Takes what :class:`~mobilenet_lib.ConvBN` takes: in_channels, out_channels, kernel_size, stride, padding, dilation,
    groups, bias.

    Examples
    --------
    >>> import torch
    >>> ConvBNPlainReLU(3, 32, stride=2)(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 32, 112, 112])
    """

    def _activation(self) -> tuple[nn.Module, ...]:
        return (nn.ReLU(inplace=True),)


class ConvBNSiLU(ConvBN):
    """Convolution, BatchNorm, SiLU: the layer of EfficientNet, whose paper calls x · σ(x) swish.

    Takes what :class:`~mobilenet_lib.ConvBN` takes: in_channels, out_channels, kernel_size, stride, padding, dilation,
    groups, bias.

    Examples
    --------
    >>> import torch
    >>> ConvBNSiLU(3, 32, stride=2)(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 32, 112, 112])
    """

    def _activation(self) -> tuple[nn.Module, ...]:
        return (nn.SiLU(inplace=True),)


class ConvBNGELU(ConvBN):
    """Convolution, BatchNorm, GELU: the layer of a ConvNeXt-like block.

    Takes what :class:`~mobilenet_lib.ConvBN` takes: in_channels, out_channels, kernel_size, stride, padding, dilation,
    groups, bias.

    Examples
    --------
    >>> import torch
    >>> ConvBNGELU(3, 32, stride=2)(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 32, 112, 112])
    """

    def _activation(self) -> tuple[nn.Module, ...]:
        return (nn.GELU(),)


def with_layer(block: Block, layer: type[ConvBN]) -> Block:
    """Put a block on other layers: the same convolutions, with another activation behind them.

    Parameters
    ----------
    block : Module
        One of the subject's or of this module, new: its weights are drawn again.
    layer : class
        Of the layers that have an activation now; those without one stay as they are.

    Returns
    -------
    Module
        The block itself.

    Examples
    --------
    >>> from mobilenet_lib import InvertedResidual
    >>> with_layer(InvertedResidual(16, 96, 24), ConvBNSiLU).depthwise[2]
    SiLU(inplace=True)
    """
    instance("block", block, nn.Module, "InvertedResidual(16, 96, 24) builds one")
    if not isinstance(layer, type) or not issubclass(layer, ConvBN):
        raise TypeError(f"layer must be a class of ConvBN, got {shown(layer)}; give ConvBNSiLU, for example")
    for name, part in block.named_children():
        if isinstance(part, ConvBN) and len(part) == 3 and type(part) is not layer:
            conv = cast("nn.Conv2d", part[0])
            k, stride, dilation = conv.kernel_size[0], conv.stride[0], conv.dilation[0]
            setattr(block, name, layer(conv.in_channels, conv.out_channels, k, stride, None, dilation, conv.groups))
    return block


class ConvBNResidual(nn.Module):
    """A layer whose input is added to its output: EfficientNetV2's first block.

    Parameters
    ----------
    channels : int
        Before and after.
    kernel_size : int, default=3
        Of the convolution, odd.
    dilation : int, default=1
        Distance between the filter's taps, in pixels.

    Shape
    -----
    (N, C, H, W) -> (N, C, H, W).

    Examples
    --------
    >>> import torch
    >>> ConvBNResidual(16)(torch.zeros(1, 16, 14, 14)).shape
    torch.Size([1, 16, 14, 14])
    """

    def __init__(self, channels: int, kernel_size: int = 3, dilation: int = 1):
        super().__init__()
        (channels,) = positive_int(channels=channels)
        self.conv = ConvBNPlainReLU(channels, channels, kernel_size, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


class SigmoidSqueezeExcite(SqueezeExcite):
    """Squeeze-and-excitation as in MnasNet and EfficientNet: the block's own activation inside, a sigmoid as the gate.

    Parameters
    ----------
    channels, squeeze_channels : int
        As :class:`~mobilenet_lib.SqueezeExcite`.
    activation : Module
        Between the two convolutions: ReLU in MnasNet, SiLU in EfficientNet.

    Examples
    --------
    >>> import torch
    >>> SigmoidSqueezeExcite(96, 4, nn.SiLU())(torch.zeros(1, 96, 14, 14)).shape
    torch.Size([1, 96, 14, 14])
    """

    def __init__(self, channels: int, squeeze_channels: int, activation: nn.Module):
        super().__init__(channels, squeeze_channels)
        self.activation = instance("activation", activation, nn.Module, "nn.SiLU() builds one")
        self.gate = nn.Sigmoid()


class DepthwiseProjectionSE(DepthwiseProjection):
    """A depthwise filter, squeeze-and-excitation, a linear projection: the first block of EfficientNet.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    squeeze_channels : int
        Of the squeeze-and-excitation.
    kernel_size : int, default=3
        k of the depthwise filter, odd.
    stride : {1, 2}, default=1
        Step of the depthwise filter, in pixels.
    dilation : int, default=1
        Distance between the depthwise filter's taps, in pixels.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride)).

    Examples
    --------
    >>> import torch
    >>> DepthwiseProjectionSE(32, 16, squeeze_channels=8)(torch.zeros(1, 32, 14, 14)).shape
    torch.Size([1, 16, 14, 14])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        squeeze_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
    ):
        super().__init__(in_channels, out_channels, kernel_size, stride, dilation=dilation)
        self.se = SqueezeExcite(in_channels, squeeze_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.se(self.depthwise(x)))
        return x + y if self.use_residual else y


class EdgeResidual(nn.Module):
    """The fused inverted residual: one standard convolution widens and filters, then a linear projection.

    More MACs than an expansion and a depthwise filter, in fewer and larger steps.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output.
    kernel_size : int, default=3
        Of the first convolution, odd.
    stride : {1, 2}, default=1
        Its step, in pixels.
    dilation : int, default=1
        Distance between its taps, in pixels.

    Attributes
    ----------
    conv1 : ConvBNPlainReLU
        k x k standard convolution from in_channels to mid_channels, BatchNorm, ReLU.
    conv2 : ConvBN
        1x1 projection, BatchNorm, no activation.
    use_residual : bool
        True when stride == 1 and in_channels == out_channels.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride)).

    Raises
    ------
    TypeError, ValueError
        As :class:`~mobilenet_lib.ConvDepthwiseConv`.

    Notes
    -----
    MACs = H'·W'·mid·(k² · C_in + C_out): the first term is C_in times that of a depthwise filter.

    References
    ----------
    Gupta and Tan 2019, "EfficientNet-EdgeTPU"; Tan and Le 2021, arXiv:2104.00298, figure 2.

    Examples
    --------
    >>> import torch
    >>> EdgeResidual(32, 128, 48, stride=2)(torch.zeros(1, 32, 112, 112)).shape
    torch.Size([1, 48, 56, 56])
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
    ):
        super().__init__()
        in_channels, mid_channels, out_channels = positive_int(
            in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels
        )
        self.conv1 = ConvBNPlainReLU(in_channels, mid_channels, kernel_size, stride, dilation=dilation)
        self.conv2 = ConvBN(mid_channels, out_channels, kernel_size=1)
        self.use_residual = bool(stride == 1 and in_channels == out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        return x + y if self.use_residual else y


class EdgeResidualSE(EdgeResidual):
    """A fused inverted residual that weighs its channels before it narrows.

    Parameters
    ----------
    in_channels, mid_channels, out_channels, kernel_size, stride, dilation : int
        As :class:`EdgeResidual`.
    squeeze_channels : int
        Of the squeeze-and-excitation.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride)).

    Examples
    --------
    >>> import torch
    >>> EdgeResidualSE(32, 128, 48, squeeze_channels=8)(torch.zeros(1, 32, 14, 14)).shape
    torch.Size([1, 48, 14, 14])
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        squeeze_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
    ):
        super().__init__(in_channels, mid_channels, out_channels, kernel_size, stride, dilation)
        self.se = SqueezeExcite(mid_channels, squeeze_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.se(self.conv1(x)))
        return x + y if self.use_residual else y


class UniversalInvertedBottleneck(nn.Module):
    """MobileNetV4's block: an inverted residual with depthwise filters at start, middle and end, each or none.

    ====================  =====  ======
    what it is then       start  middle
    ====================  =====  ======
    inverted residual     0      3
    ConvNeXt-like         3      0
    extra depthwise       3      3
    feed-forward network  0      0
    ====================  =====  ======

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output.
    start, middle, end : int, default=0, 3, 0
        Kernel sizes of the depthwise filters, odd; 0 leaves one out.
    stride : {1, 2}, default=1
        In pixels. The middle filter takes the step; without one the start, without both the end.
    dilation : int, default=1
        Distance between the taps of all filters, in pixels.

    Attributes
    ----------
    start, end : ConvBN or Identity
        Depthwise filters on the thin input and output, BatchNorm, no activation.
    conv1, depthwise : ConvBNPlainReLU, or Identity for the second
        1x1 expansion and depthwise filter, each with BatchNorm and ReLU.
    conv2 : ConvBN
        1x1 projection, BatchNorm, no activation.
    use_residual : bool
        True when stride == 1 and in_channels == out_channels.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride)).

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer, a kernel is neither odd nor 0, or there is no filter to take a step of 2.

    References
    ----------
    Qin et al. 2024, arXiv:2404.10518, section 3 and figure 4.

    Examples
    --------
    >>> import torch
    >>> UniversalInvertedBottleneck(48, 192, 80, start=3, middle=5, stride=2)(torch.zeros(1, 48, 56, 56)).shape
    torch.Size([1, 80, 28, 28])
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        start: int = 0,
        middle: int = 3,
        end: int = 0,
        stride: int = 1,
        dilation: int = 1,
    ):
        super().__init__()
        in_channels, mid_channels, out_channels, dilation = positive_int(
            in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels, dilation=dilation
        )
        for name, kernel_size in {"start": start, "middle": middle, "end": end}.items():
            zero_or_more(**{name: kernel_size})
            if kernel_size and kernel_size % 2 == 0:
                raise ValueError(f"{name} must be odd, or 0 for no filter, got {kernel_size}; use {kernel_size + 1}")
        if one_or_two(stride) == 2 and not (start or middle or end):
            raise ValueError("stride must be 1 where no filter can take a step, got 2; give middle=3, for example")
        first = stride if not middle else 1
        self.start = _depthwise(ConvBN, in_channels, start, first, dilation)
        self.conv1 = ConvBNPlainReLU(in_channels, mid_channels, kernel_size=1)
        self.depthwise = _depthwise(ConvBNPlainReLU, mid_channels, middle, stride, dilation)
        self.conv2 = ConvBN(mid_channels, out_channels, kernel_size=1)
        self.end = _depthwise(ConvBN, out_channels, end, first if not start else 1, dilation)
        self.use_residual = bool(stride == 1 and in_channels == out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.end(self.conv2(self.depthwise(self.conv1(self.start(x)))))
        return x + y if self.use_residual else y


class _LayerScale(nn.Module):
    """Multiply each channel by a number that is learned and begins near 0."""

    def __init__(self, channels: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma.view(1, -1, 1, 1)


class ScaledUniversalInvertedBottleneck(UniversalInvertedBottleneck):
    """The universal inverted bottleneck with layer scale, as a ConvNeXt block has it.

    The last step multiplies each channel by a number of its own, which is learned and begins at 1e-5: a new block adds
    next to nothing to its input. That costs one parameter for each output channel, and no MACs.

    Parameters
    ----------
    in_channels, mid_channels, out_channels, start, middle, end, stride, dilation : int
        As in :class:`UniversalInvertedBottleneck`.

    Attributes
    ----------
    end : Sequential
        The last depthwise filter, or Identity, and the scale.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride)).

    References
    ----------
    Liu et al. 2022, arXiv:2201.03545, on ConvNeXt; Qin et al. 2024, arXiv:2404.10518.

    Examples
    --------
    >>> import torch
    >>> block, x = ScaledUniversalInvertedBottleneck(8, 32, 8, start=7, middle=0), torch.randn(1, 8, 14, 14)
    >>> bool((block(x) - x).abs().max() < 1e-3)
    True
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        start: int = 0,
        middle: int = 3,
        end: int = 0,
        stride: int = 1,
        dilation: int = 1,
    ):
        super().__init__(in_channels, mid_channels, out_channels, start, middle, end, stride, dilation)
        self.end = nn.Sequential(self.end, _LayerScale(out_channels))


class SameConv(Checked, nn.Conv2d):
    """A convolution with TensorFlow's padding: at a step of 2, one zero more at the bottom right than the top left.

    Parameters
    ----------
    conv : Conv2d
        Whose settings and weights it has.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride)).

    Examples
    --------
    >>> import torch
    >>> SameConv(nn.Conv2d(3, 8, 3, stride=2))(torch.zeros(1, 3, 64, 65)).shape
    torch.Size([1, 8, 32, 33])
    """

    def __init__(self, conv: nn.Conv2d):
        instance("conv", conv, nn.Conv2d, "nn.Conv2d(3, 8, 3, stride=2) builds one")
        k, stride, dilation = conv.kernel_size[0], conv.stride[0], conv.dilation[0]
        super().__init__(
            conv.in_channels, conv.out_channels, k, stride, 0, dilation, conv.groups, conv.bias is not None
        )
        self.weight, self.bias = conv.weight, conv.bias
        self.padding = "same"  # what a reader sees; the zeros come from here:
        self.pad = SamePadding(dilation * (k - 1) + 1, stride)

    def check(self, x: Any) -> None:
        check_map(x, self.in_channels)

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        padding = [0, 0]  # quantization wants a list
        return functional.conv2d(self.pad(x), self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


def as_in_tensorflow(network: Block) -> Block:
    """Give a network TensorFlow's padding and its ε in BatchNorm, 1e-3: weights that were trained there expect both.

    Parameters
    ----------
    network : Module
        Its layers of a step of two are changed, and all its BatchNorms.

    Returns
    -------
    Module
        The network itself.

    Examples
    --------
    >>> as_in_tensorflow(nn.Sequential(ConvBN(3, 8, stride=2)))[0][1].eps
    0.001
    """
    instance("network", network, nn.Module, "build(...) builds one")
    for part in list(network.modules()):
        if isinstance(part, ConvBN) and cast("nn.Conv2d", part[0]).stride[0] == 2:
            part[0] = SameConv(cast("nn.Conv2d", part[0]))
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-3
    return network


class ReparameterizableDepthwise(Checked):
    """A depthwise layer that is trained as several branches and used as one: MobileOne's.

    Each branch is linear up to the sum: filters of k x k, a filter of 1x1, and where nothing is strided the input
    itself, all with a BatchNorm of their own. So they can be added up into one filter with a bias.

    Parameters
    ----------
    channels : int
        Before and after.
    kernel_size : int, default=3
        Of the filter, odd.
    stride : {1, 2}, default=1
        In pixels.
    branches : int, default=1
        Filters of k x k.

    Attributes
    ----------
    first : ConvBN
        The first filter of k x k.
    others : ModuleList
        The other branches.
    activation : Module
        ReLU, behind the sum.

    Shape
    -----
    (N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride)).

    References
    ----------
    Vasu et al. 2023, arXiv:2206.04040, section 3.3; Ding et al. 2021, arXiv:2101.03697, section 3.3.

    Examples
    --------
    >>> import torch
    >>> block = ReparameterizableDepthwise(64).eval()
    >>> x = torch.rand(1, 64, 14, 14)
    >>> with torch.no_grad():
    ...     torch.allclose(reparameterized(block)(x), block(x), atol=1e-5)
    True
    """

    def __init__(self, channels: int, kernel_size: int = 3, stride: int = 1, branches: int = 1):
        super().__init__()
        channels, branches = positive_int(channels=channels, branches=branches)
        filters = [ConvBN(channels, channels, k, stride, groups=channels) for k in (*[kernel_size] * branches, 1)]
        self.first = filters[0]
        self.others = nn.ModuleList([*filters[1:], *([nn.BatchNorm2d(channels)] if stride == 1 else [])])
        self.activation = nn.ReLU()

    def check(self, x: Any) -> None:
        check_map(x, cast("nn.Conv2d", self.first[0]).in_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        for branch in self.others:
            y = y + branch(x)
        return self.activation(y)


def reparameterized(block: ReparameterizableDepthwise) -> nn.Sequential:
    """Add the branches up: one depthwise filter with a bias, and the activation.

    Parameters
    ----------
    block : ReparameterizableDepthwise
        In eval mode. In training its BatchNorms divide by what each batch has, and no fixed filter does that.

    Returns
    -------
    Sequential
        A convolution and the activation; the block itself stays as it is.

    Raises
    ------
    TypeError, ValueError
        If block is something else, or in training mode.

    Examples
    --------
    >>> reparameterized(ReparameterizableDepthwise(64).eval())[0]
    Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=64)
    """
    instance("block", block, ReparameterizableDepthwise, "ReparameterizableDepthwise(64) builds one")
    if block.training:
        raise ValueError("block must be in eval mode, got one in training; call block.eval() first")
    conv = cast("nn.Conv2d", block.first[0])
    k, channels = conv.kernel_size[0], conv.in_channels
    one = nn.Conv2d(channels, channels, k, conv.stride[0], k // 2, groups=channels)  # pyright: ignore
    with torch.no_grad():
        one.to(conv.weight.device, conv.weight.dtype)
        one.weight.zero_()
        torch.nn.init.zeros_(cast("Tensor", one.bias))
        for branch in (block.first, *block.others):
            norm = cast("nn.BatchNorm2d", branch[1] if isinstance(branch, ConvBN) else branch)
            factor = norm.weight / torch.sqrt(cast("Tensor", norm.running_var) + norm.eps)
            kernel = (
                cast("nn.Conv2d", branch[0]).weight if isinstance(branch, ConvBN) else torch.ones(channels, 1, 1, 1)
            )
            edge = (k - kernel.shape[-1]) // 2  # and that is one of k x k with zeros around it
            one.weight += functional.pad(kernel.to(factor), [edge] * 4) * factor.reshape(-1, 1, 1, 1)
            one.bias += norm.bias - cast("Tensor", norm.running_mean) * factor  # pyright: ignore
    return nn.Sequential(one, block.activation)


def _depthwise(layer: type[ConvBN], channels: int, kernel_size: int, stride: int, dilation: int) -> nn.Module:
    """Return a depthwise layer, or for a kernel of 0 what passes its input on."""
    if kernel_size == 0:
        return nn.Identity()
    return layer(channels, channels, kernel_size, stride, dilation=dilation, groups=channels)
