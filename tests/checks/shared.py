"""Blocks that learners of more than one chapter hand in, and what their networks cost."""

from peers import flops
from torch import nn


def counted(network, size=224):
    """Return the MACs that torch counts for an image: two of its flops are one."""
    return flops(network, 1, 3, size, size) // 2


class MySeparable(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        spatial = nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False)
        mixing = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.depthwise = nn.Sequential(spatial, nn.BatchNorm2d(in_channels), nn.ReLU6())
        self.pointwise = nn.Sequential(mixing, nn.BatchNorm2d(out_channels), nn.ReLU6())

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class MyInvertedResidual(nn.Module):
    def __init__(self, in_channels, mid_channels, out_channels, kernel_size=3, stride=1, dilation=1):
        super().__init__()
        same = dilation * (kernel_size - 1) // 2
        spatial = nn.Conv2d(mid_channels, mid_channels, kernel_size, stride, same, dilation, mid_channels, bias=False)
        expand = nn.Conv2d(in_channels, mid_channels, 1, bias=False)
        self.conv1 = nn.Sequential(expand, nn.BatchNorm2d(mid_channels), nn.ReLU6())
        self.depthwise = nn.Sequential(spatial, nn.BatchNorm2d(mid_channels), nn.ReLU6())
        project = nn.Conv2d(mid_channels, out_channels, 1, bias=False)
        self.conv2 = nn.Sequential(project, nn.BatchNorm2d(out_channels))
        self.use_residual = stride == 1 and in_channels == out_channels

    def forward(self, x):
        y = self.conv2(self.depthwise(self.conv1(x)))
        return x + y if self.use_residual else y


class Outline(nn.Module):
    def __init__(self, *sizes, **settings):
        raise NotImplementedError("later")

    def forward(self, x):
        return x


class Empty(nn.Module): ...
