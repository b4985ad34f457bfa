"""The layers that every block is made of: a convolution with BatchNorm, with and without activation; MobileNetV3's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy

from ._validation import divides, flag, odd_kernel, one_or_two, positive_int, zero_or_more

# What pictures are read as, and no convolution takes. Numbers that are quantized have dtypes of their own.
INTEGERS = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool}


class Checked(nn.Module):
    """A module that looks at its input before it runs, so that ``forward`` need not.

    What is traced, scripted, exported or compiled is ``forward`` alone: the operations, and no look at a shape. As any
    module it takes no ``args`` and no ``kwargs`` when it is built, unless its class says so.

    Examples
    --------
    >>> import torch
    >>> class Last(Checked):
    ...     def check(self, x):
    ...         check_map(x, in_channels=3)
    ...     def forward(self, x):
    ...         return x[..., -1]
    >>> Last()(torch.zeros(1, 3, 4, 5)).shape
    torch.Size([1, 3, 4])
    >>> Last()(torch.zeros(3, 4, 5))
    Traceback (most recent call last):
        ...
    ValueError: x must have 4 dimensions (N, 3, H, W), got shape (3, 4, 5); for a single image use x.unsqueeze(0)
    """

    def check(self, *inputs: Any, **named: Any) -> None:
        """Raise a TypeError or a ValueError if ``forward`` cannot take these."""
        raise NotImplementedError

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if _recording(inputs) or (named and _recording(named.values())):
            return super().__call__(*inputs, **named)
        if self._forward_pre_hooks:  # they may change the input, so this comes last
            with self.register_forward_pre_hook(_check, with_kwargs=True):
                return super().__call__(*inputs, **named)
        _check(self, inputs, named)
        return super().__call__(*inputs, **named)


def _recording(inputs: Iterable[Any]) -> bool:
    """Say whether torch.compile, torch.export or torch.fx writes down what is done to inputs that have no shape yet."""
    for x in inputs:
        if isinstance(x, Proxy):
            return True
    return torch.compiler.is_compiling()


def _check(module: Checked, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
    tracing = torch._C._get_tracing_state()
    # The tracer of torch.jit, which is fvcore's too, would record each look at a shape.
    if tracing is not None:
        torch._C._set_tracing_state(None)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        module.check(*inputs, **named)
    except TypeError as error:
        # Too many arguments, or too few: forward says so, under its own name.
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise
    finally:
        if tracing is not None:
            torch._C._set_tracing_state(tracing)  # pyright: ignore[reportAttributeAccessIssue]


def same_padding(kernel_size: int, dilation: int = 1) -> int:
    """Padding that keeps the map's size at stride 1: dilation · (kernel_size - 1) / 2.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a positive integer, or kernel_size is even.

    Examples
    --------
    >>> same_padding(3), same_padding(5), same_padding(3, dilation=2)
    (1, 2, 2)
    """
    (dilation,) = positive_int(dilation=dilation)
    return dilation * (odd_kernel(kernel_size) - 1) // 2


class ConvBN(Checked, nn.Sequential):
    """Convolution and BatchNorm, no activation: a linear map of the input.

    Parameters
    ----------
    in_channels, out_channels : int
        M and N.
    kernel_size : int, default=3
        D_K, odd.
    stride : {1, 2}, default=1
        Step of the filter, in pixels.
    padding : int, optional
        Zeros on each side, in pixels; left out, as many as keep the size at stride 1.
    dilation : int, default=1
        Distance between the filter's taps, in pixels.
    groups : int, default=1
        1 is a standard convolution, in_channels a depthwise one.
    bias : bool, default=False
        Whether the convolution has a bias; BatchNorm subtracts it again, so it is waste.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, H', W'), with H' = ceil(H / stride) under the default padding, W' alike.

    Raises
    ------
    TypeError
        If a count is not an integer.
    ValueError
        If a count is not positive, kernel_size is even, stride is not 1 or 2, padding is negative, groups does not
        divide the channels; on a call, if the input is not a batch of maps with in_channels channels, or is too small.

    References
    ----------
    Ioffe and Szegedy 2015, arXiv:1502.03167; Sandler et al. 2018, arXiv:1801.04381, section 3.2 (linear bottleneck).

    Examples
    --------
    >>> import torch
    >>> ConvBN(32, 16, kernel_size=1)(torch.zeros(1, 32, 56, 56)).shape
    torch.Size([1, 16, 56, 56])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
    ):
        in_channels, out_channels = positive_int(in_channels=in_channels, out_channels=out_channels)
        kernel_size, stride, (dilation,) = odd_kernel(kernel_size), one_or_two(stride), positive_int(dilation=dilation)
        if padding is None:
            padding = same_padding(kernel_size, dilation)
        (padding,) = zero_or_more(padding=padding)
        groups = divides(groups, in_channels, out_channels)
        (bias,) = flag(bias=bias)
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias),
            nn.BatchNorm2d(out_channels),
            *self._activation(),
        )

    def _activation(self) -> tuple[nn.Module, ...]:
        return ()

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        for part in self:
            x = part(x)
        return x

    def check(self, x: Any) -> None:
        conv = first_convolution(self)
        check_map(x, None if conv is None else conv.in_channels)
        if conv is None or isinstance(conv.padding, str):
            return
        if any(len(set(setting)) > 1 for setting in (conv.kernel_size, conv.stride, conv.padding, conv.dilation)):
            return  # another convolution has taken its place, and its two sides ask for different sizes
        reach = conv.dilation[0] * (conv.kernel_size[0] - 1) + 1 - 2 * conv.padding[0]
        needed = max(reach, conv.stride[0])
        _, _, height, width = x.shape
        if height < needed or width < needed:
            raise ValueError(
                f"x must be at least {needed}x{needed} pixels for kernel_size={conv.kernel_size[0]}, "
                f"stride={conv.stride[0]}, padding={conv.padding[0]}, dilation={conv.dilation[0]}, "
                f"got {height}x{width}; use a larger image or "
                f"{'leave padding out' if reach > conv.stride[0] else 'stride=1'}"
            )


class ConvBNReLU(ConvBN):
    """Convolution, BatchNorm, ReLU6: the traditional block, and the brick of all the others.

    Parameters
    ----------
    in_channels, out_channels : int
        M and N.
    kernel_size : int, default=3
        D_K, odd.
    stride : {1, 2}, default=1
        Step of the filter, in pixels.
    padding : int, optional
        Zeros on each side, in pixels; left out, as many as keep the size at stride 1.
    dilation : int, default=1
        Distance between the filter's taps, in pixels.
    groups : int, default=1
        1 is a standard convolution, in_channels a depthwise one.
    bias : bool, default=False
        Whether the convolution has a bias; BatchNorm subtracts it again, so it is waste.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, H', W'), with H' = ceil(H / stride) under the default padding, W' alike.

    Raises
    ------
    TypeError, ValueError
        As :class:`ConvBN`.

    Notes
    -----
    Parameters: D_K² · M/groups · N weights and 2N of BatchNorm. MACs: D_K² · M/groups · N · H' · W'.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, figure 3 (left). The rectifier is ReLU6, as in both MobileNets.

    Examples
    --------
    >>> import torch
    >>> ConvBNReLU(3, 32, stride=2)(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 32, 112, 112])
    """

    def _activation(self) -> tuple[nn.Module, ...]:
        return (nn.ReLU6(inplace=True),)


class ConvBNHardswish(ConvBN):
    """Convolution, BatchNorm, h-swish: :class:`ConvBNReLU` with the activation of MobileNetV3.

    Parameters
    ----------
    in_channels, out_channels : int
        M and N.
    kernel_size : int, default=3
        D_K, odd.
    stride : {1, 2}, default=1
        Step of the filter, in pixels.
    padding : int, optional
        Zeros on each side, in pixels; left out, as many as keep the size at stride 1.
    dilation : int, default=1
        Distance between the filter's taps, in pixels.
    groups : int, default=1
        1 is a standard convolution, in_channels a depthwise one.
    bias : bool, default=False
        Whether the convolution has a bias; BatchNorm subtracts it again, so it is waste.

    Shape
    -----
    (N, C_in, H, W) -> (N, C_out, H', W'), with H' = ceil(H / stride) under the default padding, W' alike.

    Raises
    ------
    TypeError, ValueError
        As :class:`ConvBN`.

    Notes
    -----
    h-swish(x) = x · ReLU6(x + 3) / 6: the swish x · σ(x) with a sigmoid made of straight lines.

    References
    ----------
    Howard et al. 2019, arXiv:1905.02244, section 5.2.

    Examples
    --------
    >>> import torch
    >>> ConvBNHardswish(3, 16, stride=2)(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 16, 112, 112])
    """

    def _activation(self) -> tuple[nn.Module, ...]:
        return (nn.Hardswish(inplace=True),)


class SqueezeExcite(Checked):
    """Squeeze-and-excitation: look at the whole map, then turn each channel up or down.

    Parameters
    ----------
    channels : int
        Of the map; they come out as many.
    squeeze_channels : int
        Of the narrow middle; ``specs.squeeze_channels`` is MobileNetV3's rule, about a quarter.

    Attributes
    ----------
    pool : AdaptiveAvgPool2d
        The squeeze: one average for each channel.
    reduce, expand : Conv2d
        1x1, with a bias: no BatchNorm follows that would cancel it.
    activation, gate : Module
        ReLU, and the hard sigmoid ReLU6(x + 3) / 6. For the gate of the paper of 2018, set ``gate = nn.Sigmoid()``.

    Shape
    -----
    (N, C, H, W) -> (N, C, H, W).

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer; on a call, if the input is not (N, channels, H, W).

    Notes
    -----
    MACs = 2 · channels · squeeze_channels, whatever the size of the map. Parameters: as many, and the two biases.

    References
    ----------
    Hu et al. 2018, arXiv:1709.01507, section 3; Howard et al. 2019, arXiv:1905.02244, sections 5.2 and 5.3.

    Examples
    --------
    >>> import torch
    >>> SqueezeExcite(72, squeeze_channels=24)(torch.zeros(1, 72, 28, 28)).shape
    torch.Size([1, 72, 28, 28])
    """

    def __init__(self, channels: int, squeeze_channels: int):
        super().__init__()
        channels, squeeze_channels = positive_int(channels=channels, squeeze_channels=squeeze_channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeeze_channels, kernel_size=1)
        self.activation = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(squeeze_channels, channels, kernel_size=1)
        self.gate = nn.Hardsigmoid()

    def check(self, x: Any) -> None:
        check_map(x, self.reduce.in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.expand(self.activation(self.reduce(self.pool(x)))))


def first_convolution(layer: nn.Module) -> nn.Conv2d | None:
    """Return the convolution that a layer's input meets, or nothing where another module has taken its place.

    Examples
    --------
    >>> first_convolution(ConvBN(3, 8)).in_channels, first_convolution(nn.Identity())
    (3, None)
    """
    first = layer._modules.get("0", layer)  # as layer[0], at a tenth of the time
    # One that waits for its first input has no channels yet.
    return first if isinstance(first, nn.Conv2d) and first.in_channels else None


def check_map(x: Any, in_channels: int | None = None) -> None:
    """Require a batch of feature maps, (N, in_channels, H, W).

    Parameters
    ----------
    x : object
        What was given.
    in_channels : int, optional
        Of the convolution that it is for. Left out, any number will do, and any dtype.

    Raises
    ------
    TypeError
        If x is not a tensor, or holds integers for a convolution.
    ValueError
        If x has another rank or number of channels.

    Examples
    --------
    >>> import torch
    >>> check_map(torch.zeros(24, 56, 56), in_channels=24)
    Traceback (most recent call last):
        ...
    ValueError: x must have 4 dimensions (N, 24, H, W), got shape (24, 56, 56); for a single image use x.unsqueeze(0)
    """
    if isinstance(x, Tensor) and x.dim() == 4 and (in_channels is None or x.shape[1] == in_channels):
        if in_channels is None or x.dtype not in INTEGERS:
            return
        raise TypeError(
            f"x must hold floating-point numbers, got {x.dtype}; for pixels from 0 to 255 begin with x.float() / 255"
        )
    wanted = f"(N, {'C' if in_channels is None else in_channels}, H, W)"
    if not isinstance(x, Tensor):
        raise TypeError(
            f"x must be a torch.Tensor of shape {wanted}, got {type(x).__name__}; "
            "torch.as_tensor(x) makes one of an array"
        )
    if x.dim() != 4:
        remedies = {2: "for a single grey image use x[None, None]", 3: "for a single image use x.unsqueeze(0)"}
        remedy = remedies.get(x.dim(), "x.flatten(0, -4) joins what stands before (C, H, W)")
        raise ValueError(f"x must have 4 dimensions {wanted}, got shape {tuple(x.shape)}; {remedy}")
    last = "; if the channels stand last, x.permute(0, 3, 1, 2)" if x.shape[3] == in_channels else ""
    raise ValueError(
        f"x must have {in_channels} channels (in_channels={in_channels}), got {x.shape[1]} in shape "
        f"{tuple(x.shape)}; build the layer with in_channels={x.shape[1]} or pass another tensor{last}"
    )
