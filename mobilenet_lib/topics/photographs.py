"""Photographs to show a network: those that packages ship with a stated free licence, and a reader's own.

scikit-image, scikit-learn and matplotlib carry these files in their wheels, so no connection is needed.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

CC0 = "CC0 1.0"
PUBLIC = "public domain"
BY = "CC BY 2.0"
MEGAPIXELS = 100  # what is larger would take a gigabyte


class Photograph(NamedTuple):
    """A photograph that a package ships.

    Attributes
    ----------
    name : str
        A key of ``photographs.SHIPPED``.
    title : str
        What it shows.
    licence : str
        As its package states it.
    credit : str
        Whose it is.
    source : str
        Where it comes from.
    package, file : str
        Who ships it, and where in the package.

    Examples
    --------
    >>> print(SHIPPED["china"].line)
    A Chinese palace: danielbuechele, CC BY 2.0 (scikit-learn)
    >>> SHIPPED["coffee"].image().size
    (600, 400)
    """

    name: str
    title: str
    licence: str
    credit: str
    source: str
    package: str
    file: str

    @property
    def line(self) -> str:
        """What to write below the picture where it is shown."""
        return f"{self.title}: {self.credit}, {self.licence} ({self.package})"

    def image(self) -> Image.Image:
        """Return the picture, in red, green and blue."""
        return _shipped(self.name).copy()


_MODULES = {"scikit-image": "skimage", "scikit-learn": "sklearn", "matplotlib": "matplotlib"}
_FLICKR = "https://www.flickr.com/photos"
_TEXTURES = "https://cc0textures.com/view.php?tex"
SHIPPED = {
    photograph.name: photograph
    for photograph in (
        Photograph("coffee", "An espresso", CC0, "Rachel Michetti, courtesy of Pikolo Espresso Bar",
                   "https://scikit-image.org", "scikit-image", "data/coffee.png"),
        Photograph("chelsea", "Chelsea the cat", CC0, "Stéfan van der Walt",
                   "https://scikit-image.org", "scikit-image", "data/chelsea.png"),
        Photograph("camera", "A camera on its tripod", CC0, "Lav Varshney",
                   "https://github.com/scikit-image/scikit-image/issues/3927", "scikit-image", "data/camera.png"),
        Photograph("rocket", "A Falcon 9 takes off", PUBLIC, "SpaceX",
                   f"{_FLICKR}/spacexphotos/16511594820", "scikit-image", "data/rocket.jpg"),
        Photograph("astronaut", "Eileen Collins", PUBLIC, "NASA",
                   "https://flic.kr/p/r9qvLn", "scikit-image", "data/astronaut.png"),
        Photograph("grass", "Grass", CC0, "linolafett",
                   "https://www.deviantart.com/linolafett/art/Grass-01-434853879", "scikit-image", "data/grass.png"),
        Photograph("gravel", "Gravel", CC0, "CC0Textures",
                   f"{_TEXTURES}=Gravel04", "scikit-image", "data/gravel.png"),
        Photograph("brick", "A brick wall", CC0, "CC0Textures",
                   f"{_TEXTURES}=Bricks25", "scikit-image", "data/brick.png"),
        Photograph("china", "A Chinese palace", BY, "danielbuechele",
                   f"{_FLICKR}/danielbuechele/6061409035", "scikit-learn", "datasets/images/china.jpg"),
        # scikit-learn's note has another name here, and the address of this one's page.
        Photograph("flower", "A flower", BY, "vultilion",
                   f"{_FLICKR}/vultilion/6056698931", "scikit-learn", "datasets/images/flower.jpg"),
        Photograph("hopper", "Grace Hopper", PUBLIC, "US Navy",
                   "https://github.com/matplotlib/matplotlib/pull/1599", "matplotlib",
                   "mpl-data/sample_data/grace_hopper.jpg"),
    )
}  # fmt: skip


def pictures(*names: str) -> dict[str, Image.Image]:
    """Return photographs that packages ship, by name.

    Parameters
    ----------
    names : str
        Keys of ``photographs.SHIPPED``; none for all of them.

    Returns
    -------
    dict of str to PIL.Image.Image
        In red, green and blue; grey ones too.

    Raises
    ------
    ValueError
        If there is no such photograph.
    ImportError
        If the package that ships it is not installed.

    Examples
    --------
    >>> {name: picture.size for name, picture in pictures("chelsea", "hopper").items()}
    {'chelsea': (451, 300), 'hopper': (512, 600)}
    """
    for name in names:
        if not isinstance(name, str) or name not in SHIPPED:
            raise ValueError(f"names must be of {', '.join(SHIPPED)}, got {name!r}; picture(path) opens your own")
    return {name: SHIPPED[name].image() for name in names or SHIPPED}


def picture(source: Any) -> Image.Image:
    """Return a picture as a network's preparation takes it: red, green and blue, upright.

    Parameters
    ----------
    source : str, path, bytes, file, PIL.Image.Image, array or tensor
        The name of a photograph that a package ships; or your own: a file, what is in one, a picture of Pillow's, an
        array (H, W), (H, W, 3) or (H, W, 4), or a tensor of torch's, (3, H, W). Numbers are bytes, or floats from 0
        to 1.

    Returns
    -------
    PIL.Image.Image
        Turned as the camera was held (EXIF), with white where it was transparent, and of any number of colours made
        three. It shares nothing with the source.

    Raises
    ------
    FileNotFoundError
        If there is no such file, and no photograph of that name.
    TypeError
        If source is of another kind.
    ValueError
        If the file is empty, damaged, too large, or no picture that Pillow knows; if an array has another shape or
        other numbers.

    Examples
    --------
    >>> picture("chelsea").size, picture(np.zeros((2, 3), np.uint8)).mode
    ((451, 300), 'RGB')
    """
    if isinstance(source, str) and source in SHIPPED:
        return SHIPPED[source].image()
    if isinstance(source, str | os.PathLike):
        return _rgb(_opened(_bytes(source), str(source)))
    if isinstance(source, bytes | bytearray | memoryview):
        return _rgb(_opened(bytes(source), "it"))
    if isinstance(source, Image.Image):
        return _rgb(source)
    if isinstance(source, np.ndarray) or hasattr(source, "is_floating_point"):
        return _rgb(_of_numbers(source))
    if callable(getattr(source, "read", None)):
        return _rgb(_opened(source.read(), str(getattr(source, "name", "it"))))
    hint = "take one of them" if isinstance(source, Mapping | list | tuple) else "open the file, or name it"
    raise TypeError(f"source must be a picture, a file or an array, got {type(source).__name__}; {hint}")


@cache
def _shipped(name: str) -> Image.Image:
    photograph = SHIPPED[name]
    # Found, not imported: loading such a package takes a second.
    found = find_spec(_MODULES[photograph.package])
    path = Path(found.origin).parent / photograph.file if found is not None and found.origin else None
    if path is None or not path.is_file():
        raise ImportError(f"{name} is shipped by {photograph.package}: pip install {photograph.package}")
    return picture(path)


def _bytes(path: str | os.PathLike[str]) -> bytes:
    file = Path(os.path.expanduser(path))
    if file.is_dir():
        raise ValueError(f"source must be a file, got the folder {str(path)!r}; name a file in it")
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"source: there is no file {path}; a path begins in {Path.cwd()}, and {', '.join(SHIPPED)} need none"
        ) from error
    except OSError as error:
        raise ValueError(f"source: {path} cannot be read ({error.strerror}); ask for leave to read it") from error


def _opened(content: object, name: str) -> Image.Image:
    """Read a whole picture, or say in a sentence why there is none."""
    if not isinstance(content, bytes):
        raise TypeError(f"source must be opened for bytes, got {type(content).__name__}; open(path, 'rb') does that")
    if not content:
        raise ValueError(f"source: {name} is empty; its writing was interrupted, or nothing was chosen")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError as error:
        raise ValueError(f"source: {name} is no picture that Pillow knows: {_what(content)}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"source: {name} is too large ({error}); make it smaller") from error
    except Exception as error:  # each format has faults of its own
        raise ValueError(f"source: {name} is damaged ({error}); save it anew as a JPEG or a PNG") from error
    _check_size(image, name)
    try:
        image.load()
    except Exception as error:
        raise ValueError(f"source: {name} is damaged ({error}); save it anew as a JPEG or a PNG") from error
    return image


def _what(content: bytes) -> str:
    """Say what bytes are that are no picture, and what to do."""
    if content[4:8] == b"ftyp":
        return "it looks like a HEIC or AVIF picture, or a film; save it as a JPEG"
    if content.lstrip()[:1] == b"<":
        return "it is a page of the web, or a drawing in SVG; save the picture itself, as a JPEG or a PNG"
    if content.startswith(b"%PDF"):
        return "it is a PDF; save a page of it as a PNG"
    if b"\0" not in content[:1000]:
        return f"it is a text, which begins with {content[:20].decode('utf-8', 'replace')!r}; choose another file"
    return f"it begins with {content[:8]!r}; save it as a JPEG or a PNG"


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MEGAPIXELS * 1_000_000:
        raise ValueError(
            f"source: {name} has {width}x{height} pixels; up to {MEGAPIXELS} million are read, so make it smaller"
        )
    if not width or not height:
        raise ValueError(f"source: {name} has {width}x{height} pixels; choose another picture")


def _of_numbers(source: Any) -> Image.Image:
    """Make a picture of an array or a tensor."""
    array = source
    if not isinstance(source, np.ndarray):
        array = (source.float() if source.is_floating_point() else source).detach().cpu().numpy()
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):  # torch has colours first
            array = np.moveaxis(array, 0, 2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or not array.size:
        raise ValueError(
            "source must be an array (H, W), (H, W, 3) or (H, W, 4), or a tensor (3, H, W), got "
            f"{tuple(source.shape)}; of a batch take one"
        )
    if array.dtype == bool:
        array = array * np.uint8(255)
    elif np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):  # nor if there is a nan
            raise ValueError(
                f"source must hold floats from 0 to 1, got {array.min():.3g} to {array.max():.3g}; undo the "
                "normalisation, or divide by the largest"
            )
        array = np.rint(255 * array.astype(np.float64)).astype(np.uint8)
    elif array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.integer) or array.min() < 0 or array.max() > 255:
            raise ValueError(
                f"source must hold bytes, or floats from 0 to 1, got {array.dtype}; (255 * x / x.max()).astype('uint8')"
            )
        array = array.astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(array))


def _rgb(image: Image.Image) -> Image.Image:
    """Return a picture upright, on white, in three colours."""
    _check_size(image, "it")
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith(("I", "F")):
            image = _of_numbers(_to_bytes(np.asarray(image), image.mode))
        if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            return Image.alpha_composite(white, image).convert("RGB")
        return image.convert("RGB")
    except Exception as error:  # whatever a strange mode makes of Pillow
        raise ValueError(
            f"source must be a picture that Pillow can make red, green and blue of, got one of mode {image.mode!r} "
            f"({error}); save it anew as a JPEG or a PNG"
        ) from error


def _to_bytes(numbers: np.ndarray, mode: str) -> np.ndarray:
    """Return grey of 16 bits, of 32, or of floats from 0 to 1 or to 255, as what is known of each."""
    if mode == "F":
        return numbers if not numbers.max() > 1 else (numbers / 255).clip(max=1)
    if mode == "I" and numbers.max() <= 255:
        return numbers
    return (numbers // 257).clip(0, 255)  # 65,535 is white
