"""From a trained network to one that ships: BatchNorm folded, exported, compiled, in eight bits.

What needs packages beyond torch (onnx, onnxscript, onnxruntime) imports them when it is called, and says what is
missing.
"""

from __future__ import annotations

import copy
import io
import shutil
import sysconfig
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from .._validation import PERMANENT, flag, function, instance, positive_int, several, shown
from ..measure.probe import (
    check_module,
    check_numbers,
    check_readable,
    check_result,
    check_shape,
    copied,
    probing,
    quietly,
    unwrapped,
)
from . import onnx_files
from .wiring import wires

DTYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16, "tensor(double)": torch.float64}
IN_EIGHT_BITS = {
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
    *("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
}
BITS = (2, 16)  # what rounding weights makes sense for


# BatchNorm


def fold_pair(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return one convolution that does what a convolution and its BatchNorm do at inference.

    Parameters
    ----------
    conv : torch.nn.Conv2d
        With or without a bias.
    norm : torch.nn.BatchNorm2d
        With running averages. An activation inside it, as timm's BatchNormAct2d has one, stays outside.

    Returns
    -------
    torch.nn.Conv2d
        A new one, with a bias.

    Raises
    ------
    TypeError
        If conv is not a Conv2d or norm not a BatchNorm2d.
    ValueError
        If their channels differ, or norm keeps no running averages.

    Notes
    -----
    BatchNorm computes γ (y − μ) / √(σ² + ε) + β for each output channel, so the channel's weights are multiplied with
    s = γ / √(σ² + ε), and its bias becomes β + s (b − μ). `torch.nn.utils.fusion.fuse_conv_bn_weights` does it.

    References
    ----------
    Jacob et al. 2018, arXiv:1712.05877, section 3.2.

    Examples
    --------
    >>> fold_pair(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)).bias.shape
    torch.Size([8])
    """
    if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
        raise TypeError(
            f"conv and norm must be a Conv2d and a BatchNorm2d, got {type(conv).__name__} and {type(norm).__name__}; "
            "give the two layers themselves"
        )
    check_module(conv, "conv")  # neither may wait for its first input
    if conv.out_channels != norm.num_features:
        raise ValueError(
            f"norm must have {conv.out_channels} channels like the output of conv, got {norm.num_features}; "
            "give the BatchNorm that follows it"
        )
    if norm.running_mean is None:
        raise ValueError("norm must have running averages, got track_running_stats=False; it cannot be folded")
    running = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    folded = copy.deepcopy(conv)
    folded.weight, folded.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, *running, norm.eps, norm.weight, norm.bias
    )
    folded.bias.requires_grad_(conv.weight.requires_grad)
    return folded


def fold(network: nn.Module, *, partly: bool = False) -> nn.Module:
    """Return a copy of a network in which every BatchNorm right behind a convolution is folded into it.

    Parameters
    ----------
    network : torch.nn.Module
        Of this library, of torchvision, of timm, or another one that ``torch.fx`` can trace: who feeds whom is read off
        its program.
    partly : bool, default=False
        Whether BatchNorms that cannot be folded may stay as they are, instead of being an error.

    Returns
    -------
    torch.nn.Module
        In eval mode: a folded network cannot be trained as before. An Identity stands where a BatchNorm was, or the
        activation that was inside it. It computes what the network does.

    Raises
    ------
    TypeError
        If network is not a torch module.
    ValueError
        If the network cannot be traced, or a BatchNorm behind a convolution cannot be folded: the convolution or the
        BatchNorm runs more than once, something else uses what the convolution gives, or the two merely stand side by
        side. The message names them.

    Notes
    -----
    timm's BatchNormAct2d *is* a BatchNorm2d, and applies its activation after normalising. What replaces it here is
    that activation: to drop it, as a naive loop does, makes another network.

    A BatchNorm that follows something else, a sum or an activation, stays.

    Examples
    --------
    >>> from mobilenet_lib import ConvBNReLU
    >>> fold(ConvBNReLU(8, 16))
    ConvBNReLU(
      (0): Conv2d(8, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
      (1): Identity()
      (2): ReLU6(inplace=True)
    )
    """
    check_module(network, "network")
    flag(partly=partly)
    # What torch.compile returns holds the network itself.
    network = copied(getattr(network, "_orig_mod", network), "network").eval()
    pairs, refused = [], []
    for wire in wires(network):
        conv = cast(nn.Conv2d, network.get_submodule(wire.conv))
        norm = cast(nn.BatchNorm2d, network.get_submodule(wire.norm))
        why_not = wire.why_not or _why_another(conv, norm)
        if why_not:
            refused.append(f"{wire.conv} and {wire.norm} ({why_not})")
        else:
            pairs.append((conv, norm))
    if refused and not partly:
        more = f", and {len(refused) - 3} more pairs" if len(refused) > 3 else ""
        raise ValueError(
            f"network must have no BatchNorm that cannot be folded, got {', '.join(refused[:3])}{more}; "
            "partly=True leaves them as they are"
        )
    for conv, norm in pairs:
        folded, left = fold_pair(conv, norm), _left_of(norm)
        _become(conv, folded)
        _become(norm, left)
    return network.eval()


def _become(layer: nn.Module, other: nn.Module) -> None:
    """Make one layer another wherever a network keeps it: under two names, or in a list that torch knows nothing of."""
    layer.__class__, layer.__dict__ = type(other), other.__dict__


def _left_of(norm: nn.BatchNorm2d) -> nn.Module:
    """Return what stays of a BatchNorm that was folded: timm's hold an activation."""
    return getattr(norm, "act", nn.Identity())


def _as_torch_wrote_it(layer: nn.Module, kind: type) -> bool:
    """Say whether a layer runs torch's own program: neither a subclass's nor one that was put into its place."""
    return type(layer) is kind and "forward" not in vars(layer)


def _why_another(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> str:
    """Say whether the two of them, on numbers of their own, compute something else when folded, as a subclass may."""
    generator = torch.Generator().manual_seed(0)
    if _as_torch_wrote_it(conv, nn.Conv2d):
        if _as_torch_wrote_it(norm, nn.BatchNorm2d):
            return ""
        # What such a convolution gives may as well come from a small one.
        conv = cast(nn.Conv2d, nn.utils.skip_init(nn.Conv2d, 1, conv.out_channels, 1, bias=False))
        nn.init.normal_(conv.weight, generator=generator)
    side = [dilation * (size - 1) + 3 for size, dilation in zip(conv.kernel_size, conv.dilation, strict=True)]
    x = torch.randn(2, conv.in_channels, *side, generator=generator, dtype=torch.double)
    with torch.no_grad():
        try:
            conv, norm = copy.deepcopy(conv).cpu().double(), copy.deepcopy(norm).cpu().double()
            wanted = norm(conv(x))
            found = _left_of(norm)(fold_pair(conv, norm)(x))
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            return f"they cannot be run alone: {error}"
    same = torch.allclose(found, wanted, rtol=1e-6, atol=1e-6 * float(wanted.abs().max()))
    return "" if same else "one of them is more than a convolution or a BatchNorm"


def compiled(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return ``torch.compile`` of a network, with its weights frozen as constants.

    Parameters
    ----------
    network : torch.nn.Module
        It is compiled at the first call, which takes from seconds to a minute.

    Returns
    -------
    callable
        Takes what the network takes.

    Raises
    ------
    TypeError
        If network is not a torch module.
    RuntimeError
        If there is no C++ compiler, or Python's headers are not there: PyTorch writes C++ for a processor and has it
        compiled.

    Examples
    --------
    >>> callable(compiled(nn.Identity())) if can_compile() else True
    True
    """
    check_module(network, "network")
    if not _has_compiler():
        raise RuntimeError(
            "torch.compile needs a C++ compiler on the PATH, got none; install g++ (Linux), Xcode's command line tools "
            "(macOS) or Visual Studio's build tools (Windows), or use the network as it is"
        )
    if not _has_headers():
        raise RuntimeError(
            f"torch.compile needs Python's header Python.h, got none in {sysconfig.get_path('include')}; install "
            "Python's development files (python3-dev on Debian and Ubuntu), or use the network as it is"
        )
    quietly("torch.utils.cpp_extension")
    # What torch says on the first call: it does not concern a network whose input keeps its shape.
    warnings.filterwarnings("ignore", "Guards may run slower on Python 3.13.0", RuntimeWarning)
    # Freezing lets the compiler fold BatchNorm and lay the weights out anew. It holds for inference alone.
    return torch.compile(network.eval(), options={"freezing": True})


def can_compile() -> bool:
    """Say whether ``torch.compile`` has what it needs here: a C++ compiler, and the headers of this Python.

    Examples
    --------
    >>> can_compile() in (True, False)
    True
    """
    return _has_compiler() and _has_headers()


def _has_compiler() -> bool:
    return any(shutil.which(name) for name in ("g++", "clang++", "c++", "cl"))


def _has_headers() -> bool:
    """Say whether C++ code can name Python: the Pythons of some systems come without their headers."""
    return Path(sysconfig.get_path("include"), "Python.h").is_file()


# ONNX


def to_onnx(module: nn.Module, input_shape: tuple[int, ...], *, features: Sequence[str] = ()) -> bytes:
    """Export a module as ONNX, for any batch size: the same module gives the same bytes.

    Parameters
    ----------
    module : torch.nn.Module
        What takes one tensor. It is exported in eval mode and left in the mode it had.
    input_shape : tuple of int
        Shape of the input, with the batch: (1, 3, 224, 224). The batch that is given does not matter.
    features : sequence of str, optional
        Names of parts, as in ``module.named_modules()``, whose outputs become outputs of the model, too.

    Returns
    -------
    bytes
        A whole model; its input is called "input", its outputs "output" and as the features.

    Raises
    ------
    TypeError, ValueError
        If module is not a torch module, input_shape not a shape that it takes, there is no part of a name in
        `features`, or ONNX Runtime, where it is installed, does not run what was written.
    ImportError
        If onnx or onnxscript is not installed.

    Notes
    -----
    Opset 18. The exporter folds BatchNorm into the convolutions. What it writes down about the program it ran in (file
    names, lines) is taken out: a model does not need it, and the bytes would change from place to place.

    The model's numbers have the module's dtype. ONNX Runtime has convolutions for float32 and float16, and none for
    float64.

    Examples
    --------
    >>> layer = nn.Conv2d(3, 8, 3)
    >>> try:
    ...     model = to_onnx(layer, (1, 3, 32, 32))
    ...     print(len(model) < 5000, model == to_onnx(layer, (1, 3, 32, 32)))
    ... except ImportError:
    ...     print("True True")
    True True
    """
    check_module(module)
    module = unwrapped(module)
    check_readable(module)
    sizes = check_shape(input_shape, module)
    if len(sizes) < 2:
        raise ValueError(f"input_shape must have a batch and more, got {sizes}; the batch is left open in the model")
    features = _parts_named(features, module)
    onnx_files.need("onnx", "onnxscript")
    wrapped = _WithFeatures(module, features) if features else module
    with probing(module, sizes) as x, onnx_files.quiet():
        check_numbers(x)
        result = wrapped.eval()(x[:1])  # a shape that does not fit is found here, and not by the exporter
        check_result(module, result[0] if features else result)
        try:
            written = torch.onnx.export(
                wrapped,
                (x.new_zeros(2, *sizes[1:]),),  # a batch of one would be taken for a fixed size
                dynamo=True,
                input_names=["input"],
                output_names=["output", *features],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                opset_version=onnx_files.OPSET,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            told = str(error.__cause__ or error).strip().split("\n")[0]
            raise ValueError(
                f"module must be one that torch.onnx can write down for any batch, got {type(module).__name__}; "
                f"it says: {told}; export those of its parts that depend neither on the numbers nor on the batch"
            ) from error
        proto = cast(torch.onnx.ONNXProgram, written).model_proto
        model = onnx_files.plain(proto).SerializeToString(deterministic=True)
        _check_it_runs(model, x[:1])
    return model


def _parts_named(features: Sequence[str], module: nn.Module) -> tuple[str, ...]:
    """Return the names of parts, if they are such and can be those of outputs."""
    if isinstance(features, str):
        raise TypeError(f"features must be several names, got {features!r}; for one write [{features!r}]")
    features = several("features", features, "several names", "['stem']")
    parts = dict(module.named_modules())
    for place, name in enumerate(features):
        if name not in parts or not name:
            near = f"{', '.join(list(parts)[1:4])}, ..." if len(parts) > 1 else "it has none"
            raise ValueError(f"features must name parts of the module ({near}), got {name!r}; choose among these")
        if name in ("input", "output", *features[:place]):
            raise ValueError(
                f"features must name each part once, and none that is called input or output, got {name!r}; leave out"
            )
    return features


def _check_it_runs(model: bytes, x: Tensor) -> None:
    """Open what was written and run it once, where ONNX Runtime is installed: its exporter does not."""
    try:
        OnnxNetwork(model)(x)
    except ImportError:
        return
    except Exception as error:  # ONNX Runtime has a dozen kinds, and no base of its own
        dtype = str(x.dtype).removeprefix("torch.")
        raise ValueError(
            f"module must be one that ONNX Runtime runs, got {dtype}, of which it says: {error.__cause__ or error}; "
            "module.float() makes it float32"
        ) from error


class _WithFeatures(nn.Module):
    """A module that also returns what some of its parts return."""

    def __init__(self, module: nn.Module, names: Sequence[str]):
        super().__init__()
        self.module, self.names = module, tuple(names)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        seen: dict[str, Tensor] = {}
        hooks = []
        for name in self.names:
            # A copy, since what comes next may write in place.
            keep = lambda part, given, result, name=name: seen.__setitem__(name, result.clone())  # noqa: E731
            hooks.append(self.module.get_submodule(name).register_forward_hook(keep))
        try:
            result = self.module(x)
        finally:
            for hook in hooks:
                hook.remove()
        return result, *(seen[name] for name in self.names)


class OnnxNetwork(nn.Module):
    """An ONNX model in ONNX Runtime, as a module without parameters.

    Parameters
    ----------
    model : bytes
        What :func:`to_onnx` or :func:`to_int8` returns.
    threads : int, default=1
        How many threads compute.

    Attributes
    ----------
    threads : int
        As given; ``measure.latency`` looks at it.
    outputs : tuple of str
        Names of what a call returns.
    dtype : torch.dtype
        Of the input it wants; ``measure.latency`` makes one.

    Shape
    -----
    (N, ...) -> what the module returns, as a tensor; as a tuple of tensors if it was exported with features.

    Raises
    ------
    TypeError, ValueError
        If model is not the bytes of a model that ONNX Runtime opens, or threads is not a positive integer; on a call,
        if the input is not a tensor of the dtype and the size that the model takes.
    ImportError
        If onnxruntime is not installed.

    Examples
    --------
    >>> OnnxNetwork("network.onnx")
    Traceback (most recent call last):
        ...
    TypeError: model must be the bytes of an ONNX model, got str; read a file with Path(...).read_bytes()
    """

    def __init__(self, model: bytes, threads: int = 1):
        super().__init__()
        onnx_files.check_model(model)
        (threads,) = positive_int(threads=threads)
        (onnxruntime,) = onnx_files.need("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a dozen kinds, and no base of its own
            raise ValueError(
                f"model must be an ONNX model that ONNX Runtime opens, got {len(model):,} bytes; it says: {error}"
            ) from error
        self.threads = threads
        self.outputs = tuple(each.name for each in self.session.get_outputs())
        given = self.session.get_inputs()[0]
        self.input, self.dtype = given.name, DTYPES.get(given.type, torch.float32)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        instance("x", x, Tensor, "torch.as_tensor(x) makes one of an array")
        try:
            found = self.session.run(None, {self.input: x.numpy(force=True)})
        except Exception as error:  # ONNX Runtime has a dozen kinds, and no base of its own
            sizes = self.session.get_inputs()[0].shape
            raise ValueError(
                f"x must be what the model takes, {self.dtype} of size {sizes}, got {x.dtype} of size {list(x.shape)}; "
                f"it says: {error}"
            ) from error
        results = [torch.from_numpy(each) for each in found]
        return results[0] if len(results) == 1 else tuple(results)


def operators(model: bytes) -> dict[str, int]:
    """Count the operators of an ONNX model by kind.

    Parameters
    ----------
    model : bytes
        A whole model.

    Returns
    -------
    dict of str to int
        The most frequent first.

    Raises
    ------
    TypeError, ValueError
        If model is not the bytes of a model.
    ImportError
        If onnx is not installed.

    Examples
    --------
    >>> try:
    ...     print(operators(to_onnx(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6()), (1, 3, 8, 8))))
    ... except ImportError:
    ...     print({'Conv': 1, 'Clip': 1})
    {'Conv': 1, 'Clip': 1}
    """
    found = Counter(node.op_type for node in onnx_files.read(model).graph.node)
    return dict(found.most_common())


# Eight bits


def quantize(weight: Tensor, bits: int = 8, *, per_channel: bool = False) -> Tensor:
    """Round weights to the few values that an integer of some bits can stand for.

    Parameters
    ----------
    weight : Tensor, shape (C_out, ...)
        Of a convolution or a linear layer.
    bits : int, default=8
        From 2 to 16. The integers run from −(2^(bits−1) − 1) to 2^(bits−1) − 1, as far down as up.
    per_channel : bool, default=False
        Whether each output channel has its own scale; else one scale serves the whole tensor.

    Returns
    -------
    Tensor
        Of the same shape: integers times their scale.

    Raises
    ------
    TypeError, ValueError
        If bits is not an integer from 2 to 16, or weight does not hold finite numbers.

    References
    ----------
    Jacob et al. 2018, arXiv:1712.05877, section 2.1, with the zero point at zero.

    Examples
    --------
    >>> weight = torch.tensor([[0.7, 0.21], [0.02, 0.004]])
    >>> quantize(weight, bits=4)
    tensor([[0.7000, 0.2000],
            [0.0000, 0.0000]])
    >>> quantize(weight, bits=4, per_channel=True)
    tensor([[0.7000, 0.2000],
            [0.0200, 0.0029]])
    """
    if not isinstance(weight, Tensor) or not weight.is_floating_point():
        raise TypeError(f"weight must be a torch.Tensor of floats, got {shown(weight)}; give layer.weight")
    flag(per_channel=per_channel)
    (bits,) = positive_int(bits=bits)
    if not BITS[0] <= bits <= BITS[1]:
        raise ValueError(f"bits must be from {BITS[0]} to {BITS[1]}, got {bits}; 8 is what processors are made for")
    if not weight.numel() or not weight.isfinite().all():
        raise ValueError(
            f"weight must hold finite numbers, got {'nan or inf' if weight.numel() else 'none'}; look at it"
        )
    top = 2 ** (bits - 1) - 1
    dims = tuple(range(1, weight.dim())) if per_channel else tuple(range(weight.dim()))
    scale = weight.abs().amax(dims, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny) / top
    return (weight / scale).round() * scale


def with_rounded_weights(
    network: nn.Module,
    bits: int = 8,
    *,
    per_channel: bool = False,
    where: Callable[[nn.Module], bool] = lambda layer: True,
) -> nn.Module:
    """Return a copy of a network whose convolutions and linear layers have rounded weights; activations stay float.

    Parameters
    ----------
    network : torch.nn.Module
        Fold it first: what ships is the folded weight, and its range is another.
    bits : int, default=8
        As in :func:`quantize`.
    per_channel : bool, default=False
        As in :func:`quantize`.
    where : callable, optional
        Says of a layer of the network whether its weights are rounded; left out, all are.

    Returns
    -------
    torch.nn.Module
        In eval mode.

    Raises
    ------
    TypeError, ValueError
        If network is not a torch module, a layer makes its weights from others, or as :func:`quantize`.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> layer = nn.Conv2d(8, 8, 3)
    >>> with_rounded_weights(layer, bits=2).weight.unique().numel()
    3
    """
    flag(per_channel=per_channel)
    function("where", where)
    check_module(network, "network")
    rounded = copied(network, "network").eval()
    with torch.no_grad():
        for layer, twin in zip(network.modules(), rounded.modules(), strict=True):
            if isinstance(layer, nn.Conv2d | nn.Linear) and isinstance(twin, type(layer)) and where(layer):
                if "weight" not in layer._parameters:
                    raise ValueError(
                        f"network must have weights of its own, got a {type(layer).__name__} that makes them from "
                        f"others; {PERMANENT}"
                    )
                twin.weight.copy_(quantize(layer.weight, bits, per_channel=per_channel))
    return rounded


def to_int8(model: bytes, images: Tensor, *, per_channel: bool = True) -> bytes:
    """Quantize an ONNX model after training: weights and activations in eight bits.

    Parameters
    ----------
    model : bytes
        What :func:`to_onnx` returns.
    images : Tensor, shape (N, C, H, W)
        Some hundred inputs, on which the ranges of the activations are measured. No labels are needed.
    per_channel : bool, default=True
        Whether each output channel of a weight has its own scale.

    Returns
    -------
    bytes
        A model with pairs of QuantizeLinear and DequantizeLinear ("QDQ"), which ONNX Runtime turns into integer
        kernels. Activations are unsigned, weights signed.

    Raises
    ------
    TypeError, ValueError
        If model is not the bytes of a float32 model, is in eight bits already, or does not run when it is; or if images
        is not a tensor of finite floating-point numbers, with the batch, of the size that the model takes.
    ImportError
        If onnx or onnxruntime is not installed.

    References
    ----------
    Jacob et al. 2018, arXiv:1712.05877; ONNX Runtime, ``quantize_static``.

    Examples
    --------
    >>> try:
    ...     _ = torch.manual_seed(0)
    ...     model = to_onnx(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6()), (1, 3, 8, 8))
    ...     print("Clip" in operators(to_int8(model, torch.randn(16, 3, 8, 8))))
    ... except ImportError:
    ...     print(False)
    False
    """
    flag(per_channel=per_channel)
    onnx, _ = onnx_files.need("onnx", "onnxruntime")
    read = onnx_files.read(model)
    for operator in operators(model):
        if operator in IN_EIGHT_BITS:
            raise ValueError(f"model must be in floating point, got one with {operator}; give what to_onnx returned")
    given = OnnxNetwork(model)
    if given.dtype != torch.float32:
        dtype = str(given.dtype).removeprefix("torch.")
        raise ValueError(f"model must take float32, got {dtype}; export module.float()")
    _check_images(images, given.session.get_inputs()[0].shape)
    images = images.detach().to("cpu", torch.float32)
    with tempfile.TemporaryDirectory() as folder, onnx_files.quiet():
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        # The quantizer wants to know every shape.
        onnx.save(onnx.shape_inference.infer_shapes(read), before)
        _quantize_static(before, after, given.input, images, per_channel)
        small = onnx_files.plain(onnx.load(after)).SerializeToString(deterministic=True)
    results = OnnxNetwork(small)(images[:1])  # the quantizer itself does not open what it writes
    for result in results if isinstance(results, tuple) else (results,):
        if not result.isfinite().all():
            raise ValueError("model must give finite numbers in eight bits, got nan or inf; look at its weights")
    return small


def _quantize_static(before: Path, after: Path, name: str, images: Tensor, per_channel: bool) -> None:
    """Have ONNX Runtime measure the ranges on the images, given under the input's name, and write the model."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            # One at a time: the quantizer keeps all that the layers write, 100 MB for a picture of 224x224.
            self.batches: Iterator[Tensor] = iter(images.split(1))

        def get_next(self) -> Any:
            batch = next(self.batches, None)
            return None if batch is None else {name: batch.numpy()}

    quantize_static(
        *(before, after, Reader()),
        quant_format=QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def _check_images(images: object, shape: Sequence[object]) -> None:
    """Require images that ranges can be measured on: without any, the quantizer writes a model that is dead."""
    wanted = f"({', '.join(['N', *(str(size) if isinstance(size, int) else 'any' for size in shape[1:])])})"
    if not isinstance(images, Tensor):
        kind = type(images).__name__
        several = isinstance(images, list | tuple) and images and all(isinstance(each, Tensor) for each in images)
        remedy = "torch.stack(images) makes one" if several else "read and prepare the images as for training"
        raise TypeError(f"images must be a tensor of shape {wanted}, got {kind}; {remedy}")
    if not images.is_floating_point():
        raise TypeError(
            f"images must be floating-point numbers, prepared as for training, got {images.dtype}; "
            "for pixels from 0 to 255 that begins with images.float() / 255"
        )
    got = tuple(images.shape)
    if len(got) == len(shape) - 1:
        raise ValueError(f"images must have shape {wanted}, with the batch, got {got}; for a single one, images[None]")
    if len(got) != len(shape) or any(isinstance(b, int) and a != b for a, b in zip(got[1:], shape[1:], strict=True)):
        raise ValueError(f"images must have shape {wanted}, got {got}; resize them as for training")
    if not len(images):
        raise ValueError(f"images must be some hundred, got {got}; ranges are measured on them")
    if not images.isfinite().all():
        raise ValueError("images must be finite numbers, got nan or inf; no range holds them")


# Size


def stored_bytes(network: nn.Module) -> int:
    """Return how many bytes a network's weights take on disk, as ``torch.save`` writes its state dict.

    Parameters
    ----------
    network : torch.nn.Module
        Any module.

    Returns
    -------
    int
        Bytes, with the names and what else the file holds.

    Raises
    ------
    TypeError
        If network is not a torch module.

    Examples
    --------
    >>> stored_bytes(nn.Linear(1000, 100)) > 4 * 100_100
    True
    """
    check_module(network, "network")
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    return buffer.tell()
