"""ConvNeXt without its classifier: the four stage outputs of a photograph. Keys are timm's.

Images are normalised RGB [B, 3, H, W]; strided convolutions drop what does not fill a window.
"""

import torch
from torch import nn
from torch.nn import functional as F


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of [B, C, H, W]."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Two linear layers over the last axis with an exact GELU between them."""

    def __init__(self, channels: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """x + gamma * mlp(norm(depthwise(x))); gamma starts at `scale`."""

    def __init__(self, channels: int, eps: float, scale: float):
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps)
        self.mlp = Mlp(channels)
        self.gamma = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x):
        # Depthwise convolutions of a CPU are faster in f32 than in bf16, gradients twice as fast.
        with torch.autocast(x.device.type, enabled=False):
            y = self.conv_dw(x.float())
        y = self.mlp(self.norm(y.permute(0, 2, 3, 1))) * self.gamma
        return x + y.permute(0, 3, 1, 2)


class Stage(nn.Module):
    def __init__(self, before: int | None, channels: int, depth: int, eps: float, scale: float):
        super().__init__()
        if before:
            self.downsample = nn.Sequential(ChannelNorm(before, eps), nn.Conv2d(before, channels, 2, stride=2))
        self.blocks = nn.Sequential(*[Block(channels, eps, scale) for _ in range(depth)])

    def forward(self, x):
        return self.blocks(self.downsample(x) if hasattr(self, "downsample") else x)


class ConvNext(nn.Module):
    """Maps of strides 4, 8, 16 and 32. `scale` is what the layer scales start from."""

    def __init__(self, dims=(192, 384, 768, 1536), depths=(3, 3, 27, 3), layer_norm_eps=1e-6, scale=0.1):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, dims[0], 4, stride=4), ChannelNorm(dims[0], layer_norm_eps))
        self.stages = nn.ModuleList(Stage(before, channels, depth, layer_norm_eps, scale)
                                    for before, channels, depth in zip([None, *dims], dims, depths))

    def forward(self, image):
        x, maps = self.stem(image), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
