"""Read the string: timm's strings for blocks, taken apart letter by letter, with the blocks and the costs they make."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import traitlets

from .. import cost
from ..topics.families import costs, grammar, stages, tables
from .drawn_block import DrawnBlock
from .kit import Choice, Steps, Words

if TYPE_CHECKING:
    from torch import nn

STRINGS, LETTERS = 30, 2000  # that a reader may type
DRAWN = ["cn", "ds", "dsa", "ir", "er", "uir"]  # kinds of blocks; attention is none
MOST = {"r": 50, "c": 9999, "e": 99, "k": 31, "a": 31, "p": 31}
# The networks' labels, and what timm calls them.
NETWORKS = {
    "mobilenetv2": ("MobileNetV2", "mobilenetv2_100"),
    "mnasnet": ("MnasNet-B1", "mnasnet_100"),
    "mobilenetv3": ("MobileNetV3", "mobilenetv3_large_100"),
    "efficientnet_b0": ("EfficientNet-B0", "efficientnet_b0"),
    "efficientnetv2_b0": ("EfficientNetV2-B0", "tf_efficientnetv2_b0"),
    "mobilenetv4": ("MobileNetV4 small", "mobilenetv4_conv_small"),
}


def strings_in(text: str) -> list[str]:
    """Return the strings in a text: what stands between blanks, quotes, commas and brackets, and is no comment.

    Examples
    --------
    >>> strings_in("['ds_r1_k3_s1_c16'],  # stage 0")
    ['ds_r1_k3_s1_c16']
    """
    return re.findall(r"""[^ \t\r\n\u00a0'",[\]]+""", re.sub("#[^\n]*", "", text))


class ReadTheString(DrawnBlock):
    """timm's strings for blocks: what each letter means, the block it makes, and the row of the paper's table.

    Parameters
    ----------
    network : {"mobilenetv2", "mnasnet", "mobilenetv3", "efficientnet_b0", "efficientnetv2_b0", "mobilenetv4"}, optional
        Whose strings are read, and whose stem and activation the reader's own strings get. MobileNetV2 if left out.
    text : str, default=""
        Strings of one's own in place of the network's, one a line or as timm's source has them.
    line : int, 1 to 30, default=2
        Which string is shown.
    size : {128, 160, 192, 224, 256, 288}, default=224
        Height and width of the image, in pixels; the stem halves them.

    Raises
    ------
    traitlets.TraitError
        If a value is not one that its control has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    A wrong string raises nothing: the figure says what is wrong, and where. The strings are those of timm's
    ``mobilenetv2_100``, ``mnasnet_100``, ``mobilenetv3_large_100``, ``efficientnet_b0``, ``tf_efficientnetv2_b0`` and
    ``mobilenetv4_conv_small``; stem, head and classifier are not counted.

    References
    ----------
    `timm.models._efficientnet_builder`, ``_decode_block_str``; the papers of the networks.

    Examples
    --------
    >>> figure = ReadTheString(text="ir_r2_k3_s2_e6_c24")
    >>> figure.strings()
    ['ir_r2_k3_s2_e6_c24']
    """

    network = Choice("mobilenetv2", NETWORKS, help="whose strings are read")
    text = Words("", LETTERS, help="strings of one's own in place of them")
    line = Steps(2, 1, STRINGS, 1, help="which string is shown", counts=False)
    size = Choice(224, [128, 160, 192, 224, 256, 288], help="height and width of the image")
    tables = traitlets.Dict(help="the grammar, and the networks").tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**{"tables": _tables(), **values})

    def strings(self) -> list[str]:
        """Return the strings that are read."""
        return strings_in(self.text) or _network(self.network)["strings"]

    def placed(self) -> list[stages.Placed]:
        """Return the blocks that the strings make, in their places behind the stem.

        Raises
        ------
        ValueError
            If a string is wrong, or asks for more than the figure draws.
        """
        for string in self.strings():
            spec = grammar.parse(string)
            if spec.kind not in DRAWN:
                raise ValueError(f"{spec.kind} is attention, which this figure does not count; take it out")
            for letter, most in MOST.items():
                value = getattr(spec, grammar.LETTERS[letter][0])
                if value > most:
                    raise ValueError(f"{letter} must be at most {most}, got {value:g}; this figure draws no more")
        known = _network(self.network)
        keys = ("stem", "activation", "squeeze")
        return stages.place(self.strings(), **{key: known[key] for key in keys})

    def layers(self) -> list[cost.Layer]:
        """Return the convolutions of all blocks, from the closed form."""
        found, size = [], -(-self.size // 2)
        for block in self.placed():
            found += costs.block_layers(block, size)
            size = -(-size // block.stride)
        return found

    def build(self) -> nn.Module:
        """Return the real blocks, one behind the other."""
        from torch import nn

        from ..topics.families.builder import block_of

        squeeze = _network(self.network)["squeeze"]
        return nn.Sequential(*(block_of(block, squeeze) for block in self.placed()))

    def measure_state(self) -> int:
        """Count the MACs of the real blocks with fvcore."""
        from .. import measure

        side = -(-self.size // 2)
        return measure.macs(self.build(), (1, _network(self.network)["stem"], side, side))

    def numbers(self) -> list[dict[str, object]]:
        """Return a row for each string: what it says, or what is wrong with it."""
        heads = ["string", "kind", "blocks", "kernel", "stride", "expansion", "channels"]
        rows = []
        for string in self.strings():
            try:
                spec = grammar.parse(string)
                cells = [spec.kind, spec.repeats, spec.kernel_size, spec.stride, spec.expansion, spec.channels]
            except grammar.Misread as error:
                cells = [f"wrong: {error}", *[""] * 5]
            rows.append(dict(zip(heads, [string, *cells], strict=True)))
        return rows


def _network(name: str) -> dict[str, Any]:
    """Return a network's label and strings, and what a builder knows besides."""
    label, timms = NETWORKS[name]
    family = tables.FAMILIES[timms]
    strings = [string for stage in family.rows for string in stage]
    beside = {"stem": family.stem, "activation": family.activation, "squeeze": family.squeeze}
    return {"label": label, "strings": strings, **beside}


def _tables() -> dict[str, object]:
    """Return what the page knows of the grammar and of the networks."""
    kinds = [[kind, *letters] for kind, letters in grammar.KINDS.items()]  # a list: the page sorts names
    return {
        "grammar": {"letters": grammar.LETTERS, "instead": grammar.INSTEAD, "kinds": kinds},
        "networks": {name: _network(name) for name in NETWORKS},
        "limits": {"kinds": DRAWN, "most": MOST, "strings": STRINGS, "letters": LETTERS},
    }
