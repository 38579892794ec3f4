"""GenLV's prompt encoder: a small residual network from an example picture to tokens."""

from torch import nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(x)))


class PromptEncoder(nn.Module):
    """[B, 3, H, W] in [0, 1], H and W multiples of 8 -> tokens [B, H/8 * W/8, out]."""

    def __init__(self, width: int, out: int):
        super().__init__()
        self.conv_first = nn.Conv2d(3, width, 3, padding=1)
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.LayerNorm(width)
        for level, channels in ((level, width << (level - 1)) for level in (1, 2, 3)):
            setattr(self, f"fea_level{level}", nn.Sequential(*[ResidualBlock(channels) for _ in range(4)]))
            setattr(self, f"channel_reduction{level}", nn.Conv2d(4 * channels, 2 * channels, 1))
            setattr(self, f"norm{level}", nn.LayerNorm(2 * channels))
        self.conv_lr = nn.Conv2d(8 * width, out, 3, padding=1)
        self.conv_last = nn.Conv2d(out, out, 1)
        self.norm_out = nn.LayerNorm(out)

    def forward(self, image):
        x = _per_pixel(self.norm, self.conv_hr(F.gelu(self.conv_first(image))))
        for level in (1, 2, 3):
            x = F.gelu(getattr(self, f"fea_level{level}")(x))
            x = F.gelu(getattr(self, f"channel_reduction{level}")(F.pixel_unshuffle(x, 2)))
            x = _per_pixel(getattr(self, f"norm{level}"), x)
        x = self.conv_last(F.gelu(self.conv_lr(x)))
        return self.norm_out(x.flatten(2).transpose(1, 2))


def _per_pixel(norm, x):
    return norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
