"""X-Restormer's overlapping cross-attention (OCA) and the block around it."""

import torch
from torch import nn

from .restormer_blocks import ChannelAttention, GatedFeedForward, PixelNorm


class RelativePosition(nn.Module):
    """Learned terms for the offset of a key in its overlapping window from a query in its window."""

    def __init__(self, overlap: int, head_dim: int):
        super().__init__()
        self.rel_height = nn.Parameter(torch.randn(2 * overlap - 1, head_dim) * head_dim ** -0.5)
        self.rel_width = nn.Parameter(torch.randn(2 * overlap - 1, head_dim) * head_dim ** -0.5)

    def forward(self, q, window: int, overlap: int):
        """q [..., window^2, d] -> its logits [..., window^2, 2 * overlap] for each key row, then each key column."""
        device = q.device
        offset = torch.arange(overlap, device=device) - torch.arange(window, device=device)[:, None] + overlap - 1
        grid = q.unflatten(-2, (window, window))
        rows = torch.einsum("...xyd,xid->...xyi", grid, self.rel_height[offset].to(q.dtype))
        columns = torch.einsum("...xyd,yjd->...xyj", grid, self.rel_width[offset].to(q.dtype))
        return torch.cat([rows, columns], -1).flatten(-3, -2)

    @staticmethod
    def key_places(overlap: int, like):
        """[overlap^2, 2 * overlap]: ones at each key's row and column, which pick its terms in a dot product."""
        ones = torch.eye(overlap, dtype=like.dtype, device=like.device)
        return torch.cat([ones.repeat_interleave(overlap, 0), ones.repeat(overlap, 1)], 1)


class OverlappingAttention(nn.Module):
    """Queries of a window attend to a larger window around it; outside the image lie zero keys, unmasked."""

    def __init__(self, channels: int, window: int, ratio: float, heads: int, head_dim: int, bias: bool):
        super().__init__()
        self.window, self.overlap = window, window + int(window * ratio)
        self.heads, self.head_dim = heads, head_dim
        inner = heads * head_dim
        self.qkv = nn.Conv2d(channels, 3 * inner, 1, bias=bias)
        self.rel_pos_emb = RelativePosition(self.overlap, head_dim)
        self.project_out = nn.Conv2d(inner, channels, 1, bias=bias)

    def forward(self, x):
        batch, _, height, width = x.shape
        window, overlap, inner = self.window, self.overlap, self.heads * self.head_dim
        q, kv = self.qkv(x).permute(0, 2, 3, 1).split([inner, 2 * inner], dim=-1)
        k, v = _windows(kv, window, (overlap - window) // 2).chunk(2, -1)
        # [B, rows of windows, columns of windows, heads, tokens, d]
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for t in (_windows(q, window, 0), k, v))
        q = q * self.head_dim ** -0.5
        places = self.rel_pos_emb.key_places(overlap, k).expand(*k.shape[:-1], -1)
        q = torch.cat([q, self.rel_pos_emb(q, window, overlap)], -1)
        attention = _softmax(q @ torch.cat([k, places], -1).transpose(-1, -2))
        out = (attention @ v).transpose(-2, -3).flatten(-2)
        out = out.unflatten(-2, (window, window)).transpose(2, 3).reshape(batch, height, width, -1)
        return self.project_out(out.permute(0, 3, 1, 2))


def _softmax(logits):
    """In the precision of the logits: autocast would double the largest tensor of the network."""
    with torch.autocast(logits.device.type, enabled=False):
        return logits.softmax(-1)


def _windows(x, window: int, halo: int):
    """[B, H, W, C] -> [B, H/w, W/w, (w+2*halo)^2, C]: every window with `halo` pixels of its neighbours."""
    x = _with_halo(x.unflatten(1, (-1, window)), 1, halo)
    x = _with_halo(x.unflatten(3, (-1, window)), 3, halo)
    return x.transpose(2, 3).flatten(3, 4)


def _with_halo(x, axis: int, halo: int):
    """Lengthens axis + 1 (inside a window) by the borders of the windows before and after on `axis`."""
    if halo == 0:
        return x
    count, window = x.shape[axis], x.shape[axis + 1]
    outside = torch.zeros_like(x.narrow(axis, 0, 1).narrow(axis + 1, 0, halo))
    before = x.narrow(axis, 0, count - 1).narrow(axis + 1, window - halo, halo)
    after = x.narrow(axis, 1, count - 1).narrow(axis + 1, 0, halo)
    parts = torch.cat([outside, before], axis), x, torch.cat([after, outside], axis)
    return torch.cat(parts, axis + 1)


class XBlock(nn.Module):
    """Attention over channels, then over overlapping windows, each followed by a gated feed-forward."""

    def __init__(self, channels: int, window: int, heads: int, factor: float, bias: bool, norm: str):
        super().__init__()
        self.norm1, self.norm2 = PixelNorm(channels, norm), PixelNorm(channels, norm)
        self.norm3, self.norm4 = PixelNorm(channels, norm), PixelNorm(channels, norm)
        self.channel_attn = ChannelAttention(channels, heads, bias)
        self.channel_ffn = GatedFeedForward(channels, factor, bias)
        self.spatial_attn = OverlappingAttention(channels, window, 0.5, heads, 16, bias)
        self.spatial_ffn = GatedFeedForward(channels, factor, bias)

    def forward(self, x):
        x = x + self.channel_attn(self.norm1(x))
        x = x + self.channel_ffn(self.norm2(x))
        x = x + self.spatial_attn(self.norm3(x))
        return x + self.spatial_ffn(self.norm4(x))
