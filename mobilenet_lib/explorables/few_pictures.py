"""Few pictures as an explorable: what a linear layer makes of a trained network's features, and of simpler things."""

from __future__ import annotations

import json
from functools import cache

import traitlets

from .kit import Choice, Explorable
from .runtime import DATA

TASKS = {"pieces": "pieces of photographs", "faces": "faces", "digits": "handwritten digits"}
CLASSES = {"pieces": 11, "faces": 2, "digits": 10}
COUNTS = (1, 2, 4, 8, 16, 32)
BLOCKS = (1, 3, 6, 9, 12, 15, 17, 18)  # counted from 1; the last one stands for the last convolution


class FewPictures(Explorable):
    """A linear layer learns from few pictures: from the features of a trained network, an untrained one's, and pixels.

    Parameters
    ----------
    task : {"pieces", "faces", "digits"}, default="pieces"
        What is to be told apart; see :func:`mobilenet_lib.topics.transfer_results.task`.
    count : {1, 2, 4, 8, 16, 32}, default=1
        Pictures of each class that the layer learns from.
    block : {1, 3, 6, 9, 12, 15, 17, 18}, default=18
        Behind which block of the trained network the features are taken; 18 is the convolution behind all blocks.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    The accuracies are the committed results that :func:`mobilenet_lib.topics.transfer_results.results` reads: means
    over ten draws, and their standard deviations. Nothing is trained here, and no MACs are counted.

    References
    ----------
    Donahue et al. 2014, arXiv:1310.1531; Yosinski et al. 2014, arXiv:1411.1792.

    Examples
    --------
    >>> shown = FewPictures(task="digits", count=8)
    >>> [row["what"] for row in shown.numbers()]
    ['trained, behind block 18', 'untrained', 'pixels']
    """

    task = Choice("pieces", TASKS, help="what is to be told apart")
    count = Choice(1, COUNTS, help="pictures of each class")
    block = Choice(18, BLOCKS, help="where the trained network's features are taken")
    experiment = traitlets.Dict(help="accuracies, answers, pieces").tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**{"experiment": _experiment(), **values})

    def rates(self) -> dict[str, list[float]]:
        """Return the mean accuracy and its standard deviation over draws, in percent, of the three."""
        few = self.experiment["few"][self.task]
        sources = {"trained": str(self.block - 1), "untrained": "untrained", "pixels": "pixels"}
        return {name: few[source][str(self.count)] for name, source in sources.items()}

    def numbers(self) -> list[dict[str, object]]:
        """Return a row for each thing that the linear layer is given."""
        names = {"trained": f"trained, behind block {self.block}"}
        return [
            {"what": names.get(name, name), "right, %": mean, "standard deviation": deviation}
            for name, (mean, deviation) in self.rates().items()
        ]


@cache
def _experiment() -> dict:
    """Return what the page shows: read from the file, since the library's own reader would load torch."""
    results = json.loads((DATA / "transfer.json").read_text(encoding="utf-8"))
    kept = {name: results[name] for name in ("few", "answers", "shown", "scratch")}
    return {**kept, "tasks": TASKS, "classes": CLASSES, "names": results["about"]["photographs"]}
