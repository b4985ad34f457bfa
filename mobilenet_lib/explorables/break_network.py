"""Break the trained network: one change at a time, and what MobileNetV2 still says to photographs."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import traitlets

from .. import specs
from .kit import Choice, Explorable, undisturbed
from .runtime import DATA
from .what_it_sees import GALLERY, STORED, address_of

FILE = DATA / "broken_network.json"
# As topics.surgery calls them; "channels" goes by one of the rules.
CHANGES = ("relu6", "shortcut", "branch", "activations", "channels")
RULES = ("contribution", "weights", "random")
SHARES = (2, 5, 10, 20, 50)
PHOTOGRAPHS = ("chelsea", "coffee", "china", "camera")
BLOCKS = 17
ANSWERS = 5
BYTES = 3  # of an answer: two for its name, one for its percent


class BreakNetwork(Explorable):
    """MobileNetV2 with its ImageNet weights, and one change to it: how often does it still name the same class?

    Parameters
    ----------
    change : {"relu6", "shortcut", "branch", "activations", "channels"}, default="relu6"
        A ReLU6 is put behind the projection; the shortcut, the branch, both ReLU6 of the middle, or a share of the
        expanded channels is taken away.
    block : int, 0 to 16, default=3
        Which block. For "channels" all blocks are changed.
    span : {"block", "row", "network"}, default="block"
        That block alone, all of its row of the table, or all blocks.
    share : {2, 5, 10, 20, 50}, default=5
        Percent of the expanded channels that are taken away.
    rule : {"contribution", "weights", "random"}, default="contribution"
        Which channels go first: those that add least to the block's output, those with the smallest weights, or any.
    photograph : {"chelsea", "coffee", "china", "camera"}, default="chelsea"
        Which one is shown, with its first five classes.
    bars : {"tried", "all"}, default="tried"
        Of which blocks the agreement is shown: those that the reader has tried, or all.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    Nothing is trained after a change. Agreements are stored results of :mod:`mobilenet_lib.topics.trained`, on pieces
    of photographs. In a notebook, PyTorch makes each chosen change (:mod:`mobilenet_lib.topics.surgery`) and its
    classes stand beside the stored ones. ``python -m mobilenet_lib.explorables.export`` writes the file.

    References
    ----------
    Sandler et al. 2018, arXiv:1801.04381, table 2; Veit et al. 2016, arXiv:1605.06431, section 4.

    Examples
    --------
    >>> BreakNetwork(change="shortcut", block=4).change_key()
    'shortcut 4'
    >>> BreakNetwork(change="shortcut", block=3).change_key()  # it has none
    ''
    """

    change = Choice("relu6", CHANGES, help="what is changed")
    block = Choice(3, range(BLOCKS), help="block of the network, counted from 0")
    span = Choice("block", ["block", "row", "network"], help="how many blocks are changed")
    share = Choice(5, SHARES, help="percent of the expanded channels taken away")
    rule = Choice("contribution", RULES, help="which channels go first")
    photograph = Choice("chelsea", PHOTOGRAPHS, help="whose classes are shown")
    bars = Choice("tried", ["tried", "all"], help="of which blocks the agreement is shown")
    experiment = traitlets.Dict(help="stored results").tag(sync=True)
    live = traitlets.Dict(help="what PyTorch answers in a notebook").tag(sync=True)
    pictures = traitlets.List(traitlets.Unicode(), help="files that the page shows").tag(sync=True)
    wanted = traitlets.Unicode(help="which photograph a notebook asks for").tag(sync=True)
    seen = traitlets.Dict(help="the photographs that a notebook has asked for, as addresses").tag(sync=True)

    def __init__(self, **values: object):
        pictures = [f"{GALLERY}/{name}.webp" for name in PHOTOGRAPHS]
        super().__init__(**{"experiment": _experiment(), "pictures": pictures, **values})
        self._asked = self._question()
        self.observe(self._ask, names=["change", "block", "span", "share", "rule", "photograph"])

    def changed_blocks(self) -> list[int]:
        """Return the blocks that are changed; none where the change does not exist."""
        if self.change == "channels":
            return []
        blocks = self.experiment["blocks"]
        row, needs_shortcut = blocks[self.block]["row"], self.change in ("shortcut", "branch")
        spans = {"block": [self.block], "row": [i for i in range(BLOCKS) if blocks[i]["row"] == row]}
        return [i for i in spans.get(self.span, range(BLOCKS)) if blocks[i]["residual"] or not needs_shortcut]

    def change_key(self) -> str:
        """Return what the stored results call this change; "" for the intact network."""
        if self.change == "channels":
            return f"{self.rule} {self.share} %"
        found = self.changed_blocks()
        return " ".join([self.change, *map(str, found)]) if found else ""

    def answers(self) -> list[tuple[str, int]]:
        """Return the five first classes of the photograph after the change, and their percentages."""
        stored, keys = base64.b64decode(self.experiment["answers"]), ["", *self.experiment["keys"]]
        place = keys.index(self.change_key()) * len(PHOTOGRAPHS) + PHOTOGRAPHS.index(self.photograph)
        size = ANSWERS * BYTES
        own = stored[place * size : (place + 1) * size]
        parts = [own[i : i + BYTES] for i in range(0, size, BYTES)]
        return [(self.experiment["names"][int.from_bytes(each[:2], "little")], each[2]) for each in parts]

    def numbers(self) -> list[dict[str, object]]:
        """Return the agreement after each change of one block, in percent."""
        agreement = self.experiment["agreement"]
        return [
            {"block": i, **{kind: agreement.get(f"{kind} {i}", ["-"])[0] for kind in CHANGES[:4]}}
            for i in range(BLOCKS)
        ]

    # In a notebook

    @traitlets.observe("wanted")
    def _show(self, event: dict) -> None:
        name = event["new"]
        if name not in PHOTOGRAPHS or name in self.seen:
            return
        from ..topics import page_model, photographs

        try:
            found = address_of(page_model.cut(photographs.picture(name)))
        except Exception:  # without the picture the figure shows all the rest
            found = ""
        self.seen = {**self.seen, name: found}

    def _question(self) -> tuple[str, str]:
        return self.change_key(), self.photograph

    def _ask(self, event: object = None) -> None:
        asked = self._question()
        if asked == self._asked:
            return
        self._asked = asked
        about = {"change": asked[0], "photograph": asked[1]}
        try:
            with undisturbed():
                self.live = {**about, "answers": live_answers(*asked)}
        except Exception as error:  # whatever goes wrong, the figure must go on working in the reader's notebook
            self.live = {**about, "error": str(error) or type(error).__name__}


def blocks() -> list[dict[str, Any]]:
    """Return the blocks as they stand in the table: their row, expansion, channels, stride, shortcut.

    Examples
    --------
    >>> blocks()[4]
    {'row': 3, 't': 6, 'ends': [32, 32], 'stride': 1, 'residual': True}
    """
    found, channels = [], specs.STEM_CHANNELS
    for number, row in enumerate(specs.V2_SPEC, start=1):
        for i in range(row.n):
            stride = row.s if i == 0 else 1
            residual = stride == 1 and channels == row.c
            found.append({"row": number, "t": row.t, "ends": [channels, row.c], "stride": stride, "residual": residual})
            channels = row.c
    return found


def change_of(key: str) -> Any:
    """Return the change that the stored results call so.

    Examples
    --------
    >>> change_of("relu6 3 4 5").blocks, change_of("random 5 %").share
    ((3, 4, 5), 5)
    """
    from ..topics.surgery import Change

    kind, *numbers = key.removesuffix(" %").split()
    which = tuple(map(int, numbers))
    return Change(kind, share=which[0]) if kind in RULES else Change(kind, which)


def live_answers(key: str, photograph: str) -> list[list[Any]]:
    """Return the five first classes that PyTorch finds in a photograph after a change, and their percentages."""
    import torch

    from ..topics import photographs, surgery
    from ..topics.compare import first_classes, scores
    from ..topics.preparing import prepared

    network, names = _network()
    if key:
        change = change_of(key)
        if change.kind == "contribution":  # measured once: it takes seconds
            network = surgery.pruned(network, change.share / 100, _contributions())
        else:
            network = surgery.changed(network, change, torch.zeros(0, 3, 224, 224))
    found = first_classes(scores(network, prepared(photographs.picture(photograph))), ANSWERS)[0]
    return [[names[answer.category], answer.percent] for answer in found]


@cache
def _network() -> tuple[Any, tuple[str, ...]]:
    """Return the trained network, and the names of its classes."""
    from ..topics import naming, shipping
    from ..topics.pretrained import from_torchvision

    return shipping.fold(from_torchvision(weights="IMAGENET1K_V1")), naming.categories()


@cache
def _contributions() -> dict[int, Any]:
    """Return what each expanded channel contributes, on the pictures that the stored results were made with."""
    from ..topics import surgery, trained
    from ..topics.compare import crops
    from ..topics.preparing import prepared

    pieces = crops(trained.to_compare(), *trained.MEASURED_ON).pictures
    return surgery.by_weights_and_activations(_network()[0], prepared(pieces))


def stored() -> dict[str, Any]:
    """Return what the figure's file holds, from the results on the trained network."""
    from ..topics import naming, trained

    found, all_names = trained.results(), naming.categories()
    agreement = {key: value for key, value in found["surgery"].items() if not _is_pair(key)}
    names: dict[str, int] = {}
    packed = bytearray()
    for key in ["", *agreement]:
        for photograph in PHOTOGRAPHS:
            for answer in trained.answers(photograph, key):
                place = names.setdefault(all_names[answer.category], len(names))
                packed += place.to_bytes(2, "little") + bytes([round(answer.percent)])
    return {
        "pieces": found["about"]["pieces"],
        "photographs": len(found["about"]["compared"]),
        "agreement": agreement,
        "keys": list(agreement),  # a page sorts the names of its state
        "names": list(names),
        "answers": base64.b64encode(packed).decode(),
    }


def _is_pair(key: str) -> bool:
    """Whether two branches are taken away that are not a row of the table: the figure has no control for them."""
    kind, *numbers = key.split()
    table = blocks()
    rows = [[str(i) for i, own in enumerate(table) if own["row"] == row and own["residual"]] for row in range(8)]
    return kind == "branch" and len(numbers) == 2 and numbers not in rows


@cache
def _experiment() -> dict[str, Any]:
    credits = {name: STORED["photographs"][name]["line"] for name in PHOTOGRAPHS}
    return {"blocks": blocks(), "credits": credits, **json.loads(FILE.read_text(encoding="utf-8"))}
