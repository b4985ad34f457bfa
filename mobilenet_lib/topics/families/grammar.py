"""timm's strings for blocks, read: one string describes one row of a network's table.

.. code-block:: text

    string = kind { "_" part }                  such as  ir_r3_k5_s2_e6_c40_se0.25_nre
    part   = letter value | "skip" | "noskip"   in any order, each at most once

    cn   convolution, BatchNorm, activation     r k s c       may have  e n skip
    ds   depthwise separable, linear end        r k s c       may have  e se n noskip
    dsa  depthwise separable, V1's              r k s c       may have  e se n
    ir   inverted residual                      r k s e c     may have  se n noskip
    er   fused inverted residual                r k s e c     may have  se n noskip
    uir  universal inverted bottleneck          r k s e c     may have  a p n noskip
    mqa  multi-query attention                  r k s c h d   may have  v noskip

    r  blocks in a row     a  first depthwise kernel, 0 for none    se  squeeze-and-excitation's share
    k  kernel size         p  last depthwise kernel, 0 for none     n   activation: re r6 hs sw
    s  stride of the first block of the stage                       h   heads
    e  expansion           c  channels that come out                d   channels of a key
                                                                    v   stride of keys and values
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..._validation import string as require_string

# Of each letter: the field, what its value looks like (a regular expression that JavaScript reads too), and in words.
WHOLE, ODD = ("[1-9][0-9]*", "a positive integer"), ("[0-9]*[13579]", "an odd integer")
ODD_OR_NONE = ("0|[0-9]*[13579]", "an odd integer, or 0 for none")
LETTERS = {
    "r": ("repeats", *WHOLE),
    "a": ("start_kernel", *ODD_OR_NONE),
    "k": ("kernel_size", *ODD),
    "p": ("end_kernel", *ODD_OR_NONE),
    "h": ("heads", *WHOLE),
    "s": ("stride", "[12]", "1 or 2"),
    "v": ("kv_stride", "[12]", "1 or 2"),
    "d": ("key_dim", *WHOLE),
    "e": ("expansion", r"(?!0+(?:\.0*)?$)[0-9]+(?:\.[0-9]+)?", "a number above 0"),
    "c": ("channels", *WHOLE),
    "se": ("se_ratio", r"0\.[0-9]*[1-9][0-9]*|1(?:\.0+)?", "a number above 0 and up to 1"),
    "n": ("activation", "re|r6|hs|sw", "re, r6, hs or sw"),
}
# Where a letter is read otherwise: the middle filter of uir may be left out, and without a middle nothing expands.
INSTEAD = {"uir k": ODD_OR_NONE, **dict.fromkeys(("cn e", "ds e", "dsa e"), (r"1(?:\.0+)?", "1, or leave e out"))}
# Of each kind: the letters that it needs, and those that it may have.
KINDS = {
    "cn": ("r k s c", "e n skip"),
    "ds": ("r k s c", "e se n noskip"),
    "dsa": ("r k s c", "e se n"),
    "ir": ("r k s e c", "se n noskip"),
    "er": ("r k s e c", "se n noskip"),
    "uir": ("r k s e c", "a p n noskip"),
    "mqa": ("r k s c h d", "v noskip"),
}


class BlockSpec(NamedTuple):
    """What a string says of its blocks; its text is the string again.

    Attributes
    ----------
    kind : str
        A key of ``KINDS``.
    repeats, stride, channels : int
        Blocks in a row, stride, channels that come out.
    kernel_size : int
        Of the one filter, in ``uir`` of the middle one: 0 is none there.
    expansion, se_ratio : float
        Channels of the middle to those of the input; share of channels in the squeeze, 0 without one.
    activation : str
        ``re`` ReLU, ``r6`` ReLU6, ``hs`` h-swish, ``sw`` SiLU; empty: as the rest of the network.
    residual : bool
        Whether the input is added where it has the output's shape.
    start_kernel, end_kernel : int
        Of the first and the last depthwise filter of ``uir``; 0 is none.
    heads, key_dim, kv_stride : int
        Of ``mqa``.

    Examples
    --------
    >>> spec = parse("uir_r2_k5_s2_e4_c80_a3")
    >>> spec.start_kernel, spec.kernel_size, spec.end_kernel, str(spec)
    (3, 5, 0, 'uir_r2_a3_k5_s2_e4_c80')
    """

    kind: str
    repeats: int
    stride: int
    channels: int
    kernel_size: int = 0
    expansion: float = 1.0
    se_ratio: float = 0.0
    activation: str = ""
    residual: bool = True
    start_kernel: int = 0
    end_kernel: int = 0
    heads: int = 0
    key_dim: int = 0
    kv_stride: int = 1

    def __str__(self) -> str:
        needed, others = KINDS[self.kind]
        parts = [self.kind]
        for letter, (field, *_) in LETTERS.items():
            value = getattr(self, field)
            if letter in needed.split() or value != self._field_defaults[field]:
                parts.append(f"{letter}{value}" if isinstance(value, str) else f"{letter}{value:g}")
        word = others.split()[-1]
        return "_".join([*parts, word] if word == {True: "skip", False: "noskip"}[self.residual] else parts)


class Misread(ValueError):
    """A string that is no block.

    Parameters
    ----------
    message : str
        What is wrong, and what helps.
    place : (int, int)
        Start and end of what is wrong, in the string.

    Examples
    --------
    >>> try:
    ...     parse("ir_r2_q3")
    ... except Misread as error:
    ...     error.place, "ir_r2_q3"[slice(*error.place)]
    ((6, 7), 'q')
    """

    def __init__(self, message: str, place: tuple[int, int]):
        super().__init__(message)
        self.place = place


def parse(string: str) -> BlockSpec:
    """Read one of timm's strings.

    Parameters
    ----------
    string : str
        The kind of block, then letters with their values, between underscores.

    Returns
    -------
    BlockSpec
        Its fields by name.

    Raises
    ------
    TypeError
        If string is no string.
    ValueError
        A :class:`Misread`, whose ``place`` says where: if a kind or a letter is unknown, a letter is missing or
        stands there twice, or a value is none that the letter has.

    Notes
    -----
    timm reads more: several kernels in one layer (``k3.5``), experts (``cc``), groups (``gs``). It takes no notice of
    a letter or an activation that it does not know, and of what a kind of block cannot have.

    References
    ----------
    `timm.models._efficientnet_builder`, ``_decode_block_str``.

    Examples
    --------
    >>> spec = parse("ir_r3_k5_s2_e6_c40_se0.25_nre")
    >>> spec.kind, spec.repeats, spec.kernel_size, spec.expansion, spec.se_ratio, spec.activation
    ('ir', 3, 5, 6.0, 0.25, 're')
    >>> parse("ir_r3_k4_s2_e6_c40")
    Traceback (most recent call last):
        ...
    mobilenet_lib.topics.families.grammar.Misread: string must have a value after k, \
got '4' at character 8 of 'ir_r3_k4_s2_e6_c40'; use an odd integer
    """
    require_string(string=string)
    kind, *parts = string.split("_")
    if kind not in KINDS:
        raise _misread(string, 0, kind, "begin with a kind of block", f"write one of {' '.join(KINDS)}")
    needed, others = (letters.split() for letters in KINDS[kind])
    known, at = [*needed, *others], len(kind) + 1
    found: dict[str, str] = {}
    for part in parts:
        letter = part if part in ("skip", "noskip") else "n" if part[:1] == "n" else re.sub("[^a-z].*", "", part)
        if letter not in known:
            raise _misread(string, at, letter or part, f"have letters of {kind}", f"write one of {' '.join(known)}")
        if letter in found:
            raise _misread(string, at, part, "have each letter once", "leave one of the two out")
        pattern, words = INSTEAD.get(f"{kind} {letter}", LETTERS.get(letter, ("", "", ""))[1:])
        found[letter] = part[len(letter) :]
        if not re.fullmatch(pattern, found[letter]):
            raise _misread(string, at + len(letter), found[letter], f"have a value after {letter}", f"use {words}")
        at += len(part) + 1
    missing = [letter for letter in needed if letter not in found]
    if missing:
        remedy = f"add {missing[0]} with {LETTERS[missing[0]][2]}"
        raise _misread(string, len(string), "", f"have {' '.join(needed)} for {kind}", remedy)
    if kind == "uir" and found["s"] == "2" and all(found.get(letter, "0") == "0" for letter in "akp"):
        raise _misread(string, string.index("_s2") + 1, "s2", "have a filter that takes the step", "use k3, or s1")
    residual = "skip" in found if kind == "cn" else kind != "dsa" and "noskip" not in found
    read = {"n": str, "e": float, "se": float}
    fields = {LETTERS[letter][0]: read.get(letter, int)(value) for letter, value in found.items() if letter in LETTERS}
    return BlockSpec(kind, residual=residual, **fields)


def _misread(string: str, at: int, part: str, must: str, remedy: str) -> Misread:
    """Return an error that says what is wrong, where, and what helps."""
    message = f"string must {must}, got {part!r} at character {at + 1} of {string!r}; {remedy}"
    return Misread(message, (at, at + len(part)))
