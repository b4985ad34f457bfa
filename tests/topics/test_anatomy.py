"""Anatomy: what hooks on torchvision's network count, scikit-learn's components, autograd's class activation maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from peers import lived_in
from sklearn.decomposition import PCA
from torch import nn

from mobilenet_lib import MobileNetV2, pretrained, shipping
from mobilenet_lib.topics import anatomy


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return lived_in(MobileNetV2(10, width_mult=0.35), torch.randn(16, 3, 64, 64))


@pytest.fixture
def x():
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_zeros_and_sixes_are_those_of_torchvisions_network(network, x):
    theirs = torchvision.models.mobilenet_v2(num_classes=10, width_mult=0.35).eval()
    theirs.load_state_dict(pretrained.to_torchvision(network))
    outputs = []
    for part in theirs.modules():
        if isinstance(part, nn.ReLU6):
            part.register_forward_hook(lambda part, given, output: outputs.append(output.clone()))
    theirs(x)
    found = anatomy.clipped(network, x)
    assert len(found) == len(outputs) == 35
    assert [row.layer for row in found[:4]] == ["stem", "blocks.0.depthwise", "blocks.1.conv1", "blocks.1.depthwise"]
    for row, output in zip(found, outputs, strict=True):
        assert row.channels == output.shape[1]
        assert row.zeros == pytest.approx(100 * (output == 0).double().mean().item(), abs=0.05)
        assert row.sixes == pytest.approx(100 * (output == 6).double().mean().item(), abs=0.05)
        assert row.dead == (output.amax((0, 2, 3)) == 0).sum()


@torch.no_grad()
def test_a_filter_is_the_answer_to_a_single_point(network):
    impulse = torch.zeros(1, 1, 5, 5)
    impulse[..., 2, 2] = 1
    for model in (network, shipping.fold(network)):
        for block, filters in zip(model.blocks, anatomy.depthwise_filters(model), strict=True):
            if block.depthwise[0].stride == (1, 1):
                linear = nn.Sequential(*list(block.depthwise)[:2])
                at = impulse.expand(1, len(filters), 5, 5)
                answer = (linear(at) - linear(torch.zeros_like(at)))[0, :, 1:4, 1:4]
                assert torch.allclose(answer.flip(1, 2), filters, atol=1e-4)  # a convolution layer correlates


def test_filters_are_sorted_by_how_their_weights_add_up():
    blur = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    nearly = blur.clone()
    nearly[0, 0] = -0.5
    assert anatomy.balance(torch.stack([blur, -blur, sobel, nearly])).tolist() == pytest.approx([1, 1, 0, 14.5 / 15.5])
    assert anatomy.balance(torch.zeros(1, 3, 3)).item() == 0
    network = MobileNetV2(10, width_mult=0.35)
    weight = network.blocks[1].depthwise[0].weight
    quarter = len(weight) // 4
    with torch.no_grad():
        for i, kind in enumerate((blur, sobel, nearly, -blur)):
            weight[i * quarter : (i + 1) * quarter] = kind
    found = anatomy.kinds_of_filters(network)[1]
    assert found == (1, 2, 48, 75.0, 50.0, 25.0)


@torch.no_grad()
def test_dimensions_are_the_components_of_scikit_learn(network, x):
    found = anatomy.dimensions(network, x, share=0.95)
    at = network.stem(x)
    for block, row in zip(network.blocks, found, strict=True):
        tensors = {"filtered": block.depthwise(block.conv1(at) if hasattr(block, "conv1") else at)}
        if hasattr(block, "conv1"):
            tensors["expanded"] = block.conv1(at)
        at = tensors["thin"] = block(at)
        for name, tensor in tensors.items():
            vectors = tensor.movedim(1, 3).flatten(0, 2).double().numpy()
            if len(vectors) > vectors.shape[1]:
                assert getattr(row, name) == PCA(0.95, svd_solver="full").fit(vectors).n_components_
        assert row.thin_channels == at.shape[1]
    assert (found[0].expanded, found[0].expanded_channels) == (0, 16)


def test_a_map_is_what_autograd_says_of_the_last_features(network, x):
    """For a linear head, gradient times features at each place, and the bias, is what the place adds."""
    seen = anatomy.class_activation_map(network, x[0], 4)
    features = network.head(network.blocks(network.stem(x[:1]))).detach().requires_grad_()
    score = network.classifier(network.pool(features).flatten(1))[0, 4]
    (gradient,) = torch.autograd.grad(score, features)
    expected = (gradient * features)[0].sum(0) * features[0, 0].numel() + network.classifier.bias[4]
    assert torch.allclose(seen, expected, atol=1e-5)
    assert seen.mean().item() == pytest.approx(score.item(), abs=1e-5)
    assert not seen.requires_grad


def test_the_same_weights_give_a_denser_map(network, x):
    dense = MobileNetV2(10, width_mult=0.35, output_stride=16)
    dense.load_state_dict(network.state_dict())
    assert anatomy.class_activation_map(network, x[0], 0).shape == (2, 2)
    assert anatomy.class_activation_map(dense.eval(), x[0], 0).shape == (4, 4)


def test_looking_leaves_no_hooks_and_the_mode(network, x):
    network.train()
    anatomy.class_activation_map(network, x[0], 0)
    assert network.training
    network.eval()
    anatomy.clipped(network, x)
    anatomy.dimensions(network, x)
    assert not any(part._forward_hooks for part in network.modules())


BAD = [
    (lambda n, x: anatomy.class_activation_map(n, x[0], 10), "category must be an integer from 0 to 9, got 10"),
    (lambda n, x: anatomy.class_activation_map(n, x[0], -1), "category must be an integer from 0 to 9, got -1"),
    (lambda n, x: anatomy.class_activation_map(n, x, 1), r"image must have shape \(C, H, W\), got"),
    (lambda n, x: anatomy.dimensions(n, x, share=99), "share must be a number from 0 to 1, got 99"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_refused_by_name_and_value(network, x, call, message):
    with pytest.raises(ValueError, match=message):
        call(network, x)


def test_what_an_affine_decoder_cannot_bring_back_is_what_a_regression_leaves():
    from sklearn.linear_model import LinearRegression

    draw = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, 16, 16, generator=draw)
    found = torch.einsum("nchw,cd->ndhw", x, torch.randn(4, 9, generator=draw)).relu()
    wanted, given = (each.movedim(1, 3).flatten(0, 2).numpy() for each in (x, found))
    left = wanted - LinearRegression().fit(given, wanted).predict(given)
    expected = np.linalg.norm(left) / np.linalg.norm(wanted - wanted.mean(0))
    assert anatomy.unrecovered(x, found) == pytest.approx(expected, rel=1e-4)
    with_a_dead_channel = torch.cat([found, torch.zeros(3, 1, 16, 16)], dim=1)
    assert anatomy.unrecovered(x, with_a_dead_channel) == pytest.approx(expected, rel=1e-4)
    assert anatomy.unrecovered(x, torch.ones(3, 2, 16, 16)) == pytest.approx(1)


def test_unrecovered_wants_two_maps_of_one_size_and_many_places():
    x = torch.randn(1, 2, 8, 8)
    with pytest.raises(ValueError, match="found must have as many places as x, 64, got 16"):
        anatomy.unrecovered(x, x[:, :, ::2, ::2])
    with pytest.raises(ValueError, match="at least four places for each of its 20 channels, got 64"):
        anatomy.unrecovered(x, torch.randn(1, 20, 8, 8))
    with pytest.raises(ValueError, match=r"x must have shape \(N, C, H, W\), got \(2, 8, 8\)"):
        anatomy.unrecovered(x[0], x)


def test_the_largest_value_behind_each_activation_is_what_hooks_see():
    torch.manual_seed(0)
    network = MobileNetV2(10, width_mult=0.35).eval()
    images, seen = torch.randn(2, 3, 64, 64), []
    for part in network.modules():
        if isinstance(part, torch.nn.ReLU6):
            part.register_forward_hook(lambda *about: seen.append(about[2].max().item()))
    network(images)
    found = anatomy.largest(network, images)
    assert len(found) == 35 and list(found.values()) == pytest.approx(seen[:35])
    assert list(found)[:2] == ["stem", "blocks.0.depthwise"]
