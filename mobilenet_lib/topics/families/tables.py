"""The tables of the families: each member's strings, and what stands before and behind its blocks.

The strings are those of timm, which follow the papers' tables and the networks that their authors released.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._validation import one_of
from ...specs import make_divisible, v2_head_channels

Table = tuple[tuple[str, ...], ...]


def table(text: str) -> Table:
    r"""Return a table from a text: a line is a stage, strings that share it stand side by side.

    Parameters
    ----------
    text : str
        Strings between spaces and lines.

    Examples
    --------
    >>> table("ds_r1_k3_s1_c16 \n ir_r1_k3_s2_e6_c24 ir_r2_k3_s1_e1_c24")
    (('ds_r1_k3_s1_c16',), ('ir_r1_k3_s2_e6_c24', 'ir_r2_k3_s1_e1_c24'))
    """
    return tuple(tuple(line.split()) for line in text.split("\n") if line.split())


class Family(NamedTuple):
    """What describes a network: the rows of its table, and what the rows leave open.

    Attributes
    ----------
    rows : tuple of tuple of str
        Strings, stage by stage.
    answers : str
        What it does otherwise than those before it, in a few words.
    params : int
        Trained numbers of timm's network, 1000 classes.
    resolution : int
        Side of the images that timm's costs are stated for, in pixels.
    stem, head, features, width_mult, depth_mult, activation, squeeze
        What :func:`~mobilenet_lib.topics.families.builder.build` takes.
    tensorflow : bool
        Whether it has TensorFlow's padding and ε.

    Examples
    --------
    >>> FAMILIES["mobilenetv4_conv_small"].rows[0]
    ('cn_r1_k3_s2_e1_c32', 'cn_r1_k1_s1_e1_c32')
    """

    rows: Table
    answers: str
    params: int
    resolution: int = 224
    stem: int = 32
    head: str = "wide"
    features: int = 1280
    width_mult: float = 1.0
    depth_mult: float | tuple[float, ...] = 1.0
    activation: str = "r6"
    squeeze: str = "input"
    tensorflow: bool = False

    def options(self) -> dict[str, Any]:
        """Return what ``build`` and ``costs.built`` take."""
        beside = ("answers", "params", "resolution", "tensorflow")
        return {key: value for key, value in self._asdict().items() if key not in beside}


# Howard et al. 2017, arXiv:1704.04861, table 1.
V1 = table("""
    dsa_r1_k3_s1_c64
    dsa_r2_k3_s2_c128
    dsa_r2_k3_s2_c256
    dsa_r6_k3_s2_c512
    dsa_r2_k3_s2_c1024
""")
# Sandler et al. 2018, arXiv:1801.04381, table 2.
V2 = table("""
    ds_r1_k3_s1_c16
    ir_r2_k3_s2_e6_c24
    ir_r3_k3_s2_e6_c32
    ir_r4_k3_s2_e6_c64
    ir_r3_k3_s1_e6_c96
    ir_r3_k3_s2_e6_c160
    ir_r1_k3_s1_e6_c320
""")
# Tan et al. 2019, arXiv:1807.11626, figure 7: MnasNet-A1 with squeeze-and-excitation, and B1 without.
MNASNET_A1 = table("""
    ds_r1_k3_s1_e1_c16_noskip
    ir_r2_k3_s2_e6_c24
    ir_r3_k5_s2_e3_c40_se0.25
    ir_r4_k3_s2_e6_c80
    ir_r2_k3_s1_e6_c112_se0.25
    ir_r3_k5_s2_e6_c160_se0.25
    ir_r1_k3_s1_e6_c320
""")
MNASNET_B1 = table("""
    ds_r1_k3_s1_c16_noskip
    ir_r3_k3_s2_e3_c24
    ir_r3_k5_s2_e3_c40
    ir_r3_k5_s2_e6_c80
    ir_r2_k3_s1_e6_c96
    ir_r4_k5_s2_e6_c192
    ir_r1_k3_s1_e6_c320_noskip
""")
# Wu et al. 2019, arXiv:1812.03443, figure 5.
FBNET_C = table("""
    ir_r1_k3_s1_e1_c16
    ir_r1_k3_s2_e6_c24 ir_r2_k3_s1_e1_c24
    ir_r1_k5_s2_e6_c32 ir_r1_k5_s1_e3_c32 ir_r1_k5_s1_e6_c32 ir_r1_k3_s1_e6_c32
    ir_r1_k5_s2_e6_c64 ir_r1_k5_s1_e3_c64 ir_r2_k5_s1_e6_c64
    ir_r3_k5_s1_e6_c112 ir_r1_k5_s1_e3_c112
    ir_r4_k5_s2_e6_c184
    ir_r1_k3_s1_e6_c352
""")
# Howard et al. 2019, arXiv:1905.02244, tables 1 and 2.
V3_LARGE = table("""
    ds_r1_k3_s1_e1_c16_nre
    ir_r1_k3_s2_e4_c24_nre ir_r1_k3_s1_e3_c24_nre
    ir_r3_k5_s2_e3_c40_se0.25_nre
    ir_r1_k3_s2_e6_c80 ir_r1_k3_s1_e2.5_c80 ir_r2_k3_s1_e2.3_c80
    ir_r2_k3_s1_e6_c112_se0.25
    ir_r3_k5_s2_e6_c160_se0.25
    cn_r1_k1_s1_c960
""")
V3_SMALL = table("""
    ds_r1_k3_s2_e1_c16_se0.25_nre
    ir_r1_k3_s2_e4.5_c24_nre ir_r1_k3_s1_e3.67_c24_nre
    ir_r1_k5_s2_e4_c40_se0.25 ir_r2_k5_s1_e6_c40_se0.25
    ir_r2_k5_s1_e3_c48_se0.25
    ir_r3_k5_s2_e6_c96_se0.25
    cn_r1_k1_s1_c576
""")
# Tan and Le 2019, arXiv:1905.11946, table 1.
EFFICIENTNET = table("""
    ds_r1_k3_s1_e1_c16_se0.25
    ir_r2_k3_s2_e6_c24_se0.25
    ir_r2_k5_s2_e6_c40_se0.25
    ir_r3_k3_s2_e6_c80_se0.25
    ir_r3_k5_s1_e6_c112_se0.25
    ir_r4_k5_s2_e6_c192_se0.25
    ir_r1_k3_s1_e6_c320_se0.25
""")
# Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite".
EFFICIENTNET_LITE = tuple(tuple(one.replace("_se0.25", "") for one in stage) for stage in EFFICIENTNET)
# Tan and Le 2021, arXiv:2104.00298, and the smaller networks that were released with it.
EFFICIENTNET_V2_BASE = table("""
    cn_r1_k3_s1_e1_c16_skip
    er_r2_k3_s2_e4_c32
    er_r2_k3_s2_e4_c48
    ir_r3_k3_s2_e4_c96_se0.25
    ir_r5_k3_s1_e6_c112_se0.25
    ir_r8_k3_s2_e6_c192_se0.25
""")
# Qin et al. 2024, arXiv:2404.10518, appendix; a filter at the start is a, in the middle k, and 0 is none.
V4_CONV_SMALL = table("""
    cn_r1_k3_s2_e1_c32 cn_r1_k1_s1_e1_c32
    cn_r1_k3_s2_e1_c96 cn_r1_k1_s1_e1_c64
    uir_r1_a5_k5_s2_e3_c96 uir_r4_a0_k3_s1_e2_c96 uir_r1_a3_k0_s1_e4_c96
    uir_r1_a3_k3_s2_e6_c128 uir_r1_a5_k5_s1_e4_c128 uir_r1_a0_k5_s1_e4_c128 uir_r1_a0_k5_s1_e3_c128 \
        uir_r2_a0_k3_s1_e4_c128
    cn_r1_k1_s1_c960
""")
V4_CONV_MEDIUM = table("""
    er_r1_k3_s2_e4_c48
    uir_r1_a3_k5_s2_e4_c80 uir_r1_a3_k3_s1_e2_c80
    uir_r1_a3_k5_s2_e6_c160 uir_r2_a3_k3_s1_e4_c160 uir_r1_a3_k5_s1_e4_c160 uir_r1_a3_k3_s1_e4_c160 \
        uir_r1_a3_k0_s1_e4_c160 uir_r1_a0_k0_s1_e2_c160 uir_r1_a3_k0_s1_e4_c160
    uir_r1_a5_k5_s2_e6_c256 uir_r1_a5_k5_s1_e4_c256 uir_r2_a3_k5_s1_e4_c256 uir_r1_a0_k0_s1_e4_c256 \
        uir_r1_a3_k0_s1_e4_c256 uir_r1_a3_k5_s1_e2_c256 uir_r1_a5_k5_s1_e4_c256 uir_r2_a0_k0_s1_e4_c256 \
        uir_r1_a5_k0_s1_e2_c256
    cn_r1_k1_s1_c960
""")
V4_CONV_LARGE = table("""
    er_r1_k3_s2_e4_c48
    uir_r1_a3_k5_s2_e4_c96 uir_r1_a3_k3_s1_e4_c96
    uir_r1_a3_k5_s2_e4_c192 uir_r3_a3_k3_s1_e4_c192 uir_r1_a3_k5_s1_e4_c192 uir_r5_a5_k3_s1_e4_c192 \
        uir_r1_a3_k0_s1_e4_c192
    uir_r4_a5_k5_s2_e4_c512 uir_r1_a5_k0_s1_e4_c512 uir_r1_a5_k3_s1_e4_c512 uir_r2_a5_k0_s1_e4_c512 \
        uir_r1_a5_k3_s1_e4_c512 uir_r1_a5_k5_s1_e4_c512 uir_r3_a5_k0_s1_e4_c512
    cn_r1_k1_s1_c960
""")


def _v1(width: float, params: int) -> Family:
    stem = make_divisible(32 * width)
    return Family(V1, "the depthwise separable block", params, stem=stem, head="none", width_mult=width)


def _v2(width: float, params: int) -> Family:
    stem, features = make_divisible(32 * width), v2_head_channels(width)
    return Family(V2, "the inverted residual", params, stem=stem, features=features, width_mult=width)


def _v3(rows: Table, features: int, width: float, params: int) -> Family:
    stem = 16 if width < 0.75 else make_divisible(16 * width)
    words = "search, h-swish, cheap ends"
    return Family(rows, words, params, 224, stem, "late", features, width, 1.0, "hs", "middle")


def _v4(rows: Table, stem: int, resolution: int, params: int) -> Family:
    return Family(rows, "the universal block", params, resolution, stem, "late norm", activation="re")


_DEEPER = (1.0, *(1.2,) * 5, 1.0)  # the first and the last stage stay as deep as they are
FAMILIES = {
    "mobilenetv1_100": _v1(1.0, 4_231_976),
    "mobilenetv1_125": _v1(1.25, 6_270_840),
    "mobilenetv2_035": _v2(0.35, 1_677_128),
    "mobilenetv2_050": _v2(0.5, 1_968_680),
    "mobilenetv2_100": _v2(1.0, 3_504_872),
    "mobilenetv2_110d": Family(V2, "wider and deeper", 4_516_520, width_mult=1.1, depth_mult=_DEEPER),
    "mobilenetv2_140": _v2(1.4, 6_108_776),
    "mnasnet_100": Family(MNASNET_B1, "a search for latency", 4_383_312, activation="re"),
    "semnasnet_100": Family(MNASNET_A1, "squeeze-and-excitation", 3_887_038, activation="re"),
    "fbnetc_100": Family(FBNET_C, "a search by gradients", 5_572_200, stem=16, features=1984, activation="re"),
    "mobilenetv3_small_050": _v3(V3_SMALL, 1024, 0.5, 1_593_224),
    "mobilenetv3_small_100": _v3(V3_SMALL, 1024, 1.0, 2_542_856),
    "mobilenetv3_large_100": _v3(V3_LARGE, 1280, 1.0, 5_483_032),
    "efficientnet_lite0": Family(EFFICIENTNET_LITE, "no squeeze, ReLU6", 4_652_008),
    "tf_efficientnet_lite0": Family(EFFICIENTNET_LITE, "no squeeze, ReLU6", 4_652_008, tensorflow=True),
    "efficientnet_b0": Family(EFFICIENTNET, "compound scaling", 5_288_548, activation="sw"),
    "efficientnet_b1": Family(EFFICIENTNET, "compound scaling", 7_794_184, 240, depth_mult=1.1, activation="sw"),
    "tf_efficientnetv2_b0": Family(
        EFFICIENTNET_V2_BASE, "fused blocks", 7_139_704, 192, activation="sw", tensorflow=True
    ),
    "mobilenetv4_conv_small": _v4(V4_CONV_SMALL, 32, 224, 3_774_024),
    "mobilenetv4_conv_medium": _v4(V4_CONV_MEDIUM, 32, 256, 9_715_512),
    "mobilenetv4_conv_large": _v4(V4_CONV_LARGE, 24, 384, 32_590_864),
}


def family(name: str) -> Family:
    """Look up a member of ``FAMILIES`` by timm's name.

    Parameters
    ----------
    name : str
        Such as ``"mobilenetv4_conv_small"``.

    Raises
    ------
    ValueError
        If name is none of those.

    Examples
    --------
    >>> family("mnasnet_100").activation, family("mnasnet_100").answers
    ('re', 'a search for latency')
    """
    return FAMILIES[one_of("name", name, FAMILIES)]
