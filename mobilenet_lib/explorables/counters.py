"""Five counters on one network as an explorable: what each of them prints, and the parts it is made of."""

from __future__ import annotations

from typing import NamedTuple

import traitlets

from .. import cost, specs
from .kit import Choice, Explorable, Steps

NUM_CLASSES = 1000


class Sum(NamedTuple):
    """A sum over the layers of a network that some counters add: its colour, its name, and who counts it."""

    role: str
    label: str
    what: str


SUMS = {
    "M": Sum("standard", "convolutions", "MACs of convolutions and classifier: all count them, torch’s counter twice"),
    "C": Sum("norm", "BatchNorm", "outputs of all convolutions: for a BatchNorm, fvcore and ptflops add 2 for each"),
    "P": Sum("norm", "BatchNorm", "parameters of all BatchNorms: torchinfo adds these instead"),
    "R": Sum("activation", "ReLU6", "outputs that go through a ReLU6: ptflops adds 1 for each"),
    "G": Sum("pooling", "pooling", "inputs of the global average pooling: fvcore adds 1 for each, ptflops 2"),
    "B": Sum("classifier", "biases", "biases of the classifier: torchinfo and ptflops add 1 for each"),
}

# What each of them prints: how many times which sum. The tests run all of them and compare.
COUNTERS = {
    "closed form, the papers": ((1, "M"),),
    "torchinfo": ((1, "M"), (1, "P"), (1, "B")),
    "fvcore, everything": ((1, "M"), (2, "C"), (1, "G")),
    "ptflops": ((1, "M"), (2, "C"), (1, "R"), (2, "G"), (1, "B")),
    "torch flop counter": ((2, "M"),),
}

# The two networks for the page, which scales them as `specs` does: channels of the stem, rows (t, c, n, s), channels
# of the last 1x1 convolution. MobileNetV1's blocks have no expansion ratio t, and it has no last 1x1 convolution.
NETWORKS = {
    "V1": {"stem": specs.STEM_CHANNELS, "rows": [[None, *row] for row in specs.V1_SPEC], "head": None},
    "V2": {"stem": specs.STEM_CHANNELS, "rows": [[*row] for row in specs.V2_SPEC], "head": specs.V2_HEAD_CHANNELS},
}


class Counters(Explorable):
    """Who counts what: the numbers that five counters give for one network, taken apart.

    Parameters
    ----------
    network : {"V1", "V2"}, default="V2"
        MobileNetV1 or MobileNetV2.
    width_mult : float, 0.25 to 1.4 in steps of 0.05, default=1.0
        α: scales the channels of every layer.
    resolution : int, 96 to 256 in steps of 32, default=224
        Height and width of the image, in pixels.
    shown : {"extra", "total"}, default="extra"
        Draw what each counter adds to the MACs, in percent of them, or all that it prints.

    Raises
    ------
    traitlets.TraitError
        If a value is not one the slider has.
    TypeError
        If there is no setting of that name.

    Notes
    -----
    M are the MACs of convolutions and the classifier. fvcore prints M + 2C + G, torchinfo M + P + B, ptflops (its
    default backend) M + 2C + R + 2G + B, torch.utils.flop_counter 2M; the sums are explained in the figure.

    Examples
    --------
    >>> figure = Counters(network="V2")
    >>> figure.sums()
    {'M': 300774272, 'C': 6678112, 'P': 34112, 'R': 6105792, 'G': 62720, 'B': 1000}
    >>> figure.totals()["fvcore, everything"]
    314193216
    """

    network = Choice("V2", ["V1", "V2"], help="MobileNetV1 or MobileNetV2")
    width_mult = Steps(1.0, 0.25, 1.4, 0.05, help="width multiplier", ticks=[0.25, 0.35, 0.5, 0.75, 1.0, 1.4])
    resolution = Steps(224, 96, 256, 32, help="height and width of the image", ticks=[96, 128, 160, 192, 224, 256])
    shown = Choice("extra", ["extra", "total"], help="what is added to M, or all that is printed", counts=False)

    networks = traitlets.Dict(NETWORKS).tag(sync=True)
    explained = traitlets.Dict({name: each._asdict() for name, each in SUMS.items()}).tag(sync=True)
    counters = traitlets.Dict({name: [[*term] for term in terms] for name, terms in COUNTERS.items()}).tag(sync=True)
    everything = traitlets.Dict(help="fvcore's count with BatchNorm and pooling, and the settings it is for").tag(
        sync=True
    )

    def layers(self) -> list[cost.Layer]:
        """Return the layers of the whole network."""
        build = {"V1": cost.mobilenet_v1_layers, "V2": cost.mobilenet_v2_layers}[self.network]
        return build(self.width_mult, self.resolution, NUM_CLASSES)

    def sums(self) -> dict[str, int]:
        """Return M, C, P, R, G and B of the current state."""
        layers = self.layers()
        normed = [layer for layer in layers if layer.norm]
        return {
            "M": cost.total(layers).macs,
            "C": sum(layer.activations for layer in normed),
            "P": sum(2 * layer.out_channels for layer in normed),
            "R": sum(layer.activations for layer in normed if layer.role != "projection"),
            "G": layers[-2].activations,  # the last layer is the classifier
            "B": sum(layer.out_channels for layer in layers if layer.bias),
        }

    def totals(self) -> dict[str, int]:
        """Return what each counter prints."""
        sums = self.sums()
        return {name: sum(times * sums[each] for times, each in terms) for name, terms in COUNTERS.items()}

    def numbers(self) -> list[dict[str, object]]:
        """Return what each counter prints, and what it adds up."""
        totals, macs = self.totals(), self.sums()["M"]
        return [
            {"counter": name, "prints": n, "that is": formula(COUNTERS[name]), "above M, %": 100 * (n - macs) / macs}
            for name, n in totals.items()
        ]

    def measure_state(self) -> int:
        """Count the real network with fvcore: return the MACs, and keep the count of everything beside them."""
        from .. import models
        from ..measure import counts

        build = {"V1": models.MobileNetV1, "V2": models.MobileNetV2}[self.network]
        network = build(num_classes=NUM_CLASSES, width_mult=self.width_mult)
        counted = counts.macs_by_operator(network, (1, 3, self.resolution, self.resolution))
        self.everything = {"key": self.key(), "total": sum(counted.values())}
        return counts.of_products(counted)


def formula(terms: tuple[tuple[int, str], ...]) -> str:
    """Write what a counter adds up.

    Examples
    --------
    >>> formula(COUNTERS["fvcore, everything"])
    'M + 2C + G'
    """
    return " + ".join(f"{times if times > 1 else ''}{name}" for times, name in terms)
