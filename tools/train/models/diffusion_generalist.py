"""The pixel-space diffusion generalist: ConvNeXt features of a photograph beside the noised target, a UNet told in words.

The configuration is the block `config` of a generalist's file; only `image_encoder`, `text_encoder` and `unet` matter to
the network, the rest to whoever samples it.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .clip_text import ClipText
from .convnext import ConvNext
from .ldm_unet import LdmUnet

# Keys that name a layout or say what these networks always are.
FIXED = {"layout", "levels", "stage_output_norm", "mean", "std", "pad", "output", "transformer_depth",
         "use_linear_projection", "flip_sin_to_cos", "freq_shift", "mid_attention", "time_embed_dim", "act", "ff_act",
         "ff_mult", "downsample", "upsample"}


class DiffusionGeneralist(nn.Module):
    def __init__(self, image_encoder, text_encoder, unet, **_sampling):
        super().__init__()
        self.image_encoder, self.text_encoder, self.unet = (
            cls(**{k: v for k, v in block.items() if k not in FIXED})
            for cls, block in ((ConvNext, image_encoder), (ClipText, text_encoder), (LdmUnet, unet)))
        for name in ("mean", "std"):
            values = torch.tensor(image_encoder[name], dtype=torch.float32)
            self.register_buffer(name, values[:, None, None], persistent=False)

    def start_quietly(self):
        """Silences what the residual blocks of the UNet add, and its output, and lets the text speak up.

        The words are all that tells the tasks apart. Left to chance, most of the 77 tokens hardly differ between two
        sentences, and the network first learns one answer for all.
        """
        for name, module in self.unet.named_modules():
            if name.endswith(("conv2", "conv_out")):
                nn.init.zeros_(module.weight)
                nn.init.zeros_(module.bias)
        for layer in self.text_encoder.text_model.encoder["layers"]:
            for projection in (layer.self_attn.v_proj, layer.self_attn.out_proj):
                nn.init.orthogonal_(projection.weight, gain=1.5)

    def features(self, photographs, size):
        """Stage maps of RGB [B, 3, H, W] in [0, 1] at the target's size, one after another."""
        maps = self.image_encoder((photographs - self.mean) / self.std)
        resized = [m if m.shape[-2:] == size else F.interpolate(m, size, mode="bilinear", align_corners=False)
                   for m in maps]
        return torch.cat(resized, 1)

    def forward(self, photographs, noised, timesteps, ids, which):
        """The prediction for `noised` [B, 3, h, w]; image i is told sentence `which[i]` of `ids` [S, 77]."""
        x = torch.cat([noised, self.features(photographs, noised.shape[-2:]).to(noised.dtype)], 1)
        return self.unet(x, timesteps, self.text_encoder(ids)[which])
