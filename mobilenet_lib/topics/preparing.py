"""A picture as a network expects it, and the faults that are commonly made on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from .._validation import from_0_to_1, several, shown

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue, from 0 to 1


def cropped(picture: Image) -> Tensor:
    """Return the middle of a picture as numbers from 0 to 1: its short side made 256 pixels, then 224x224 cut out.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of any size and kind.

    Returns
    -------
    Tensor, shape (3, 224, 224)
        Red, green and blue.

    Examples
    --------
    >>> from PIL import Image
    >>> cropped(Image.new("RGB", (640, 480), "white")).unique()
    tensor([1.])
    """
    _check_picture("picture", picture)
    functional = _torchvision()
    small = functional.resize(picture.convert("RGB"), [256], antialias=True)
    return functional.to_tensor(functional.center_crop(small, [224, 224]))


def stretched(picture: Image) -> Tensor:
    """Return a whole picture as numbers from 0 to 1, squeezed into 224x224 pixels whatever its shape.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of any size and kind.

    Returns
    -------
    Tensor, shape (3, 224, 224)
        Red, green and blue.

    Examples
    --------
    >>> from PIL import Image
    >>> stretched(Image.new("RGB", (640, 480), "white")).shape
    torch.Size([3, 224, 224])
    """
    _check_picture("picture", picture)
    functional = _torchvision()
    return functional.to_tensor(functional.resize(picture.convert("RGB"), [224, 224], antialias=True))


def _check_picture(name: str, picture: object) -> None:
    if not isinstance(picture, Image):
        raise TypeError(f"{name} must be a PIL image, got {shown(picture)}; Image.open(path) reads one")


def _torchvision() -> Any:
    try:
        from torchvision.transforms import functional
    except ImportError as error:
        raise ImportError("preparing a picture needs torchvision: pip install torchvision") from error
    return functional


def normalised(image: Tensor) -> Tensor:
    """Return an image with ImageNet's mean and standard deviation taken out of each colour.

    Parameters
    ----------
    image : Tensor, shape (..., 3, H, W)
        From 0 to 1.

    Returns
    -------
    Tensor, shape (..., 3, H, W)
        About -2 to 2.6.

    Raises
    ------
    TypeError
        If image is not a tensor of that shape, or holds integers.

    Examples
    --------
    >>> [round(value, 2) for value in normalised(torch.ones(3, 1, 1)).flatten().tolist()]
    [2.25, 2.43, 2.64]
    """
    if not isinstance(image, Tensor) or image.dim() < 3:
        got = tuple(image.shape) if isinstance(image, Tensor) else shown(image)
        raise TypeError(f"image must be a torch.Tensor (3, H, W) or several, got {got}; cropped(picture) makes one")
    from_0_to_1("image", image)
    mean, deviation = (image.new_tensor(each)[:, None, None] for each in (MEAN, DEVIATION))
    return (image - mean) / deviation


# What is done to a picture: as torchvision says, and with one fault each.
WAYS: dict[str, Callable[[Image], Tensor]] = {
    "as trained": lambda picture: normalised(cropped(picture)),
    "not normalised": lambda picture: cropped(picture),
    "blue, green, red": lambda picture: normalised(cropped(picture).flip(0)),
    "0 to 255, normalised": lambda picture: normalised(255 * cropped(picture)),
    "0 to 255": lambda picture: 255 * cropped(picture),
    "-1 to 1": lambda picture: 2 * cropped(picture) - 1,
    "stretched": lambda picture: normalised(stretched(picture)),
}


def prepared(pictures: Image | Iterable[Image], way: str = "as trained") -> Tensor:
    """Prepare pictures for a network: as torchvision's weights want it, or with a fault.

    Parameters
    ----------
    pictures : PIL.Image.Image, or several
        Of any sizes.
    way : str, default="as trained"
        A key of ``preparing.WAYS``.

    Returns
    -------
    Tensor, shape (N, 3, 224, 224)
        For a single picture, N is 1.

    Raises
    ------
    ValueError
        If there is no such way, or no picture.
    ImportError
        If torchvision is not installed.

    References
    ----------
    `torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1.transforms`, which does the same.

    Examples
    --------
    >>> from PIL import Image
    >>> prepared(Image.new("RGB", (640, 480))).shape
    torch.Size([1, 3, 224, 224])
    """
    if not isinstance(way, str) or way not in WAYS:
        raise ValueError(f"way must be one of {', '.join(map(repr, WAYS))}, got {way!r}")
    if not isinstance(pictures, Image):
        pictures = several("pictures", pictures, "one PIL image or several", "Image.open(path)")
        for i, picture in enumerate(pictures):
            _check_picture(f"pictures[{i}]", picture)
    images = [WAYS[way](picture) for picture in ([pictures] if isinstance(pictures, Image) else pictures)]
    if not images:
        raise ValueError("pictures must be one picture or more, got none; Image.open(path) reads one")
    return torch.stack(images)
