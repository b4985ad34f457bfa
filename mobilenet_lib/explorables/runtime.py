"""What explorables that run networks share: one set of questions, answered by the page itself or by the kernel.

In a built page ONNX Runtime Web answers, in a worker, after the reader has pressed the button that downloads it
(``book/ext/onnx_worker.js``). In a notebook there is nothing to download: the question travels to Python, and
:meth:`Runtime.reply` answers it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from .kit import Explorable, undisturbed

if TYPE_CHECKING:
    from torch import Tensor

DATA = Path(__file__).parents[1] / "data"


class Runtime(Explorable):
    """An explorable that runs networks; subclasses say in :meth:`runner` how the kernel does it.

    Attributes
    ----------
    files : dict
        Name and bytes of each network's ONNX file in the library's data, which the built page fetches.
    question, answer : dict
        What the page asks the kernel, ``{"id": ..., "do": ..., ...}``, and the answer, ``{"id": ..., "value": ...}``
        or ``{"id": ..., "error": ...}``.
    """

    files = traitlets.Dict().tag(sync=True)
    question = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**values)
        self._opened: dict[str, tuple[Callable, Tensor]] = {}

    def runner(self, name: str) -> tuple[Callable[[Tensor], Any], str]:
        """Return what runs a network in the kernel, and what that is called. torch is imported in here."""
        raise NotImplementedError

    def outputs(self, name: str, network: Any, image: Tensor) -> dict[str, Tensor]:
        """Run a network and return its outputs, by the names they have in its ONNX file."""
        return {"output": network(image)}

    def reply(
        self, do: str, name: str = "", shape: Sequence[int] = (), runs: int = 1, values: Sequence[float] = ()
    ) -> dict:
        """Answer a question of the page; what is raised reaches the reader as text.

        Parameters
        ----------
        do : {"start", "open", "time", "run"}
            ``start`` comes first; ``open`` makes a network ready; ``time`` runs it `runs` times on numbers of no
            meaning, the same as in the page; ``run`` runs it on `values`.
        name : str
            Which network.
        shape : sequence of int
            Shape of its input, to ``open`` it.
        runs : int
            How often to ``time`` it.
        values : sequence of float
            The input to ``run`` it on, row by row.

        Returns
        -------
        dict
            ``start``: "clock", the step of the clock in ms. ``open``: "runtime", what runs it. ``time``: "ms" for all
            runs. ``run``: each output as a flat list.
        """
        import torch

        if do == "start":
            return {"clock": 1000 * time.get_clock_info("perf_counter").resolution}
        if do == "open":
            network, engine = self.runner(name)
            feed = torch.arange(math.prod(shape), dtype=torch.float32) % 97 / 97
            self._opened[name] = network, feed.reshape(tuple(shape))
            return {"runtime": f"{engine} in Python, one thread"}
        network, feed = self._opened[name]
        with torch.inference_mode():
            if do == "time":
                start = time.perf_counter()
                for _ in range(runs):
                    network(feed)
                return {"ms": 1000 * (time.perf_counter() - start)}
            found = self.outputs(name, network, torch.tensor(values, dtype=torch.float32).reshape(feed.shape))
        return {output: tensor.flatten().tolist() for output, tensor in found.items()}

    @traitlets.observe("question")
    def _answer(self, change: dict) -> None:
        about = dict(change["new"])
        number = about.pop("id", None)
        about.pop("url", None)  # of the page
        if number is None:
            return
        try:
            with undisturbed():
                self.answer = {"id": number, "value": self.reply(**about)}
        except Exception as error:  # the page says what went wrong, and the reader's notebook goes on
            self.answer = {"id": number, "error": str(error) or type(error).__name__}


def size_of(file: str) -> int:
    """Return the bytes of a file of the library's data; 0 where a notebook carries the library without it."""
    path = DATA / file
    return path.stat().st_size if path.exists() else 0
