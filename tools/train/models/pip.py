"""PIP on Restormer: prompts of a degradation class, refined by the features they meet, gate the skip connections.

State-dict keys are those of the official class PIPNet_Restormer_onskip_inter, whose width is always 48; of its ways to
join prompts and features the gated convolutions ("convgate") are here. H and W are multiples of 8.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .restormer import Restormer
from .restormer_blocks import GatedFeedForward, PixelNorm, Upsample

CLASSES = ("denoise", "derain", "dehaze", "deblur", "lowlight")


class CrossChannelAttention(nn.Module):
    """MDTA whose queries come from one feature and whose keys and values come from another, [B, C, H, W] both."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        c = channels
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.q = nn.Conv2d(c, c, 1, bias=False)
        self.q_dwconv = nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False)
        self.kv = nn.Conv2d(c, 2 * c, 1, bias=False)
        self.kv_dwconv = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c, bias=False)
        self.project_out = nn.Conv2d(c, c, 1, bias=False)

    def forward(self, x, other):
        heads = len(self.temperature)
        q, k, v = (part.flatten(2).unflatten(1, (heads, -1))
                   for part in (self.q_dwconv(self.q(x)), *self.kv_dwconv(self.kv(other)).chunk(2, dim=1)))
        cosine = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-1, -2)
        mixed = (cosine * self.temperature).softmax(-1).to(v.dtype) @ v
        return self.project_out(mixed.flatten(1, 2).unflatten(-1, x.shape[-2:]))


class Refinement(nn.Module):
    """The stored prompt asks the features that the class has weighted."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm11, self.norm12, self.norm2 = (PixelNorm(channels) for _ in range(3))
        self.attn = CrossChannelAttention(channels, 2)
        self.ffn = GatedFeedForward(channels, 2.66, False)

    def forward(self, prompt, features):
        prompt = prompt + self.attn(self.norm11(prompt), self.norm12(features))
        return prompt + self.ffn(self.norm2(prompt))


class PromptInPrompt(nn.Module):
    """The prompt [B, D, H, W] of a level for class weights [B, K] and the features [B, C, H, W] of that level."""

    def __init__(self, dim: int, size: int, classes: int):
        super().__init__()
        self.detask_prompt_param = nn.Parameter(torch.rand(1, classes, dim, 1, 1))
        self.low_prompt_param = nn.Parameter(torch.rand(1, dim, size, size))
        self.LGM = Refinement(dim)
        self.outconv = nn.Conv2d(dim, dim, 3, padding=1, bias=False)

    def forward(self, features, of_class):
        dim, size = self.low_prompt_param.shape[1:3]
        scale = (of_class[..., None, None, None] * self.detask_prompt_param).mean(1)
        small = F.interpolate(features.float(), (size, size), mode="bilinear")[:, :dim]
        small = F.pad(small, (0, 0, 0, 0, 0, dim - small.shape[1]))
        refined = self.LGM(self.low_prompt_param.expand(len(features), -1, -1, -1), scale * small)
        return self.outconv(F.interpolate(refined, features.shape[-2:], mode="bilinear"))


class GatedSkip(nn.Module):
    """Features times a gate plus a shift, both made of the prompt."""

    def __init__(self, channels: int, dim: int):
        super().__init__()
        self.conv1 = nn.Conv2d(dim, dim, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(dim, channels, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(dim, channels, 3, padding=1, bias=False)

    def forward(self, features, prompt):
        mixed = self.conv1(prompt)
        return features * self.conv2(mixed).sigmoid() + self.conv3(mixed)


class Pip(Restormer):
    """y = x + U-Net(x). `told` names the class of each equal part of the batch, or holds classes, int64 [B] or [B, 2]."""

    def __init__(self, low_prompt_dims=(64, 128, 320), low_prompt_sizes=(64, 32, 16), degradation_num=5,
                 prompt_interaction_mode="convgate", decoder=True, use_detask_label=True, use_detask_prompt=True,
                 use_CLIP_prompt=False, use_SAM_prompt=False, use_degradation_sensor=False, high_prompt_dim=1, **config):
        if prompt_interaction_mode != "convgate" or config.get("dim", 48) != 48 or not (decoder and use_detask_label):
            raise ValueError("only convgate with dim 48, a decoder and class labels is implemented")
        super().__init__(**config)
        d = 48
        self.classes = degradation_num
        self.chnl_reduce3 = nn.Conv2d(8 * d, 4 * d, 1, bias=False)
        self.up4_3 = Upsample(4 * d)
        self.reduce_chan_level3 = nn.Conv2d(6 * d, 4 * d, 1, bias=config.get("bias", False))
        for level, (dim, size) in enumerate(zip(low_prompt_dims, low_prompt_sizes), 1):
            channels = d * 2 ** (level - 1)
            self.add_module(f"prompt{level}", PromptInPrompt(dim, size, degradation_num))
            self.add_module(f"low_prompt_interaction_level{level}", GatedSkip(channels, dim))
            # In the official state dict, but in no computation.
            unused = nn.Conv2d(channels + 64 * 2 ** (level - 1), channels, 1, bias=False).requires_grad_(False)
            self.add_module(f"reduce_noise_channel_{level}", unused)

    def compile(self):
        """Compiles all but the reading of names, which would be compiled anew for every order of them."""
        self._restore = torch.compile(self._restore)

    def forward(self, image, told):
        return self._restore(image, self._weights(told, len(image)).to(image))

    def _restore(self, image, of_class):
        e1 = self.encoder_level1(self.patch_embed(image))
        e2 = self.encoder_level2(self.down1_2(e1))
        e3 = self.encoder_level3(self.down2_3(e2))
        latent = self.chnl_reduce3(self.latent(self.down3_4(e3)))
        e3 = self.low_prompt_interaction_level3(e3, self.prompt3(e3, of_class))
        d3 = self.decoder_level3(self.reduce_chan_level3(torch.cat([self.up4_3(latent), e3], 1)))
        e2 = self.low_prompt_interaction_level2(e2, self.prompt2(e2, of_class))
        d2 = self.decoder_level2(self.reduce_chan_level2(torch.cat([self.up3_2(d3), e2], 1)))
        e1 = self.low_prompt_interaction_level1(e1, self.prompt1(e1, of_class))
        d1 = self.refinement(self.decoder_level1(torch.cat([self.up2_1(d2), e1], 1)))
        return self.output(d1) + image

    def start_as_identity(self):
        """Makes a fresh network return its input exactly."""
        nn.init.zeros_(self.output.weight)

    def _weights(self, told, batch: int):
        """[B, K] weights of the classes."""
        if not torch.is_tensor(told):
            told = torch.tensor([CLASSES.index(task) for task in told]).repeat_interleave(batch // len(told))
        return F.one_hot(told.view(batch, -1), self.classes).float().mean(1)
