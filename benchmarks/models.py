"""What the networks take: the first half of `make bench`.

Everything runs on one thread of this machine in this run. What is compared is measured in turn, round by round, and
the ratio is the median of the rounds' ratios: a disturbance that lasts hits all alike. "Undisturbed" is the ratio of
the calmest rounds, in processor time, which other programs hardly change; on a busy machine it decides whether a budget
is left open.

The allocator (glibc's) is told to keep the memory it has had from the system. Else page faults take up to two thirds of
the time, and which network has them depends on what ran before it.

Eager
    Our V1 and V2 beside timm's and torchvision's, with the same weights and as PyTorch runs them by default.
Shipping
    What each step of the shipping chapter makes of timm's networks, for one image.
Training
    Images a second through the training loop of the library, for the three twins of the training chapter.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Mapping

import timm
import torch
import torchvision
from report import kept, machine, median, table, verdict
from torch import Tensor

from mobilenet_lib import MobileNetV1, MobileNetV2, pretrained, shipping, training
from mobilenet_lib.measure.allocator import keep_memory

LIKE_PEERS = 1.03  # of timm's and torchvision's time
FOLDED = 1 / 1.3  # of timm's default, folded and with channels_last
ROUNDS = 9
SHORT = 0.2  # s: what takes longer finds the caches cold either way


def main() -> int:
    start = time.monotonic()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"Networks: {machine()}, one thread, torch {torch.__version__}, timm {timm.__version__}")
    with torch.inference_mode():
        report_eager()
        report_shipping()
    report_training()
    print(f"\nMeasured in {time.monotonic() - start:.0f} s. {machine()}.")
    return verdict()


Times = dict[str, list[float]]


def in_turn(runs: Mapping[str, Callable[[], object]], seconds: float = 8.0) -> tuple[Times, Times]:
    """Run each in turn, round by round; return milliseconds by the clock, and of the processor."""
    short = {}
    for name, run in runs.items():
        run()
        begin = time.monotonic()
        run()
        short[name] = time.monotonic() - begin < SHORT
    begin = time.monotonic()
    clock, processor = {name: [] for name in runs}, {name: [] for name in runs}
    while len(clock[next(iter(runs))]) < ROUNDS or time.monotonic() - begin < seconds:
        for name, run in runs.items():
            if short[name]:
                run()  # the caches hold what ran before
            before, spent = time.perf_counter(), time.process_time()
            run()
            clock[name].append(1000 * (time.perf_counter() - before))
            processor[name].append(1000 * (time.process_time() - spent))
        if time.monotonic() - begin > 4 * seconds:
            break
    return clock, processor


def ratio(times: Times, ours: str, theirs: str) -> float:
    return median([a / b for a, b in zip(times[ours], times[theirs], strict=True)])


def undisturbed(processor: Times, ours: str, theirs: str) -> float:
    return min(processor[ours]) / min(processor[theirs])


def report_eager() -> None:
    rows = []
    for batch in (1, 32):
        x = torch.randn(batch, 3, 224, 224)
        for name, runs in (("V1", v1_peers(x)), ("V2", v2_peers(x))):
            clock, processor = in_turn(runs)
            row = [f"{name}, batch {batch}", *(f"{median(clock[who]):.1f}" for who in runs)]
            row += ["-"] * (4 - len(row))
            for who in ("timm", "torchvision"):
                if who not in runs:
                    row += ["-", "-"]
                    continue
                value, best = ratio(clock, "ours", who), undisturbed(processor, "ours", who)
                what = f"{name}, batch {batch}, share of {who}'s time"
                row += [f"{value:.3f}", kept(value, LIKE_PEERS, what, at_best=best)]
            rows.append(row)
    head = ["network", "ours", "timm", "torchvision", "of timm's", f"under {LIKE_PEERS}", "of torchvision's", "kept"]
    table("Eager, 224x224", f"ms, medians of at least {ROUNDS} rounds. {machine()}.", head, rows)


def v1_peers(x: Tensor) -> dict[str, Callable[[], Tensor]]:
    peer = timm.create_model("mobilenetv1_100").eval()
    ours = pretrained.load_timm(MobileNetV1(), peer).eval()
    return {"ours": lambda: ours(x), "timm": lambda: peer(x)}


def v2_peers(x: Tensor) -> dict[str, Callable[[], Tensor]]:
    peer, other = timm.create_model("mobilenetv2_100").eval(), torchvision.models.mobilenet_v2().eval()
    ours = pretrained.load_timm(MobileNetV2(), peer).eval()
    return {"ours": lambda: ours(x), "timm": lambda: peer(x), "torchvision": lambda: other(x)}


def report_shipping() -> None:
    rows = []
    x = torch.randn(1, 3, 224, 224)
    last = x.contiguous(memory_format=torch.channels_last)
    for name in ("mobilenetv1_100", "mobilenetv2_100"):
        network = timm.create_model(name).eval()
        folded = shipping.fold(network)
        folded_last = shipping.fold(network).to(memory_format=torch.channels_last)
        model = shipping.to_onnx(network, x.shape)
        runtime = shipping.OnnxNetwork(model)
        integers = shipping.OnnxNetwork(shipping.to_int8(model, torch.randn(32, *x.shape[1:])))
        runs = {
            "timm's default": lambda network=network: network(x),
            "folded": lambda folded=folded: folded(x),
            "folded, channels_last": lambda folded=folded_last: folded(last),
            "ONNX Runtime": lambda run=runtime: run(x),
            "ONNX Runtime, int8": lambda run=integers: run(x),
        }
        if shipping.can_compile():
            compiled = shipping.compiled(folded)
            runs["torch.compile"] = lambda compiled=compiled: compiled(x)
        clock, processor = in_turn(runs)
        for step in runs:
            share, best = ratio(clock, step, "timm's default"), undisturbed(processor, step, "timm's default")
            what = f"{name}, {step}, share of timm's default time"
            limit = FOLDED if step == "folded, channels_last" else 1.0
            held = kept(share, limit, what, at_best=best) if step != "timm's default" else "-"
            rows.append([f"{name}: {step}", f"{median(clock[step]):.2f}", f"{1 / share:.2f}", f"{1 / limit:.2f}", held])
    table(
        "Shipping, one image of 224x224",
        f"ms, and how many times faster than timm's default. {machine()}.",
        ["network", "ms", "times faster", "at least", "kept"],
        rows,
    )


def report_training() -> None:
    rows, data = [], training.digits("train")
    for name in training.TWINS:
        run = training.train(training.twin(name), data, epochs=1, progress=False)
        rows.append([name, run.images, f"{run.seconds:.1f}", f"{run.images_per_second:.0f}"])
    table("Training on digits", f"One epoch. {machine()}.", ["network", "images", "s", "images a second"], rows)


if __name__ == "__main__":
    keep_memory()
    warnings.simplefilter("ignore")
    sys.exit(main())
