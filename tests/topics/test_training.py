"""The loop that trains: what the seed decides, what survives a kill, what several processes share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from mobilenet_lib import MobileNetV2, datasets, measure, training
from mobilenet_lib.topics.training import SmallNet, train

ROOT = Path(__file__).resolve().parents[2]
TINY = datasets.tiny_digits("train")
TINY_TEST = datasets.tiny_digits("test")


def small(seed=0, norm=nn.BatchNorm2d):
    """Return a network of three blocks, with another normalisation if asked."""
    torch.manual_seed(seed)
    model = SmallNet(training.expanding(2), (8, 12), (1, 2))
    for part in list(model.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.BatchNorm2d) and norm is not nn.BatchNorm2d:
                setattr(part, name, norm(child.num_features))
    return model


def groups(channels):
    return nn.GroupNorm(2, channels)


def same_weights(a, b):
    return all(torch.equal(v, b.state_dict()[key]) for key, v in a.state_dict().items())


# The networks


@pytest.mark.parametrize("name", training.TWINS)
def test_twins_cost_the_same_within_one_and_a_half_percent(name):
    for size, classes in ((28, 10), (24, 18)):
        shape = (1, 1, size, size)
        reference = measure.cost(training.twin("inverted", classes), shape)
        cost = measure.cost(training.twin(name, classes), shape)
        assert cost.params == pytest.approx(reference.params, rel=0.015)
        assert cost.macs == pytest.approx(reference.macs, rel=0.015)


def test_twins_have_as_many_blocks_and_the_same_shortcuts():
    nets = [training.twin(name) for name in training.TWINS]
    shortcuts = [[block.use_residual for block in net.blocks] for net in nets]
    assert shortcuts[0] == shortcuts[1] == shortcuts[2]
    assert shortcuts[0] == [True] * 3 + [False] + [True] * 3 + [False] + [True] * 3
    spatial = [sum(m.kernel_size == (3, 3) for m in net.modules() if isinstance(m, nn.Conv2d)) for net in nets]
    assert spatial == [12, 12, 12]  # the stem's, and one in each block


@pytest.mark.parametrize("block", [training.ResidualConv, training.ResidualSeparable])
@pytest.mark.parametrize(("shape", "joined"), [((8, 8, 1), True), ((8, 8, 2), False), ((8, 12, 1), False)])
def test_a_shortcut_adds_the_input_where_the_shape_stays(block, shape, joined):
    module = block(*shape).eval()
    x = torch.randn(2, 8, 9, 9)
    plain = super(block, module).forward(x)
    assert module.use_residual == joined
    assert torch.equal(module(x), x + plain if joined else plain)


@pytest.mark.parametrize("name", training.TWINS)
def test_the_trained_twins_read_digits_they_have_not_seen(name):
    model = training.trained(name)
    assert not model.training
    assert training.accuracy(model, *training.digits("test")) > 92


def test_the_trained_weights_are_small():
    files = list((ROOT / "mobilenet_lib" / "data").glob("digits_*.npz"))
    assert len(files) == len(training.TWINS)
    assert sum(file.stat().st_size for file in files) < 500_000


# The loop


def test_the_loop_is_the_textbooks():
    model, reference = small(), small()
    run = train(model, TINY, epochs=2, batch_size=64, max_lr=0.02, seed=3, progress=False)

    steps = len(TINY[1]) // 64
    optimiser = torch.optim.AdamW(reference.parameters(), lr=0.02, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.02, total_steps=2 * steps)
    losses = []
    for epoch in range(2):
        torch.manual_seed(300_000 + epoch)
        order = torch.randperm(len(TINY[1]))
        for i in range(steps):
            chosen = order[64 * i : 64 * (i + 1)]
            optimiser.zero_grad()
            loss = functional.cross_entropy(reference(TINY[0][chosen]), TINY[1][chosen])
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
    assert list(run.losses) == losses
    assert same_weights(model, reference)
    assert run.images == 2 * steps * 64
    assert run.images_per_second == pytest.approx(run.images / run.seconds)
    assert run.accuracy is None


def test_a_seed_decides_everything_and_leaves_torchs_generator_alone():
    runs = []
    for noise in (1, 2):
        model = small()
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        runs.append(train(model, TINY, TINY_TEST, epochs=1, seed=5, progress=False))
        assert torch.equal(torch.get_rng_state(), state)
    assert runs[0].losses == runs[1].losses
    assert runs[0].accuracy == runs[1].accuracy
    assert runs[0].losses != train(small(), TINY, epochs=1, seed=6, progress=False).losses


def test_two_networks_see_the_same_batches_in_a_pair():
    class Spy(nn.Module):
        def __init__(self, draws):
            super().__init__()
            self.seen, self.draws, self.layer = [], draws, nn.Linear(64, 10)

        def forward(self, x):
            if self.draws:
                torch.rand(7)  # as dropout would
            self.seen.append(x.sum().item())
            return self.layer(x.flatten(1))

    a, b = Spy(False), Spy(True)
    for model in (a, b):
        train(model, TINY, epochs=2, seed=1, progress=False)
    assert a.seen == b.seen
    assert a.seen[: len(a.seen) // 2] != a.seen[len(a.seen) // 2 :]


def test_bytes_are_the_same_images():
    images = (TINY[0] * 255).round().to(torch.uint8)
    a, b = small(), small()
    first = train(a, (images, TINY[1]), epochs=1, progress=False)
    assert first.losses == train(b, (images.float() / 255, TINY[1]), epochs=1, progress=False).losses


def test_accuracy_is_the_share_of_right_names_whatever_the_batch():
    model = small().train()
    images, labels = TINY_TEST
    with torch.no_grad():
        expected = 100 * (model.eval()(images).argmax(1) == labels).double().mean().item()
    model.train()
    for batch_size in (1, 7, 360, 1000):
        assert training.accuracy(model, images, labels, batch_size) == pytest.approx(expected)
    assert model.training


def test_a_shown_bar_counts_the_batches_on_the_standard_output(capsys):
    train(small(), TINY, epochs=1)
    shown, errors = capsys.readouterr()
    assert "22/22" in shown
    assert errors == ""


def test_without_tqdm_the_bar_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match="pip install tqdm, or say progress=False"):
        train(small(), TINY, epochs=1)
    assert train(small(), TINY, epochs=1, progress=False).losses


def test_flip_and_shift_makes_what_torchvision_makes():
    images = torch.rand(64, 3, 12, 10)
    torch.manual_seed(0)
    out = training.flip_and_shift(images, pixels=2)
    padded = torchvision.transforms.functional.pad(images, 2)
    kinds = set()
    for image, made in zip(padded, out, strict=True):
        crops = {
            (top, left, flip): torchvision.transforms.functional.crop(image, top, left, 12, 10)
            for top in range(5)
            for left in range(5)
            for flip in (False, True)
        }
        crops = {key: crop.flip(2) if key[2] else crop for key, crop in crops.items()}
        found = [key for key, crop in crops.items() if torch.equal(crop, made)]
        assert len(found) == 1
        kinds.add(found[0])
    assert len(kinds) > 25
    assert {flip for *_, flip in kinds} == {False, True}
    assert torch.equal(training.flip_and_shift(images, pixels=0).sum(), images.sum())


# Interrupted


def test_a_run_that_goes_on_ends_as_one_that_was_never_stopped(tmp_path):
    whole = MobileNetV2(num_classes=10, width_mult=0.1)  # it has dropout: the draws must go on, too
    data = (TINY[0][:96].repeat(1, 3, 4, 4), TINY[1][:96])
    start = {key: value.clone() for key, value in whole.state_dict().items()}
    settings = {"epochs": 3, "batch_size": 32, "progress": False}
    expected = train(whole, data, **settings)

    class Stop(Exception):
        pass

    def save_twice(*args):
        original(*args)
        if len(args[3]) == 6:
            raise Stop

    original = training._save
    model = MobileNetV2(num_classes=10, width_mult=0.1)
    model.load_state_dict(start)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_save", save_twice)
        with pytest.raises(Stop):
            train(model, data, checkpoint=tmp_path / "run.pt", **settings)
    again = MobileNetV2(num_classes=10, width_mult=0.1)  # other weights: the checkpoint's must replace them
    run = train(again, data, checkpoint=tmp_path / "run.pt", **settings)
    assert run.losses == expected.losses
    assert same_weights(again, whole)
    assert run.seconds > 0


KILLED = """
    import sys, torch
    from mobilenet_lib import datasets, training
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = training.SmallNet(training.expanding(2), (8, 12), (1, 2))
    run = training.train(model, datasets.tiny_digits("train"), epochs=8, checkpoint=sys.argv[1], progress=False)
    torch.save({"losses": run.losses, "model": model.state_dict()}, sys.argv[2])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_resumes_to_the_same_result_to_the_last_bit(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    command = [sys.executable, str(script), str(tmp_path / "run.pt"), str(tmp_path / "end.pt")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    process = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run.pt").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    stopped = torch.load(tmp_path / "run.pt", weights_only=True)
    assert 0 < len(stopped["losses"]) < 8 * 22
    assert not (tmp_path / "end.pt").exists()

    subprocess.run(command, env=environment, check=True)
    resumed = torch.load(tmp_path / "end.pt", weights_only=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = small()
        expected = train(model, TINY, epochs=8, progress=False)
    finally:
        torch.set_num_threads(threads)
    assert resumed["losses"] == expected.losses
    assert all(torch.equal(value, resumed["model"][key]) for key, value in model.state_dict().items())


def test_a_checkpoint_is_whole_at_every_moment(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    train(small(), TINY, epochs=2, checkpoint=path, progress=False)
    before = path.read_bytes()

    def dies(state, file):
        file.write(b"half a check")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies)
    path.unlink()
    path.write_bytes(before)
    with pytest.raises(KeyboardInterrupt):
        training._save(path, {}, {}, [], 0.0)
    assert path.read_bytes() == before


def test_a_finished_run_is_not_run_again(tmp_path):
    first, second = small(), small(seed=9)
    run = train(first, TINY, TINY_TEST, epochs=2, checkpoint=tmp_path / "run.pt", progress=False)
    again = train(second, TINY, TINY_TEST, epochs=2, checkpoint=tmp_path / "run.pt", progress=False)
    assert again == run  # the seconds, too
    assert same_weights(first, second)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    train(small(), TINY, epochs=1, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match=r"run.pt' is of a run with seed=0, got seed=1; take another file"):
        train(small(), TINY, epochs=1, seed=1, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match="is of a run with epochs=1, got epochs=2"):
        train(small(), TINY, epochs=2, checkpoint=path, progress=False)


# Together


TOGETHER = """
    import os, sys, torch
    sys.path[:0] = [sys.argv[1], sys.argv[2]]
    from test_training import TINY, TINY_TEST, groups, small
    from torch import nn
    from mobilenet_lib import training
    for name, norm in (("groups", groups), ("batch", nn.BatchNorm2d)):
        # Each process begins with other weights: the first one's must win.
        model = small(int(os.environ["RANK"]), norm)
        run = training.train(model, TINY, TINY_TEST, epochs=2, batch_size=64, progress=False)
        torch.save({"losses": run.losses, "accuracy": run.accuracy, "model": model.state_dict()},
                   f"{sys.argv[3]}/{name}{os.environ['RANK']}.pt")
"""


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Train in two processes, as torchrun starts them, and return what each has in the end."""
    folder = tmp_path_factory.mktemp("together")
    script = folder / "script.py"
    script.write_text(textwrap.dedent(TOGETHER))
    torchrun(str(script), str(ROOT), str(Path(__file__).parent), str(folder))
    return {path.stem: torch.load(path, weights_only=True) for path in folder.glob("*.pt")}


def torchrun(*command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_processes_give_the_losses_of_one_with_the_joint_batch(together):
    # With GroupNorm each image is normalised by itself, so a share of a batch is treated as in the whole batch.
    alone = train(small(norm=groups), TINY, TINY_TEST, epochs=2, batch_size=64, progress=False)
    assert together["groups0"]["losses"] == pytest.approx(alone.losses, rel=1e-3)
    assert together["groups0"]["losses"][:5] == pytest.approx(alone.losses[:5], rel=1e-5)
    assert alone.losses[-1] < 0.8 * alone.losses[0]
    assert together["groups0"]["accuracy"] == pytest.approx(alone.accuracy, abs=1)


def test_batchnorm_on_processors_sees_its_own_share_and_that_shows(together):
    # The honest other half: here the curve is another one, from the first batch on, though it learns as well.
    alone = train(small(), TINY, TINY_TEST, epochs=2, batch_size=64, progress=False)
    assert together["batch0"]["losses"][0] != pytest.approx(alone.losses[0], rel=1e-5)
    assert together["batch0"]["losses"][-1] == pytest.approx(alone.losses[-1], rel=0.5)


@pytest.mark.parametrize("name", ["groups", "batch"])
def test_both_processes_end_with_one_network(together, name):
    first, second = together[f"{name}0"], together[f"{name}1"]
    assert first["losses"] == second["losses"]
    assert first["accuracy"] == second["accuracy"]
    assert all(torch.equal(value, second["model"][key]) for key, value in first["model"].items())


CIFAR = """
    import sys
    from pathlib import Path
    sys.path[:0] = [sys.argv[1], sys.argv[2]]
    from pytest import MonkeyPatch
    from test_datasets import small_cifar
    from mobilenet_lib import training
    root = Path(sys.argv[3]) / __import__("os").environ["RANK"]
    root.mkdir()
    small_cifar(root, MonkeyPatch(), images=16)
    training.main(["--epochs", "2", "--batch-size", "16", "--width", "0.1", "--root", str(root),
                   "--checkpoint", str(Path(sys.argv[3]) / "run.pt")])
"""


def test_the_command_for_cifar_runs_under_torchrun(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(CIFAR))
    shown = torchrun(str(script), str(ROOT), str(Path(__file__).parent), str(tmp_path))
    assert "% of the test images" in shown
    assert shown.count("% of the test images") == 1  # one process speaks for all
    assert len(torch.load(tmp_path / "run.pt", weights_only=True)["losses"]) == 2 * 5


# What is refused

ONE = (torch.zeros(8, 1, 8, 8), torch.zeros(8, dtype=torch.long))
BAD = [
    (lambda: train(small(), ONE, epochs=0), ValueError, "epochs must be a positive integer, got 0"),
    (lambda: train(small(), ONE, epochs=1.0), TypeError, "epochs must be a positive integer, got 1.0"),
    (lambda: train(small(), ONE, epochs=1, batch_size=9), ValueError, "at most the 8 images of data, got 9"),
    (lambda: train(small(), ONE, epochs=1, batch_size=-1), ValueError, "batch_size must be a positive integer"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, seed=-1), ValueError, "seed must be an integer of 0 or more"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, max_lr=0), ValueError, "max_lr must be"),
    (lambda: train(small(), (ONE[0], ONE[1][:3]), epochs=1), ValueError, "data must hold .* 8 images and 3 labels"),
    (lambda: train(small(), ONE, (ONE[0][:0], ONE[1][:0]), epochs=1, batch_size=8), ValueError, "test must hold"),
    (lambda: training.accuracy(small(), *ONE, batch_size=0), ValueError, "batch_size must be a positive integer"),
    (lambda: training.accuracy(small(), ONE[0], ONE[1][1:]), ValueError, "8 images and 7 labels"),
    (lambda: training.flip_and_shift(ONE[0], -1), ValueError, "pixels must be an integer of 0 or more, got -1"),
    (lambda: training.twin("mobilenet"), ValueError, "name must be one of standard, separable, inverted, got 'mobil"),
    (lambda: training.trained("mobilenet"), ValueError, "name must be one of standard, separable, inverted"),
    (lambda: training.expanding(0), ValueError, "expansion must be a positive integer, got 0"),
    (lambda: SmallNet(training.ResidualConv, (8, 12)), ValueError, r"as many, got \(8, 12\) and \(3, 4, 4\)"),
    (lambda: SmallNet(training.ResidualConv, (8, 0), (1, 1)), ValueError, r"channels\[1\] must be a positive integer"),
    (lambda: SmallNet(training.ResidualConv, (8,), (1,), num_classes=0), ValueError, "num_classes must be"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(call, error, message):
    with pytest.raises(error, match=message):
        call()
