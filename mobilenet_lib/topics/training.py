"""Small, seeded trainings: networks of a few thousand weights, three of them trained, and one loop.

The loop runs on a processor, on a graphics card, and in the processes that ``torchrun`` starts. It can be killed at
any moment and goes on where its last checkpoint stands, to the same result.
"""

from __future__ import annotations

import argparse
import atexit
import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from .._validation import flag, one_of, positive_int, positive_ints, positive_number, zero_or_more
from ..blocks import ConvDepthwiseConv, DepthwiseSeparableConv
from ..layers import ConvBNReLU
from ..measure.probe import evaluating, place_of
from ..models import MobileNetV2
from . import checkpoints
from .datasets import cifar10
from .datasets import digits as digits  # what the trained networks were trained on

# The networks


class ResidualConv(ConvBNReLU):
    """A standard 3x3 convolution, BatchNorm, ReLU6, and a shortcut around them where the shape stays.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    stride : {1, 2}, default=1
        Step of the filter, in pixels.

    Attributes
    ----------
    use_residual : bool
        True exactly when stride == 1 and in_channels == out_channels.

    Raises
    ------
    TypeError, ValueError
        As :class:`~mobilenet_lib.layers.ConvBNReLU`.

    Examples
    --------
    >>> ResidualConv(8, 8).use_residual, ResidualConv(8, 8, stride=2).use_residual
    (True, False)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__(in_channels, out_channels, stride=stride)
        self.use_residual = bool(stride == 1 and in_channels == out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for part in self:  # super().forward(x) would do the same, and torch.jit.script cannot read it
            y = part(y)
        return x + y if self.use_residual else y


class ResidualSeparable(DepthwiseSeparableConv):
    """A depthwise separable block with a shortcut around it where the shape stays.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    stride : {1, 2}, default=1
        Step of the depthwise filter, in pixels.

    Attributes
    ----------
    use_residual : bool
        True exactly when stride == 1 and in_channels == out_channels.

    Raises
    ------
    TypeError, ValueError
        As :class:`~mobilenet_lib.blocks.DepthwiseSeparableConv`.

    Examples
    --------
    >>> ResidualSeparable(8, 8).use_residual, ResidualSeparable(8, 16).use_residual
    (True, False)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__(in_channels, out_channels, stride)
        self.use_residual = bool(stride == 1 and in_channels == out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise(self.depthwise(x))
        return x + y if self.use_residual else y


def _check_callable(**arguments: object) -> None:
    for name, value in arguments.items():
        if not callable(value):
            raise TypeError(f"{name} must be a class or a function, got {value!r}; give it without calling it")


def _made(block: Callable[..., nn.Module], in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Make a block, or say that what shall make it does not."""
    try:
        made = block(in_channels, out_channels, stride=stride)
    except TypeError as error:
        raise TypeError(f"block must take (in_channels, out_channels, stride=...), got {block!r}: {error}") from error
    if not isinstance(made, nn.Module):
        raise TypeError(f"block must make modules, got {block!r}, which makes a {type(made).__name__}; give a class")
    return made


def expanding(expansion: int, block: Callable[..., nn.Module] = ConvDepthwiseConv) -> Callable[..., nn.Module]:
    """Return a maker of inverted residuals of one expansion, which takes what the makers of other blocks take.

    Parameters
    ----------
    expansion : int
        t: the middle has t times the channels of the input.
    block : callable
        The class: ``block(in_channels, mid_channels, out_channels, stride=...)``.

    Returns
    -------
    callable
        ``make(in_channels, out_channels, stride=1)``.

    Raises
    ------
    TypeError, ValueError
        If expansion is not a positive integer, or block cannot be called.

    Examples
    --------
    >>> expanding(6)(8, 12, stride=2).depthwise[0].groups
    48
    """
    (expansion,) = positive_int(expansion=expansion)
    _check_callable(block=block)

    def make(in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
        return block(in_channels, expansion * in_channels, out_channels, stride=stride)

    return make


class SmallNet(nn.Module):
    """A small classifier: a stem, stages of one kind of block, global average, and a linear layer.

    Parameters
    ----------
    block : callable
        ``block(in_channels, out_channels, stride=...)``: a class of blocks, or what :func:`expanding` returns.
    channels : iterable of int
        Of each stage; the stem has those of the first. Each stage but the first begins with stride 2.
    repeats : iterable of int, default=(3, 4, 4)
        Blocks of each stage.
    in_channels : int, default=1
        Of the image: 1 for grey, 3 for colour.
    num_classes : int, default=10
        How many scores come out.

    Attributes
    ----------
    stem : ConvBNReLU
        3x3 convolution with stride 2.
    blocks : Sequential
        The blocks of all stages.
    classifier : Linear
        From the channels of the last stage to the scores.

    Shape
    -----
    (N, in_channels, H, W) -> (N, num_classes), any H and W from 8.

    Raises
    ------
    TypeError, ValueError
        If a count is not a positive integer, channels and repeats differ in length, or block cannot be called.

    Notes
    -----
    There is no normalisation of the image: behind the stem stands a BatchNorm.

    Examples
    --------
    >>> network = SmallNet(DepthwiseSeparableConv, channels=(8, 16), repeats=(1, 2))
    >>> network(torch.zeros(2, 1, 28, 28)).shape, len(network.blocks)
    (torch.Size([2, 10]), 3)
    """

    def __init__(
        self,
        block: Callable[..., nn.Module],
        channels: Iterable[int],
        repeats: Iterable[int] = (3, 4, 4),
        in_channels: int = 1,
        num_classes: int = 10,
    ):
        super().__init__()
        channels, repeats = positive_ints("channels", channels), positive_ints("repeats", repeats)
        in_channels, num_classes = positive_int(in_channels=in_channels, num_classes=num_classes)
        _check_callable(block=block)
        if len(channels) != len(repeats):
            raise ValueError(f"channels and repeats must be as many, got {channels} and {repeats}; one of each a stage")
        self.stem = ConvBNReLU(in_channels, channels[0], stride=2)
        blocks, before = [], channels[0]
        for stage, (after, count) in enumerate(zip(channels, repeats, strict=True)):
            for i in range(count):
                blocks.append(_made(block, before, after, 2 if stage > 0 and i == 0 else 1))
                before = after
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(before, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.blocks(self.stem(x)).mean(dim=(2, 3)))


# Twins: as many blocks, a shortcut wherever the shape stays, and the channels chosen so that parameters and MACs are
# equal within 1.5 %.
TWINS = {
    "standard": (ResidualConv, (11, 19, 20)),
    "separable": (ResidualSeparable, (30, 48, 55)),
    "inverted": (expanding(6), (8, 12, 16)),
}


def twin(name: str, num_classes: int = 10) -> SmallNet:
    """Return one of three small networks of equal cost, untrained: the weights are drawn from torch's generator.

    Parameters
    ----------
    name : {"standard", "separable", "inverted"}
        The kind of block: standard convolution, depthwise separable, or inverted residual with t = 6. All have 11
        blocks and a shortcut wherever the shape stays. On 28x28 pixels their parameters and their MACs are equal
        within 1.5 %.
    num_classes : int, default=10
        How many scores come out.

    Returns
    -------
    SmallNet
        (N, 1, H, W) -> (N, num_classes).

    Raises
    ------
    ValueError
        If there is no such network.

    Examples
    --------
    >>> [sum(p.numel() for p in twin(name).parameters()) for name in TWINS]
    [29824, 29908, 30194]
    """
    one_of("name", name, TWINS)
    block, channels = TWINS[name]
    return SmallNet(block, channels, num_classes=num_classes)


def trained(name: str) -> SmallNet:
    """Return one of the three twins, trained on handwritten digits, in eval mode.

    Parameters
    ----------
    name : {"standard", "separable", "inverted"}
        As :func:`twin`.

    Returns
    -------
    SmallNet
        (N, 1, 28, 28), from 0 (paper) to 1 (ink), no other normalisation -> (N, 10), one score for each digit.

    Raises
    ------
    ValueError
        If there is no such network.

    Notes
    -----
    The weights are of the run with seed 0 of ``make experiments``; they have seen the training part of
    :func:`~mobilenet_lib.topics.datasets.digits`.

    Examples
    --------
    >>> accuracy(trained("inverted"), *digits("test")) > 90
    True
    """
    model = twin(name)
    with np.load(io.BytesIO(files("mobilenet_lib").joinpath("data", f"digits_{name}.npz").read_bytes())) as stored:
        model.load_state_dict({key: torch.from_numpy(stored[key]) for key in stored.files})
    return model.eval()


# The loop


class Run(NamedTuple):
    """What came of a training.

    Attributes
    ----------
    losses : tuple of float
        Cross-entropy of each batch, in order.
    accuracy : float or None
        Percent of the test images that were named right; None without test images.
    seconds : float
        Of training, those before an interruption included, without the test.
    images : int
        How many went through, each time counted.

    Examples
    --------
    >>> Run(losses=(2.3, 1.1), accuracy=None, seconds=0.5, images=128).images_per_second
    256.0
    """

    losses: tuple[float, ...]
    accuracy: float | None
    seconds: float
    images: int

    @property
    def images_per_second(self) -> float:
        """Training throughput."""
        return self.images / self.seconds


def train(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor] | None = None,
    *,
    epochs: int,
    batch_size: int = 64,
    max_lr: float = 0.01,
    weight_decay: float = 0.01,
    seed: int = 0,
    augment: Callable[[Tensor], Tensor] | None = None,
    checkpoint: str | Path | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> Run:
    """Train a classifier: AdamW, one cycle of the learning rate, batches in an order that the seed decides.

    The same call trains on a graphics card, where there is one, and on several machines or cards: a script that
    ``torchrun`` starts joins the other processes, and each takes its share of every batch.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images, gives scores. It is trained in place. Seed torch before you build it. Parts that are in eval
        mode while the model itself is in training mode stay so: a BatchNorm is frozen by that.
    data : (Tensor, Tensor)
        Images (N, C, H, W), floats from 0 to 1 or bytes, and labels (N,), integers from 0.
    test : (Tensor, Tensor), optional
        Images and labels to measure the accuracy on, once, at the end.
    epochs : int
        How often each image is seen. What does not fill a last batch is left out of an epoch.
    batch_size : int, default=64
        Images in a batch, of all processes together.
    max_lr : float, default=0.01
        Highest learning rate of the cycle.
    weight_decay : float, default=0.01
        As AdamW has it.
    seed : int, default=0
        Decides the order of the images, and what ``augment`` and dropout draw. torch's own generator is left as it was.
    augment : callable, optional
        Changes a batch of images before the network sees it, for example :func:`flip_and_shift`.
    checkpoint : str or Path, optional
        A file that is written after each epoch. If it is there, training goes on from it. ``~`` is the home folder.
    device : str or torch.device, optional
        Where to train; left out, on a graphics card if there is one.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    Run
        The loss of each batch, the accuracy, the seconds.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, images and labels differ in number or are of another kind, the model does not take
        the images, a label is none of its scores, there are fewer images than a batch, ``augment`` returns another
        number of images, nothing in the model can be trained, nothing is computed on the device, the processes cannot
        share a batch evenly, or the checkpoint cannot be read or written, or is of another run or network. All this
        is found before the first batch, and the model is then as it was.
    FileNotFoundError
        If the folder of the checkpoint does not exist.
    ImportError
        If tqdm is not installed and progress is true.

    Notes
    -----
    The order of the images depends on the seed and the epoch alone: two networks that are trained with one seed see
    the same batches, which makes their results a pair, and a run that goes on sees what it would have seen.

    Several processes average their gradients, so they train as one process does with the whole batch: but for
    BatchNorm. On graphics cards it is replaced by SyncBatchNorm, which sees the whole batch. On processors PyTorch
    has no such layer, and each process normalises by its own share. At the end all have the buffers of the first.

    References
    ----------
    Loshchilov and Hutter 2019, arXiv:1711.05101 (AdamW); Smith and Topin 2018, arXiv:1708.07120 (one cycle).

    Examples
    --------
    >>> from mobilenet_lib import datasets
    >>> run = train(SmallNet(ResidualConv, (8,), (1,)), datasets.tiny_digits("train"), epochs=1, progress=False)
    >>> len(run.losses), run.images, run.losses[-1] < run.losses[0]
    (22, 1408, True)
    """
    images, labels = _checked("data", *_pair("data", data))
    if test is not None:
        test = _checked("test", *_pair("test", test))
    _check_trainable(model)
    epochs, batch_size = positive_int(epochs=epochs, batch_size=batch_size)
    (max_lr,) = positive_number(max_lr=max_lr)
    flag(progress=progress)
    (seed,) = zero_or_more(seed=seed)
    if weight_decay != 0:
        (weight_decay,) = positive_number(weight_decay=weight_decay)
    if augment is not None:
        _check_callable(augment=augment)
    if batch_size > len(labels):
        raise ValueError(
            f"batch_size must be at most the {len(labels)} images of data, got {batch_size}; make it smaller"
        )
    rank, world, device = _processes(device)
    if batch_size % world:
        raise ValueError(f"batch_size must be a multiple of the {world} processes, got {batch_size}")
    path = checkpoints.writable(checkpoint) if rank == 0 else checkpoints.path_of(checkpoint)
    steps = len(labels) // batch_size
    settings = {"images": len(labels), "epochs": epochs, "batch_size": batch_size, "seed": seed}
    settings |= {"max_lr": max_lr, "weight_decay": weight_decay}

    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        # All weights in one call, as on a graphics card: on a processor that is not torch's own choice, and saves time.
        optimiser = torch.optim.AdamW(model.to(device).parameters(), max_lr, weight_decay=weight_decay, foreach=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr, total_steps=epochs * steps)
        parts = {"model": model, "optimiser": optimiser, "schedule": schedule}
        state = checkpoints.saved(path, settings, parts, steps, device)
        dtype = place_of(model)["dtype"]
        _check_scores("data", model, images, labels, augment)
        if test is not None:
            _check_scores("test", model, *test)
        losses, seconds = checkpoints.resume(state, parts)
        net = _shared(model if model.training else model.train(), device, world)
        done = len(losses) // steps
        with _bar(epochs * steps, len(losses), progress and rank == 0) as bar:
            for epoch in range(done, epochs):
                start, batch_losses = time.perf_counter(), []
                torch.manual_seed(100_000 * seed + epoch)
                for batch in torch.randperm(len(labels))[: steps * batch_size].view(steps, batch_size):
                    x = _pixels(images[batch].to(device), dtype)
                    # All processes draw the same for the whole batch, and then each takes its share.
                    x = (augment(x) if augment else x)[rank::world]
                    loss = functional.cross_entropy(net(x), labels[batch][rank::world].to(device))
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    schedule.step()
                    batch_losses.append(loss.detach())
                    bar(loss)
                losses += _averaged(torch.stack(batch_losses), world)
                seconds += time.perf_counter() - start
                if path is not None and rank == 0:
                    checkpoints.save(path, settings, parts, losses, seconds)
        for buffer in model.buffers() if world > 1 else ():
            dist.broadcast(buffer, src=0)
    percent = None if test is None else accuracy(model, *test)
    return Run(tuple(losses), percent, seconds, epochs * steps * batch_size)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 500) -> float:
    """Return the percentage of images that a network names right.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images, gives scores. It is used in eval mode, and each of its parts is left in the mode it had.
    images : Tensor
        (N, C, H, W), floats from 0 to 1 or bytes.
    labels : Tensor
        (N,), the right answers.
    batch_size : int, default=500
        How many images go through at a time; it decides the memory, not the answer.

    Returns
    -------
    float
        From 0 to 100.

    Raises
    ------
    TypeError, ValueError
        If images and labels differ in number or are of another kind, a label is none of the scores, or batch_size is
        not a positive integer.

    Examples
    --------
    >>> accuracy(nn.Identity(), torch.eye(4)[:, :, None, None].flatten(1), torch.tensor([0, 1, 2, 0]))
    75.0
    """
    _check_model(model)
    images, labels = _checked("(images, labels)", images, labels)
    (batch_size,) = positive_int(batch_size=batch_size)
    place = place_of(model)
    right = 0
    with evaluating(model):
        for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            scores = model(_pixels(x.to(place["device"]), place["dtype"]))
            if right == 0:
                _check_classes("(images, labels)", scores, labels)
            right += int((scores.argmax(1) == y.to(place["device"])).sum())
    return 100 * right / len(labels)


def flip_and_shift(images: Tensor, pixels: int = 4) -> Tensor:
    """Mirror half of the images and move each by a few pixels, as is usual for small photographs.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W).
    pixels : int, default=4
        How far an image may move, in each direction. What comes in from outside is black.

    Returns
    -------
    Tensor
        (N, C, H, W), new images; drawn from torch's generator.

    Raises
    ------
    TypeError, ValueError
        If pixels is not an integer of 0 or more, or images are no batch (N, C, H, W).

    Examples
    --------
    >>> flip_and_shift(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 3, 32, 32])
    """
    (pixels,) = zero_or_more(pixels=pixels)
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a tensor, got {type(images).__name__}; torch.as_tensor(images) makes one")
    if images.ndim != 4:
        raise ValueError(f"images must be (N, C, H, W), got {tuple(images.shape)}; of one image take image[None]")
    count, _, height, width = images.shape
    mirrored = torch.rand(count) < 0.5
    top, left = torch.randint(2 * pixels + 1, (2, count, 1))
    rows, columns = top + torch.arange(height), left + torch.arange(width)
    # The columns of a mirrored image are read from right to left.
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    padded = functional.pad(images, [pixels] * 4)
    return padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]].movedim(3, 1)


def _check_model(model: object) -> nn.Module:
    if not isinstance(model, nn.Module):
        hint = "call the class to build one" if isinstance(model, type) else "wrap a function in a module"
        raise TypeError(f"model must be a torch.nn.Module, got {model!r}; {hint}")
    return model


def _check_trainable(model: object) -> None:
    """Require a model with something to train."""
    parameters = list(_check_model(model).parameters())
    if any(parameter.is_meta for parameter in parameters):
        raise ValueError("model must hold numbers, got one on the meta device; build it on the CPU")
    if not any(parameter.requires_grad for parameter in parameters):
        raise ValueError(
            f"model must have parameters to train, got {len(parameters)}, all frozen; say requires_grad_(True) on the "
            "part that shall learn"
        )


def _pair(name: str, data: object) -> tuple[object, object]:
    """Return images and labels, if that is what was given."""
    if isinstance(data, tuple | list) and len(data) == 2:
        return data[0], data[1]
    if isinstance(data, DataLoader):
        remedy = f"next(iter(DataLoader({name}.dataset, len({name}.dataset)))) gathers it once"
    elif isinstance(data, Dataset):
        remedy = f"next(iter(DataLoader({name}, len({name})))) gathers it once"
    else:
        remedy = "write (images, labels)"
    raise TypeError(f"{name} must be two tensors, images and labels, got {type(data).__name__}; {remedy}")


def _tensor(name: str, what: str, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} must hold {what} as a tensor, got {type(value).__name__}; torch.as_tensor({what}) makes one"
        )
    return value


def _checked(name: str, images: object, labels: object) -> tuple[Tensor, Tensor]:
    """Require images and labels that fit together, and return them, the labels as 64-bit integers."""
    images, labels = _tensor(name, "images", images), _tensor(name, "labels", labels)
    counts = [len(value) if value.ndim else 0 for value in (images, labels)]
    if counts[0] != counts[1] or not counts[0]:
        raise ValueError(
            f"{name} must hold as many labels as images, one or more, got {counts[0]} images and {counts[1]} labels"
        )
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(
            f"{name} must hold images of bytes or of floats from 0 to 1, got {images.dtype}; "
            "images.to(torch.uint8) keeps numbers from 0 to 255"
        )
    if images.is_floating_point() and not images.isfinite().all():
        raise ValueError(f"{name} must hold finite images, got nan or inf in them; torch.nan_to_num takes them out")
    if labels.ndim != 1:
        remedy = "labels.flatten()" if labels.numel() == len(labels) else "labels.argmax(1), if they are one-hot"
        raise ValueError(f"{name} must hold labels of shape (N,), got {tuple(labels.shape)}; use {remedy}")
    if labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"{name} must hold labels that are integers, got {labels.dtype}; use labels.long()")
    labels = labels.long()  # torch knows no smallest of some unsigned integers
    if labels.min() < 0:
        raise ValueError(f"{name} must hold labels from 0, got {int(labels.min())}; number the classes 0, 1, 2, ...")
    return images, labels


def _check_scores(
    name: str,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    augment: Callable[[Tensor], Tensor] | None = None,
) -> None:
    """Show a model two images before the first batch, and require a score for each label."""
    place = place_of(model)
    x = _pixels(images[:2].to(place["device"]), place["dtype"])
    given, x = x, augment(x) if augment else x
    if not isinstance(x, Tensor) or len(x) != len(given):
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"augment must return as many images as it takes, got {got} for {tuple(given.shape)}")
    with evaluating(model):
        _check_classes(name, model(x), labels)


def _check_classes(name: str, scores: object, labels: Tensor) -> None:
    """Require scores (N, classes), one for each label."""
    if not isinstance(scores, Tensor) or scores.ndim != 2:
        got = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise ValueError(f"model must give scores of shape (N, classes), got {got}; end it with a linear layer")
    if (top := int(labels.max())) >= scores.shape[1]:
        raise ValueError(
            f"{name} must hold labels below {scores.shape[1]}, the scores that model gives, got {top}; number the "
            f"classes from 0, or build the model with num_classes={top + 1}"
        )


def _pixels(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return images as floats from 0 to 1: a large data set is kept as bytes, in a quarter of the memory."""
    return images.to(dtype) / 255 if images.dtype == torch.uint8 else images.to(dtype)


@contextmanager
def _bar(total: int, done: int, shown: bool) -> Iterator[Callable[[Tensor], None]]:
    """Give a function that moves a progress bar by a batch and shows its loss."""
    if not shown:
        yield lambda loss: None
        return
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("the progress bar needs tqdm: pip install tqdm, or say progress=False") from error
    # On the standard output, as text: what a notebook has on the error stream looks like a fault.
    with tqdm(total=total, initial=done, unit=" batches", file=sys.stdout, ncols=72, mininterval=0.5) as bar:

        def move(loss: Tensor) -> None:
            if bar.update():  # true when it is drawn: reading the loss more often would make a graphics card wait
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)

        yield move


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be one that torch knows, got {device!r}; 'cpu' is everywhere") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device must be there, got {device!r}, and torch finds no graphics card; leave device out")
    try:
        torch.zeros(1, device=chosen).item()
    except (AssertionError, RuntimeError) as error:  # not on this machine, or "meta", where nothing is computed
        raise ValueError(f"device must be one that computes here, got {device!r}; leave device out") from error
    if chosen.type == "cuda" and chosen.index is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return chosen


def _processes(device: str | torch.device | None) -> tuple[int, int, torch.device]:
    """Join the processes that torchrun started, and say which of how many this is; alone it is 0 of 1."""
    device = _device(device)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)  # not after a training: it cannot be joined a second time
    together = dist.is_available() and dist.is_initialized()
    return (dist.get_rank(), dist.get_world_size(), device) if together else (0, 1, device)


def _shared(model: nn.Module, device: torch.device, world: int) -> nn.Module:
    """Wrap a network so that the processes' gradients are averaged; the first one's weights are everyone's."""
    if world == 1:
        return model
    on_card = device.type == "cuda"
    if on_card:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return nn.parallel.DistributedDataParallel(model, device_ids=[device.index] if on_card else None)


def _averaged(losses: Tensor, world: int) -> list[float]:
    """Return the losses of the whole batches: the processes have equal shares, so it is the mean of theirs."""
    if world > 1:
        dist.all_reduce(losses)
    return (losses / world).tolist()


def main(arguments: list[str] | None = None) -> None:
    """Train a MobileNetV2 on CIFAR-10: ``python -m mobilenet_lib.topics.training``, alone or under ``torchrun``.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line; ``--help`` lists them.

    Examples
    --------
    >>> main(["--epochs", "none"])
    Traceback (most recent call last):
        ...
    SystemExit: 2
    """
    parser = argparse.ArgumentParser("mobilenet_lib.topics.training", description="Train a MobileNetV2 on CIFAR-10.")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=256, help="of all processes together")
    parser.add_argument("--width", type=float, default=0.5, help="the width multiplier")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", default="data", help="folder of the data set")
    parser.add_argument("--checkpoint", help="file to go on from, if it is there, and to write after each epoch")
    chosen = parser.parse_args(arguments)
    torch.manual_seed(chosen.seed)
    # At output stride 8 an image of 32 pixels ends as a map of 4x4, not as a single pixel.
    model = MobileNetV2(num_classes=10, width_mult=chosen.width, output_stride=8)
    run = train(
        model,
        cifar10("train", chosen.root),
        cifar10("test", chosen.root),
        epochs=chosen.epochs,
        batch_size=chosen.batch_size,
        seed=chosen.seed,
        augment=flip_and_shift,
        checkpoint=chosen.checkpoint,
    )
    if int(os.environ.get("RANK", 0)) == 0:
        print(f"{run.accuracy:.2f} % of the test images, {run.images_per_second:,.0f} images per second in training")


if __name__ == "__main__":
    main()
