"""The trained network as a page fetches it: one small file that names what it sees, and shows where and how.

``python -m mobilenet_lib.topics.page_model`` writes the file, the photographs that stand beside it in the page, and
what the network in float32 says of them. ``make page-model`` calls it.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .._validation import instance, several, tensor
from ..measure.probe import evaluating
from ..models import MobileNetV2, check_image
from . import few_bits, naming, onnx_files, photographs, shipping, trained
from ._command import told
from .anatomy import blocks_of, class_activation_map, conv_of
from .compare import Crops, agreement, crops, first_classes, scores
from .preparing import cropped, normalised, prepared
from .pretrained import from_torchvision

FILE, ANSWERS, GALLERY = "onnx/mobilenet-v2.onnx.gz", "gallery.json", "gallery"
SHOWN = ("china", "chelsea", "coffee", "camera", "rocket", "hopper", "astronaut", "flower")
FIRST = 5  # classes that the file names, with a map of each
SIDE, SMALL = 224, 160  # of an image; the camera's are small, because it asks several times a second
TILE, THUMB = 56, 80  # of a picture of one channel, and of a photograph to choose, in pixels
QUALITY = 92  # of the photographs: with less, the network no longer gives each the first class of its original
HALF = 16  # bits of a float16
COMPARED_ON, MEASURED_ON = (20, 0), (4, 11)  # pieces of each photograph, and what decides them

# The stem and the first four blocks hold 12,000 of 3.5 million weights, and rounding them to eight bits costs most.
FINE = ("stem", "blocks.0.", "blocks.1.", "blocks.2.", "blocks.3.")


def _bits_of(layer: str) -> int:
    """Return in how many bits the file holds the weights of a layer."""
    if layer.startswith(FINE):
        return HALF
    return 7 if layer == "classifier" else 8


def rounded(network: MobileNetV2, images: Tensor) -> MobileNetV2:
    """Round the weights of a network as the file holds them, and correct its biases.

    Parameters
    ----------
    network : MobileNetV2
        Trained and folded.
    images : Tensor, shape (N, 3, H, W)
        Some pictures to measure means on; no labels are needed.

    Returns
    -------
    MobileNetV2
        A changed copy, in float32: each weight has a value that the file can hold.

    Raises
    ------
    TypeError, ValueError
        As :func:`~mobilenet_lib.topics.few_bits.with_corrected_biases`.

    Examples
    --------
    >>> network = shipping.fold(MobileNetV2(10, width_mult=0.35))
    >>> few = rounded(network, torch.randn(2, 3, 64, 64))
    >>> len(few.classifier.weight[0].unique()) <= 127
    True
    """
    instance("network", network, MobileNetV2, "shipping.fold(MobileNetV2()) gives one")
    few = shipping.with_rounded_weights(network, bits=8, where=lambda layer: False)  # a copy
    with torch.no_grad():
        for name, layer in few.named_modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                bits = _bits_of(name)
                weight = layer.weight
                layer.weight.copy_(
                    weight.half().float() if bits == HALF else shipping.quantize(weight, bits, per_channel=True)
                )
    return cast(MobileNetV2, few_bits.with_corrected_biases(network, few, images))


# The file


def to_file(network: MobileNetV2, categories: Sequence[str]) -> bytes:
    """Write a network as ONNX, with its weights in few bits, the names of its classes, and what it shows on the way.

    Parameters
    ----------
    network : MobileNetV2
        From :func:`rounded`.
    categories : sequence of str
        Names of the classes.

    Returns
    -------
    bytes
        A whole model for images of any height and width. Its outputs: ``output`` (N, classes), the scores; ``first``
        (N, 5), the numbers of the first classes; ``names`` (N, 5), their names; ``maps`` (N, 5, H' · W'), the class
        activation map of each, whose mean is the score; ``head`` (N, C, H', W'), the last map; ``blocks.0`` to
        ``blocks.16``, the thin outputs. The same network gives the same bytes.

    Raises
    ------
    TypeError, ValueError
        If network is no MobileNetV2, or there is not one name for each class.
    ImportError
        If onnx is not installed.

    Notes
    -----
    Opset 18. Floats of half precision are turned into weights by Cast, integers by Cast and Mul: ONNX Runtime does
    that once, when it opens the file. DequantizeLinear it would do for every picture, and take nearly twice the time.
    Everything is computed in float32. The map is exact, since the mean over all places and the classifier are both
    linear: :func:`~mobilenet_lib.topics.anatomy.class_activation_map`.

    Examples
    --------
    >>> network = rounded(shipping.fold(MobileNetV2(10, width_mult=0.35)), torch.randn(2, 3, 64, 64))
    >>> try:
    ...     model = shipping.OnnxNetwork(to_file(network, list("abcdefghij")))
    ...     print(model.outputs[:5])
    ... except ImportError:
    ...     print(("output", "first", "names", "maps", "head"))
    ('output', 'first', 'names', 'maps', 'head')
    """
    instance("network", network, MobileNetV2, "rounded(...) gives one")
    classes = network.classifier.out_features
    categories = several("categories", categories, "a name for each class", "['cat', 'dog']")
    if len(categories) != classes:
        raise ValueError(f"categories must name {classes} classes, got {len(categories)}; give one name for each")
    return _Writer().written(network, categories)


class _Writer:
    """Collects the nodes and constants of a graph."""

    def __init__(self):
        import onnx

        self.onnx, self.nodes, self.constants = onnx, [], []

    def constant(self, name: str, array: np.ndarray) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, given: Sequence[str], name: str, **about: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, list(given), [name], **about))
        return name

    def weight(self, name: str, weight: Tensor) -> str:
        """Write a weight in few bits, and what turns it back into floats."""
        bits, values = _bits_of(name), weight.detach()
        if bits == HALF:
            half = self.constant(f"{name}.half", values.half().numpy())
            return self.node("Cast", [half], f"{name}.weight", to=self.onnx.TensorProto.FLOAT)
        top = 2 ** (bits - 1) - 1
        shape = (-1, *[1] * (values.dim() - 1))
        scale = values.abs().flatten(1).amax(1).clamp(min=torch.finfo(torch.float32).tiny).reshape(shape) / top
        steps = self.constant(f"{name}.steps", (values / scale).round().to(torch.int8).numpy())
        floats = self.node("Cast", [steps], f"{name}.floats", to=self.onnx.TensorProto.FLOAT)
        return self.node("Mul", [floats, self.constant(f"{name}.scale", scale.numpy())], f"{name}.weight")

    def convolution(self, x: str, name: str, conv: nn.Conv2d, clipped: bool) -> str:
        bias = self.constant(f"{name}.bias", cast(Tensor, conv.bias).detach().numpy())
        about = {"strides": conv.stride, "pads": [*conv.padding, *conv.padding], "group": conv.groups}
        y = self.node("Conv", [x, self.weight(name, conv.weight), bias], f"{name}.out", **about)
        return self.node("Clip", [y, "zero", "six"], f"{name}.clipped") if clipped else y

    def written(self, network: MobileNetV2, categories: Sequence[str]) -> bytes:
        helper, proto = self.onnx.helper, self.onnx.TensorProto
        for name, value in (("zero", 0), ("six", 6)):
            self.constant(name, np.array(value, np.float32))
        x = self.convolution("input", "stem.0", cast(nn.Conv2d, network.stem[0]), True)
        outputs = []
        for i, block in enumerate(blocks_of(network)):
            y = x
            for part in ("conv1", "depthwise", "conv2"):
                if hasattr(block, part):
                    conv = cast(nn.Conv2d, getattr(block, part)[0])
                    y = self.convolution(y, f"blocks.{i}.{part}.0", conv, part != "conv2")
            x = self.node("Add" if block.use_residual else "Identity", [x, y][not block.use_residual :], f"blocks.{i}")
            outputs.append((x, proto.FLOAT, ["batch", conv_of(block.conv2).out_channels, f"height {i}", f"width {i}"]))
        y = self.convolution(x, "head.0", cast(nn.Conv2d, network.head[0]), True)
        head = self.node("Identity", [y], "head")
        channels, classes = network.classifier.in_features, network.classifier.out_features
        means = self.node("Flatten", [self.node("GlobalAveragePool", [head], "pooled")], "means")
        weight = self.weight("classifier", network.classifier.weight)
        bias = self.constant("classifier.bias", network.classifier.bias.detach().numpy())
        said = self.node("Gemm", [means, weight, bias], "output", transB=1)
        # The first classes: their numbers, names, and maps.
        self.nodes.append(helper.make_node("TopK", [said, self.constant("five", np.array([FIRST]))], ["high", "first"]))
        self.node("Gather", [self.constant("categories", np.array(categories, dtype=object)), "first"], "names")
        places = self.node("Reshape", [head, self.constant("in a row", np.array([0, channels, -1]))], "places")
        rows = self.node("Gather", [weight, "first"], "rows")
        at = self.node("Gather", [bias, "first"], "biases")
        column = self.node("Unsqueeze", [at, self.constant("last", np.array([2]))], "column")
        self.node("Add", [self.node("MatMul", [rows, places], "sums"), column], "maps")
        outputs = [
            ("output", proto.FLOAT, ["batch", classes]),
            ("first", proto.INT64, ["batch", FIRST]),
            ("names", proto.STRING, ["batch", FIRST]),
            ("maps", proto.FLOAT, ["batch", FIRST, "places"]),
            ("head", proto.FLOAT, ["batch", channels, "last height", "last width"]),
            *outputs,
        ]
        graph = helper.make_graph(
            self.nodes,
            "MobileNetV2",
            [helper.make_tensor_value_info("input", proto.FLOAT, ["batch", 3, "height", "width"])],
            [helper.make_tensor_value_info(*output) for output in outputs],
            self.constants,
        )
        opset = [helper.make_opsetid("", onnx_files.OPSET)]
        about = {"ir_version": onnx_files.IR_VERSION, "opset_imports": opset, "producer_name": "mobilenet_lib"}
        model = helper.make_model(graph, **about)
        self.onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def packed(model: bytes) -> bytes:
    """Compress a file as a page fetches it: whatever its server can do, few bytes travel.

    Parameters
    ----------
    model : bytes
        What :func:`to_file` returns.

    Returns
    -------
    bytes
        The same for the same model.

    Examples
    --------
    >>> packed(bytes(1000)) == packed(bytes(1000)), gzip.decompress(packed(b"model"))
    (True, b'model')
    """
    instance("model", model, bytes, "to_file(...) returns some")
    return gzip.compress(model, 9, mtime=0)


def stored() -> bytes:
    """Return the committed file, unpacked.

    Returns
    -------
    bytes
        An ONNX model.

    Raises
    ------
    FileNotFoundError
        If it is not there: a notebook that carries the library does not carry the file.

    Examples
    --------
    >>> len(stored()) > 3_000_000 if files("mobilenet_lib").joinpath("data", FILE).is_file() else True
    True
    """
    path = files("mobilenet_lib").joinpath("data", FILE)
    if not path.is_file():
        raise FileNotFoundError(f"{FILE} is not here; a checkout of the book has it")
    return gzip.decompress(path.read_bytes())


# What stands in the page before the file is fetched


def cut(photograph: Image.Image) -> Image.Image:
    """Return what a network sees of a photograph: its short side made 256 pixels, and the middle 224x224 of that.

    Parameters
    ----------
    photograph : PIL.Image.Image
        Of any size.

    Returns
    -------
    PIL.Image.Image
        224x224 pixels.

    Examples
    --------
    >>> cut(Image.new("RGB", (640, 480))).size
    (224, 224)
    """
    instance("photograph", photograph, Image.Image, "Image.open(path) reads one")
    pixels = (255 * cropped(photograph)).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels)


def _from_square(image: Image.Image) -> Tensor:
    """Prepare what :func:`cut` returns: it is as large as the network wants it."""
    pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    return normalised(pixels.float() / 255)


def _as_webp(image: Image.Image, quality: int = QUALITY) -> bytes:
    """Return the bytes of a WebP file."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


def liveliest(features: Tensor) -> int:
    """Return the channel that differs most from place to place.

    Parameters
    ----------
    features : Tensor, shape (C, H, W)
        The output of a block.

    Returns
    -------
    int
        Its number.

    Examples
    --------
    >>> liveliest(torch.tensor([[[1.0, 1.0]], [[0.0, 9.0]]]))
    1
    """
    tensor("features", features, "(C, H, W)")
    return int(features.flatten(1).var(1).argmax())


def _tiles(features: Sequence[Tensor], channels: Sequence[int]) -> Image.Image:
    """Draw one channel of each block, one below the other: grey is zero, white and black are equally far from it."""
    sheet = Image.new("L", (TILE, TILE * len(features)))
    for i, (block, channel) in enumerate(zip(features, channels, strict=True)):
        values = block[channel] / block[channel].abs().max().clamp(min=1e-9)
        tile = Image.fromarray((127.5 * (values + 1)).round().byte().numpy())
        how = Image.Resampling.BOX if tile.width > TILE else Image.Resampling.NEAREST
        sheet.paste(tile.resize((TILE, TILE), how), (0, TILE * i))
    return sheet


def _thumbs(photographs: Sequence[Image.Image]) -> Image.Image:
    """Draw small photographs side by side."""
    sheet = Image.new("RGB", (THUMB * len(photographs), THUMB))
    for i, photograph in enumerate(photographs):
        sheet.paste(photograph.resize((THUMB, THUMB), Image.Resampling.LANCZOS), (THUMB * i, 0))
    return sheet


def _answers(network: MobileNetV2, categories: Sequence[str], images: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what a network says of pictures, as the page shows it before it has the file."""
    found = {}
    for name, image in images.items():
        first = first_classes(scores(network, image[None]), FIRST)[0]
        maps = []
        for answer in first:
            seen = class_activation_map(network, image, answer.category)
            low, high = seen.min(), seen.max()
            steps = (15 * (seen - low) / (high - low).clamp(min=1e-9)).round().int().flatten().tolist()
            maps.append("".join(f"{step:x}" for step in steps))
        found[name] = {
            "line": photographs.SHIPPED[name].line if name in photographs.SHIPPED else name,
            "first": [[each.category, categories[each.category], round(each.percent, 2)] for each in first],
            "maps": maps,
            "channels": [liveliest(block) for block in features(network, image)],
        }
    return found


def features(network: MobileNetV2, image: Tensor) -> list[Tensor]:
    """Return the outputs of the blocks for one image.

    Parameters
    ----------
    network : MobileNetV2
        In any mode; it runs in eval mode.
    image : Tensor, shape (3, H, W)
        Prepared.

    Returns
    -------
    list of Tensor, shape (C, H', W')
        One for each block.

    Examples
    --------
    >>> [len(block) for block in features(MobileNetV2(), torch.randn(3, 32, 32))][:4]
    [16, 24, 24, 32]
    """
    instance("network", network, MobileNetV2, "MobileNetV2() builds one")
    tensor("image", image, "(C, H, W)")
    check_image(image[None], network)
    found = []
    with evaluating(network):
        x = network.stem(image[None])
        for block in network.blocks:
            x = block(x)
            found.append(x[0])
    return found


class Postcard(NamedTuple):
    """A photograph of the gallery, and beside it the same where only what speaks for its first class is bright.

    Attributes
    ----------
    name : str
        Of the photograph.

    Examples
    --------
    >>> Postcard("chelsea").first[0][0]
    'Egyptian cat'
    """

    name: str

    @property
    def first(self) -> list[tuple[str, float]]:
        """Return the five first classes and their probabilities in percent, as they are stored."""
        return [(name, percent) for _, name, percent in self._stored()["first"]]

    def image(self) -> Image.Image:
        """Return both pictures, side by side."""
        photograph = Image.open(str(files("mobilenet_lib").joinpath("data", GALLERY, f"{self.name}.webp")))
        bright = np.array([int(step, 16) / 15 for step in self._stored()["maps"][0]]).reshape(7, 7)
        light = Image.fromarray((255 * (0.15 + 0.85 * bright)).astype(np.uint8)).resize(
            (SIDE, SIDE), Image.Resampling.BICUBIC
        )
        card = Image.new("RGB", (2 * SIDE + 8, SIDE), "white")
        card.paste(photograph, (0, 0))
        card.paste(Image.composite(photograph.convert("RGB"), Image.new("RGB", (SIDE, SIDE)), light), (SIDE + 8, 0))
        return card

    def _stored(self) -> dict[str, Any]:
        text = files("mobilenet_lib").joinpath("data", ANSWERS).read_text(encoding="utf-8")
        return json.loads(text)["photographs"][self.name]

    def _repr_jpeg_(self) -> bytes:
        buffer = io.BytesIO()
        self.image().save(buffer, "JPEG", quality=82)
        return buffer.getvalue()


def _compared(network: MobileNetV2, few: MobileNetV2, pieces: Crops) -> dict[str, list[float]]:
    """Return how often the file's network and the one in float32 give pieces of photographs the same first class."""
    said, found = scores(network, prepared(pieces.pictures)), {}
    for side in (SIDE, SMALL):
        images = torch.stack([_at_size(piece, side) for piece in pieces.pictures])
        seen = agreement(said, scores(few, images), pieces.groups)
        found[str(side)] = [round(value, 1) for value in seen[:3]]
    return found


def _at_size(picture: Image.Image, side: int) -> Tensor:
    """Prepare a picture for an image of another size than 224 pixels: the same part of it is cut out."""
    from torchvision.transforms import functional

    resize, crop, numbers = cast(Any, (functional.resize, functional.center_crop, functional.to_tensor))
    small = resize(picture.convert("RGB"), [side * 256 // SIDE], antialias=True)
    return normalised(numbers(crop(small, [side, side])))


def main(arguments: list[str] | None = None) -> None:
    """Write the file that pages fetch, and what stands beside it.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line; ``--help`` lists them.

    Examples
    --------
    >>> main(["--small"])
    Traceback (most recent call last):
        ...
    SystemExit: 2
    """
    out = told("page_model", "Write what a page fetches.", arguments).out
    categories = naming.categories()
    network = cast(MobileNetV2, shipping.fold(from_torchvision(weights="IMAGENET1K_V1")))
    twelve = trained.to_compare()
    pieces = crops(twelve, *COMPARED_ON)
    few = rounded(network, prepared(crops(twelve, *MEASURED_ON).pictures))
    model = packed(to_file(few, categories))
    for folder in ("onnx", GALLERY):
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / FILE).write_bytes(model)
    gallery = {name: _as_webp(cut(photographs.picture(name))) for name in SHOWN}
    images = {name: _from_square(Image.open(io.BytesIO(file))) for name, file in gallery.items()}
    said = _answers(network, categories, images)
    for name, image in images.items():
        (out / GALLERY / f"{name}.webp").write_bytes(gallery[name])
        blocks = _tiles(features(network, image), said[name]["channels"])
        (out / GALLERY / f"{name}-blocks.webp").write_bytes(_as_webp(blocks, 60))
    small = _thumbs([cut(photographs.picture(name)) for name in SHOWN])
    (out / GALLERY / "all.webp").write_bytes(_as_webp(small, 80))
    found = _compared(network, few, pieces)
    about = {"command": "make page-model", "agreement": found, "pieces": len(pieces.groups), "bytes": len(model)}
    lines = [f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in said.items()]
    start = json.dumps({"about": about}).removesuffix("}")
    (out / ANSWERS).write_text(f'{start},\n "photographs": {{\n' + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")
    print(f"{out / FILE}: {len(model):,} bytes; agreement in percent: {found}")


if __name__ == "__main__":
    main()
