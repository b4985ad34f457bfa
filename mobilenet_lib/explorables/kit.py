"""What every explorable shares on the Python side: settings, the live count by fvcore, and the static picture."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from xml.sax.saxutils import escape

import anywidget
import traitlets

from .. import cost
from ..course import palette

# fvcore runs the module to count it. Beyond this the kernel would be busy for seconds at every step of a slider.
COUNTED_UP_TO = 10_000_000_000


class Setting(traitlets.TraitType):
    """A value that a slider sets: synced with the page, and checked the same way there and here."""

    def __init__(self, default: object, help: str, ticks: Sequence[object] = (), counts: bool = True):
        super().__init__(default_value=default, help=help)
        self.ticks = list(ticks)
        self.counts = counts  # False for what only chooses where to look: fvcore's count does not depend on it
        self.tag(sync=True)

    def range(self) -> dict:
        """Describe the allowed values for the slider in the page."""
        raise NotImplementedError


class Steps(Setting):
    """A number from `low` to `high` in equal steps; `ticks` are the values worth a mark on the slider.

    Examples
    --------
    >>> class Dial(traitlets.HasTraits):
    ...     channels = Steps(24, 8, 320, 8, help="channels of the input")
    >>> Dial(channels=20)
    Traceback (most recent call last):
        ...
    traitlets.traitlets.TraitError: channels must be from 8 to 320 in steps of 8, got 20
    """

    def __init__(
        self,
        default: Real,
        low: Real,
        high: Real,
        step: Real,
        *,
        help: str,
        ticks: Sequence[Real] = (),
        counts: bool = True,
    ):
        super().__init__(default, help, ticks, counts)
        self.low, self.high, self.step = low, high, step

    def validate(self, obj: object, value: object) -> Real:
        """Return the value on the grid, or say which values there are."""
        if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
            steps = (value - self.low) / self.step
            if abs(steps - round(steps)) < 1e-6 and self.low <= value <= self.high:
                # 0.25 + 2 * 0.05 is 0.35000000000000003: rounding gives the page and Python the same number.
                return type(self.low)(round(self.low + round(steps) * self.step, 10))
        raise traitlets.TraitError(
            f"{self.name} must be from {self.low} to {self.high} in steps of {self.step}, got {value!r}"
        )

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
    traitlets.traitlets.TraitError: stride must be one of 1, 2, got 4
    """

    def __init__(self, default: object, values: Iterable[object], *, help: str, counts: bool = True):
        super().__init__(default, help, counts=counts)
        self.values = list(values)

    def validate(self, obj: object, value: object) -> object:
        """Return the value, or say which values there are."""
        if not isinstance(value, bool) and value in self.values:
            return self.values[self.values.index(value)]  # 2.0 from JavaScript becomes 2
        raise traitlets.TraitError(f"{self.name} must be one of {', '.join(map(str, self.values))}, got {value!r}")

    def range(self) -> dict:
        """Describe the allowed values for the slider in the page."""
        return {"values": self.values, "ticks": self.ticks, "counts": self.counts}


class Explorable(anywidget.AnyWidget):
    """A figure with sliders; subclasses say what it shows.

    A subclass in NAME.py has its picture in NAME.js, its sliders as :class:`Steps` and :class:`Choice` attributes, and
    the three methods :meth:`layers`, :meth:`measure_state` and :meth:`static_svg`. One about something that has no MACs
    defines :meth:`static_svg` alone, and the page then has no line about fvcore.

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

    def __init_subclass__(cls, **kwargs: object) -> None:
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
        super().__init__(**{"settings": list(ranges), "ranges": ranges, **values})
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

    def static_svg(self) -> str:
        """Draw the current state as a stand-alone SVG, for where there is no JavaScript."""
        raise NotImplementedError

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
                self.measured = {
                    "key": key,
                    "error": f"not run, {short(macs)} MACs would keep the kernel busy for seconds",
                }
                return
            with _one_thread():
                self.measured = {"key": key, "macs": self.measure_state()}
        except Exception as error:  # whatever goes wrong, the figure must go on working in the reader's notebook
            self.measured = {"key": key, "error": f"could not count ({error or type(error).__name__})"}

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)
        return f"{type(self).__name__}({values})"

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "image/svg+xml": self.static_svg()}, metadata


@contextmanager
def _one_thread() -> Iterator[None]:
    """Count on one thread, and leave torch's thread number and random numbers as they were.

    With two threads on a busy two-core machine libgomp spins, and 65 ms become two seconds.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)


# Numbers and pieces of static pictures. The first two have twins in kit.js, and a test holds them together.


def short(number: int) -> str:
    r"""Write a count with one decimal and a unit, as on the axes: 115.6 M.

    Examples
    --------
    >>> short(864), short(115_605_504), short(999_960)
    ('864', '115.6\xa0M', '1.0\xa0M')
    """
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size * 0.99995:  # 999,960 rounds up to the next unit
            tenths = (10 * number + size // 2) // size  # halves go up, here and in JavaScript
            return f"{tenths // 10}.{tenths % 10}\N{NO-BREAK SPACE}{unit}"
    return str(number)


def nice_ceiling(value: float) -> float:
    """Return the first of 1, 2, 5, 10, 20, 50, ... that is not below `value`: where an axis ends.

    Examples
    --------
    >>> [nice_ceiling(value) for value in (144, 200, 201, 25_740_288)]
    [200, 200, 500, 50000000]
    """
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def paint(role: str) -> str:
    """Return a concept's colour for an SVG attribute: the page's variable, and the light hex where there is none.

    Examples
    --------
    >>> paint("standard")
    'var(--mn-standard, #0072b2)'
    """
    return f"var(--mn-{role}, {palette.COLOURS[role].light})"


def tag(name: str, text: str | None = None, **attributes: object) -> str:
    """Write one SVG element; underscores in attribute names become hyphens.

    Examples
    --------
    >>> tag("text", "3 < 5", x=0, text_anchor="end")
    '<text x="0" text-anchor="end">3 &lt; 5</text>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value), {chr(34): "&quot;"})}"'
        for key, value in attributes.items()
    )
    return f"<{name}{written}/>" if text is None else f"<{name}{written}>{escape(text)}</{name}>"


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def picture(title: str, description: str, width: int, height: int, parts: Iterable[str]) -> str:
    """Put SVG elements together as a stand-alone picture with a title and a description.

    Text and lines take the page's colour (currentColor), so the picture follows dark mode.
    """
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title description" fill="currentColor" font-family="system-ui, sans-serif" '
        f'font-size="12">\n<title id="title">{escape(title)}</title>\n'
        f'<desc id="description">{escape(description)}</desc>\n{body}\n</svg>'
    )
