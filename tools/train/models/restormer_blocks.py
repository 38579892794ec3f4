"""The blocks Restormer and its descendants share. Features are [B, C, H, W]; keys are the official ones."""

import torch
from torch import nn
from torch.nn import functional as F


class PixelNorm(nn.Module):
    """LayerNorm over the channels of each pixel, eps 1e-5; the BiasFree kind scales without centring."""

    def __init__(self, channels: int, kind: str = "WithBias"):
        super().__init__()
        self.body = nn.Module()
        self.body.weight = nn.Parameter(torch.ones(channels))
        self.body.bias = nn.Parameter(torch.zeros(channels)) if kind == "WithBias" else None

    def forward(self, x):
        pixels, weight, bias = x.permute(0, 2, 3, 1), self.body.weight, self.body.bias
        if bias is None:
            variance = pixels.var(-1, correction=0, keepdim=True)
            normed = pixels / torch.sqrt(variance + 1e-5) * weight
        else:
            normed = F.layer_norm(pixels, weight.shape, weight, bias, 1e-5)
        return normed.permute(0, 3, 1, 2)


class ChannelAttention(nn.Module):
    """MDTA: each head attends over its channels with the cosine of their whole-image maps."""

    def __init__(self, channels: int, heads: int, bias: bool):
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=bias)
        self.qkv_dwconv = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=bias)
        self.project_out = nn.Conv2d(channels, channels, 1, bias=bias)

    def forward(self, x):
        heads, channels = len(self.temperature), x.shape[1]
        pixels = self.qkv_dwconv(self.qkv(x)).permute(0, 2, 3, 1).flatten(1, 2)
        qk, v = pixels.split([2 * channels, channels], dim=-1)
        # [B, heads, HW, 2c]: the Gram matrix of q and k together holds their cosines and, on its diagonal, lengths
        qk = qk.unflatten(-1, (2, heads, -1)).permute(0, 3, 1, 2, 4).flatten(-2)
        gram = (qk.transpose(-1, -2) @ qk).float()
        of_q, of_k = gram.diagonal(dim1=-2, dim2=-1).sqrt().clamp_min(1e-12).chunk(2, -1)
        c = channels // heads
        cosine = gram[..., :c, c:] / (of_q[..., :, None] * of_k[..., None, :])
        attention = (cosine * self.temperature).softmax(-1).to(v.dtype)
        v = v.unflatten(-1, (heads, -1)).transpose(1, 2)
        mixed = (v @ attention.transpose(-1, -2)).transpose(1, 2).reshape(x.permute(0, 2, 3, 1).shape)
        return self.project_out(mixed.permute(0, 3, 1, 2))


class GatedFeedForward(nn.Module):
    """GDFN: one half of a widened, depthwise-mixed feature gates the other."""

    def __init__(self, channels: int, factor: float, bias: bool):
        super().__init__()
        hidden = int(channels * factor)
        self.project_in = nn.Conv2d(channels, 2 * hidden, 1, bias=bias)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=bias)
        self.project_out = nn.Conv2d(hidden, channels, 1, bias=bias)

    def forward(self, x):
        gate, value = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        return self.project_out(F.gelu(gate) * value)


class PatchEmbed(nn.Module):
    """The first convolution; it never has a bias."""

    def __init__(self, channels: int, dim: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, dim, 3, padding=1, bias=False)

    def forward(self, image):
        return self.proj(image)


class Downsample(nn.Module):
    """C channels to 2C at half the size."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False), nn.PixelUnshuffle(2))

    def forward(self, x):
        return self.body(x)


class Upsample(nn.Module):
    """C channels to C/2 at double the size."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels * 2, 3, padding=1, bias=False), nn.PixelShuffle(2))

    def forward(self, x):
        return self.body(x)
