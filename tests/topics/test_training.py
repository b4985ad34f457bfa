"""The loop that trains: what the seed decides, what survives a kill, what several processes share."""

from __future__ import annotations

import os
import re
import signal
import sys
from functools import cache
from pathlib import Path

import fresh
import numpy as np
import pytest
import torch
import torchvision
from peers import flops
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from trainings import groups, small

from mobilenet_lib import Cost, MobileNetV2, datasets, measure, training
from mobilenet_lib.topics import checkpoints
from mobilenet_lib.topics.training import SmallNet, train

ROOT = Path(__file__).resolve().parents[2]
TINY = datasets.tiny_digits("train")
TINY_TEST = datasets.tiny_digits("test")
SOME = TINY[0][:350], TINY[1][:350]  # five batches and a rest


def same_weights(a, b):
    return all(torch.equal(v, b.state_dict()[key]) for key, v in a.state_dict().items())


# The networks


@cache
def cost_of_twin(name, size, classes):
    twin = training.twin(name, classes).eval()
    return Cost(measure.params(twin), flops(twin, 1, 1, size, size) // 2)


@pytest.mark.parametrize("name", training.TWINS)
def test_twins_cost_the_same_within_one_and_a_half_percent(name):
    for task in ((28, 10), (24, 18)):
        reference, cost = cost_of_twin("inverted", *task), cost_of_twin(name, *task)
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


def test_the_trained_weights_are_small():
    files = list((ROOT / "mobilenet_lib" / "data").glob("digits_*.npz"))
    assert len(files) == len(training.TWINS)
    assert sum(file.stat().st_size for file in files) < 500_000


# The loop


def test_the_loop_is_the_textbooks():
    model, reference = small(), small()
    run = train(model, SOME, epochs=2, batch_size=64, max_lr=0.02, seed=3, progress=False)

    steps = len(SOME[1]) // 64
    optimiser = torch.optim.AdamW(reference.parameters(), lr=0.02, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.02, total_steps=2 * steps)
    losses = []
    for epoch in range(2):
        torch.manual_seed(300_000 + epoch)
        order = torch.randperm(len(SOME[1]))
        for i in range(steps):
            chosen = order[64 * i : 64 * (i + 1)]
            optimiser.zero_grad()
            loss = functional.cross_entropy(reference(SOME[0][chosen]), SOME[1][chosen])
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
        runs.append(train(model, SOME, TINY_TEST, epochs=1, seed=5, progress=False))
        assert torch.equal(torch.get_rng_state(), state)
    assert runs[0].losses == runs[1].losses
    assert runs[0].accuracy == runs[1].accuracy
    assert runs[0].losses != train(small(), SOME, epochs=1, seed=6, progress=False).losses


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
    del a.seen[0]  # two images, before the first batch
    assert len(a.seen) == 2 * 22
    assert a.seen[: len(a.seen) // 2] != a.seen[len(a.seen) // 2 :]


def test_bytes_are_the_same_images():
    images = (SOME[0] * 255).round().to(torch.uint8)
    a, b = small(), small()
    first = train(a, (images, SOME[1]), epochs=1, progress=False)
    assert first.losses == train(b, (images.float() / 255, SOME[1]), epochs=1, progress=False).losses


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
        train(small(), SOME, epochs=1)
    assert train(small(), SOME, epochs=1, progress=False).losses


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


def test_every_part_keeps_its_mode_in_an_evaluation_and_where_that_fails():
    model = small().train()
    frozen = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)][::2]
    for part in frozen:
        part.eval()
    model.blocks[1].eval()
    modes = {name: part.training for name, part in model.named_modules()}
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    training.accuracy(model, *TINY_TEST)
    with pytest.raises(ValueError, match="labels below 10"):
        training.accuracy(model, TINY[0][:3], torch.tensor([0, 1, 10]))
    with pytest.raises(ValueError, match="x must"):
        training.accuracy(model, torch.rand(2, 3, 8, 8), torch.tensor([0, 1]))
    assert {name: part.training for name, part in model.named_modules()} == modes
    assert all(torch.equal(value, kept[key]) for key, value in model.state_dict().items())


def test_a_frozen_batchnorm_stays_frozen_and_the_loop_is_the_textbooks_with_it():
    model, reference = small(), small()
    for each in (model, reference):
        for part in each.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval().requires_grad_(False)
    kept = {key: value.clone() for key, value in model.named_buffers()}
    run = train(model, SOME, TINY_TEST, epochs=1, max_lr=0.02, progress=False)
    assert all(torch.equal(value, kept[key]) for key, value in model.named_buffers())
    assert not any(part.training for part in model.modules() if isinstance(part, nn.BatchNorm2d))
    optimiser = torch.optim.AdamW(reference.parameters(), lr=0.02, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.02, total_steps=5)
    torch.manual_seed(0)
    for chosen, loss_here in zip(torch.randperm(len(SOME[1]))[: 5 * 64].view(5, 64), run.losses, strict=True):
        loss = functional.cross_entropy(reference(SOME[0][chosen]), SOME[1][chosen])
        assert loss.item() == loss_here
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    assert same_weights(model, reference)


def test_a_network_in_eval_mode_is_trained_in_training_mode():
    model = small().eval()
    train(model, SOME, epochs=1, progress=False)
    assert all(part.training for part in model.modules())
    trained = small()
    train(trained, SOME, epochs=1, progress=False)
    assert same_weights(model, trained)


def test_a_double_network_is_trained_and_tested_in_double():
    model = small().double()
    run = train(model, TINY, TINY_TEST, epochs=1, progress=False)
    assert model.classifier.weight.dtype == torch.float64
    assert run.losses == pytest.approx(train(small(), TINY, epochs=1, progress=False).losses, rel=1e-2)
    with torch.no_grad():
        right = model.eval()(TINY_TEST[0].double()).argmax(1) == TINY_TEST[1]
    assert run.accuracy == pytest.approx(100 * right.double().mean().item())


def test_labels_in_narrow_integers_are_the_same_labels():
    few = (TINY[0][:256], TINY[1][:256])
    wide = train(small(), few, few, epochs=1, progress=False)
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        narrow = (few[0], few[1].to(dtype))
        assert train(small(), narrow, narrow, epochs=1, progress=False)[:2] == wide[:2], dtype


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

    original = checkpoints.save
    model = MobileNetV2(num_classes=10, width_mult=0.1)
    model.load_state_dict(start)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "save", save_twice)
        with pytest.raises(Stop):
            train(model, data, checkpoint=tmp_path / "run.pt", **settings)
    again = MobileNetV2(num_classes=10, width_mult=0.1)  # other weights: the checkpoint's must replace them
    run = train(again, data, checkpoint=tmp_path / "run.pt", **settings)
    assert run.losses == expected.losses
    assert same_weights(again, whole)
    assert run.seconds > 0


KILLED = """
    import os, signal, sys, torch
    from mobilenet_lib import training
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = training.SmallNet(training.expanding(2), (8, 12), (1, 2))
    some = torch.load(sys.argv[2])
    batches = iter(range(4 * 5 + 1))

    def die(part, images):
        if next(batches) == 12:  # in the middle of the third epoch, whatever else the machine has to do
            os.kill(os.getpid(), signal.SIGKILL)

    model.register_forward_pre_hook(die)
    training.train(model, some, epochs=4, checkpoint=sys.argv[1], progress=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_resumes_in_another_process_to_the_same_result_to_the_last_bit(tmp_path):
    torch.save(SOME, tmp_path / "some.pt")
    assert fresh.python(KILLED, tmp_path / "run.pt", tmp_path / "some.pt").returncode == -signal.SIGKILL
    stopped = torch.load(tmp_path / "run.pt", weights_only=True)
    assert 0 < len(stopped["losses"]) <= 12

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model, again = small(), small(seed=3)  # other weights: the checkpoint's must replace them
        expected = train(model, SOME, epochs=4, progress=False)
        resumed = train(again, SOME, epochs=4, checkpoint=tmp_path / "run.pt", progress=False)
    finally:
        torch.set_num_threads(threads)
    assert list(resumed.losses[: len(stopped["losses"])]) == list(stopped["losses"])
    assert resumed.losses == expected.losses
    assert same_weights(again, model)


def test_a_checkpoint_is_whole_at_every_moment(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    train(small(), SOME, epochs=2, checkpoint=path, progress=False)
    before = path.read_bytes()

    def dies(state, file):
        file.write(b"half a check")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies)
    path.unlink()
    path.write_bytes(before)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(path, {}, {}, [], 0.0)
    assert path.read_bytes() == before


def test_a_finished_run_is_not_run_again(tmp_path):
    first, second = small(), small(seed=9)
    run = train(first, SOME, TINY_TEST, epochs=2, checkpoint=tmp_path / "run.pt", progress=False)
    again = train(second, SOME, TINY_TEST, epochs=2, checkpoint=tmp_path / "run.pt", progress=False)
    assert again == run  # the seconds, too
    assert same_weights(first, second)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    train(small(), SOME, epochs=1, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match=r"run.pt' is of a run with seed=0, got seed=1; take another file"):
        train(small(), SOME, epochs=1, seed=1, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match="is of a run with epochs=1, got epochs=2"):
        train(small(), SOME, epochs=2, checkpoint=path, progress=False)


def unchanged(call, model, error, match):
    """Require an error before the first batch, with nothing loaded into the model."""
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(error, match=match) as caught:
        call()
    assert all(torch.equal(value, kept[key]) for key, value in model.state_dict().items())
    return str(caught.value)


def settings(path, seen):
    """Return arguments of a short run that notes each batch it sees."""
    data = (TINY[0][:64], TINY[1][:64])
    return {"data": data, "epochs": 1, "batch_size": 32, "progress": False, "checkpoint": path,
            "augment": lambda x: seen.append(len(x)) or x}  # fmt: skip


def layers(channels, repeats):
    return SmallNet(training.expanding(2), channels, repeats).state_dict()


BROKEN = {
    "empty": lambda whole, saved: b"",
    "one byte": lambda whole, saved: whole[:1],
    "half": lambda whole, saved: whole[: len(whole) // 2],
    "all but the end": lambda whole, saved: whole[:-30],
    "text": lambda whole, saved: b"epoch 3: 71.9 %",
    "a page": lambda whole, saved: b"<html>Sign in</html>",
    "a state dict": lambda whole, saved: small().state_dict(),
    "torchvision's": lambda whole, saved: {"model": small().state_dict(), "optimizer": {}, "epoch": 3},
    "a list": lambda whole, saved: [1, 2, 3],
    "a tensor": lambda whole, saved: torch.ones(3),
    "a whole model": lambda whole, saved: nn.Linear(2, 2),
    "without the optimiser": lambda whole, saved: {key: value for key, value in saved.items() if key != "optimiser"},
    "with an optimiser of another kind": lambda whole, saved: {
        **saved, "optimiser": torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1).state_dict()
    },
    "with a schedule of another kind": lambda whole, saved: {**saved, "schedule": {"last_epoch": 2}},
    "with the moments of another network": lambda whole, saved: {
        **saved, "optimiser": {**saved["optimiser"], "state": {0: {"step": torch.ones(()), "exp_avg": torch.ones(2)}}}
    },
    "with words for weights": lambda whole, saved: {**saved, "model": dict.fromkeys(saved["model"], "heavy")},
    "of fewer images": lambda whole, saved: {
        **saved, "settings": {**saved["settings"], "images": 96}, "losses": saved["losses"] + saved["losses"][:1]
    },
    "with a list of weights": lambda whole, saved: {**saved, "model": list(saved["model"].values())},
    "with losses in words": lambda whole, saved: {**saved, "losses": ["high", "low"]},
    "with a loss too few": lambda whole, saved: {**saved, "losses": saved["losses"][:-1]},
    "with a learning rate of another step": lambda whole, saved: {
        **saved, "schedule": {**saved["schedule"], "last_epoch": 1}
    },
    "with epochs too many": lambda whole, saved: {**saved, "losses": saved["losses"] * 3},
    "with settings in a list": lambda whole, saved: {**saved, "settings": [64, 1]},
    "of another seed": lambda whole, saved: {**saved, "settings": {**saved["settings"], "seed": 3}},
    "of wider layers": lambda whole, saved: {**saved, "model": layers((16, 24), (1, 2))},
    "of fewer layers": lambda whole, saved: {**saved, "model": layers((8, 12), (1, 1))},
    "of more layers": lambda whole, saved: {**saved, "model": layers((8, 12), (1, 3))},
    "of another kind of layers": lambda whole, saved: {**saved, "model": small(norm=groups).state_dict()},
}  # fmt: skip


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Return the bytes of a checkpoint."""
    path = tmp_path_factory.mktemp("stopped") / "run.pt"
    train(small(), **settings(path, []))
    return path.read_bytes()


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_checkpoint_of_this_run_is_one_error_before_anything_is_loaded(name, tmp_path, stopped):
    path, seen = tmp_path / "run.pt", []
    path.write_bytes(stopped)
    content = BROKEN[name](path.read_bytes(), torch.load(path, weights_only=True))
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    written, model = path.read_bytes(), small(seed=4).train()
    message = unchanged(lambda: train(model, **settings(path, seen)), model, ValueError, "^checkpoint")
    assert message.endswith("take another file, or remove this one to begin again")
    assert ("is of a run with" in message) == (name in ("of fewer images", "of another seed"))
    assert ("is of another network" in message) == (" layers" in name or "words for" in name)
    assert "run.pt" in message
    assert seen == []
    assert path.read_bytes() == written
    path.unlink()  # the remedy
    assert train(model, **settings(path, [])).losses


def test_a_run_with_numbers_of_numpys_goes_on_with_pythons(tmp_path):
    path, seen = tmp_path / "run.pt", []
    numpys = {"epochs": np.int8(1), "batch_size": np.int64(32), "seed": np.int32(3), "max_lr": np.float64(0.01)}
    first = train(small(), **{**settings(path, []), **numpys})
    again = train(small(), **{**settings(path, seen), **{name: value.item() for name, value in numpys.items()}})
    assert again.losses == first.losses and seen == [2]  # it was complete: two images were shown, and none trained on


def test_a_checkpoint_never_runs_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "canary"), "w")

    path, seen = tmp_path / "run.pt", []
    train(small(), **settings(path, []))
    torch.save({**torch.load(path, weights_only=True), "note": Evil()}, path)
    train(small(), **settings(path, seen))  # complete but for the note
    torch.save(Evil(), path)
    with pytest.raises(ValueError, match="checkpoint"):
        train(small(), **settings(path, seen))
    assert not (tmp_path / "canary").exists()


def test_a_missing_folder_is_noticed_before_the_first_batch_and_the_remedy_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen, model = [], small()
    call = lambda: train(model, **settings("runs/first/run.pt", seen))  # noqa: E731
    message = unchanged(call, model, FileNotFoundError, "checkpoint must be in a folder that exists, got 'runs/first")
    assert seen == []
    exec(message.split("make it first: ")[1], {"Path": Path})
    assert call().losses
    assert (tmp_path / "runs" / "first" / "run.pt").exists()


def test_a_place_where_nothing_can_be_written_is_noticed_before_the_first_batch(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    seen, model = [], small()
    for path, error in (
        (tmp_path / "file" / "run.pt", FileNotFoundError),
        (tmp_path / "folder", ValueError),
        (tmp_path / ("long" * 100), ValueError),
        ("", ValueError),
        (3, TypeError),
    ):
        unchanged(lambda path=path: train(model, **settings(path, seen)), model, error, "^checkpoint must be")

    def denied(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", denied)
    unchanged(
        lambda: train(model, **settings(tmp_path / "run.pt", seen)), model, ValueError,
        r"checkpoint must be a file that can be written, got '.*run.pt' \(Permission denied\)",
    )  # fmt: skip
    assert seen == []


def test_a_checkpoint_in_the_home_folder_is_found_by_its_short_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    first = train(small(), **settings("~/run.pt", []))
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]
    assert train(small(seed=3), **settings(tmp_path / "run.pt", [])) == first


# Together


# Two processes begin only once, as torchrun starts them; what each of them would import is there already.
TOGETHER = """
    import os, sys, torch
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from pytest import MonkeyPatch
    from trainings import groups, small, small_cifar
    from torch import nn
    from mobilenet_lib import training
    rank, folder = os.environ["RANK"], Path(sys.argv[2])
    tiny = torch.load(folder / "tiny.data")
    for name, norm in (("groups", groups), ("batch", nn.BatchNorm2d)):
        # Each process begins with other weights: the first one's must win.
        model = small(int(rank), norm)
        run = training.train(model, *tiny, epochs=2, batch_size=64, progress=False)
        torch.save({"losses": run.losses, "accuracy": run.accuracy, "model": model.state_dict()},
                   folder / f"{name}{rank}.pt")
    (folder / rank).mkdir()
    small_cifar(folder / rank, MonkeyPatch(), images=16)
    print("the command for CIFAR-10", flush=True)
    training.main(["--epochs", "2", "--batch-size", "16", "--width", "0.1", "--root", str(folder / rank),
                   "--checkpoint", str(folder / "run.pt")])
"""
TORCHRUN = "import sys; from torch.distributed.run import main; main(sys.argv[1:])"


@pytest.fixture(scope="module")
def torchrun(tmp_path_factory):
    """Train in two processes, as torchrun starts them, and return what they wrote and printed."""
    folder = tmp_path_factory.mktemp("together")
    torch.save((TINY, TINY_TEST), folder / "tiny.data")
    worker = fresh.as_command(TOGETHER, str(ROOT / "tests"), str(folder))
    done = fresh.python(TORCHRUN, "--standalone", "--nproc-per-node", "2", "--no-python", *worker)
    assert done.returncode == 0, done.stderr
    return {path.stem: torch.load(path, weights_only=True) for path in folder.glob("*.pt")}, done.stdout


@pytest.fixture
def together(torchrun):
    """Return what each process has in the end."""
    return torchrun[0]


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


def test_the_command_for_cifar_runs_under_torchrun(torchrun):
    written, printed = torchrun
    assert printed.count("the command for CIFAR-10") == 2
    assert printed.count("% of the test images") == 1  # one process speaks for all
    assert len(written["run"]["losses"]) == 2 * 5


# What is refused

ONE = (torch.zeros(8, 1, 8, 8), torch.zeros(8, dtype=torch.long))
FEW = (TINY[0][:64], TINY[1][:64])


@pytest.mark.parametrize(
    ("change", "error", "match", "remedy"),
    [
        (lambda x, y: DataLoader(TensorDataset(x, y), 8), TypeError, "two tensors.* got DataLoader; ", "data"),
        (lambda x, y: TensorDataset(x, y), TypeError, "two tensors.* got TensorDataset; ", "data"),
        (lambda x, y: x, TypeError, "two tensors, images and labels, got Tensor; write (images, labels)", None),
        (lambda x, y: {"images": x, "labels": y}, TypeError, "two tensors.* got dict", None),
        (lambda x, y: (x, y, y), TypeError, "two tensors.* got tuple", None),
        (lambda x, y: 3, TypeError, "two tensors.* got int", None),
        (lambda x, y: (x.numpy(), y), TypeError, "images as a tensor, got ndarray; ", "images"),
        (lambda x, y: (x, y.numpy()), TypeError, "labels as a tensor, got ndarray; ", "labels"),
        (lambda x, y: (x, y.tolist()), TypeError, "labels as a tensor, got list; ", "labels"),
        (lambda x, y: (x, y.float()), ValueError, "labels that are integers, got torch.float32; use ", "labels"),
        (lambda x, y: (x, y.double()), ValueError, "labels that are integers, got torch.float64; use ", "labels"),
        (lambda x, y: (x, y.bool()), ValueError, "labels that are integers, got torch.bool; use ", None),
        (lambda x, y: (x, y[:, None]), ValueError, "labels of shape (N,), got (64, 1); use ", "labels"),
        (lambda x, y: (x, y[:, None, None]), ValueError, "labels of shape (N,), got (64, 1, 1); use ", "labels"),
        (lambda x, y: (x, functional.one_hot(y, 10)), ValueError, "labels of shape (N,), got (64, 10); use ", "labels"),
        (lambda x, y: (x, functional.one_hot(y, 10).float()), ValueError, "got (64, 10); use ", "labels"),
        (lambda x, y: (x, y - 1), ValueError, "labels from 0, got -1; number the classes 0, 1, 2, ...", None),
        (lambda x, y: (x, y + 1), ValueError, "labels below 10, the scores that model gives, got 10; number", None),
        (lambda x, y: (x, torch.tensor(3)), ValueError, "64 images and 0 labels", None),
        (lambda x, y: ((255 * x).long(), y), ValueError, "bytes or of floats from 0 to 1, got torch.int64; ", "images"),
        (lambda x, y: (x.log(), y), ValueError, "finite images, got nan or inf in them", None),
    ],
)
def test_data_of_another_kind_are_refused_before_the_first_batch_and_the_remedy_works(change, error, match, remedy):
    match = match if ".*" in match else re.escape(match)
    model, seen = small(), []
    data, also = change(*FEW), {"epochs": 1, "progress": False, "augment": lambda x: seen.append(1) or x}
    message = unchanged(lambda: train(model, data, **also), model, error, f"^data must .*{match}")
    unchanged(lambda: train(model, FEW, data, **also), model, error, f"^test must .*{match}")
    if isinstance(data, tuple) and len(data) == 2:
        unchanged(lambda: training.accuracy(model, *data), model, error, match)
    if remedy is None:
        return
    code = re.search(r"(torch\.as_tensor\(\w+\)|next\(.*\)|(labels|images)\.[\w.()]+)", message.split(";")[1])[0]
    pair = data if isinstance(data, tuple) else (None, None)
    names = {"torch": torch, "DataLoader": DataLoader, "data": data, "images": pair[0], "labels": pair[1]}
    names[remedy] = eval(code, names)
    fixed = names["data"] if remedy == "data" else (names["images"], names["labels"])
    assert train(model, fixed, fixed, epochs=1, progress=False).losses


def test_test_images_that_the_model_does_not_take_are_refused_before_the_first_batch():
    coloured = FEW[0].expand(-1, 3, -1, -1), FEW[1]
    model = small()
    unchanged(lambda: train(model, FEW, coloured, epochs=1, progress=False), model, ValueError, "x must have 1 chan")


def test_labels_may_be_of_any_unsigned_integers():
    data = FEW[0], FEW[1].to(torch.uint64)
    assert train(small(), data, data, epochs=1, progress=False) is not None


def test_as_many_classes_as_the_message_says_are_enough():
    data = (FEW[0], FEW[1] + 4)
    with pytest.raises(ValueError, match=r"build the model with num_classes=14") as caught:
        train(training.twin("inverted"), data, epochs=1, progress=False)
    enough = int(str(caught.value).split("num_classes=")[1])
    assert train(training.twin("inverted", enough), data, epochs=1, progress=False).losses


class Frozen(nn.Module):
    """Gives what its part gives, and has nothing to train."""

    def __init__(self):
        super().__init__()
        self.part = small().requires_grad_(False)

    def forward(self, x):
        return self.part(x)


class Lists(nn.Linear):
    """Gives its scores in a list, as some networks of libraries do."""

    def __init__(self):
        super().__init__(64, 10)

    def forward(self, x):
        return [super().forward(x.flatten(1))]


def on_meta():
    with torch.device("meta"):
        return small()


BAD = [
    (lambda: train(small(), ONE, epochs=0), ValueError, "epochs must be a positive integer, got 0"),
    (lambda: train(small(), ONE, epochs=1.0), TypeError, "epochs must be a positive integer, got 1.0"),
    (lambda: train(small(), ONE, epochs=1, batch_size=9), ValueError, "at most the 8 images of data, got 9"),
    (lambda: train(small(), ONE, epochs=1, batch_size=-1), ValueError, "batch_size must be a positive integer"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, seed=-1), ValueError, "seed must be an integer of 0 or more"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, max_lr=0), ValueError, "max_lr must be"),
    (lambda: train(small(), (ONE[0], ONE[1][:3]), epochs=1), ValueError, "data must hold .* 8 images and 3 labels"),
    (lambda: train(small(), ONE, (ONE[0][:0], ONE[1][:0]), epochs=1, batch_size=8), ValueError, "test must hold"),
    (lambda: train(Frozen(), ONE, epochs=1, batch_size=8), ValueError, "must have parameters to train, got 32, all"),
    (lambda: train(nn.Flatten(), ONE, epochs=1, batch_size=8), ValueError, "must have parameters to train, got 0"),
    (lambda: train(Lists(), ONE, epochs=1, batch_size=8), ValueError, r"model must give scores .* got list"),
    (lambda: train(nn.Conv2d(1, 1, 1), ONE, epochs=1, batch_size=8), ValueError, r"scores .* got \(2, 1, 8, 8\)"),
    (lambda: train(on_meta(), ONE, epochs=1, batch_size=8), ValueError, "model must hold numbers, got one on the meta"),
    (lambda: train(SmallNet, ONE, epochs=1), TypeError, "model must be a torch.nn.Module, got .*; call the class"),
    (lambda: train(lambda x: x, ONE, epochs=1), TypeError, "model must be a torch.nn.Module, got <function"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, weight_decay=-1), ValueError, "weight_decay must .* got -1"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, augment=3), TypeError, "augment must be .* got 3"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, augment=lambda x: x[1:]), ValueError, "augment must return"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, augment=lambda x: None), ValueError, "augment .* got None"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, device="gpu"), ValueError, "device must be .* got 'gpu'"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, device="meta"), ValueError, "device must be .* got 'meta'"),
    (lambda: train(small(), ONE, epochs=1, batch_size=8, device="cuda"), ValueError, "must be there, got 'cuda'"),
    (lambda: training.accuracy(Lists(), *ONE), ValueError, "model must give scores of shape .* got list"),
    (lambda: training.accuracy(None, *ONE), TypeError, "model must be a torch.nn.Module, got None"),
    (lambda: training.flip_and_shift(ONE[0][0]), ValueError, r"images must be \(N, C, H, W\), got \(1, 8, 8\)"),
    (lambda: training.flip_and_shift(3), TypeError, "images must be a tensor, got int"),
    (lambda: training.expanding(2, 3), TypeError, "block must be a class or a function, got 3"),
    (lambda: training.twin(["inverted"]), ValueError, "name must be one of .* got \\['inverted'\\]"),
    (lambda: SmallNet(None, (8,), (1,)), TypeError, "block must be a class or a function, got None"),
    (lambda: SmallNet(nn.Identity(), (8,), (1,)), TypeError, "block must take .* got Identity.*unexpected keyword"),
    (lambda: SmallNet(lambda m, n, stride: m, (8,), (1,)), TypeError, "block must make modules, .* makes a int"),
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
