"""The kernel scope: one output value of a small convolution, what it is made of, and what groups take away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import traitlets

from .. import cost
from .kit import Choice, Explorable, Steps, layer_rows

SIZE = 7  # pixels a side of the input: MobileNet's last map
MODES = ("standard", "grouped", "depthwise", "pointwise")
SHAPE = ("mode", "kernel_size", "groups", "in_channels", "out_channels")  # the settings that rule each other out
PLACE = ("channel", "row", "column")


class KernelScope(Explorable):
    """One output value of a convolution: what it reads, which weights it uses, and what the whole layer costs.

    Parameters
    ----------
    mode : {"standard", "grouped", "depthwise", "pointwise"}, optional
        Kind of convolution; left out, it follows from the numbers. Depthwise makes groups and out_channels equal
        to in_channels, pointwise makes kernel_size 1.
    in_channels, out_channels : int, 1 to 8, default=8
        M and N.
    kernel_size : {1, 3, 5}, default=3
        D_K.
    stride : {1, 2}, default=1
        Step of the filter, in pixels.
    dilation : {1, 2, 3}, default=1
        Distance between the filter's taps, in pixels.
    groups : int, 1 to 8, default=1
        g: divides both channel counts.
    channel, row, column : int
        The output value that is looked at, counted from 0 as in code.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    ValueError
        If the values do not go together, such as groups that do not divide the channels.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    The input has 7 by 7 pixels, padded with zeros so that the map keeps its size at stride 1. The convolution is a bare
    ``nn.Conv2d`` with no bias and no BatchNorm: its parameters are its weights. A setting changed later never fails:
    the others follow, as with the sliders.

    References
    ----------
    Howard et al. 2017, arXiv:1704.04861, section 3.1.

    Examples
    --------
    >>> scope = KernelScope(mode="depthwise")
    >>> scope.groups, scope.layers()[0].weights, scope.measured["macs"]
    (8, 72, 3528)
    >>> scope.groups = 4
    >>> scope.mode
    'grouped'
    """

    mode = Choice("standard", MODES, help="kind of convolution")
    in_channels = Steps(8, 1, 8, 1, help="M: input channels", ticks=[1, 8])
    out_channels = Steps(8, 1, 8, 1, help="N: output channels", ticks=[1, 8])
    kernel_size = Choice(3, [1, 3, 5], help="D_K: side of the filter")
    stride = Choice(1, [1, 2], help="step of the filter")
    dilation = Choice(1, [1, 2, 3], help="distance between the filter's taps")
    groups = Steps(1, 1, 8, 1, help="g: groups of channels", ticks=[1, 2, 4, 8])
    channel = Steps(2, 0, 7, 1, help="output channel looked at, from 0", counts=False)
    row = Steps(2, 0, SIZE - 1, 1, help="row of the output value, from 0", counts=False)
    column = Steps(4, 0, SIZE - 1, 1, help="column of the output value, from 0", counts=False)

    def __init__(self, **values: object):
        standard = {name: trait.default_value for name, trait in self._setting_traits().items()}
        known = {name: value for name, value in values.items() if name in standard}
        if len(known) == len(values) and all(self._allowed(name, value) for name, value in known.items()):
            wished = {**standard, **known}
            if "mode" not in known:
                wished["mode"] = mode_of(wished)
            settled = settle(wished, standard)
            for name, value in known.items():
                if settled[name] != value:
                    raise ValueError(_why_not(name, wished, settled))
            values = settled
        self._was: dict | None = None
        super().__init__(**values)
        self._was = self.state()

    @classmethod
    def _allowed(cls, name: str, value: object) -> bool:
        try:
            cls._setting_traits()[name].validate(None, value)
        except traitlets.TraitError:  # the trait says it better
            return False
        return True

    def state(self) -> dict:
        """Return the settings by name."""
        return {name: getattr(self, name) for name in self._setting_traits()}

    @traitlets.observe(*SHAPE, "stride", *PLACE)
    def _follow(self, change: object) -> None:
        if self._was is None:
            return
        settled = settle(self.state(), self._was)
        self._was = settled
        with self.hold_trait_notifications():
            for name, value in settled.items():
                setattr(self, name, value)

    def layers(self) -> list[cost.Layer]:
        """Return the convolution, without BatchNorm."""
        role = "standard" if self.mode == "grouped" else self.mode
        return [
            cost.conv_layer(
                "conv",
                role,
                self.in_channels,
                self.out_channels,
                SIZE,
                self.kernel_size,
                self.stride,
                self.dilation,
                self.groups,
                norm=False,
            )
        ]

    def standard_layer(self) -> cost.Layer:
        """Return the standard convolution with the same shapes; beside a 1x1 filter stands a 3x3 one."""
        kernel_size = 3 if self.kernel_size == 1 else self.kernel_size
        return self.layers()[0]._replace(role="standard", kernel_size=kernel_size, groups=1)

    def numbers(self) -> list[dict[str, object]]:
        """Return the convolution, and the standard one beside it."""
        return layer_rows([*self.layers(), self.standard_layer()._replace(name="standard")])

    def measure_state(self) -> int:
        """Count the MACs of the real convolution with fvcore."""
        from torch import nn

        from .. import measure

        conv = nn.Conv2d(
            self.in_channels,
            self.out_channels,
            self.kernel_size,
            self.stride,
            padding=self.dilation * (self.kernel_size - 1) // 2,
            dilation=self.dilation,
            groups=self.groups,
            bias=False,
        )
        return measure.macs(conv, (1, self.in_channels, SIZE, SIZE))


# Which settings go together. The twin of kernel_scope.js, and a test holds them together.


def mode_of(state: Mapping) -> str:
    """Name a convolution by its numbers.

    Examples
    --------
    >>> mode_of({"in_channels": 8, "out_channels": 8, "kernel_size": 3, "groups": 8})
    'depthwise'
    """
    if state["groups"] == 1:
        return "pointwise" if state["kernel_size"] == 1 else "standard"
    return "depthwise" if state["groups"] == state["in_channels"] == state["out_channels"] else "grouped"


def common_divisors(state: Mapping) -> list[int]:
    """Return the groups that both channel counts allow."""
    return [g for g in range(1, 9) if state["in_channels"] % g == 0 and state["out_channels"] % g == 0]


def is_possible(state: Mapping) -> bool:
    """Tell whether the mode is the one that the numbers have; one channel alone is standard and depthwise at once."""
    if state["groups"] not in common_divisors(state):
        return False
    single = state["mode"] == "depthwise" and state["in_channels"] == state["out_channels"] == state["groups"] == 1
    return single or state["mode"] == mode_of(state)


def settle(state: Mapping, was: Mapping) -> dict:
    """Return the possible state nearest to a wished one: what was changed stays, the rest follows.

    Examples
    --------
    >>> was = KernelScope().state()
    >>> settle({**was, "groups": 3}, was)["groups"]  # 3 does not divide 8
    4
    """
    state = dict(state)
    if not is_possible(state):
        moved = [name for name in SHAPE if state[name] != was[name]]
        if "mode" in moved:
            _choose_mode(state, was)
        elif moved == ["kernel_size"]:
            state["mode"] = mode_of(state)
        elif moved == ["groups"]:
            g = state["groups"] = _next(state["groups"], was["groups"], common_divisors(state)) or state["groups"]
            for name in ("in_channels", "out_channels"):  # the next that g divides, above where there is room
                state[name] = g * min(-(-state[name] // g), 8 // g)
            state["mode"] = mode_of(state)
        elif state["mode"] == "depthwise":
            wide = "out_channels" if moved == ["out_channels"] else "in_channels"
            state["in_channels"] = state["out_channels"] = state["groups"] = state[wide]
        elif len(moved) == 1 and state["mode"] == "grouped":
            [name] = moved
            if number := _next(state[name], was[name], range(state["groups"], 9, state["groups"])):
                state[name] = number
            else:
                state["groups"] = _fewer_groups(state)
            state["mode"] = mode_of(state)
        else:
            state["groups"] = _fewer_groups(state)
            state["mode"] = mode_of(state)
    last = -(-SIZE // state["stride"]) - 1
    state["channel"] = min(state["channel"], state["out_channels"] - 1)
    state["row"], state["column"] = min(state["row"], last), min(state["column"], last)
    return state


def _choose_mode(state: dict, was: Mapping) -> None:
    if state["mode"] == "pointwise":
        state.update(groups=1, kernel_size=1)
        return
    if state["kernel_size"] == 1 and (state["mode"] == "standard" or was["mode"] == "pointwise"):
        state["kernel_size"] = 3
    if state["mode"] == "standard":
        state["groups"] = 1
    elif state["mode"] == "depthwise":
        state.update(out_channels=state["in_channels"], groups=state["in_channels"])
    elif mode_of(state) != "grouped" or state["groups"] not in common_divisors(state):
        proper = [g for g in common_divisors(state) if mode_of({**state, "groups": g}) == "grouped"]
        if proper:
            state["groups"] = proper[0]
        else:
            even = {name: max(4, state[name] + state[name] % 2) for name in ("in_channels", "out_channels")}
            state.update(even, groups=2)


def _next(wish: int, was: int, allowed: Sequence[int]) -> int | None:
    """Return the next allowed value in the direction of the change, or None where there is none."""
    if wish > was:
        return next((value for value in allowed if value >= wish), None)
    return next((value for value in reversed(allowed) if value <= wish), None)


def _fewer_groups(state: Mapping) -> int:
    """Return the groups that the channels allow, at most as many as there are."""
    return max(g for g in common_divisors(state) if g <= state["groups"])


def _why_not(name: str, wished: Mapping, settled: Mapping) -> str:
    start = f"{name} must be {settled[name]!r}, got {wished[name]!r}"
    if name in PLACE:
        return f"{name} must be at most {settled[name]} in this output, got {wished[name]}; it counts from 0"
    if wished["mode"] == "depthwise":
        return f"{start}: a depthwise convolution has groups = out_channels = in_channels; leave {name} out"
    if wished["mode"] == "pointwise":
        return f"{start}: a pointwise convolution is 1x1 and has one group; leave {name} out"
    if wished["groups"] not in common_divisors(wished):
        m, n, g = wished["in_channels"], wished["out_channels"], wished["groups"]
        return f"groups must divide in_channels and out_channels, got groups={g} for {m} and {n}; use 1 or a divisor"
    return f"{start}: with these numbers the convolution is {mode_of(wished)}; leave mode out"
