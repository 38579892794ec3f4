"""GenLV: one network for many tasks, told which by an example pair that its latent blocks attend to.

State-dict keys are those of the official implementation. Images are float [B, 3, H, W] around [0, 1], H and W
multiples of 4 * window_size; prompts have any size of multiples of 8. There is no residual to the input.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .prompt_encoder import PromptEncoder
from .restormer_blocks import ChannelAttention, Downsample, GatedFeedForward, PatchEmbed, PixelNorm, Upsample
from .window_attention import XBlock


class TokenAttention(nn.Module):
    """Multi-head attention of tokens [B, N, C] on themselves or on prompt keys and values [B, M, C]."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(channels, channels, bias=False) for _ in range(3))
        self.to_out = nn.Sequential(nn.Linear(channels, channels))

    def forward(self, tokens, keys=None, values=None):
        keys, values = (tokens, tokens) if keys is None else (keys, values)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for t in (self.to_q(tokens), self.to_k(keys), self.to_v(values)))
        return self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class LatentBlock(nn.Module):
    """Channel attention, global self-attention and, when prompted, cross-attention to the example pair."""

    def __init__(self, channels: int, heads: int, factor: float, bias: bool, norm: str, prompted: bool):
        super().__init__()
        self.norm1, self.norm2 = PixelNorm(channels, norm), PixelNorm(channels, norm)
        self.norm3, self.norm4 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.channel_attn = ChannelAttention(channels, heads, bias)
        self.channel_ffn = GatedFeedForward(channels, factor, bias)
        self.spatial_attn = TokenAttention(channels, heads)
        self.spatial_ffn = GatedFeedForward(channels, factor, bias)
        if prompted:
            self.cross_attn, self.norm5 = TokenAttention(channels, heads), nn.LayerNorm(channels)

    def forward(self, x, keys, values):
        x = x + self.channel_attn(self.norm1(x))
        x = x + self.channel_ffn(self.norm2(x))
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.spatial_attn(self.norm3(tokens))
        if keys is None:
            tokens = self.norm4(tokens)
        else:
            tokens = self.norm5(tokens + self.cross_attn(self.norm4(tokens), keys, values))
        x = tokens.transpose(1, 2).reshape(x.shape)
        return x + self.spatial_ffn(x)


class GenLV(nn.Module):
    """The prompted network, or with `class="XRestormer"` the same without prompts."""

    def __init__(self, inp_channels=3, out_channels=3, dim=48, window_size=8, num_blocks=(2, 4, 4, 4),
                 num_refinement_blocks=4, heads=(1, 2, 4, 8), ffn_expansion_factor=2.66, bias=False,
                 LayerNorm_type="WithBias", prompt_encoder_nf=32, **edition):
        super().__init__()
        prompted = edition.pop("class", "XRestormer_Prompt_SpatCrossAttn") != "XRestormer"
        if edition:
            raise TypeError(f"unknown arguments: {sorted(edition)}")
        self.multiple = 4 * window_size
        shared = ffn_expansion_factor, bias, LayerNorm_type

        def level(index, count, widen=1):
            channels = dim * 2 ** index * widen
            return nn.Sequential(*[XBlock(channels, window_size, heads[index], *shared) for _ in range(count)])

        if prompted:
            self.Prompt_KV_Encoder = nn.Module()
            self.Prompt_KV_Encoder.prompt_embedding = PromptEncoder(prompt_encoder_nf, 8 * dim)
        self.patch_embed = PatchEmbed(inp_channels, dim)
        self.encoder_level1 = level(0, num_blocks[0])
        self.down1_2 = Downsample(dim)
        self.encoder_level2 = level(1, num_blocks[1])
        self.down2_3 = Downsample(2 * dim)
        self.encoder_level3 = level(2, num_blocks[2])
        self.down3_4 = Downsample(4 * dim)
        self.latent_blocks = nn.ModuleList(
            LatentBlock(8 * dim, heads[3], *shared, prompted) for _ in range(num_blocks[3]))
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

    def encode_prompt(self, prompt_input, prompt_target):
        """Keys and values [G, M, 8 * dim] of example pairs [G, 3, Hp, Wp]."""
        encoder = self.Prompt_KV_Encoder.prompt_embedding
        return encoder(torch.cat([prompt_input, prompt_target])).chunk(2)

    def forward(self, image, prompt_input=None, prompt_target=None, learned=None):
        """Restores [B, 3, H, W]; each of the G example pairs serves B / G consecutive images.

        `learned`: keys and values [L, M, 8 * dim] of groups in front of those that the pairs speak for.
        """
        if prompt_input is None:
            return self.restore(image)
        tokens = self.encode_prompt(prompt_input, prompt_target)
        if learned:
            tokens = [torch.cat(parts) for parts in zip(learned, tokens, strict=True)]
        copies = len(image) // len(tokens[0])
        return self.restore(image, *(t.repeat_interleave(copies, 0) for t in tokens))

    def restore(self, image, keys=None, values=None):
        """Restores [B, 3, H, W] as the prompt tokens [B, M, 8 * dim] say.

        The two outermost convolutions stay out of autocast: colours pass straight through them.
        """
        with torch.autocast(image.device.type, enabled=False):
            embedded = self.patch_embed(image)
        e1 = self.encoder_level1(embedded)
        e2 = self.encoder_level2(self.down1_2(e1))
        e3 = self.encoder_level3(self.down2_3(e2))
        latent = self.down3_4(e3)
        for block in self.latent_blocks:
            latent = block(latent, keys, values)
        d3 = self.decoder_level3(self.reduce_chan_level3(torch.cat([self.up4_3(latent), e3], 1)))
        d2 = self.decoder_level2(self.reduce_chan_level2(torch.cat([self.up3_2(d3), e2], 1)))
        d1 = self.refinement(self.decoder_level1(torch.cat([self.up2_1(d2), e1], 1)))
        with torch.autocast(image.device.type, enabled=False):
            return self.output(d1.float())

    @torch.no_grad()
    def start_as_identity(self):
        """Makes a fresh network return its input exactly, so that every task begins at its degraded picture.

        Three channels of the embedding carry the colours, no branch at full resolution adds to them yet, and the
        output reads them back, and nothing else, from the skip half of the last concatenation. Cross-attention
        starts decided instead of uniform: otherwise its keys have next to no influence to learn from.
        """
        embed, out = self.patch_embed.proj.weight, self.output.weight
        skip = len(embed)
        embed[:3], out[:] = 0, 0
        for colour in range(3):
            embed[colour, colour, 1, 1] = 1
            out[colour, skip + colour, 1, 1] = 1
        for level, first in ((self.encoder_level1, 0), (self.decoder_level1, skip), (self.refinement, skip)):
            for name, parameter in level.named_parameters():
                if "project_out" in name:
                    parameter[first:first + 3] = 0
        for block in self.latent_blocks:
            block.norm4.bias.normal_()
            block.cross_attn.to_q.weight *= 2.5
            block.cross_attn.to_k.weight *= 2.5
