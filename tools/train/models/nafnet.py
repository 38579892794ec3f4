"""NAFNet: a U-Net of activation-free blocks whose only nonlinearity is a product of channel halves.

State-dict keys are those of the official implementation. Images are float [B, 3, H, W] with values
around [0, 1]; any H and W are accepted (the network pads to its multiple by itself).
"""

import torch
from torch import nn
from torch.nn import functional as F


class LayerNorm2d(nn.Module):
    """Normalises the C channels of every pixel of [B, C, H, W]; biased variance, eps 1e-6."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        pixels = x.permute(0, 2, 3, 1)
        normed = F.layer_norm(pixels, self.weight.shape, self.weight, self.bias, 1e-6)
        return normed.permute(0, 3, 1, 2)


class SlidingMean(nn.Module):
    """Mean over a window fixed at construction (TLC); a window covering the image means a global mean."""

    def __init__(self, window: tuple[int, int]):
        super().__init__()
        self.window = window

    def forward(self, x):
        height, width = x.shape[-2:]
        kh, kw = self.window
        if kh >= height and kw >= width:
            return x.mean((2, 3), keepdim=True)
        means = F.avg_pool2d(x, (min(height, kh), min(width, kw)), stride=1)
        rows, cols = height - means.shape[-2], width - means.shape[-1]
        margins = (cols // 2, (cols + 1) // 2, rows // 2, (rows + 1) // 2)
        return F.pad(means, margins, mode="replicate")


def simple_gate(x):
    """[B, 2C, H, W] -> [B, C, H, W]: product of the two channel halves."""
    first, second = x.chunk(2, dim=1)
    return first * second


class NAFBlock(nn.Module):
    """Depthwise mixing with channel attention, then a gated 1x1 pair; both added to the input."""

    def __init__(self, channels: int, pool: nn.Module):
        super().__init__()
        c = channels
        self.norm1, self.norm2 = LayerNorm2d(c), LayerNorm2d(c)
        self.conv1 = nn.Conv2d(c, 2 * c, 1)
        self.conv2 = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c)
        self.sca = nn.Sequential(pool, nn.Conv2d(c, c, 1))
        self.conv3 = nn.Conv2d(c, c, 1)
        self.conv4 = nn.Conv2d(c, 2 * c, 1)
        self.conv5 = nn.Conv2d(c, c, 1)
        self.beta = nn.Parameter(torch.zeros(1, c, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, c, 1, 1))

    def forward(self, x):
        mixed = simple_gate(self.conv2(self.conv1(self.norm1(x))))
        x = x + self.conv3(mixed * self.sca(mixed)) * self.beta
        return x + self.conv5(simple_gate(self.conv4(self.norm2(x)))) * self.gamma


class NAFNet(nn.Module):
    """y = x + U-Net(x). `train_size` [B, C, H, W] selects the local (TLC) pools instead of global means."""

    def __init__(self, img_channel=3, width=16, middle_blk_num=1, enc_blk_nums=(), dec_blk_nums=(),
                 train_size=None, fast_imp=False):
        super().__init__()
        if fast_imp:
            raise ValueError("fast_imp (approximate sliding means) is not implemented")
        self.multiple = 2 ** len(enc_blk_nums)

        def blocks(channels, count, level):
            return nn.Sequential(*[NAFBlock(channels, _pool(train_size, level)) for _ in range(count)])

        self.intro = nn.Conv2d(img_channel, width, 3, padding=1)
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        self.ups, self.decoders = nn.ModuleList(), nn.ModuleList()
        channels = width
        for level, count in enumerate(enc_blk_nums):
            self.encoders.append(blocks(channels, count, level))
            self.downs.append(nn.Conv2d(channels, 2 * channels, 2, stride=2))
            channels *= 2
        self.middle_blks = blocks(channels, middle_blk_num, len(enc_blk_nums))
        for level, count in zip(reversed(range(len(enc_blk_nums))), dec_blk_nums):
            self.ups.append(nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, bias=False), nn.PixelShuffle(2)))
            channels //= 2
            self.decoders.append(blocks(channels, count, level))
        self.ending = nn.Conv2d(width, img_channel, 3, padding=1)

    def forward(self, image):
        height, width = image.shape[-2:]
        x = F.pad(image, (0, -width % self.multiple, 0, -height % self.multiple))
        padded, skips = x, []
        x = stem = self.intro(x)
        for encoder, down in zip(self.encoders, self.downs):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        self.between(stem, x)
        x = self.middle_blks(x)
        for up, decoder, skip in zip(self.ups, self.decoders, reversed(skips)):
            x = decoder(up(x) + skip)
        return (self.ending(x) + padded)[..., :height, :width]

    def between(self, stem, deep):
        """Called before the deepest level with the first convolution's output and that level's input."""


def _pool(train_size, level: int) -> nn.Module:
    """Global mean, or the TLC window: 1.5 x the training size, seen from features 2^level times smaller."""
    if train_size is None:
        return nn.AdaptiveAvgPool2d(1)
    height, width = train_size[-2:]
    window = tuple((side >> level) * int(1.5 * side) // side for side in (height, width))
    return SlidingMean(window)
