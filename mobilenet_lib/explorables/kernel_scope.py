"""The kernel scope: one output value of a small convolution, what it is made of, and what groups take away."""

from __future__ import annotations

from collections.abc import Mapping

import traitlets

from .. import cost
from .kit import Choice, Explorable, Steps, paint, picture, tag

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

    def channels_read(self) -> range:
        """Return the input channels that the chosen output channel reads."""
        each = self.in_channels // self.groups
        group = self.channel // (self.out_channels // self.groups)
        return range(group * each, (group + 1) * each)

    def taps(self) -> list[tuple[int, int]]:
        """Return (row, column) of the pixels read in each of these channels; outside the map they are padding."""
        reach = self.kernel_size // 2
        offsets = [self.dilation * i for i in range(-reach, reach + 1)]
        return [(self.row * self.stride + i, self.column * self.stride + j) for i in offsets for j in offsets]

    def static_svg(self) -> str:
        """Draw the pixels and weights of one output value, and all filters of the layer."""
        layer, standard, read = self.layers()[0], self.standard_layer(), self.channels_read()
        one = self.kernel_size**2 * len(read)
        padding = sum(not on_map(tap) for tap in self.taps())
        where = f"channels {read[0]} to {read[-1]}" if len(read) > 1 else f"channel {read[0]}"
        description = (
            f"A {self.mode} convolution: {self.kernel_size} by {self.kernel_size}, {self.in_channels} channels in, "
            f"{self.out_channels} out, groups {self.groups}, stride {self.stride}, dilation {self.dilation}, on 7 by 7 "
            f"pixels. The output value at row {self.row}, column {self.column} of channel {self.channel} reads input "
            f"{where}: {one} multiplications, one for each weight of its filter; in each channel {padding} of "
            f"{self.kernel_size**2} pixels are padding zeros. The layer has {layer.weights:,} weights and takes "
            f"{layer.macs:,} MACs, the standard {standard.kernel_size} by {standard.kernel_size} convolution "
            f"{standard.macs:,}."
        )
        title = f"Kernel scope: {self.mode} convolution, {one} multiplications a value"
        drawn = ['<g transform="translate(4 0)">', *_space(self), *_filters(self), "</g>"]
        return picture(title, description, WIDTH, 540, drawn)


def on_map(tap: tuple[int, int]) -> bool:
    """Tell whether a tap lies on the map, and not on the padding around it."""
    return all(0 <= at < SIZE for at in tap)


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
            _snap(state, was, "groups", common_divisors(state))
            if state["groups"] != was["groups"]:
                state["mode"] = mode_of(state)
        elif state["mode"] == "depthwise":
            wide = "out_channels" if moved == ["out_channels"] else "in_channels"
            state["in_channels"] = state["out_channels"] = state["groups"] = state[wide]
        elif len(moved) == 1 and state["mode"] == "grouped":
            g, other = state["groups"], {"in_channels": "out_channels", "out_channels": "in_channels"}[moved[0]]
            # As many channels as groups, in and out, would be depthwise.
            allowed = [n for n in range(g, 9, g) if not n == g == state[other]]
            _snap(state, was, moved[0], allowed)
        else:
            state["groups"] = max(g for g in common_divisors(state) if g <= state["groups"])
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


def _snap(state: dict, was: Mapping, name: str, allowed: list[int]) -> None:
    """Take the next allowed value in the direction of the change, or the last one there is."""
    if state[name] > was[name]:
        state[name] = next((value for value in allowed if value >= state[name]), allowed[-1])
    else:
        state[name] = next((value for value in reversed(allowed) if value <= state[name]), allowed[0])


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


# The static picture, in pixels. It shows what kernel_scope.js draws, at a fixed size.
WIDTH = 620
SHEET, TOP = 150, 64  # of the upper half: one value in space
PITCH, LOWER = 29, 270  # of the lower half: all filters


def _grid(x: float, y: float, cells: int, cell: float, **style: object) -> str:
    side = cells * cell
    rows = "".join(f"M{x:.1f} {y + i * cell:.1f}h{side:.1f}" for i in range(cells + 1))
    columns = "".join(f"M{x + i * cell:.1f} {y:.1f}v{side:.1f}" for i in range(cells + 1))
    return tag("path", d=rows + columns, fill="none", stroke="currentColor", stroke_width=0.75, **style)


def _deck(x: float, y: float, side: float, count: int, colour: str) -> str:
    edges = (f"M{x + 3 * i:.1f} {y - 3 * (i - 1):.1f}v-3h{side:.1f}v{side:.1f}h-3" for i in range(1, count))
    return tag("path", d="".join(edges), fill="none", stroke=colour, stroke_width=1.25)


def _squares(corners: list[tuple[float, float]], side: float, **style: object) -> str:
    return tag("path", d="".join(f"M{x:.1f} {y:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z" for x, y in corners), **style)


def _space(scope: KernelScope) -> list[str]:
    layer, read, taps = scope.layers()[0], scope.channels_read(), scope.taps()
    colour, kernel, out = paint(layer.role), scope.kernel_size, layer.out_size[0]
    padding = scope.dilation * (kernel - 1) // 2
    pixel = SHEET / (SIZE + 2 * padding)
    left, top = padding * pixel, TOP + padding * pixel

    def corner(tap: tuple[int, int]) -> tuple[float, float]:
        return left + tap[1] * pixel + 0.5, top + tap[0] * pixel + 0.5

    weight = 18 if kernel < 5 else 13
    side = kernel * weight
    fx, fy = 250 + (66 - side) / 2, TOP + (SHEET - side) / 2
    ox, oy = 410, TOP + (SHEET - SIZE * 18) / 2
    filled = [(fx + j * weight + 0.5, fy + i * weight + 0.5) for i in range(kernel) for j in range(kernel)]
    value = [(ox + scope.column * 18 + 0.5, oy + scope.row * 18 + 0.5)]
    parts = [
        _deck(0, TOP, SHEET, len(read), colour),
        _grid(0, TOP, SIZE + 2 * padding, pixel, stroke_opacity=0.25, stroke_dasharray="1.5 2"),
        _grid(left, top, SIZE, pixel, stroke_opacity=0.6),
        _squares([corner(tap) for tap in taps if on_map(tap)], pixel - 1, fill=colour),
        _squares([corner(tap) for tap in taps if not on_map(tap)], pixel - 1, fill="none", stroke=colour),
        _deck(fx, fy, side, len(read), colour),
        _squares(filled, weight - 1, fill=colour),
        _grid(ox, oy, out, 18, stroke_opacity=0.6),
        _squares(value, 17, fill=colour),
        tag("text", "∗", x=215, y=TOP + SHEET / 2 + 7, font_size=20),
        tag("text", "=", x=365, y=TOP + SHEET / 2 + 7, font_size=20),
    ]
    where = f"channels {read[0]}–{read[-1]}" if len(read) > 1 else f"channel {read[0]}"
    weights = kernel**2 * len(read)
    columns = (
        (0, "input", f"{len(read)} of {scope.in_channels} channels", f"{SIZE}×{SIZE}, padding {padding}; {where}"),
        (250, "filter", f"{kernel}×{kernel}×{len(read)}", f"{weights} weight{'s' if weights > 1 else ''}"),
        (ox, "output", f"channel {scope.channel}", f"row {scope.row}, column {scope.column}"),
    )
    for x, head, sub, caption in columns:
        parts.append(tag("text", head, x=x, y=14, font_weight="bold"))
        parts.append(tag("text", sub, x=x, y=30))
        parts.append(tag("text", caption, x=x, y=TOP + SHEET + 20))
    return parts


def _filters(scope: KernelScope) -> list[str]:
    layer, standard, read = scope.layers()[0], scope.standard_layer(), scope.channels_read()
    colour, kernel, sheet = paint(layer.role), scope.kernel_size, PITCH - 6
    unit = sheet / 5  # of a weight: the area painted is in proportion to the weights
    offset = (sheet - kernel * unit) / 2
    depth, rows = scope.in_channels // scope.groups, scope.out_channels // scope.groups
    used, idle, dots = [], [], ""
    for o in range(scope.out_channels):
        y = LOWER + (o + 1) * PITCH
        for i in range(scope.in_channels):
            x = i * PITCH
            if i // depth != o // rows:
                dots += f"M{x + sheet / 2:.1f} {y + sheet / 2:.1f}h0"
                continue
            corners = [(x + offset + k * unit, y + offset + j * unit) for j in range(kernel) for k in range(kernel)]
            (used if o == scope.channel else idle).extend(corners)
    end = scope.in_channels * PITCH
    band = LOWER + (scope.channel + 1) * PITCH - 3
    pairs = scope.in_channels * scope.out_channels
    title = "All filters: a row for each output channel, a column for each input channel"
    parts = [
        tag("text", title, x=0, y=LOWER - 14, font_weight="bold"),
        tag("rect", x=0, y=band, width=end, height=sheet + 6, rx=4, fill="currentColor", fill_opacity=0.1),
        tag("path", d=dots, stroke="currentColor", stroke_width=2, stroke_linecap="round", opacity=0.5),
        _squares(idle, unit - 0.7, fill=colour, opacity=0.35),
        _squares(used, unit - 0.7, fill=colour),
    ]
    for i in range(scope.in_channels):
        parts.append(_grid(i * PITCH, LOWER, SIZE, sheet / SIZE, stroke_opacity=0.7 if i in read else 0.2))
    one = kernel**2 * len(read)
    share, kind = standard.macs // layer.macs, f"{standard.kernel_size}×{standard.kernel_size}"
    beside = [
        ("one value", f"{one:,} weight{'s' if one > 1 else ''}, as many multiplications"),
        ("the layer", f"{layer.weights:,} weights, {layer.macs:,} MACs"),
        (f"standard {kind}", f"{standard.weights:,} weights, {standard.macs:,} MACs"),
        ("slices", f"{pairs // scope.groups} of {pairs}" + (f"; 1/{share} of the standard work" if share > 1 else "")),
    ]
    for i, (name, text) in enumerate(beside):
        parts.append(tag("text", name, x=280, y=LOWER + 60 + 46 * i, font_weight="bold"))
        parts.append(tag("text", text, x=280, y=LOWER + 78 + 46 * i))
    return parts
