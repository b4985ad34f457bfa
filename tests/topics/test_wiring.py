"""Folding by who feeds whom: what comes out computes the same, or is refused with the pair's names."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
import torchvision
from peers import shake
from torch import nn
from torch.nn.utils import parametrizations, prune

from mobilenet_lib import shipping
from mobilenet_lib.topics.wiring import Wire, wires

IMAGE = (2, 3, 16, 16)


def norms(network: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in network.modules())


def ready(network: nn.Module) -> nn.Module:
    """Return the network in eval mode and float64, with BatchNorms that do something and let numbers through."""
    torch.manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None:
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.8, 1.2)
            if part.affine:
                nn.init.uniform_(part.weight, 0.8, 1.2)
                nn.init.normal_(part.bias, 0, 0.1)
    return network.double().eval()


def error(network: nn.Module, folded: nn.Module, shape: tuple[int, ...] = IMAGE) -> float:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    with torch.no_grad():
        before, after = network(x), folded(x)
    assert before.isfinite().all() and before.std() > 0
    return float((before - after).abs().max() / before.abs().max())


# Networks of others

TIMM = {
    "mobilenetv1_100": 0,
    "mobilenetv2_050": 0,
    "mobilenetv3_small_050": 0,
    "mobilenetv4_conv_small_050": 0,
    "efficientnet_b0": 0,
    "tf_efficientnet_lite0": 0,  # its convolutions pad by themselves
    "mnasnet_small": 0,
    "fbnetc_100": 0,
    "lcnet_050": 0,
    "tinynet_e": 0,
    "ghostnet_050": 0,
    "resnet18": 0,
    "resnetv2_18": 9,  # BatchNorm first: those behind a sum, and the last
    "repvgg_a0": 17,  # a branch without a convolution
    "densenet121": 62,
    "regnetx_002": 0,
    "hardcorenas_a": 0,
    "rexnet_100": 0,
    "ese_vovnet19b_dw": 0,
    "levit_128s": 0,
    "semnasnet_050": 0,
}


@pytest.mark.parametrize("name", TIMM)
def test_timms_networks_compute_the_same_when_folded(name):
    network = ready(timm.create_model(name, num_classes=7))
    folded = shipping.fold(network)
    side = 224 if name == "levit_128s" else 64
    assert error(network, folded, (1, 3, side, side)) < 1e-10
    assert norms(folded) == TIMM[name] < norms(network)


def test_repvit_is_refused_by_name_and_folded_as_far_as_it_goes():
    network = ready(timm.create_model("repvit_m0_9", num_classes=7))
    mixer = "stages.0.blocks.0.token_mixer"
    with pytest.raises(ValueError, match=f"got {mixer}.conv1 and {mixer}.bn .*and 20 more pairs"):
        shipping.fold(network)
    folded = shipping.fold(network, partly=True)
    assert error(network, folded, (1, 3, 64, 64)) < 1e-10
    assert 0 < norms(folded) < norms(network) / 4


@pytest.mark.parametrize("build", [torchvision.models.shufflenet_v2_x0_5, torchvision.models.mnasnet0_5])
def test_torchvisions_networks_compute_the_same_when_folded(build):
    network = ready(build(num_classes=7))
    folded = shipping.fold(network)
    assert error(network, folded, (1, 3, 64, 64)) < 1e-10 and norms(folded) == 0


# How two layers can stand to each other


class Program(nn.Module):
    """Named layers, and a function that says what is done with them."""

    def __init__(self, run, **parts):
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.run(self, x)


def conv(*sizes, **options):
    return nn.Conv2d(*(sizes or (3, 8, 3)), **options)


GOOD = {
    "one after the other": lambda: Program(lambda m, x: m.bn(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(8)),
    "with a bias": lambda: Program(lambda m, x: m.bn(m.conv(x)), conv=conv(bias=True), bn=nn.BatchNorm2d(8)),
    "registered the other way": lambda: Program(lambda m, x: m.bn(m.conv(x)), bn=nn.BatchNorm2d(8), conv=conv()),
    "registered far apart": lambda: Program(
        lambda m, x: m.bn(m.conv(x)).relu(), conv=conv(), act=nn.ReLU(), last=conv(8, 8, 1), bn=nn.BatchNorm2d(8)
    ),
    "grouped": lambda: nn.Sequential(conv(3, 6, 3, groups=3, stride=2, dilation=2), nn.BatchNorm2d(6)),
    "padded in a circle": lambda: nn.Sequential(conv(3, 6, 3, padding=1, padding_mode="circular"), nn.BatchNorm2d(6)),
    "without scale and shift": lambda: nn.Sequential(conv(), nn.BatchNorm2d(8, affine=False)),
    "with one shape a side": lambda: nn.Sequential(conv(3, 8, (1, 5), padding=(0, 2)), nn.BatchNorm2d(8)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Sequential(conv()), nn.Sequential(nn.BatchNorm2d(8)))),
    "spread": lambda: nn.DataParallel(nn.Sequential(conv(), nn.BatchNorm2d(8))),
    "spread inside": lambda: nn.Sequential(nn.DataParallel(nn.Sequential(conv(), nn.BatchNorm2d(8))), nn.ReLU()),
    "behind each other": lambda: nn.Sequential(conv(), nn.BatchNorm2d(8), conv(8, 4, 1), nn.BatchNorm2d(4)),
    "with an activation inside": lambda: nn.Sequential(conv(), timm.layers.BatchNormAct2d(8)),
    "by keyword": lambda: Program(lambda m, x: m.bn(input=m.conv(input=x)), conv=conv(), bn=nn.BatchNorm2d(8)),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_batchnorm_fed_by_one_convolution_alone_is_folded(name):
    network = ready(GOOD[name]())
    state = copy.deepcopy(network.state_dict())
    folded = shipping.fold(network)
    assert error(network, folded) < 1e-12 and norms(folded) == 0
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())
    assert not any(part.training for part in folded.modules())


def two_names():
    """Return layers that are registered twice, and called by their second names."""
    pair = nn.Sequential(conv(), nn.BatchNorm2d(8))
    return Program(lambda m, x: m.pair(x), conv=pair[0], bn=pair[1], pair=pair)


def test_layers_that_are_kept_in_a_list_of_pythons_are_folded_there_too():
    network = ready(Program(lambda m, x: m.kept[1](m.kept[0](x)), conv=conv(), bn=nn.BatchNorm2d(8)))
    network.kept = [network.conv, network.bn]
    folded = shipping.fold(network)
    assert error(network, folded) < 1e-12 and norms(folded) == 0
    assert folded.kept == [folded.conv, folded.bn]


def test_layers_with_two_names_are_folded_under_both():
    network = ready(two_names())
    folded = shipping.fold(network)
    assert error(network, folded) < 1e-12 and norms(folded) == 0
    assert folded.conv is folded.pair[0] and folded.bn is folded.pair[1]


def pruned(layer):
    prune.random_unstructured(layer, "weight", 0.5)
    with torch.no_grad():
        layer(torch.zeros(IMAGE))  # before its first run, it cannot even be copied
    return layer


def hooked(layer):
    layer.register_forward_hook(lambda module, given, result: 2 * result)
    return layer


def patched(layer):
    forward = layer.forward
    layer.forward = lambda x: 2 * forward(x)
    return layer


def shared(run, **parts):
    return Program(run, conv=conv(3, 3, 1), bn=nn.BatchNorm2d(3), **parts)


class Doubled(nn.Conv2d):
    """A convolution that is more than one, as those that standardise their weights."""

    def forward(self, x):
        return self._conv_forward(x, self.weight / self.weight.std(), self.bias)


class Squared(nn.BatchNorm2d):
    """A BatchNorm that is more than one."""

    def forward(self, x):
        return super().forward(x).square()


BAD = {
    "an activation between": (
        lambda: shared(lambda m, x: m.bn(m.conv(x).relu())),
        "input is not the convolution's output",
    ),
    "a sum between": (lambda: shared(lambda m, x: m.bn(m.conv(x) + x)), "input is not the convolution's output"),
    "the other way round": (lambda: shared(lambda m, x: m.conv(m.bn(x))), "input is not the convolution's output"),
    "side by side": (lambda: shared(lambda m, x: m.conv(x) + m.bn(x)), "input is not the convolution's output"),
    "run twice": (lambda: shared(lambda m, x: m.bn(m.conv(m.conv(x)))), "the convolution runs more than once"),
    "run twice, far apart": (
        lambda: shared(lambda m, x: m.conv(m.bn(m.conv(x)).relu())),
        "the convolution runs more than once",
    ),
    "normalised twice": (lambda: shared(lambda m, x: m.bn(m.bn(m.conv(x)))), "the BatchNorm runs more than once"),
    "used elsewhere": (lambda: shared(lambda m, x: (y := m.conv(x)) + m.bn(y)), "output is used elsewhere"),
    "returned, too": (lambda: shared(lambda m, x: torch.cat([y := m.conv(x), m.bn(y)])), "output is used elsewhere"),
    "its weight used elsewhere": (lambda: shared(lambda m, x: m.bn(m.conv(x)) * m.conv.weight.mean()), "weights of"),
    "its average used elsewhere": (lambda: shared(lambda m, x: m.bn(m.conv(x)) + m.bn.running_var.sum()), "weights of"),
    "no averages": (
        lambda: nn.Sequential(conv(), nn.BatchNorm2d(8, track_running_stats=False)),
        "keeps no running averages",
    ),
    "pruned": (lambda: nn.Sequential(pruned(conv()), nn.BatchNorm2d(8)), "a hook is attached"),
    "hooked": (lambda: nn.Sequential(conv(), hooked(nn.BatchNorm2d(8))), "a hook is attached"),
    "parametrised": (
        lambda: nn.Sequential(parametrizations.weight_norm(conv()), nn.BatchNorm2d(8)),
        "made anew for each call",
    ),
    "standardised": (lambda: nn.Sequential(Doubled(3, 8, 3), nn.BatchNorm2d(8)), "more than a convolution"),
    "squared": (lambda: nn.Sequential(conv(), Squared(8)), "more than a convolution"),
    "patched": (lambda: nn.Sequential(patched(conv()), nn.BatchNorm2d(8)), "more than a convolution"),
    "spread": (lambda: nn.DataParallel(shared(lambda m, x: m.bn(m.conv(x).relu()))), "module.conv and module.bn"),
}


@pytest.mark.parametrize("name", BAD)
def test_any_other_pair_is_refused_by_name_and_may_stay(name):
    build, words = BAD[name]
    network = ready(build())
    with pytest.raises(ValueError, match="network must have no BatchNorm that cannot be folded, got ") as caught:
        shipping.fold(network)
    first, second = ("0", "1") if isinstance(network, nn.Sequential) else ("conv", "bn")
    assert words in str(caught.value) and f"{first} and " in str(caught.value) and f"{second} (" in str(caught.value)
    kept = shipping.fold(network, partly=True)  # the remedy that the message names
    assert error(network, kept) == 0 and norms(kept) == norms(network)


LEFT = {
    "an activation first": lambda: nn.Sequential(conv(), nn.ReLU(), nn.BatchNorm2d(8)),
    "a transposed convolution": lambda: nn.Sequential(nn.ConvTranspose2d(3, 6, 3, groups=3), nn.BatchNorm2d(6)),
    "nothing first": lambda: nn.Sequential(nn.BatchNorm2d(3), conv()),
    "no convolution": lambda: nn.BatchNorm2d(3),
    "no BatchNorm": lambda: conv(),
    "another normalisation": lambda: nn.Sequential(conv(), nn.GroupNorm(2, 8)),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_no_pair_stays_as_it_is(name):
    network = ready(LEFT[name]())
    folded = shipping.fold(network)
    assert error(network, folded) == 0 and norms(folded) == norms(network)


def test_a_pair_beside_one_that_cannot_be_folded_is_folded_partly():
    network = ready(
        Program(
            lambda m, x: m.bn2(m.conv2(m.bn(m.conv(x).relu()))),
            conv=conv(),
            bn=nn.BatchNorm2d(8),
            conv2=conv(8, 4, 1),
            bn2=nn.BatchNorm2d(4),
        )
    )
    folded = shipping.fold(network, partly=True)
    assert error(network, folded) < 1e-12 and isinstance(folded.bn2, nn.Identity) and folded.bn is not network.bn
    assert wires(network) == [
        Wire("conv2", "bn2", ""),
        Wire("conv", "bn", "the BatchNorm's input is not the convolution's output"),
    ]


def test_what_cannot_be_traced_is_refused_and_its_parts_can_be_folded():
    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(conv(), nn.BatchNorm2d(8))

        def forward(self, x):
            return self.backbone(x) if x.sum() > 0 else self.backbone(-x)

    network = ready(Asks())
    with pytest.raises(ValueError, match="must be one that torch.fx can trace, got Asks.*network.backbone = shipping"):
        shipping.fold(network)
    folded = copy.deepcopy(network)
    folded.backbone = shipping.fold(folded.backbone)  # the remedy that the message names
    assert error(network, folded) < 1e-12 and norms(folded) == 0


@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16, torch.float])
def test_a_folded_network_keeps_its_dtype(dtype):
    network = shake(nn.Sequential(conv(), nn.BatchNorm2d(8))).to(dtype).eval()
    folded, x = shipping.fold(network), torch.randn(IMAGE).to(dtype)
    assert folded[0].weight.dtype == folded[0].bias.dtype == dtype
    with torch.no_grad():
        assert (folded(x) - network(x)).abs().max() <= 8 * torch.finfo(dtype).eps * network(x).abs().max()


def test_of_a_compiled_network_the_network_itself_is_folded():
    network = ready(GOOD["nested"]())
    folded = shipping.fold(torch.compile(network, backend="eager"))
    assert type(folded) is nn.Sequential and error(network, folded) < 1e-12 and norms(folded) == 0


def test_weights_that_are_made_from_others_are_named_with_a_remedy():
    network = nn.Sequential(prune.random_unstructured(conv(), "weight", 0.5), nn.BatchNorm2d(8))
    with pytest.raises(ValueError, match="network must be one that can be copied, got Sequential.*prune.remove"):
        shipping.fold(network)
    prune.remove(network[0], "weight")
    network = ready(network)
    assert error(network, shipping.fold(network)) < 1e-12
