"""The blocks the book is about: depthwise separable (V1), inverted residual with linear bottleneck (V2), and V3's."""

from __future__ import annotations

from torch import Tensor, nn

from ._validation import positive_int
from .layers import ConvBN, ConvBNHardswish, ConvBNReLU, SqueezeExcite, same_padding


def _residual(
    in_channels: int, out_channels: int, kernel_size: int, stride: int, padding: int | None, dilation: int
) -> bool:
    """Say whether input and output have one shape, and refuse a padding that would break their sum."""
    use_residual = bool(stride == 1 and in_channels == out_channels)
    same = same_padding(kernel_size, dilation)
    if use_residual and padding not in (None, same):
        raise ValueError(
            f"padding must be {same} for kernel_size={kernel_size} and dilation={dilation}, got {padding}: the map "
            "would change size and the residual could not be added; leave padding out"
        )
    return use_residual


class DepthwiseSeparableConv(nn.Module):
    """Filter each channel alone, then mix channels: the MobileNetV1 block.

    Parameters
    ----------
    in_channels, out_channels : int
        M and N.
    stride : {1, 2}, default=1
        Step of the depthwise filter, in pixels.
    kernel_size : int, default=3
        D_K of the depthwise filter, odd.
    padding : int, optional
        Of the depthwise filter; left out, as many zeros as keep the size at stride 1.
    dilation : int, default=1
        Distance between the depthwise filter's taps, in pixels.
    bias : bool, default=False
        Whether the convolutions have a bias.

    Attributes
    ----------
    depthwise : ConvBNReLU
        D_K x D_K convolution with groups=in_channels, BatchNorm, ReLU6.
    pointwise : ConvBNReLU
        1x1 convolution, BatchNorm, ReLU6.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, H', W'), with H' = ceil(H / stride), W' alike.

    Raises
    ------
    TypeError
        If a count is not an integer, or a keyword is unknown.
    ValueError
        If stride is not 1 or 2, kernel_size is even, or a count is not positive; on a call, if the input is not
        (N, in_channels, H, W) or is smaller than the stride.

    Notes
    -----
    MACs = H'·W'·C_in·(k² + C_out): 1/C_out + 1/k² of a standard convolution.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, section 3.1 and figure 3.

    Examples
    --------
    >>> import torch
    >>> DepthwiseSeparableConv(32, 64, stride=2)(torch.zeros(1, 32, 112, 112)).shape
    torch.Size([1, 64, 56, 56])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        *,
        kernel_size: int = 3,
        padding: int | None = None,
        dilation: int = 1,
        bias: bool = False,
    ):
        super().__init__()
        self.depthwise = ConvBNReLU(
            in_channels,
            in_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups=in_channels,
            bias=bias,
        )
        self.pointwise = ConvBNReLU(in_channels, out_channels, kernel_size=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class ConvDepthwiseConv(nn.Module):
    """Widen, filter each channel alone, narrow without activation: the MobileNetV2 inverted residual.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output; the paper's expansion is t = mid_channels / in_channels.
    kernel_size : int, default=3
        k of the depthwise filter, odd.
    stride : {1, 2}, default=1
        Step of the depthwise filter, in pixels.
    padding : int, optional
        Of the depthwise filter; left out, as many zeros as keep the size at stride 1, for any kernel and dilation.
    dilation : int, default=1
        Distance between the depthwise filter's taps, in pixels.
    bias : bool, default=False
        Whether the convolutions have a bias.

    Attributes
    ----------
    conv1 : ConvBNReLU
        1x1 expansion, BatchNorm, ReLU6.
    depthwise : ConvBNReLU
        k x k convolution with groups=mid_channels, BatchNorm, ReLU6.
    conv2 : ConvBN
        1x1 projection, BatchNorm, no activation: the linear bottleneck.
    use_residual : bool
        True exactly when stride == 1 and in_channels == out_channels.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, H', W'), with H' = ceil(H / stride), W' alike.

    Raises
    ------
    TypeError
        If a count is not an integer, or a keyword is unknown.
    ValueError
        If stride is not 1 or 2, kernel_size is even, a count is not positive, or padding would change the size of a
        map that the residual adds to; on a call, if the input is not (N, in_channels, H, W) or is too small.

    Notes
    -----
    MACs at stride 1 = H·W·mid·(C_in + k² + C_out). At stride 2 the expansion still runs on the large map.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, sections 3.2 and 3.3, table 1 and figure 4.

    Examples
    --------
    >>> import torch
    >>> block = ConvDepthwiseConv(24, 144, 24)
    >>> block(torch.zeros(1, 24, 56, 56)).shape, block.use_residual
    (torch.Size([1, 24, 56, 56]), True)
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        *,
        bias: bool = False,
    ):
        super().__init__()
        in_channels, mid_channels, out_channels = positive_int(
            in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels
        )
        self.conv1 = ConvBNReLU(in_channels, mid_channels, kernel_size=1, bias=bias)
        self.depthwise = ConvBNReLU(
            mid_channels, mid_channels, kernel_size, stride, padding, dilation, groups=mid_channels, bias=bias
        )
        self.conv2 = ConvBN(mid_channels, out_channels, kernel_size=1, bias=bias)
        self.use_residual = _residual(in_channels, out_channels, kernel_size, stride, padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.depthwise(self.conv1(x)))
        return x + y if self.use_residual else y


InvertedResidual = ConvDepthwiseConv


class DepthwiseProjection(nn.Module):
    """An inverted residual with nothing to widen (t = 1): depthwise filter, then linear projection.

    The first block of MobileNetV2. torchvision, timm and TF-slim leave the expansion out here rather than spend a
    1x1 convolution from 32 channels to 32; some other implementations have it.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    kernel_size : int, default=3
        k of the depthwise filter, odd.
    stride : {1, 2}, default=1
        Step of the depthwise filter, in pixels.
    padding : int, optional
        Of the depthwise filter; left out, as many zeros as keep the size at stride 1.
    dilation : int, default=1
        Distance between the depthwise filter's taps, in pixels.
    bias : bool, default=False
        Whether the convolutions have a bias.

    Attributes
    ----------
    depthwise : ConvBNReLU
        k x k convolution with groups=in_channels, BatchNorm, ReLU6.
    conv2 : ConvBN
        1x1 projection, BatchNorm, no activation; named as in :class:`ConvDepthwiseConv`.
    use_residual : bool
        True exactly when stride == 1 and in_channels == out_channels.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, H', W'), with H' = ceil(H / stride), W' alike.

    Raises
    ------
    TypeError, ValueError
        As :class:`ConvDepthwiseConv`.

    Notes
    -----
    MACs = H'·W'·C_in·(k² + C_out), as a depthwise separable block: it differs by the missing ReLU6 alone.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2, the row with t = 1.

    Examples
    --------
    >>> import torch
    >>> DepthwiseProjection(32, 16)(torch.zeros(1, 32, 112, 112)).shape
    torch.Size([1, 16, 112, 112])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        *,
        bias: bool = False,
    ):
        super().__init__()
        self.depthwise = ConvBNReLU(
            in_channels, in_channels, kernel_size, stride, padding, dilation, groups=in_channels, bias=bias
        )
        self.conv2 = ConvBN(in_channels, out_channels, kernel_size=1, bias=bias)
        self.use_residual = _residual(in_channels, out_channels, kernel_size, stride, padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.depthwise(x))
        return x + y if self.use_residual else y


class InvertedResidualSE(nn.Module):
    """An inverted residual that weighs its channels before it narrows: the MobileNetV3 block.

    Widen, filter each channel alone, squeeze-and-excite, narrow without activation; h-swish instead of ReLU6.

    Parameters
    ----------
    in_channels, mid_channels, out_channels : int
        The thin input, the fat middle, the thin output.
    squeeze_channels : int
        Of the squeeze-and-excitation; ``specs.squeeze_channels(mid_channels)`` is the paper's rule.
    kernel_size : int, default=3
        k of the depthwise filter, odd; MobileNetV3 has 3 and 5.
    stride : {1, 2}, default=1
        Step of the depthwise filter, in pixels.
    dilation : int, default=1
        Distance between the depthwise filter's taps, in pixels.

    Attributes
    ----------
    conv1 : ConvBNHardswish
        1x1 expansion, BatchNorm, h-swish.
    depthwise : ConvBNHardswish
        k x k convolution with groups=mid_channels, BatchNorm, h-swish.
    se : SqueezeExcite
        Weighs the channels of the fat middle.
    conv2 : ConvBN
        1x1 projection, BatchNorm, no activation: the linear bottleneck.
    use_residual : bool
        True exactly when stride == 1 and in_channels == out_channels.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, H', W'), with H' = ceil(H / stride), W' alike.

    Raises
    ------
    TypeError, ValueError
        As :class:`ConvDepthwiseConv`, or if squeeze_channels is not a positive integer.

    Notes
    -----
    MACs = those of :class:`ConvDepthwiseConv` + 2 · mid · squeeze.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, figure 4 and section 5.3.

    Examples
    --------
    >>> import torch
    >>> block = InvertedResidualSE(80, 480, 112, squeeze_channels=120)
    >>> block(torch.zeros(1, 80, 14, 14)).shape, block.use_residual
    (torch.Size([1, 112, 14, 14]), False)
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
        super().__init__()
        in_channels, mid_channels, out_channels = positive_int(
            in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels
        )
        self.conv1 = ConvBNHardswish(in_channels, mid_channels, kernel_size=1)
        self.depthwise = ConvBNHardswish(
            mid_channels, mid_channels, kernel_size, stride, dilation=dilation, groups=mid_channels
        )
        self.se = SqueezeExcite(mid_channels, squeeze_channels)
        self.conv2 = ConvBN(mid_channels, out_channels, kernel_size=1)
        self.use_residual = _residual(in_channels, out_channels, kernel_size, stride, None, dilation)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.se(self.depthwise(self.conv1(x))))
        return x + y if self.use_residual else y
