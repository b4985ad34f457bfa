"""What it sees: the trained MobileNetV2 names what is in a photograph, and shows where, and what its blocks pass on."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from .. import cost, specs
from .kit import Choice, Steps
from .runtime import DATA, Runtime, size_of

if TYPE_CHECKING:
    from torch import Tensor, nn

FILE, ANSWERS, GALLERY = "onnx/mobilenet-v2.onnx.gz", DATA / "gallery.json", "gallery"
SIDE, SMALL = 224, 160  # of an image; the camera's are small
FIRST = 5
BLOCK = 2  # the one that is looked into at first: 24 channels on 56x56 pixels
# Of each photograph, what stands below it.
NAMES = {
    "china": "palace",
    "chelsea": "cat",
    "coffee": "coffee",
    "camera": "camera",
    "rocket": "rocket",
    "hopper": "admiral",
    "astronaut": "astronaut",
    "flower": "flower",
}
STORED = json.loads(ANSWERS.read_text(encoding="utf8"))
CHANNEL = STORED["photographs"]["china"]["channels"][BLOCK]


class WhatItSees(Runtime):
    """The trained MobileNetV2 says what is in a photograph, where it sees that, and what each block passes on.

    Parameters
    ----------
    photo : str, default="china"
        Which photograph of the gallery.
    rank : int, default=1
        The map of which of the five first classes lies over it; 0 for none.
    block : int, default=2
        Which of the 17 blocks is looked into.
    channel : int
        Which channel of its output; at first the one that differs most from place to place.

    Raises
    ------
    traitlets.TraitError
        If there is no such photograph, class, block or channel.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    Built page: ONNX Runtime Web, WebAssembly, one thread, and the file that ``topics.page_model`` writes, downloaded at
    the first press. Notebook: PyTorch answers, with the weights in float32. Before that, stored answers show.

    References
    ----------
    Zhou et al. 2016, arXiv:1512.04150, on class activation maps; torchvision's weights
    ``MobileNet_V2_Weights.IMAGENET1K_V1``, BSD 3-Clause, trained on ImageNet.

    Examples
    --------
    >>> figure = WhatItSees()
    >>> figure.numbers()[0]["class"], len(figure.blocks)
    ('palace', 17)
    """

    photo = Choice("china", list(NAMES), help="which photograph of the gallery", counts=False)
    rank = Choice(1, [1, 2, 3, 4, 5, 0], help="which class's map; 0 for none", counts=False)
    block = Choice(BLOCK, list(range(17)), help="which block is looked into", counts=False)
    channel = Steps(CHANNEL, 0, 319, 1, help="which channel of its output", counts=False)
    photographs = traitlets.List(help="the gallery, and what the network says of it").tag(sync=True)
    blocks = traitlets.List(help="the blocks, and their rows of table 2").tag(sync=True)
    pictures = traitlets.List(traitlets.Unicode(), help="files that the page shows").tag(sync=True)
    about = traitlets.Dict(help="how often the file agrees with float32").tag(sync=True)

    def __init__(self, **values: object):
        said = STORED["photographs"]
        gallery = [{"name": name, "label": label, **said[name]} for name, label in NAMES.items()]
        pictures = [f"{GALLERY}/{name}.webp" for each in NAMES for name in (each, f"{each}-blocks")]
        pictures.append(f"{GALLERY}/all.webp")
        given = {"photographs": gallery, "blocks": table_two(), "pictures": pictures, "about": STORED["about"]}
        super().__init__(**{**given, "files": {FILE: size_of(FILE)}, **values})

    def numbers(self) -> list[dict[str, object]]:
        """Return the five first classes of the photograph."""
        first = STORED["photographs"][self.photo]["first"]
        return [{"class": name, "probability, %": percent} for _, name, percent in first]

    def runner(self, name: str) -> tuple[nn.Module, str]:
        """Return the trained network in PyTorch; its weights are fetched if they are not here."""
        import torch

        from ..topics import pretrained

        return pretrained.from_torchvision(weights="IMAGENET1K_V1"), f"PyTorch {torch.__version__.partition('+')[0]}"

    def reply(
        self,
        do: str,
        name: str = "",
        shape: Sequence[int] = (),
        runs: int = 1,
        values: Sequence[float] = (),
        *,
        photo: str = "",
        picture: str = "",
    ) -> dict:
        """Answer a question of the page: as every figure that runs networks, and two more.

        Parameters
        ----------
        do : str
            ``picture`` gives a photograph of the gallery to show; ``see`` says what the network sees in one.
        name, shape, runs, values
            As :meth:`Runtime.reply` has them.
        photo : str
            Name of a photograph of the gallery.
        picture : str
            The reader's own: what is in its file, in base64.

        Returns
        -------
        dict
            ``picture``: "seen", an address that holds the picture. ``see``: that, and what ``book/ext/picture.js``
            answers.
        """
        if do not in ("picture", "see"):
            return super().reply(do, name, shape, runs, values)
        from ..topics import page_model, photographs

        image = photographs.picture(base64.b64decode(picture) if picture else photo)
        seen = {"seen": address_of(page_model.cut(image)), "size": list(image.size)}
        return seen if do == "picture" else {**seen, **seen_in(self._opened[name][0], image)}


def seen_in(network: Any, image: Any) -> dict:
    """Return what a network sees in a picture, as a page's worker answers."""
    import torch

    from ..topics import anatomy, compare, naming, page_model, preparing

    names = naming.categories()
    x = preparing.prepared(image)
    start = time.perf_counter()
    with torch.inference_mode():
        scores = network(x)
    ms = 1000 * (time.perf_counter() - start)
    maps = [
        (answer, anatomy.class_activation_map(network, x[0], answer.category))
        for answer in compare.first_classes(scores, FIRST)[0]
    ]
    first = [
        {
            "category": answer.category,
            "name": names[answer.category],
            "percent": answer.percent,
            "map": seen.flatten().tolist(),
        }
        for answer, seen in maps
    ]
    height, width = maps[0][1].shape
    blocks = [in_steps(block) for block in page_model.features(network, x[0])]
    return {"first": first, "height": height, "width": width, "blocks": blocks, "ms": ms}


def in_steps(block: Tensor) -> dict:
    """Return a block's output as steps of 1/127 of its largest number, in base64: enough to draw it."""
    import torch

    from ..topics import page_model

    channels, height, width = block.shape
    most = block.abs().max().clamp(min=1e-9)
    steps = (127 * block / most).round().to(torch.int8).numpy().tobytes()
    about = {"channels": channels, "height": height, "width": width, "liveliest": page_model.liveliest(block)}
    return {**about, "most": most.item(), "steps": base64.b64encode(steps).decode()}


def address_of(image: Any) -> str:
    """Return a picture as an address that holds it."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def table_two() -> list[dict]:
    """Return the blocks of MobileNetV2 with the row of table 2 that each belongs to.

    Examples
    --------
    >>> table_two()[2]
    {'t': 6, 'c': 24, 'n': 2, 's': 2, 'size': 56, 'residual': True}
    """
    rows = [row for row in specs.V2_SPEC for _ in range(row[2])]
    sizes = [layer.out_size[0] for layer in cost.mobilenet_v2_layers() if layer.role == "projection"]
    found, before = [], 32
    for block, (t, c, n, s), size in zip(specs.v2_blocks(), rows, sizes, strict=True):
        residual = block.stride == 1 and before == c
        found.append({"t": t, "c": c, "n": n, "s": s, "size": size, "residual": residual})
        before = c
    return found
