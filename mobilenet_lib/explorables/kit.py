"""What every explorable shares on the Python side: settings, the live count by fvcore, and the numbers in words."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from threading import RLock
from typing import Any

import anywidget
import traitlets

from .. import cost
from ..course import palette

# fvcore runs the module to count it. Beyond this the kernel would be busy for seconds at every step of a slider.
COUNTED_UP_TO = 10_000_000_000
# JupyterLab has a kernel answer figures in threads of their own. torch.fx changes what all modules do while it traces.
_ONE_AT_A_TIME = RLock()


class Setting(traitlets.TraitType[Any, Any]):
    """A value that a slider sets: synced with the page, and checked the same way there and here."""

    def __init__(self, default: object, help: str, ticks: Sequence[object] = (), counts: bool = True):
        super().__init__(default_value=default, help=help)
        self.ticks = list(ticks)
        self.counts = counts  # False for what only chooses where to look: fvcore's count does not depend on it
        self.tag(sync=True)

    def validate(self, obj: object, value: object) -> object:
        """Return the value as it is kept, or say which values there are."""
        raise NotImplementedError

    def range(self) -> dict:
        """Describe the allowed values for the slider in the page."""
        raise NotImplementedError


class WrongSetting(traitlets.TraitError, ValueError):
    """A value that a slider does not have: an error of traits, and a ValueError as anywhere else in the library."""


class Steps(Setting):
    """A number from `low` to `high` in equal steps; `ticks` are the values worth a mark on the slider.

    Examples
    --------
    >>> class Dial(traitlets.HasTraits):
    ...     channels = Steps(24, 8, 320, 8, help="channels of the input")
    >>> Dial(channels=20)
    Traceback (most recent call last):
        ...
    mobilenet_lib.explorables.kit.WrongSetting: channels must be from 8 to 320 in steps of 8, got 20
    """

    def __init__(
        self,
        default: float,
        low: float,
        high: float,
        step: float,
        *,
        help: str,
        ticks: Sequence[float] = (),
        counts: bool = True,
    ):
        super().__init__(default, help, ticks, counts)
        self.low, self.high, self.step = low, high, step

    def validate(self, obj: object, value: object) -> float:
        """Return the value on the grid, or say which values there are."""
        if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
            steps = (float(value) - self.low) / self.step
            if abs(steps - round(steps)) < 1e-6 and self.low <= float(value) <= self.high:
                # 0.25 + 2 * 0.05 is 0.35000000000000003: rounding gives the page and Python the same number.
                return type(self.low)(round(self.low + round(steps) * self.step, 10))
        raise WrongSetting(f"{self.name} must be from {self.low} to {self.high} in steps of {self.step}, got {value!r}")

    def range(self) -> dict:
        """Describe the allowed values for the slider in the page."""
        return {"min": self.low, "max": self.high, "step": self.step, "ticks": self.ticks, "counts": self.counts}


class Choice(Setting):
    """One of a few values, numbers or words.

    Examples
    --------
    >>> class Dial(traitlets.HasTraits):
    ...     stride = Choice(1, [1, 2], help="step of the filter")
    >>> Dial(stride=4)
    Traceback (most recent call last):
        ...
    mobilenet_lib.explorables.kit.WrongSetting: stride must be one of 1, 2, got 4
    """

    def __init__(self, default: object, values: Iterable[object], *, help: str, counts: bool = True):
        super().__init__(default, help, counts=counts)
        self.values = list(values)

    def validate(self, obj: object, value: object) -> object:
        """Return the value, or say which values there are."""
        # An array compared with a word is no yes or no.
        if isinstance(value, Real | str) and not isinstance(value, bool) and value in self.values:
            return self.values[self.values.index(value)]  # 2.0 from JavaScript becomes 2
        raise WrongSetting(f"{self.name} must be one of {', '.join(map(str, self.values))}, got {value!r}")

    def range(self) -> dict:
        """Describe the allowed values for the slider in the page."""
        return {"values": self.values, "ticks": self.ticks, "counts": self.counts}


class Words(Setting):
    """A text of at most `letters` letters, which the reader types.

    Examples
    --------
    >>> class Page(traitlets.HasTraits):
    ...     title = Words("", 8, help="what stands above")
    >>> Page(title="MobileNets")
    Traceback (most recent call last):
        ...
    mobilenet_lib.explorables.kit.WrongSetting: title must be a string of at most 8 letters, got 'MobileNets'
    """

    def __init__(self, default: str, letters: int, *, help: str, counts: bool = True):
        super().__init__(default, help, counts=counts)
        self.letters = letters

    def validate(self, obj: object, value: object) -> str:
        """Return the text, or say how long one may be."""
        if isinstance(value, str) and len(value) <= self.letters:
            return value
        raise WrongSetting(f"{self.name} must be a string of at most {self.letters} letters, got {value!r}")

    def range(self) -> dict:
        """Describe the allowed values for the page."""
        return {"letters": self.letters, "ticks": self.ticks, "counts": self.counts}


class Explorable(anywidget.AnyWidget):
    """A figure with sliders; subclasses say what it shows.

    A subclass in NAME.py has its picture in NAME.js, its sliders as :class:`Steps` and :class:`Choice` attributes (and
    a text that the reader types as :class:`Words`), and the methods :meth:`layers` and :meth:`measure_state`; where a
    table of the layers does not say what it shows, also :meth:`numbers`. One about something that has no MACs defines
    :meth:`numbers` alone, and the page then has no line about fvcore.

    Attributes
    ----------
    settings : list of str
        Names of the sliders' attributes: what the page's address carries, and what the reset button resets.
    ranges : dict
        Allowed values of each setting, for the page's sliders.
    measured : dict
        ``{"key": ..., "macs": ...}``: fvcore's count, and the settings it is for. When counting failed, "error" says
        why in place of "macs".
    """

    settings = traitlets.List(traitlets.Unicode()).tag(sync=True)
    ranges = traitlets.Dict().tag(sync=True)
    measured = traitlets.Dict().tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # A module may not import in the places an explorable lives, so what it shares with others goes in front of it:
        # the kit, and the script of any class in between. anywidget turns _esm into a trait by deriving a class for
        # each instance: that one has its script already.
        files = [Path(inspect.getfile(each)) for each in reversed(cls.__mro__) if issubclass(each, Explorable)]
        scripts = [file.with_suffix(".js") for file in dict.fromkeys(files)]
        if scripts[-1].exists() and not isinstance(getattr(cls, "_esm", None), traitlets.TraitType):
            cls._esm = "\n".join(script.read_text(encoding="utf8") for script in scripts)
            styles = [script.with_suffix(".css") for script in scripts]  # few have rules of their own
            cls._css = palette.css() + "\n".join(file.read_text(encoding="utf8") for file in styles if file.exists())
        super().__init_subclass__(**kwargs)

    def __init__(self, **values: object):
        unknown = [name for name in values if not self.has_trait(name)]
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no setting {unknown[0]!r}; it has {', '.join(self._setting_traits())}"
            )
        ranges = {name: trait.range() for name, trait in self._setting_traits().items()}
        try:
            super().__init__(**{"settings": list(ranges), "ranges": ranges, **values})
        except traitlets.TraitError as error:
            raise WrongSetting(str(error)) from None
        self._counted: tuple | None = None
        if type(self).measure_state is not Explorable.measure_state:
            self.observe(self._measure, names=list(ranges))
            self._measure()

    @classmethod
    def _setting_traits(cls) -> dict[str, Setting]:
        """Return the settings in the order they are written down in."""
        own = [vars(parent) for parent in reversed(cls.__mro__)]
        return {name: trait for names in own for name, trait in names.items() if isinstance(trait, Setting)}

    def layers(self) -> list[cost.Layer]:
        """Return the layers of the current state, from the closed forms."""
        raise NotImplementedError

    def measure_state(self) -> int:
        """Build the real module of the current state and return its MACs by fvcore. torch is imported in here."""
        raise NotImplementedError

    def numbers(self) -> list[dict[str, object]]:
        """Return what the figure shows as rows of a table, which all have the same keys."""
        return layer_rows(self.layers())

    def to_markdown(self) -> str:
        """Say what the figure shows where nothing draws it, as in a notebook on the web: a sentence and a table."""
        rows = self.numbers()
        what = (inspect.getdoc(type(self)) or "").partition("\n")[0]
        said = f"{what} These are the numbers of `{self!r}`; where the notebook runs, a figure shows them."
        table = [list(rows[0]), ["---"] * len(rows[0]), *([written(value) for value in row.values()] for row in rows)]
        return said + "\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in table)

    def key(self) -> str:
        """Return the current settings that count as JSON, exactly as the page writes them.

        Examples
        --------
        >>> from mobilenet_lib import explorables
        >>> explorables.InvertedBlock().key()
        '[6,1,24,24,3,1,1,56]'
        """
        traits = self._setting_traits()
        values = (getattr(self, name) for name in self.settings if traits[name].counts)
        # JavaScript has one kind of number: 1.0 is written 1 there.
        plain = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
        return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)

    def _measure(self, change: object = None) -> None:
        # Settings that change together (set_trait in a batch, the reset button) notify one by one, each time with all
        # the new values in place: the first notification counts, the others find the work done.
        state = tuple(getattr(self, name) for name, trait in self._setting_traits().items() if trait.counts)
        if state == self._counted:
            return
        self._counted = state
        key = self.key()
        try:
            macs = cost.total(self.layers()).macs
            if macs > COUNTED_UP_TO:
                giga = f"{macs / 1e9:.1f}\N{NO-BREAK SPACE}G MACs"
                self.measured = {"key": key, "error": f"not run, {giga} would keep the kernel busy for seconds"}
                return
            with undisturbed():
                self.measured = {"key": key, "macs": self.measure_state()}
        except Exception as error:  # whatever goes wrong, the figure must go on working in the reader's notebook
            self.measured = {"key": key, "error": f"could not count ({error or type(error).__name__})"}

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)
        return f"{type(self).__name__}({values})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/markdown": self.to_markdown()}, metadata


@contextmanager
def undisturbed() -> Iterator[None]:
    """Count on one thread, one figure at a time, and leave torch's thread number and random numbers as they were."""
    import torch

    from ..measure.threads import one_thread

    with _ONE_AT_A_TIME, one_thread(), torch.random.fork_rng(devices=[]):
        yield


# Numbers in words.


def layer_rows(layers: Iterable[cost.Layer]) -> list[dict[str, object]]:
    """Return a row for each layer: its sizes and its cost."""
    return [
        {
            "layer": layer.name,
            "input": "×".join(map(str, (layer.in_channels, *layer.in_size))),
            "output": "×".join(map(str, (layer.out_channels, *layer.out_size))),
            "kernel": f"{layer.kernel_size}×{layer.kernel_size}",
            "MACs": layer.macs,
            "parameters": layer.params,
        }
        for layer in layers
    ]


def written(value: object) -> str:
    """Write a cell of a table.

    Examples
    --------
    >>> written(300774272), written(0.03125), written("t = 6")
    ('300,774,272', '0.03125', 't = 6')
    """
    text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")
