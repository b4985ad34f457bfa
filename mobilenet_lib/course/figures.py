"""The book's matplotlib figures: each takes numbers and returns an Axes that shows itself in a notebook.

A figure is drawn as inline SVG. Its text takes the page's colour and its concepts take the palette's CSS variables, so
that one drawing reads on a light page, on a dark one and on paper. The text that a screen reader speaks is made from
the same numbers as the drawing.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from .._validation import mapping, one_of, positive_int, positive_number, sized, string
from ._drawing import (
    FOREGROUND,
    STYLE,
    WIDTH,
    Units,
    colour_of,
    covered,
    described,
    legend_above,
    log_ticks,
    markers,
    new_axes,
)
from .numbers import short
from .palette import COLOURS

# What matplotlib writes for the marks of a collection: their outline, and then a mark each, alone or together clipped.
OUTLINE = re.compile(r'\s*<defs>\s*<path id="([\w.-]+)" d="([^"]*)"/>\s*</defs>')
MARKS = re.compile(
    r'(?P<clipped><g clip-path="[^"]*">)\s*<use xlink:href="#(?P<outline>[\w.-]+)" [^>]*/>\s*'
    r'(?:(?:</g>\s*(?P=clipped)\s*)?<use xlink:href="#(?P=outline)" [^>]*/>\s*)+</g>'
)


def cost_bars(bars: Mapping[str, Mapping[str, float]], unit: str = "MACs", ax: Axes | None = None) -> Axes:
    """Draw one stacked horizontal bar for each block, one colour for each role.

    Parameters
    ----------
    bars : mapping of str to mapping of str to number
        For each block, what each role costs: ``{"standard": {"standard": 9.0e8}}``.
    unit : str
        What is counted; labels the axis.
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the total written behind each bar.

    Raises
    ------
    ValueError
        If there is no bar, or a role is not a concept of the palette.

    Examples
    --------
    >>> cost_bars({"standard": {"standard": 100}, "separable": {"depthwise": 9, "pointwise": 3}}).get_xlabel()
    'MACs'
    """
    mapping("bars", bars, "{'standard': {'standard': 9e8}}")
    string(unit=unit)
    if not bars:
        raise ValueError("bars must hold at least one block, got none; give {'standard': {'standard': 9e8}}")
    with mpl.rc_context(STYLE):
        ax = ax or new_axes(height=0.75 + 0.5 * len(bars))
        seen = []
        for row, parts in enumerate(bars.values()):
            left = 0.0
            for role, value in parts.items():
                label = role if role not in seen else None
                ax.barh(row, value, left=left, height=0.62, color=colour_of(role), label=label)
                seen.append(role)
                left += value
            ax.annotate(f" {short(left)}", (left, row), va="center", textcoords="offset points", xytext=(2, 0))
        totals = [sum(parts.values()) for parts in bars.values()]
        ax.set(yticks=range(len(bars)), yticklabels=list(bars), xlabel=unit, xlim=(0, 1.22 * (max(totals) or 1)))
        ax.xaxis.set_major_formatter(Units(sep=" "))
        ax.invert_yaxis()
        ax.tick_params(axis="y", length=0)
        if len(set(seen)) > 1:
            legend_above(ax)
    spoken = "; ".join(
        f"{name}: {', '.join(f'{role} {short(value)}' for role, value in parts.items())}, in all {short(total)}"
        for (name, parts), total in zip(bars.items(), totals, strict=True)
    )
    return described(ax, f"Bar chart of {unit}. {spoken}.")


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    roles: Mapping[str, str] | None = None,
    log: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one or more curves over the same x, each named at its right end, or in a legend where these ends meet.

    Parameters
    ----------
    x : sequence of float
        Where the curves are known.
    lines : mapping of str to sequence of float
        The curves, by name.
    xlabel, ylabel : str
        What the axes show, with units.
    roles : mapping of str to str, optional
        The concept of each curve, for its colour; a curve without one is drawn in the text's colour.
    log : str, default=""
        Which axes are logarithmic: "", "x", "y" or "xy".
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If a curve and x differ in length.

    Examples
    --------
    >>> curves([1, 2, 4], {"double": [2, 4, 8]}, "n", "2n").get_ylabel()
    '2n'
    """
    string(xlabel=xlabel, ylabel=ylabel)
    mapping("lines", lines, "{'V1': [1.0, 2.0]}")
    sized("x", x, "[0.25, 0.5]")
    one_of("log", log, ("", "x", "y", "xy"))
    for name, y in lines.items():
        if len(y) != len(x):
            raise ValueError(f"lines[{name!r}] must have {len(x)} points like x, got {len(y)}")
    with mpl.rc_context(STYLE):
        ax, names = ax or new_axes(height=3.0), []
        for name, y in lines.items():
            colour = colour_of(roles[name]) if roles and name in roles else FOREGROUND
            ax.plot(x, y, color=colour, linewidth=2.2, label=name)
            beside = {"textcoords": "offset points", "xytext": (5, 0), "va": "center", "annotation_clip": False}
            names.append(ax.annotate(name, (x[-1], y[-1]), **beside))
        for axis in log:
            getattr(ax, f"set_{axis}scale")("log", base=2 if axis == "x" else 10)
        if "x" in log:
            ax.set_xticks(x, [f"{value:g}" for value in x])
            ax.minorticks_off()
        elif all(value % 1 == 0 for value in x):  # of blocks or epochs there is no half
            ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.grid(True, axis="y")
        if len(names) > 1 and covered(ax, names):
            for name in names:
                name.remove()
            ax.legend(handlelength=1)
    spoken = "; ".join(
        f"{name} goes from {y[0]:.3g} at {x[0]:g} to {y[-1]:.3g} at {x[-1]:g}" for name, y in lines.items()
    )
    return described(ax, f"Curves of {ylabel} over {xlabel}. {spoken}.")


def roofline(
    peak: float,
    bandwidth: float,
    points: Mapping[str, tuple[float, float, str]],
    cache: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the roof of a machine, and where layers stand under it; both axes are logarithmic.

    Parameters
    ----------
    peak : float
        MACs a second.
    bandwidth : float
        Bytes a second.
    points : mapping of str to (float, float, str)
        For each layer its MACs per byte, the MACs a second it was measured at, and its role.
    cache : float, optional
        Bytes a second from a cache. The roof then rises with it, and the memory's slope is dashed.
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If there is no point, or a role is not a concept of the palette.

    Examples
    --------
    >>> roofline(100e9, 20e9, {"depthwise": (1.1, 4e9, "depthwise")}).get_ylabel()
    'MACs a second'
    """
    peak, bandwidth = positive_number(peak=peak, bandwidth=bandwidth)
    mapping("points", points, "{'name': (1.1, 4e9, 'depthwise')}")
    if not points:
        raise ValueError("points must hold at least one layer, got none; give {'name': (1.1, 4e9, 'depthwise')}")
    if cache is not None:
        (cache,) = positive_number(cache=cache)
    with mpl.rc_context(STYLE):
        ax = ax or new_axes(height=3.4 if len(points) <= 4 else 3.4 + 0.2 * len(points))
        steep = max(bandwidth, cache or 0)
        ridge = peak / bandwidth
        left = min(0.25, *(0.5 * x for x, _, _ in points.values()))
        right = max(8 * ridge, *(4 * x for x, _, _ in points.values()))
        ax.plot([left, peak / steep, right], [left * steep, peak, peak], color=FOREGROUND, linewidth=2)
        ax.annotate("peak", (right, peak), ha="right", textcoords="offset points", xytext=(0, 5))
        below = {"textcoords": "offset points", "xytext": (8, 0), "va": "top"}
        if cache is not None:
            ax.plot([left, ridge], [left * bandwidth, peak], color=FOREGROUND, linewidth=1.4, linestyle="--")
            above = {"textcoords": "offset points", "xytext": (-4, 2), "va": "bottom", "ha": "right"}
            ax.annotate("cache", (2.6 * left, 2.6 * left * steep), **above)
        start = 1.5 * left if cache is None else 1.05 * left
        ax.annotate("bandwidth" if cache is None else "memory", (start, start * bandwidth), **below)
        for marker, (name, (x, y, role)) in zip(markers(), points.items(), strict=False):
            ax.plot([x, x], [y, min(peak, x * steep)], color=FOREGROUND, linewidth=1, linestyle=":")
            ax.plot([x], [y], marker, color=colour_of(role), markersize=9, linestyle="", label=name)
        ax.set(xscale="log", yscale="log", xlabel="MACs per byte", ylabel="MACs a second", xlim=(left, right))
        bottom = min(left * bandwidth, *(y for _, y, _ in points.values()))
        ax.set_ylim(0.5 * bottom, 3 * peak)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(Units(sep=" "))
            axis.set_minor_formatter(NullFormatter())
        ax.grid(True)
        if len(points) <= 4:
            ax.legend(loc="lower right", handlelength=1)
        else:  # their names would cover the points
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=1, handlelength=1)
    spoken = "; ".join(f"{name} at {x:.3g} MACs per byte does {short(y)}" for name, (x, y, _) in points.items())
    roof = f"The roof rises with {short(steep)} bytes a second up to {peak / steep:.3g} MACs per byte, then is flat at"
    dashed = f" A dashed slope is the memory's, {short(bandwidth)} bytes a second." if cache is not None else ""
    return described(ax, f"Roofline. {roof} {short(peak)} MACs a second.{dashed} Measured: {spoken}.")


def scatter(
    groups: Mapping[str, Sequence[tuple[float, float]]],
    xlabel: str,
    ylabel: str,
    roles: Mapping[str, str] | None = None,
    log: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw groups of points, each group with its own mark.

    Parameters
    ----------
    groups : mapping of str to sequence of (float, float)
        The points of each group, by name.
    xlabel, ylabel : str
        What the axes show, with units.
    roles : mapping of str to str, optional
        The concept of each group, for its colour; a group without one is drawn in the text's colour.
    log : str, default=""
        Which axes are logarithmic: "", "x", "y" or "xy".
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If a group is empty, or a role is not a concept of the palette.

    Examples
    --------
    >>> scatter({"V2": [(300e6, 11.4), (97e6, 5.2)]}, "MACs", "ms").get_xlabel()
    'MACs'
    """
    string(xlabel=xlabel, ylabel=ylabel)
    mapping("groups", groups, "{'V1': [(1.0, 2.0)]}")
    one_of("log", log, ("", "x", "y", "xy"))
    for name, points in groups.items():
        if not len(points):
            raise ValueError(f"groups[{name!r}] must hold at least one point, got none; leave the group out")
    with mpl.rc_context(STYLE):
        ax = ax or new_axes(height=3.2)
        for marker, (name, points) in zip(markers(), groups.items(), strict=False):
            colour = colour_of(roles[name]) if roles and name in roles else FOREGROUND
            x, y = zip(*points, strict=True)
            # A mark on the axis is drawn whole.
            ax.plot(x, y, marker, color=colour, markersize=8, linestyle="", label=name, clip_on=False)
        for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
            if name in log:
                getattr(ax, f"set_{name}scale")("log")
                axis.set_major_locator(log_ticks(*axis.get_view_interval()))
            axis.set_major_formatter(Units(sep=" "))
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.minorticks_off()
        if "x" not in log:
            ax.set_xlim(left=0)
        if "y" not in log:
            ax.set_ylim(bottom=0)
        ax.grid(True)
        if len(groups) > 1:
            ax.legend(handlelength=1)
    spoken = "; ".join(
        f"{name}: {', '.join(f'{short(x)} and {y:.3g}' for x, y in points)}" for name, points in groups.items()
    )
    return described(ax, f"Points of {ylabel} over {xlabel}. {spoken}.")


def channel_profiles(profiles: Mapping[str, Sequence[tuple[int, str]]], ax: Axes | None = None) -> Axes:
    """Draw blocks side by side as silhouettes: the height of a step is its number of channels.

    Parameters
    ----------
    profiles : mapping of str to sequence of (int, str)
        For each block, the channels of its tensors in order, and the role of the layer that made each; the role of
        the first is "" (it is the input).
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If a role is not a concept of the palette.

    Examples
    --------
    >>> channel_profiles({"thin-fat-thin": [(24, ""), (144, "expansion"), (24, "projection")]}).get_ylabel()
    'channels'
    """
    mapping("profiles", profiles, "{'V2': [(24, 'expansion'), (144, 'depthwise')]}")
    with mpl.rc_context(STYLE):
        ax = ax or new_axes(height=3.0)
        left, centres = 0.0, []
        lowest = -max((channels for steps in profiles.values() for channels, _ in steps), default=0) / 2
        for steps in profiles.values():
            start = left
            for (channels, _), (after, role) in zip(steps, steps[1:], strict=False):
                ax.fill(
                    [left, left, left + 1, left + 1],
                    [-channels / 2, channels / 2, after / 2, -after / 2],
                    color=colour_of(role),
                    alpha=0.45,
                    linewidth=0,
                )
                # Below the shapes: many a step is too low, or too narrow at its end, for its name.
                below = {"textcoords": "offset points", "xytext": (0, -4), "ha": "center", "va": "top"}
                ax.annotate(role, (left + 0.5, lowest), fontsize=9.5, **below)
                left += 1
            for offset, (channels, _) in enumerate(steps):
                ax.plot([start + offset] * 2, [-channels / 2, channels / 2], color=FOREGROUND, linewidth=3)
                ax.annotate(
                    f"{channels}",
                    (start + offset, channels / 2),
                    ha="center",
                    va="bottom",
                    textcoords="offset points",
                    xytext=(0, 3),
                )
            centres.append((start + left) / 2)
            left += 0.4
        ax.set(ylabel="channels", xticks=centres, xticklabels=list(profiles), yticks=[])
        ax.margins(x=0.01, y=0.12)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(axis="x", length=0)
    spoken = "; ".join(
        f"{name}: {' to '.join(str(channels) for channels, _ in steps)} channels" for name, steps in profiles.items()
    )
    return described(ax, f"Silhouettes of blocks by number of channels. {spoken}.")


def connections(masks: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Draw which input channels each output channel reads, one square of dots for each layer.

    Parameters
    ----------
    masks : mapping of str to array of bool, shape (out_channels, in_channels)
        For each layer, True where a weight joins input and output.
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> len(connections({"depthwise": np.eye(4, dtype=bool)}).get_xticklabels())
    1
    """
    mapping("masks", masks, "{'depthwise': np.eye(8)}")
    with mpl.rc_context(STYLE):
        wide = sum(mask.shape[1] + 2 for mask in masks.values())
        tall = max((mask.shape[0] for mask in masks.values()), default=1)
        ax = ax or new_axes(height=0.5 + WIDTH * tall / wide)  # as tall as the squares are, no empty bands
        left, centres = 0, []
        for mask in masks.values():
            rows, columns = np.nonzero(np.ones_like(mask))
            ax.scatter(columns + left, rows, s=12, color=FOREGROUND, alpha=0.12, linewidths=0, marker=(8, 0, 22))
            rows, columns = np.nonzero(mask)
            ax.scatter(columns + left, rows, s=30, marker="s", color=colour_of("standard"), linewidths=0)
            centres.append(left + (mask.shape[1] - 1) / 2)
            left += mask.shape[1] + 2
        ax.set(xticks=centres, xticklabels=list(masks), yticks=[], ylabel="output channel", aspect="equal")
        ax.invert_yaxis()
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(axis="x", length=0)
    spoken = "; ".join(
        f"{name}: {int(mask.sum())} of {mask.size} pairs of channels are joined" for name, mask in masks.items()
    )
    return described(ax, f"Which input channels (columns) each output channel (row) reads. {spoken}.")


def maps(images: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Show feature maps side by side in grey, each scaled to its own darkest and brightest value.

    Parameters
    ----------
    images : mapping of str to array, shape (H, W)
        The maps, by title.
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If a map is not two-dimensional.

    Examples
    --------
    >>> maps({"ramp": np.arange(12.0).reshape(3, 4)}).get_xticks().size
    1
    """
    mapping("images", images, "{'digit': picture}")
    with mpl.rc_context(STYLE):
        ax = ax or new_axes(height=0.5 + WIDTH / max(2, len(images)))
        top = 0.0
        for i, (name, image) in enumerate(images.items()):
            image = np.asarray(image, dtype=float)
            if image.ndim != 2:
                raise ValueError(f"images[{name!r}] must have shape (H, W), got {image.shape}; choose one channel")
            tall = image.shape[0] / image.shape[1]
            top = max(top, tall)
            ax.imshow(image, cmap="gray", extent=(1.06 * i, 1.06 * i + 1, 0, tall), vmin=image.min(), vmax=image.max())
        ax.set(xlim=(0, 1.06 * len(images) - 0.06), ylim=(0, top), yticks=[], aspect="equal")
        ax.set_xticks([1.06 * i + 0.5 for i in range(len(images))], list(images))
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(axis="x", length=0)
    spoken = "; ".join(f"{name}, {np.shape(image)[0]} by {np.shape(image)[1]} pixels" for name, image in images.items())
    return described(ax, f"Grey images side by side: {spoken}.")


def filter_banks(banks: Mapping[str, Any], roles: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw each layer's weights: a row for each output channel, in it a kernel for each input channel that it reads.

    Parameters
    ----------
    banks : mapping of str to array or tensor, shape (N, M / groups, k, k)
        The weights of convolutions that all read the same M channels, by name: M is the largest second side.
    roles : mapping of str to str, optional
        The concept of each layer, for its colour; left out, a name that is a concept says so itself.
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. A weight is the more solid the larger it is, and hollow where it is negative.

    Raises
    ------
    ValueError
        If a bank has another number of sides, or its groups do not divide its channels.

    Examples
    --------
    >>> len(filter_banks({"standard": np.ones((4, 4, 3, 3)), "depthwise": np.ones((4, 1, 3, 3))}).get_xticklabels())
    2
    """
    mapping("banks", banks, "{'standard': conv.weight}")
    arrays = {name: _bank(name, bank) for name, bank in banks.items()}
    channels = max((array.shape[1] for array in arrays.values()), default=1)
    pitch = max((array.shape[2] for array in arrays.values()), default=1) + 1  # a kernel and the gap behind it
    with mpl.rc_context(STYLE):
        tall = pitch * max((len(array) for array in arrays.values()), default=1)
        wide = (pitch * channels + 3) * len(arrays)
        ax = ax or new_axes(height=0.5 + WIDTH * tall / wide)
        size = (0.7 * WIDTH * 72 / wide) ** 2  # points squared, a square of most of a step
        centres = []
        for i, (name, array) in enumerate(arrays.items()):
            left = i * (pitch * channels + 3)
            places, weights = _placed(array, channels, pitch)
            colour = colour_of((roles or {}).get(name, name if name in COLOURS else "standard"))
            strength = (0.15 + 0.85 * np.abs(weights) / (np.abs(weights).max() or 1)).round(2)  # few looks: see _joined
            colours = np.tile(to_rgba(colour), (2, len(weights), 1))
            colours[:, :, 3] = np.where(weights > 0, strength, 0), strength
            x, y = left + places[:, 0], places[:, 1]
            ax.scatter(x, y, size, facecolors=colours[0], edgecolors=colours[1], marker="s", linewidths=0.8)
            centres.append(left + (pitch * channels - 2) / 2)
        labels = [f"{name}\n{array.size} weights" for name, array in arrays.items()]
        ax.set(xticks=centres, xticklabels=labels, yticks=[], ylabel="output channel", aspect="equal")
        ax.invert_yaxis()
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(axis="x", length=0)
    spoken = "; ".join(
        f"{name}: {len(array)} output channels, each reads {array.shape[1]} of {channels} through kernels of "
        f"{array.shape[2]} by {array.shape[2]}, {array.size} weights in all"
        for name, array in arrays.items()
    )
    return described(ax, f"Weights of convolutions, a row of kernels for each output channel. {spoken}.")


def _bank(name: str, bank: Any) -> np.ndarray:
    array = np.asarray(bank.detach() if hasattr(bank, "detach") else bank, dtype=float)
    if array.ndim != 4 or array.shape[2] != array.shape[3]:
        raise ValueError(f"banks[{name!r}] must have shape (N, M / groups, k, k), got {array.shape}; give conv.weight")
    return array


def _placed(bank: np.ndarray, channels: int, pitch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each weight of a bank is drawn, and the weight: those of a group stand at the channels it reads."""
    outputs, reads, size, _ = bank.shape
    groups = channels // reads
    if channels % reads or outputs % groups:
        raise ValueError(
            f"banks must read the same channels, got one with {outputs} outputs that reads {reads} of {channels}; "
            "draw it apart"
        )
    n, m, row, column = np.indices(bank.shape).reshape(4, -1)
    m = m + n // (outputs // groups) * reads
    middle = (pitch - 1 - size) / 2  # a small kernel stands in the middle of its place
    return np.stack([pitch * m + column + middle, pitch * n + row + middle], axis=1), bank.ravel()


def filters(kernels: Mapping[str, Any], shown: int = 16, ax: Axes | None = None) -> Axes:
    """Draw depthwise filters, a row for each layer, from those that answer to edges to those that blur.

    Parameters
    ----------
    kernels : mapping of str to array or tensor, shape (C, k, k)
        The filters of each layer, by the layer's name.
    shown : int, default=16
        How many of a layer to draw, evenly from all of them.
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. Grey is 0, and each filter has its own largest weight, in size, as black or white. A filter whose
        weights add up to less than 0 is drawn with the other sign.

    Raises
    ------
    ValueError
        If the filters of a layer have another number of sides.

    Notes
    -----
    The order is that of a filter's balance, the size of its weights' sum over the sum of their sizes: 0 where they
    cancel, 1 where all have one sign. Above 0.9 the spoken text calls it a blur, below 0.2 an edge.

    Examples
    --------
    >>> blur, edge = np.ones((3, 3)), np.array([[-1.0, 0.0, 1.0]] * 3)
    >>> filters({"block 0": np.stack([blur, edge])}, shown=2).get_yticklabels()[0].get_text()
    'block 0'
    """
    mapping("kernels", kernels, "{'block 0': anatomy.depthwise_filters(network)[0]}")
    (shown,) = positive_int(shown=shown)
    rows, said = [], []
    for name, layer in kernels.items():
        array = np.asarray(layer.detach() if hasattr(layer, "detach") else layer, dtype=float)
        if array.ndim != 3 or not array.size:
            raise ValueError(f"kernels[{name!r}] must have shape (C, k, k), got {array.shape}; give a layer's")
        total = array.sum((1, 2))
        balance = np.abs(total) / np.maximum(np.abs(array).sum((1, 2)), np.finfo(float).tiny)
        evenly = np.linspace(0, len(array) - 1, min(shown, len(array))).round().astype(int)
        at = np.argsort(balance, kind="stable")[evenly]
        largest = np.maximum(np.abs(array[at]).max((1, 2), keepdims=True), np.finfo(float).tiny)
        rows.append(array[at] * np.where(total[at] < 0, -1, 1)[:, None, None] / largest)
        said.append(f"{name}: {100 * (balance > 0.9).mean():.0f} % blurs, {100 * (balance < 0.2).mean():.0f} % edges")
    with mpl.rc_context(STYLE):
        # The page's letters may be wider.
        ax = ax or new_axes(height=0.2 + 0.73 * WIDTH * len(rows) / shown, w_pad=0.15)
        for i, row in enumerate(rows):
            for j, kernel in enumerate(row):
                extent = (j, j + 0.86, i + 0.86, i)
                ax.imshow(kernel, cmap="gray", vmin=-1.1, vmax=1.1, extent=extent, interpolation="nearest")
        ax.set(xlim=(-0.05, shown), ylim=(len(rows) - 0.05, -0.05), xticks=[], aspect="equal")
        ax.set_yticks([i + 0.43 for i in range(len(rows))], list(kernels))
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    return described(ax, f"Filters as small grey squares, in each row from edges to blurs. {'; '.join(said)}.")


def effects(rows: Mapping[str, Mapping[str, tuple[float, float, float]]], xlabel: str, ax: Axes | None = None) -> Axes:
    """Draw differences with their confidence intervals beside a line at zero: resolved ones filled, the others open.

    Parameters
    ----------
    rows : mapping of str to mapping of str to (float, float, float)
        For each row, and in it for each series, the mean difference and the two ends of its interval.
    xlabel : str
        What the differences are of, with their unit.
    ax : Axes, optional
        Where to draw; left out, a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If there is no row, there are more than four series, or a mean lies outside its interval.

    Examples
    --------
    >>> effects({"no residual": {"digits": (-1.97, -3.02, -0.92)}}, "percentage points").get_xlabel()
    'percentage points'
    """
    string(xlabel=xlabel)
    mapping("rows", rows, "{'V2': {'mean': (0.0, -1.0, 1.0)}}")
    series = _series(rows)
    with mpl.rc_context(STYLE):
        lines = len(series) + 0.6  # a row's own, and what parts it from the next
        ax = ax or new_axes(height=0.9 + 0.15 * len(rows) * lines)
        ax.axvline(0, color=FOREGROUND, linewidth=1, linestyle="--")
        # Shapes tell the series apart: colours belong to concepts.
        for i, (name, marker) in enumerate(zip(series, "oDs^", strict=False)):
            label = name
            for at, row in enumerate(rows.values()):
                if name in row:
                    mean, low, high = row[name]
                    y = at + (i - (len(series) - 1) / 2) / lines
                    ax.plot([low, high], [y, y], color=FOREGROUND, linewidth=1.6, solid_capstyle="butt")
                    resolved = low > 0 or high < 0
                    ax.plot(
                        mean,
                        y,
                        marker,
                        color=FOREGROUND,
                        markersize=7,
                        label=label,
                        fillstyle="full" if resolved else "none",
                    )
                    label = None
        ax.set(yticks=range(len(rows)), yticklabels=list(rows), xlabel=xlabel)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.grid(True, axis="x")
        if len(series) > 1:
            for handle in legend_above(ax).legend_handles:
                if isinstance(handle, Line2D):
                    handle.set_fillstyle("full")
    spoken = "; ".join(
        f"{label}, {name}: {mean:+.2f}, from {low:+.2f} to {high:+.2f}{'' if low > 0 or high < 0 else ', not resolved'}"
        for label, row in rows.items()
        for name, (mean, low, high) in row.items()
    )
    return described(ax, f"Differences with their intervals, in {xlabel}. {spoken}.")


def _series(rows: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> list[str]:
    """Return the names of the series in rows of differences, which must be few, and each inside its interval."""
    if not rows:
        raise ValueError("rows must hold at least one difference, got none; give {'a': {'digits': (-1, -2, 0)}}")
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    if len(series) > 4:
        raise ValueError(f"rows must hold at most 4 series, got {len(series)}; draw the others apart")
    for label, row in rows.items():
        for name, (mean, low, high) in row.items():
            if not low <= mean <= high:
                raise ValueError(f"rows[{label!r}][{name!r}] must be mean, low, high, got {(mean, low, high)}")
    return series


def svg(ax: Axes | Figure) -> str:
    """Return a figure as an inline SVG that follows the page: its text colour, its palette, its width.

    Raises
    ------
    TypeError
        If ax is neither an Axes nor a Figure.

    Examples
    --------
    >>> drawing = svg(curves([1, 2], {"line": [1, 2]}, "x", "y"))
    >>> drawing.startswith("<svg"), "currentColor" in drawing
    (True, True)
    """
    figure = ax.figure if isinstance(ax, Axes) else ax
    if not isinstance(figure, Figure):
        raise TypeError(f"ax must be a matplotlib Axes or Figure, got {type(ax).__name__}; pass what a figure returned")
    buffer = io.StringIO()
    label = str(figure.get_label() or "Figure")
    # Marks and clipping paths are found by id in the whole page: the label keeps those of two figures apart.
    with mpl.rc_context({**STYLE, "svg.hashsalt": label}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>\s*", "", drawing, flags=re.DOTALL)
    # Inline, its style sheet would reach the whole page; the same two lines on the root are inherited by the drawing.
    drawing = re.sub(r'\s*<defs>\s*<style type="text/css">.*?</style>\s*</defs>', "", drawing, flags=re.DOTALL)
    drawing = _with_joined_marks(drawing)
    # A hundredth of a point is less than any screen shows.
    drawing = re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"(\.\d\d)\d+|\s+(?=[A-Zz])|\s+$", r"\1", path[0]), drawing)
    used = set(re.findall(r"#([\w.-]+)", drawing))
    drawing = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", drawing)
    drawing = drawing.replace(FOREGROUND, "currentColor")
    for name, colour in COLOURS.items():
        drawing = drawing.replace(colour.light, f"var(--mn-{name}, {colour.light.upper()})")
    look = f"width:100%;max-width:{figure.get_figwidth() * 96:.0f}px;height:auto;"
    look += "stroke-linejoin:round;stroke-linecap:butt"
    opening = f'<svg role="img" aria-label="{html.escape(label, quote=True)}" style="{look}"'
    root, rest = drawing.split(">", 1)
    return opening + re.sub(r' (width|height)="[^"]*"', "", root.removeprefix("<svg")) + ">" + rest.strip()


def _with_joined_marks(drawing: str) -> str:
    """Join the marks of a collection that look alike into one path: four elements a mark keep a phone waiting."""
    outlines = dict(OUTLINE.findall(drawing))
    drawing = MARKS.sub(lambda marks: _joined(marks, outlines.get(marks["outline"], "")), drawing)
    return OUTLINE.sub(lambda found: found[0] if f'"#{found[1]}"' in drawing else "", drawing)


def _joined(marks: re.Match, outline: str) -> str:
    """Return marks as a path for each look. Those that touch stay as they are: in one path, they do not add up."""
    if not re.fullmatch(r"M[-\d.\s]+([LC][-\d.\s]+)+z\s*", outline):
        return marks[0]
    start, *parts = re.findall(r"([MLC])([-\d.\s]+)", outline)
    pairs = [re.findall(r"(\S+)\s+(\S+)", text) for _, text in (start, *parts)]
    corners = [[complex(float(x), float(y)) for x, y in each] for each in pairs]
    # From the end of the part before, as lower-case letters want it: then all marks have one text, which packs well.
    shape = ""
    for (letter, _), before, here in zip(parts, corners, corners[1:], strict=False):
        shape += letter.lower() + " ".join(f"{(at - before[-1]).real:.3g} {(at - before[-1]).imag:.3g}" for at in here)
    looks: dict[str, list[complex]] = {}
    for x, y, look in re.findall(r'x="(.*?)" y="(.*?)" style="(.*?)"', marks[0]):
        looks.setdefault(look, []).append(complex(float(x), float(y)))
    places = np.array(sum(looks.values(), []))
    far = np.abs(places[:, None] - places) + np.diag(np.full(len(places), np.inf))
    if far.min() < 2 * max(abs(at) for each in corners for at in each) / np.sqrt(2):
        return marks[0]
    drawn = {look: (at + corners[0][0] for at in places) for look, places in looks.items()}
    paths = (
        f'<path d="{"".join(f"M{at.real:.2f} {at.imag:.2f}{shape}z" for at in starts)}" style="{look}"/>'
        for look, starts in drawn.items()
    )
    return f"{marks['clipped']}{''.join(paths)}</g>"


def _show_in_notebooks() -> None:
    """Have IPython show an Axes as its picture, without a call to pyplot."""
    try:
        shell = get_ipython()  # type: ignore[name-defined]  # noqa: F821
    except NameError:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for kind in (Axes, Figure):
        formatter.for_type(kind, lambda ax: f'<div class="mn-figure">{svg(ax)}</div>')


_show_in_notebooks()
