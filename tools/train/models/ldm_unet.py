"""The UNet of latent diffusion with a switch of attention for each level. Keys are those of diffusers.

`attention[l]` is none, cross (the text enters, pixels do not see each other) or self+cross.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


def time_features(timesteps, width: int):
    """Cosines and sines of integer timesteps [B] as float32 [B, width]; the angles are made in float64."""
    half = width // 2
    angles = timesteps.double()[:, None] * torch.exp(-math.log(10000) * torch.arange(half, device=timesteps.device,
                                                                                     dtype=torch.float64) / half)
    return torch.cat([angles.cos(), angles.sin()], 1).float()


class ResBlock(nn.Module):
    def __init__(self, before: int, channels: int, time: int, groups: int, eps: float):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(groups, before, eps), nn.GroupNorm(groups, channels, eps)
        self.conv1 = nn.Conv2d(before, channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(time, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        if before != channels:
            self.conv_shortcut = nn.Conv2d(before, channels, 1)

    def forward(self, x, time):
        y = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(time)[:, :, None, None]
        y = self.conv2(F.silu(self.norm2(y)))
        return y + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, channels: int, context: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k, self.to_v = (nn.Linear(context, channels, bias=False) for _ in range(2))
        self.to_out = nn.Sequential(nn.Linear(channels, channels))

    def forward(self, x, context):
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2)
                   for t in (self.to_q(x), self.to_k(context), self.to_v(context)))
        # Written out: with so few tokens the fused kernel's gradient is many times slower on a CPU.
        seen = torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5, -1, dtype=torch.float32).to(v.dtype)
        return self.to_out((seen @ v).transpose(1, 2).flatten(2))


class Gated(nn.Module):
    """GEGLU: the first half of the channels is the value, the second the gate."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.proj = nn.Linear(channels, 2 * out)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class TransformerBlock(nn.Module):
    def __init__(self, channels: int, context: int, heads: int, looks: bool, eps: float):
        super().__init__()
        if looks:
            self.norm1, self.attn1 = nn.LayerNorm(channels, eps), Attention(channels, channels, heads)
        self.norm2, self.attn2 = nn.LayerNorm(channels, eps), Attention(channels, context, heads)
        self.norm3 = nn.LayerNorm(channels, eps)
        self.ff = nn.ModuleDict({"net": nn.Sequential(Gated(channels, 4 * channels), nn.Identity(),
                                                      nn.Linear(4 * channels, channels))})

    def forward(self, x, context):
        if hasattr(self, "attn1"):
            normed = self.norm1(x)
            x = x + self.attn1(normed, normed)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff["net"](self.norm3(x))


class Transformer(nn.Module):
    """Over the pixels of [B, C, H, W], in reading order."""

    def __init__(self, channels: int, context: int, heads: int, looks: bool, groups: int, eps: float, block_eps: float):
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, context, heads, looks, block_eps)])
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x, context):
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        return x + self.proj_out(tokens.transpose(1, 2).reshape(x.shape))


class Conv(nn.Module):
    """A 3x3 convolution under the name `conv`: a downsampler, or an upsampler after nearest enlargement."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride, 1)

    def forward(self, x):
        return self.conv(x)


class Level(nn.Module):
    """Residual blocks, each with a transformer unless attention is none, and the way to the next level."""

    def __init__(self, widths, channels: int, make, attention: str, resampler: tuple[str, int] | None):
        super().__init__()
        self.resnets = nn.ModuleList(make.resblock(before, channels) for before in widths)
        if attention != "none":
            self.attentions = nn.ModuleList(make.transformer(channels, attention) for _ in widths)
        if resampler:
            setattr(self, resampler[0], nn.ModuleList([Conv(channels, resampler[1])]))

    def step(self, i: int, x, time, context):
        x = self.resnets[i](x, time)
        return self.attentions[i](x, context) if hasattr(self, "attentions") else x


class Make:
    """What all blocks of one UNet have in common."""

    def __init__(self, time, context, heads, groups, norm_eps, transformer_norm_eps, layer_norm_eps):
        self.resblock = lambda before, channels: ResBlock(before, channels, time, groups, norm_eps)
        self.transformer = lambda channels, attention: Transformer(
            channels, context, heads, attention == "self+cross", groups, transformer_norm_eps, layer_norm_eps)


class LdmUnet(nn.Module):
    """(noised target and features [B, C, H, W], timesteps [B], context [B, T, D]) to a prediction [B, out, H, W]."""

    def __init__(self, in_channels, out_channels, block_out_channels, layers_per_block, attention, num_heads,
                 cross_attention_dim, norm_num_groups=32, norm_eps=1e-5, transformer_norm_eps=1e-6, layer_norm_eps=1e-5):
        super().__init__()
        widths, n, last = block_out_channels, layers_per_block, len(block_out_channels) - 1
        self.width, time = widths[0], 4 * widths[0]
        make = Make(time, cross_attention_dim, num_heads, norm_num_groups, norm_eps, transformer_norm_eps, layer_norm_eps)
        self.conv_in = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.time_embedding = nn.ModuleDict({"linear_1": nn.Linear(widths[0], time), "linear_2": nn.Linear(time, time)})
        self.down_blocks, self.up_blocks, skips, now = nn.ModuleList(), nn.ModuleList(), [widths[0]], widths[0]
        for level, channels in enumerate(widths):
            down = ("downsamplers", 2) if level < last else None
            self.down_blocks.append(Level([now, *[channels] * (n - 1)], channels, make, attention[level], down))
            skips += [channels] * (n + (level < last))
            now = channels
        self.mid_block = nn.ModuleDict({
            "resnets": nn.ModuleList([make.resblock(now, now), make.resblock(now, now)]),
            "attentions": nn.ModuleList([make.transformer(now, "self+cross")])})
        for level, channels in reversed(list(enumerate(widths))):
            inputs = []
            for _ in range(n + 1):
                inputs.append(now + skips.pop())
                now = channels
            up = ("upsamplers", 1) if level else None
            self.up_blocks.append(Level(inputs, channels, make, attention[level], up))
        self.conv_norm_out = nn.GroupNorm(norm_num_groups, now, norm_eps)
        self.conv_out = nn.Conv2d(now, out_channels, 3, padding=1)

    def forward(self, x, timesteps, context):
        time = F.silu(self.time_embedding["linear_1"](time_features(timesteps, self.width)))
        time = F.silu(self.time_embedding["linear_2"](time))
        x = self.conv_in(x)
        skips = [x]
        for level in self.down_blocks:
            for i in range(len(level.resnets)):
                x = level.step(i, x, time, context)
                skips.append(x)
            if hasattr(level, "downsamplers"):
                x = level.downsamplers[0](x)
                skips.append(x)
        first, second = self.mid_block["resnets"]
        x = second(self.mid_block["attentions"][0](first(x, time), context), time)
        for level in self.up_blocks:
            for i in range(len(level.resnets)):
                x = level.step(i, torch.cat([x, skips.pop()], 1), time, context)
            if hasattr(level, "upsamplers"):
                x = level.upsamplers[0](F.interpolate(x, skips[-1].shape[-2:], mode="nearest"))
        return self.conv_out(F.silu(self.conv_norm_out(x)))
