"""Restormer: the U-shaped network whose blocks attend over channels. For comparisons of speed, and a carrier.

State-dict keys are those of the official implementation. Images are float [B, 3, H, W]; sides that are no multiples
of 8 are padded with zeros.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .restormer_blocks import ChannelAttention, Downsample, GatedFeedForward, PatchEmbed, PixelNorm, Upsample


class Block(nn.Module):
    """Attention over channels, then a gated feed-forward."""

    def __init__(self, channels: int, heads: int, factor: float, bias: bool, norm: str):
        super().__init__()
        self.norm1, self.norm2 = PixelNorm(channels, norm), PixelNorm(channels, norm)
        self.attn = ChannelAttention(channels, heads, bias)
        self.ffn = GatedFeedForward(channels, factor, bias)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.ffn(self.norm2(x))


class Restormer(nn.Module):
    """y = x + U-Net(x)."""

    multiple = 8

    def __init__(self, inp_channels=3, out_channels=3, dim=48, num_blocks=(4, 6, 6, 8), num_refinement_blocks=4,
                 heads=(1, 2, 4, 8), ffn_expansion_factor=2.66, bias=False, LayerNorm_type="WithBias", dual_pixel_task=False):
        super().__init__()
        if dual_pixel_task:
            raise ValueError("dual_pixel_task is not implemented")
        shared = ffn_expansion_factor, bias, LayerNorm_type

        def level(index, count, widen=1):
            channels = dim * 2 ** index * widen
            return nn.Sequential(*[Block(channels, heads[index], *shared) for _ in range(count)])

        self.patch_embed = PatchEmbed(inp_channels, dim)
        self.encoder_level1 = level(0, num_blocks[0])
        self.down1_2 = Downsample(dim)
        self.encoder_level2 = level(1, num_blocks[1])
        self.down2_3 = Downsample(2 * dim)
        self.encoder_level3 = level(2, num_blocks[2])
        self.down3_4 = Downsample(4 * dim)
        self.latent = level(3, num_blocks[3])
        self.up4_3 = Upsample(8 * dim)
        self.reduce_chan_level3 = nn.Conv2d(8 * dim, 4 * dim, 1, bias=bias)
        self.decoder_level3 = level(2, num_blocks[2])
        self.up3_2 = Upsample(4 * dim)
        self.reduce_chan_level2 = nn.Conv2d(4 * dim, 2 * dim, 1, bias=bias)
        self.decoder_level2 = level(1, num_blocks[1])
        self.up2_1 = Upsample(2 * dim)
        self.decoder_level1 = level(0, num_blocks[0], widen=2)
        self.refinement = level(0, num_refinement_blocks, widen=2)
        self.output = nn.Conv2d(2 * dim, out_channels, 3, padding=1, bias=bias)

    def forward(self, image):
        height, width = image.shape[-2:]
        image = F.pad(image, (0, -width % 8, 0, -height % 8))
        e1 = self.encoder_level1(self.patch_embed(image))
        e2 = self.encoder_level2(self.down1_2(e1))
        e3 = self.encoder_level3(self.down2_3(e2))
        latent = self.latent(self.down3_4(e3))
        d3 = self.decoder_level3(self.reduce_chan_level3(torch.cat([self.up4_3(latent), e3], 1)))
        d2 = self.decoder_level2(self.reduce_chan_level2(torch.cat([self.up3_2(d3), e2], 1)))
        d1 = self.refinement(self.decoder_level1(torch.cat([self.up2_1(d2), e1], 1)))
        return (self.output(d1) + image)[..., :height, :width]
