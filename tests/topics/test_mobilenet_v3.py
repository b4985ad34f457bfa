"""MobileNetV3 from the paper's tables is timm's and torchvision's network."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from peers import settle

from mobilenet_lib import families
from mobilenet_lib.topics.families import mobilenet_v3

OPTIONS = {"stem": 16, "head": "late", "activation": "hs", "squeeze": "middle"}
FEATURES = {"large": 1280, "small": 1024}


@pytest.mark.parametrize("which", ["large", "small"])
def test_the_papers_rows_place_the_blocks_of_timms_strings(which):
    rows = mobilenet_v3.SPECS[which]
    options = {key: OPTIONS[key] for key in ("stem", "activation", "squeeze")}
    ours = families.place(mobilenet_v3.strings(rows), **options)
    theirs = families.place(families.family(f"mobilenetv3_{which}_100").rows, **options)
    assert [block[2:] for block in ours] == [block[2:] for block in theirs]
    assert [block.spec.kernel_size for block in ours] == [block.spec.kernel_size for block in theirs]
    assert [block.mid_channels for block in ours[:-1]] == [row.exp for row in rows]


@pytest.mark.parametrize("which", ["large", "small"])
@torch.no_grad()
def test_built_from_the_paper_it_is_timms_network(which):
    theirs = settle(timm.create_model(f"mobilenetv3_{which}_100", num_classes=10), size=64)
    rows = mobilenet_v3.strings(mobilenet_v3.SPECS[which])
    ours = families.build(rows, features=FEATURES[which], num_classes=10, **OPTIONS)
    named = families.load_timm(families.named(f"mobilenetv3_{which}_100", num_classes=10), theirs)
    ours.load_state_dict(named.state_dict())
    x = torch.randn(2, 3, 65, 96)
    assert torch.equal(ours.eval()(x), theirs(x))


@pytest.mark.parametrize("which", ["large", "small"])
@torch.no_grad()
def test_torchvisions_weights_give_torchvisions_output(which):
    theirs = settle(getattr(torchvision.models, f"mobilenet_v3_{which}")(num_classes=10), size=64)
    ours = families.load_torchvision(which, theirs, num_classes=10)
    x = torch.randn(2, 3, 65, 96)
    y = theirs(x)
    assert y.std() > 0.1
    seen = theirs.features(x)
    assert torch.equal(ours.blocks(ours.stem(x)), seen)
    # Behind the blocks a convolution on one pixel adds up in another order than a linear layer.
    assert torch.allclose(ours(x), y, rtol=1e-4, atol=1e-5)


def test_weights_that_do_not_fit_are_refused_by_name():
    large = torchvision.models.mobilenet_v3_large(num_classes=10)
    small = torchvision.models.mobilenet_v3_small(num_classes=10)
    with pytest.raises(ValueError, match=r"source must have features.1.block.2.0.weight for blocks.0.conv2.0.weight"):
        families.load_torchvision("small", large, num_classes=10)
    with pytest.raises(ValueError, match=r"classifier.3.weight in source must have shape \(11, 1024\)"):
        families.load_torchvision("small", small, num_classes=11)
    few = {key: value for key, value in large.state_dict().items() if key != "features.4.block.2.fc1.bias"}
    with pytest.raises(ValueError, match=r"source must have features.4.block.2.fc1.bias for blocks.3.se.reduce.bias"):
        families.load_torchvision("large", few, num_classes=10)
