"""Read the string: timm's strings for blocks, taken apart letter by letter, with the blocks and the costs they make."""

from __future__ import annotations

import re

import traitlets

from ..topics.families import grammar
from .drawn_block import DrawnBlock
from .kit import Choice, Steps, Words

STRINGS, LETTERS = 30, 2000  # that a reader may type
DRAWN = ["cn", "ds", "dsa", "ir", "er", "uir"]  # kinds of blocks; attention is none
MOST = {"r": 50, "c": 9999, "e": 99, "k": 31, "a": 31, "p": 31}
# Of each network its strings, and what a builder knows besides: channels of the stem, activation, whose channels
# squeeze-and-excitation takes its share of, and how much of a channel count rounding may take away.
SHARED = {"squeeze": "input", "round_limit": 0.9}
NETWORKS = {
    "mobilenetv2": {
        "label": "MobileNetV2",
        "stem": 32,
        "activation": "r6",
        "strings": "ds_r1_k3_s1_c16 ir_r2_k3_s2_e6_c24 ir_r3_k3_s2_e6_c32 ir_r4_k3_s2_e6_c64 ir_r3_k3_s1_e6_c96"
        " ir_r3_k3_s2_e6_c160 ir_r1_k3_s1_e6_c320",
    },
    "mnasnet": {
        "label": "MNASNet",
        "stem": 32,
        "activation": "re",
        "strings": "ds_r1_k3_s1_c16_noskip ir_r3_k3_s2_e3_c24 ir_r3_k5_s2_e3_c40 ir_r3_k5_s2_e6_c80 ir_r2_k3_s1_e6_c96"
        " ir_r4_k5_s2_e6_c192 ir_r1_k3_s1_e6_c320_noskip",
    },
    "mobilenetv3": {
        "label": "MobileNetV3",
        "stem": 16,
        "activation": "hs",
        "squeeze": "middle",
        "strings": "ds_r1_k3_s1_e1_c16_nre ir_r1_k3_s2_e4_c24_nre ir_r1_k3_s1_e3_c24_nre ir_r3_k5_s2_e3_c40_se0.25_nre"
        " ir_r1_k3_s2_e6_c80 ir_r1_k3_s1_e2.5_c80 ir_r2_k3_s1_e2.3_c80 ir_r2_k3_s1_e6_c112_se0.25"
        " ir_r3_k5_s2_e6_c160_se0.25 cn_r1_k1_s1_c960",
    },
    "efficientnet_b0": {
        "label": "EfficientNet-B0",
        "stem": 32,
        "activation": "sw",
        "strings": "ds_r1_k3_s1_e1_c16_se0.25 ir_r2_k3_s2_e6_c24_se0.25 ir_r2_k5_s2_e6_c40_se0.25"
        " ir_r3_k3_s2_e6_c80_se0.25 ir_r3_k5_s1_e6_c112_se0.25 ir_r4_k5_s2_e6_c192_se0.25"
        " ir_r1_k3_s1_e6_c320_se0.25",
    },
    "efficientnetv2_b0": {
        "label": "EfficientNetV2-B0",
        "stem": 32,
        "activation": "sw",
        "round_limit": 0,
        "strings": "cn_r1_k3_s1_e1_c16_skip er_r2_k3_s2_e4_c32 er_r2_k3_s2_e4_c48 ir_r3_k3_s2_e4_c96_se0.25"
        " ir_r5_k3_s1_e6_c112_se0.25 ir_r8_k3_s2_e6_c192_se0.25",
    },
    "mobilenetv4": {
        "label": "MobileNetV4 small",
        "stem": 32,
        "activation": "re",
        "strings": "cn_r1_k3_s2_e1_c32 cn_r1_k1_s1_e1_c32 cn_r1_k3_s2_e1_c96 cn_r1_k1_s1_e1_c64 uir_r1_a5_k5_s2_e3_c96"
        " uir_r4_a0_k3_s1_e2_c96 uir_r1_a3_k0_s1_e4_c96 uir_r1_a3_k3_s2_e6_c128 uir_r1_a5_k5_s1_e4_c128"
        " uir_r1_a0_k5_s1_e4_c128 uir_r1_a0_k5_s1_e3_c128 uir_r2_a0_k3_s1_e4_c128 cn_r1_k1_s1_c960",
    },
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
        return strings_in(self.text or NETWORKS[self.network]["strings"])

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


def _tables() -> dict[str, object]:
    """Return what the page knows of the grammar and of the networks."""
    kinds = [[kind, *letters] for kind, letters in grammar.KINDS.items()]  # a list: the page sorts names
    return {
        "grammar": {"letters": grammar.LETTERS, "instead": grammar.INSTEAD, "kinds": kinds},
        "networks": {name: {**SHARED, **own, "strings": own["strings"].split()} for name, own in NETWORKS.items()},
        "limits": {"kinds": DRAWN, "most": MOST, "strings": STRINGS, "letters": LETTERS},
    }
