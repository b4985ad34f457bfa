"""Checks for the exercises: right, or what to look at again, and never the solution.

Each ``check_...`` takes an answer, a function or a class. If it is right, one line says so. If not,
:class:`CheckFailed` says in one sentence where to look; in a notebook that sentence is all that shows. While the answer
is still ``...``, the check says "not yet" and lets the notebook go on.

A check finds out what went wrong by making the typical mistakes itself: it compares the answer with what each of them
would give. A number may be of NumPy, torch, SymPy, ``fractions`` or ``decimal``; what its type has rounded is
allowed for. A function is given arguments of its own at each call, and may use them up. Whatever it does, raise or exit
or recurse, ends in a sentence.
"""

from typing import TYPE_CHECKING

from .lines import in_lines

if TYPE_CHECKING:
    from .chapter_01 import check_macs_function, check_padding_zeros, check_stem, check_two_for_one
    from .chapter_02 import (
        check_five_tools,
        check_fvcore_total,
        check_tool_behind,
        check_torchinfo_total,
        check_training_mode,
        check_useless_bias,
    )
    from .chapter_03 import check_block_cost, check_exact_eighth, check_separable
    from .chapter_04 import check_left_out, check_printed_stride, check_shallow, check_v1_blocks, check_width_for_budget
    from .chapter_05 import check_bits_needed, check_lost_share, check_missing_share, check_step
    from .chapter_06 import (
        check_break_even,
        check_dearer_kernel,
        check_extra_layer,
        check_extra_shortcut,
        check_inverted_residual,
        check_residual_rule,
    )
    from .chapter_07 import check_narrow_head, check_peak, check_smallest, check_table2, check_thin_blocks
    from .chapter_08 import check_decoder, check_hunt, check_stride_walk
    from .chapter_09 import check_int8_limit, check_intensity, check_least_time
    from .chapter_10 import check_half_width, check_seeds
    from .chapter_11 import (
        check_hard_sigmoid,
        check_padding,
        check_receptive_field,
        check_separable_share,
        check_squeeze_excite,
    )
    from .chapter_12 import check_fold, check_rounding, check_weight_bytes
    from .chapter_13 import check_changed, check_freeze, check_groups, check_script, check_two_heads
    from .chapter_14 import (
        check_fields,
        check_merge,
        check_network,
        check_row,
        check_same_as_timm,
        check_same_time,
        check_scaling,
        check_universal_macs,
        check_unmergeable,
    )
else:
    from .. import _lazy

    HOMES = {
        "check_stem": "chapter_01",
        "check_macs_function": "chapter_01",
        "check_padding_zeros": "chapter_01",
        "check_two_for_one": "chapter_01",
        "check_fvcore_total": "chapter_02",
        "check_tool_behind": "chapter_02",
        "check_torchinfo_total": "chapter_02",
        "check_useless_bias": "chapter_02",
        "check_five_tools": "chapter_02",
        "check_training_mode": "chapter_02",
        "check_block_cost": "chapter_03",
        "check_exact_eighth": "chapter_03",
        "check_separable": "chapter_03",
        "check_width_for_budget": "chapter_04",
        "check_v1_blocks": "chapter_04",
        "check_printed_stride": "chapter_04",
        "check_left_out": "chapter_04",
        "check_shallow": "chapter_04",
        "check_lost_share": "chapter_05",
        "check_missing_share": "chapter_05",
        "check_step": "chapter_05",
        "check_bits_needed": "chapter_05",
        "check_break_even": "chapter_06",
        "check_extra_layer": "chapter_06",
        "check_residual_rule": "chapter_06",
        "check_inverted_residual": "chapter_06",
        "check_dearer_kernel": "chapter_06",
        "check_extra_shortcut": "chapter_06",
        "check_table2": "chapter_07",
        "check_peak": "chapter_07",
        "check_narrow_head": "chapter_07",
        "check_smallest": "chapter_07",
        "check_thin_blocks": "chapter_07",
        "check_decoder": "chapter_08",
        "check_stride_walk": "chapter_08",
        "check_hunt": "chapter_08",
        "check_intensity": "chapter_09",
        "check_least_time": "chapter_09",
        "check_int8_limit": "chapter_09",
        "check_half_width": "chapter_10",
        "check_seeds": "chapter_10",
        "check_padding": "chapter_11",
        "check_receptive_field": "chapter_11",
        "check_hard_sigmoid": "chapter_11",
        "check_squeeze_excite": "chapter_11",
        "check_separable_share": "chapter_11",
        "check_fold": "chapter_12",
        "check_rounding": "chapter_12",
        "check_weight_bytes": "chapter_12",
        "check_groups": "chapter_13",
        "check_freeze": "chapter_13",
        "check_script": "chapter_13",
        "check_changed": "chapter_13",
        "check_two_heads": "chapter_13",
        "check_universal_macs": "chapter_14",
        "check_merge": "chapter_14",
        "check_unmergeable": "chapter_14",
        "check_fields": "chapter_14",
        "check_scaling": "chapter_14",
        "check_row": "chapter_14",
        "check_network": "chapter_14",
        "check_same_as_timm": "chapter_14",
        "check_same_time": "chapter_14",
    }
    __getattr__, _ = _lazy.names(__name__, HOMES)

    def __dir__():
        return sorted(__all__)


__all__ = [
    "CannotCheck",
    "CheckFailed",
    "check_stem",
    "check_macs_function",
    "check_padding_zeros",
    "check_two_for_one",
    "check_fvcore_total",
    "check_torchinfo_total",
    "check_useless_bias",
    "check_five_tools",
    "check_training_mode",
    "check_tool_behind",
    "check_block_cost",
    "check_exact_eighth",
    "check_separable",
    "check_width_for_budget",
    "check_v1_blocks",
    "check_printed_stride",
    "check_left_out",
    "check_shallow",
    "check_lost_share",
    "check_missing_share",
    "check_step",
    "check_bits_needed",
    "check_break_even",
    "check_extra_layer",
    "check_residual_rule",
    "check_inverted_residual",
    "check_dearer_kernel",
    "check_extra_shortcut",
    "check_table2",
    "check_peak",
    "check_narrow_head",
    "check_smallest",
    "check_thin_blocks",
    "check_decoder",
    "check_stride_walk",
    "check_hunt",
    "check_intensity",
    "check_least_time",
    "check_int8_limit",
    "check_half_width",
    "check_seeds",
    "check_padding",
    "check_receptive_field",
    "check_hard_sigmoid",
    "check_squeeze_excite",
    "check_separable_share",
    "check_fold",
    "check_rounding",
    "check_weight_bytes",
    "check_groups",
    "check_freeze",
    "check_script",
    "check_changed",
    "check_two_heads",
    "check_universal_macs",
    "check_merge",
    "check_unmergeable",
    "check_fields",
    "check_scaling",
    "check_row",
    "check_network",
    "check_same_as_timm",
    "check_same_time",
]


class CheckFailed(AssertionError):
    """An answer that is not right yet; the message says where to look again.

    A notebook shows the message alone, without a traceback.

    Parameters
    ----------
    hint : str
        What to look at again.

    Examples
    --------
    >>> CheckFailed("Look at the stride.")._render_traceback_()
    ['look again: Look at the stride.']
    """

    def __init__(self, hint: str):
        super().__init__(hint)

    def _render_traceback_(self) -> list[str]:
        return [in_lines(f"look again: {self}")]


class CannotCheck(ImportError):
    """What a check reads in timm is not there: timm is not installed, or a release has moved it.

    The answer may well be right. A notebook shows the message alone, without a traceback.

    Parameters
    ----------
    why : str
        What is missing, and what to do.

    Examples
    --------
    >>> CannotCheck("timm is not installed here.")._render_traceback_()
    ['cannot check: timm is not installed here.']
    """

    def __init__(self, why: str):
        super().__init__(why)

    def _render_traceback_(self) -> list[str]:
        return [in_lines(f"cannot check: {self}")]
