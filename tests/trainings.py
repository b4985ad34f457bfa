"""What the tests of trainings and the processes that they start share: small networks, and a small CIFAR-10."""

from __future__ import annotations

import hashlib
import pickle
import tarfile

import numpy as np
import torch
from torch import nn
from torchvision.datasets import CIFAR10

from mobilenet_lib import training
from mobilenet_lib.topics.training import SmallNet


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


def small_cifar(root, monkeypatch, images=10):
    """Write an archive of CIFAR-10's format with a few random images, and have torchvision take it for the real one."""
    folder = root / "made" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    md5 = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]:
        batch = {
            "data": draw.integers(0, 256, (images, 3072), dtype=np.uint8),
            "labels": (np.arange(images) % 10).tolist(),
        }
        content = pickle.dumps({"label_names": [str(i) for i in range(10)]} if "meta" in name else batch)
        (folder / name).write_bytes(content)
        md5[name] = hashlib.md5(content).hexdigest()
    with tarfile.open(root / CIFAR10.filename, "w:gz") as archive:
        archive.add(folder, folder.name)
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5((root / CIFAR10.filename).read_bytes()).hexdigest())
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5[name]] for name, _ in CIFAR10.train_list])
    monkeypatch.setattr(CIFAR10, "test_list", [[name, md5[name]] for name, _ in CIFAR10.test_list])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5["batches.meta"]})
    return folder
