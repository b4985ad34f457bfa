"""Photographs: the packages' own, with a stated licence; a reader's own of any kind, upright, in three colours."""

from __future__ import annotations

import io
import sys
from importlib.metadata import files
from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from mobilenet_lib import photographs
from mobilenet_lib.topics.photographs import SHIPPED, picture, pictures

CHELSEA = skimage.data.chelsea()


def array_of(name):
    """Return a photograph as its package gives it."""
    if SHIPPED[name].package == "scikit-image":
        return getattr(skimage.data, name)()
    if SHIPPED[name].package == "scikit-learn":
        return load_sample_image(f"{name}.jpg")
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        return np.asarray(Image.open(file))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_photograph_is_what_its_package_gives(name):
    given = array_of(name)
    image = SHIPPED[name].image()
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), given if given.ndim == 3 else np.stack([given] * 3, 2))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_photograph_lies_in_the_wheel_itself(name):
    """Whatever its package would fetch at the first use is not there without a connection."""
    shipped = SHIPPED[name]
    assert any(str(path).endswith(shipped.file) and "cache" not in str(path) for path in files(shipped.package))


def test_each_has_a_licence_a_credit_and_a_source_and_motorcycle_is_not_among_them():
    assert {shipped.licence for shipped in SHIPPED.values()} == {"CC0 1.0", "public domain", "CC BY 2.0"}
    for shipped in SHIPPED.values():
        assert shipped.credit and shipped.source.startswith("https://")
        assert shipped.credit in shipped.line and shipped.licence in shipped.line
    assert "motorcycle" not in SHIPPED


@pytest.mark.parametrize("name", [name for name in SHIPPED if SHIPPED[name].package == "scikit-image"])
def test_scikit_image_states_the_licence(name):
    said = " ".join(getattr(skimage.data, name).__doc__.split())
    assert {"CC0 1.0": "CC0", "public domain": "public domain"}[SHIPPED[name].licence] in said
    if name in ("coffee", "chelsea", "camera"):
        assert SHIPPED[name].credit.replace("é", "e").split(",")[0] in said
    if name in ("rocket", "astronaut", "grass", "gravel", "brick"):
        assert SHIPPED[name].source.split("//")[1] in said


@pytest.mark.parametrize("name", ["china", "flower"])
def test_scikit_learn_states_the_licence(name):
    note = Path(sys.modules["sklearn.datasets"].__file__).with_name("images") / "README.txt"
    part = note.read_text(encoding="utf-8").split(f"Image: {name}.jpg")[1]
    assert "creative commons license" in part and "licenses/by/2.0" in part
    assert SHIPPED[name].source in part and SHIPPED[name].credit in SHIPPED[name].source


def test_pictures_come_by_name_in_the_order_asked_for_and_share_nothing():
    assert list(pictures()) == list(SHIPPED)
    first = pictures("rocket", "coffee")
    assert list(first) == ["rocket", "coffee"]
    first["rocket"].paste("white", (0, 0, 640, 427))
    assert np.array_equal(np.asarray(pictures("rocket")["rocket"]), skimage.data.rocket())
    assert np.array_equal(np.asarray(picture("rocket")), skimage.data.rocket())


# A reader's own


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sketch(width=24, height=16):
    """Return a picture whose corners have four colours, so that no turn of it is another."""
    image = Image.new("RGB", (width, height), "black")
    for box, colour in (((0, 0), "red"), ((width // 2, 0), "lime"), ((0, height // 2), "blue")):
        image.paste(colour, (*box, box[0] + width // 2, box[1] + height // 2))
    return image


def test_a_path_bytes_a_file_a_picture_an_array_and_a_tensor_are_the_same_picture(tmp_path, monkeypatch):
    image = Image.fromarray(CHELSEA)
    image.save(tmp_path / "cat.png")
    content = (tmp_path / "cat.png").read_bytes()
    tensor = torch.from_numpy(CHELSEA).permute(2, 0, 1)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with (tmp_path / "cat.png").open("rb") as file:
        sources = [tmp_path / "cat.png", str(tmp_path / "cat.png"), "~/cat.png", content, bytearray(content)]
        sources += [memoryview(content), io.BytesIO(content), file, image, CHELSEA, CHELSEA / 255, tensor, tensor / 255]
        sources += [CHELSEA.astype(np.int64), (CHELSEA / 255).astype(np.float32), (tensor / 255).requires_grad_()]
        for source in sources:
            assert np.array_equal(np.asarray(picture(source)), CHELSEA), type(source)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_the_camera_was_held(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(sketch(), "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(np.asarray(picture(content)), np.asarray(upright))
    assert (picture(content).size == (16, 24)) == (orientation > 4)
    assert np.array_equal(np.asarray(picture(Image.open(io.BytesIO(content)))), np.asarray(upright))
    jpeg = saved(sketch(48, 32), "JPEG", exif=exif, quality=95)
    assert picture(jpeg).size == ((32, 48) if orientation > 4 else (48, 32))
    assert picture(picture(jpeg)).size == picture(jpeg).size  # it is not turned twice


def test_what_is_transparent_stands_on_white():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    expected = [[[255, 0, 0], [255, 255, 255], [127, 127, 127]]]
    for source in (image, saved(image), np.asarray(image), image.convert("RGBa"), saved(image, "WEBP", lossless=True)):
        assert np.abs(np.asarray(picture(source)).astype(int) - expected).max() <= 1
    grey = Image.new("LA", (2, 1))
    grey.putdata([(40, 255), (40, 0)])
    assert np.asarray(picture(grey)).tolist() == [[[40] * 3, [255] * 3]]
    palette = sketch().convert("P", palette=Image.Palette.ADAPTIVE)
    clear = palette.getpixel((0, 0))
    for kind in ("PNG", "GIF"):
        shown = np.asarray(picture(saved(palette, kind, transparency=clear)))
        assert shown[0, 0].tolist() == [255, 255, 255]
        assert shown[0, -1].tolist() == [0, 255, 0]
    assert np.asarray(picture(saved(Image.new("RGB", (2, 2), "red"), "PNG", transparency=(255, 0, 0)))).min() == 255


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LA", "PA", "RGBX"])
def test_every_usual_mode_becomes_the_same_three_colours(mode):
    image = sketch().convert("L").convert("RGB") if mode in ("1", "L", "LA") else sketch()
    if mode == "1":
        image = image.convert("1").convert("RGB")
    shown = picture(image.convert(mode))
    assert shown.mode == "RGB"
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(image).astype(int)).max() <= 3


def test_a_jpeg_for_print_keeps_its_colours():
    cyan, magenta, yellow = (Image.fromarray(255 - CHELSEA[:, :, i]) for i in range(3))
    print_ready = Image.merge("CMYK", (cyan, magenta, yellow, Image.new("L", cyan.size)))
    shown = np.asarray(picture(saved(print_ready, "JPEG", quality=98))).astype(int)
    assert np.abs(shown - CHELSEA).mean() < 4


def test_sixteen_bits_become_eight():
    eight = np.asarray(sketch().convert("L"))
    sixteen = Image.fromarray(eight.astype(np.uint16) * 257)
    for source in (sixteen, saved(sixteen), saved(sixteen, "TIFF"), Image.fromarray(eight.astype(np.int32) * 257),
                   Image.fromarray(eight.astype(np.int32)), Image.fromarray((eight / 255).astype(np.float32)),
                   Image.fromarray(eight.astype(np.float32))):  # fmt: skip
        assert np.array_equal(np.asarray(picture(source))[:, :, 0], eight), source
    dark = Image.fromarray(np.full((2, 2), 256, np.uint16))
    assert np.asarray(picture(dark)).max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (700, 1), (4000, 3000)])
def test_any_size_is_taken(size):
    assert picture(saved(Image.new("RGB", size, "red"), "JPEG")).size == size


def test_a_picture_of_sixty_megapixels_is_taken_and_one_of_too_many_is_refused():
    assert picture(saved(Image.new("L", (10_000, 6_000)), "PNG")).size == (10_000, 6_000)
    with pytest.raises(ValueError, match="it has 12000x9000 pixels; up to 100 million are read, so make it smaller"):
        picture(saved(Image.new("1", (12_000, 9_000)), "PNG"))
    with pytest.raises(ValueError, match="it is too large .*; make it smaller"):
        picture(saved(Image.new("1", (20_000, 20_000)), "PNG"))


def test_the_first_picture_of_several_is_taken():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(picture(content))[0, 0].tolist() == [255, 0, 0]


# What is refused, in one sentence


JPEG = saved(Image.fromarray(CHELSEA), "JPEG")
REFUSED = {
    "empty": (b"", "is empty"),
    "a text": (b"Dear reader, this is no picture.", "it is a text, which begins with 'Dear reader, this is'"),
    "a page": (b"\n<!DOCTYPE html><html></html>", "it is a page of the web"),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a drawing in SVG"),
    "a PDF": (b"%PDF-1.7 ...", "it is a PDF"),
    "from a telephone": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    "an archive": (b"PK\3\4" + bytes(40), r"it begins with b'PK"),
    "noise": (bytes(range(256)), "it begins with"),
    "half": (JPEG[: len(JPEG) // 2], "is damaged"),
    "only the beginning": (JPEG[:40], "(is damaged|it begins with)"),
    "half a PNG": (saved(sketch(200, 200))[:300], "is damaged"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_picture_is_said_in_a_sentence_with_a_remedy(kind, tmp_path):
    content, words = REFUSED[kind]
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^source: .*photo.jpg .*{words}") as caught:
        picture(path)
    assert "; " in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="^source: it is"):
        picture(content)


@pytest.mark.parametrize(
    ("source", "error", "match"),
    [
        ("no/such.jpg", FileNotFoundError, "no file no/such.jpg; a path begins in .*, and coffee, chelsea"),
        ("", ValueError, "got the folder ''"),
        (None, TypeError, "got NoneType"),
        (3, TypeError, "got int"),
        ([CHELSEA], TypeError, "got list; take one of them"),
        ({"cat": CHELSEA}, TypeError, "got dict; take one of them"),
        (io.StringIO("text"), TypeError, "opened for bytes, got str"),
        (np.zeros((2, 3, 4, 5)), ValueError, r"got \(2, 3, 4, 5\); of a batch take one"),
        (torch.zeros(1, 3, 8, 8), ValueError, r"got \(1, 3, 8, 8\); of a batch take one"),
        (np.zeros((4, 4, 2)), ValueError, r"got \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"got \(0, 4, 3\)"),
        (np.zeros(5), ValueError, r"got \(5,\)"),
        (np.full((4, 4), 1.5), ValueError, "floats from 0 to 1, got 1.5 to 1.5; undo the normalisation"),
        (np.full((4, 4, 3), -0.1), ValueError, "got -0.1 to -0.1"),
        (np.full((4, 4, 3), np.nan), ValueError, "got nan to nan"),
        (np.full((4, 4, 3), 300), ValueError, "must hold bytes, .* got int64"),
        (np.full((4, 4), "a"), ValueError, "must hold bytes, .* got <U1"),
        (Image.fromarray(np.full((2, 2), np.nan, np.float32)), ValueError, "mode 'F' .*nan"),
        (Image.new("RGB", (0, 3)), ValueError, "has 0x3 pixels"),
    ],
)  # fmt: skip
def test_other_things_are_refused_by_what_they_are(source, error, match):
    with pytest.raises(error, match=f"^source.*{match}"):
        picture(source)


def test_a_folder_and_a_file_that_cannot_be_read_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="got the folder"):
        picture(tmp_path)

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(ValueError, match=r"cannot be read \(Permission denied\)"):
        picture(tmp_path / "photo.jpg")


def test_an_unknown_name_is_refused_and_a_missing_package_named(monkeypatch):
    with pytest.raises(ValueError, match="names must be of coffee, .* got 'motorcycle'; picture"):
        pictures("coffee", "motorcycle")
    with pytest.raises(ValueError, match=r"got \['coffee'\]"):
        pictures(["coffee"])
    photographs._shipped.cache_clear()
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    for name, package in (("coffee", "scikit-image"), ("china", "scikit-learn"), ("hopper", "matplotlib")):
        with pytest.raises(ImportError, match=f"{name} is shipped by {package}: pip install {package}"):
            picture(name)
