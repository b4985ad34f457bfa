"""Few pictures as an explorable: what a linear layer makes of a trained network's features, and of simpler things."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import traitlets

from .kit import Choice, Explorable, undisturbed
from .runtime import DATA

if TYPE_CHECKING:
    from torch import Tensor

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
    over ten draws, and their standard deviations. A page trains nothing, and no MACs are counted. In a notebook
    ``compute()`` computes the chosen state anew.

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
    again = traitlets.Dict(help="the state that was computed anew, and its accuracy").tag(sync=True)

    def __init__(self, **values: object):
        super().__init__(**{"experiment": _experiment(), **values})

    def rates(self) -> dict[str, list[float]]:
        """Return the mean accuracy and its standard deviation over draws, in percent, of the three."""
        few = self.experiment["few"][self.task]
        sources = {"trained": str(self.block - 1), "untrained": "untrained", "pixels": "pixels"}
        return {name: few[source][str(self.count)] for name, source in sources.items()}

    def compute(self, draws: int = 3) -> float:
        """Compute the trained features' accuracy of this state anew, show it below the figure, and return it.

        The first time for each task takes some ten seconds: the trained network looks at all pictures.
        """
        from ..topics import transfer, transfer_results

        with undisturbed():
            pictures, deep = _features(self.task)
            learned, tested = (found[self.block - 1] for found in deep)
            rates = []
            for drawn in transfer.few(pictures.labels, self.count, draws):
                head = transfer.linear_head(learned[drawn], pictures.labels[drawn], transfer_results.STRENGTH)
                said = transfer.predicted(head, tested)
                rates.append(100 * (said == pictures.test_labels).double().mean().item())
        mean = sum(rates) / len(rates)
        state = {name: getattr(self, name) for name in self.settings}
        self.again = {**state, "mean": round(mean, 1), "draws": draws}
        return mean

    def numbers(self) -> list[dict[str, object]]:
        """Return a row for each thing that the linear layer is given."""
        names = {"trained": f"trained, behind block {self.block}"}
        return [
            {"what": names.get(name, name), "right, %": mean, "standard deviation": deviation}
            for name, (mean, deviation) in self.rates().items()
        ]


@cache
def _features(task: str) -> tuple[Any, list[list[Tensor]]]:
    """Return the pictures of a task, and the trained network's features of both parts behind each block."""
    from ..topics import pretrained, transfer, transfer_results

    pictures, network = transfer_results.task(task), pretrained.from_torchvision(weights="IMAGENET1K_V1")
    prepared = (transfer.for_network(images, transfer_results.SIZE) for images in pictures[::2])
    return pictures, [transfer.features_by_depth(network, images) for images in prepared]


@cache
def _experiment() -> dict:
    """Return what the page shows: read from the file, since the library's own reader would load torch."""
    results = json.loads((DATA / "transfer.json").read_text(encoding="utf-8"))
    kept = {name: results[name] for name in ("few", "answers", "shown", "scratch")}
    return {**kept, "tasks": TASKS, "classes": CLASSES, "names": results["about"]["photographs"]}
