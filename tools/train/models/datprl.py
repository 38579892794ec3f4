"""DATPRL-IR, NAFNet edition: a NAFNet that chooses prompts for itself from a domain pool and a degradation pool.

State-dict keys are those of the official class DualPromptNAFNetv3. Images are float [B, 3, H, W] of any size.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .nafnet import NAFBlock, NAFNet, simple_gate

CLASS = "DualPromptNAFNetv3"


class PromptPool(nn.Module):
    """`size` prompts of `tokens` vectors under keys; a query [B, P] gets the blend of its `keep` nearest, [B, P].

    `heard` is a list or None; a list receives the selection over all prompts [B, size] of every call.
    """

    def __init__(self, size: int, dim: int, keep: int, tokens: int):
        super().__init__()
        self.keep, self.heard = keep, None
        self.prompt_keys = nn.Parameter(torch.randn(size, dim))
        self.prompt_values = nn.Parameter(torch.randn(size, tokens, dim) * 0.5)
        self.temperature = nn.Parameter(torch.tensor(0.2))
        self.value_aggregation = nn.Sequential(nn.Linear(tokens * dim, dim), nn.LayerNorm(dim), nn.GELU())

    def forward(self, query):
        nearness = self._nearness(query)
        if self.heard is not None:
            self.heard.append(nearness.softmax(-1))
        blend = self._weights(nearness) @ self.prompt_values.flatten(1)
        return self.value_aggregation(blend)

    def selection(self, query):
        """Weights [B, size] of the prompts in the blend; zero for those that are not among the nearest."""
        return self._weights(self._nearness(query))

    def _nearness(self, query):
        cosine = (F.normalize(query, dim=-1) @ F.normalize(self.prompt_keys, dim=-1).T).float()
        return cosine / self.temperature.clamp(0.1, 2.0)

    def _weights(self, nearness):
        best, chosen = nearness.topk(self.keep, dim=-1)
        return torch.zeros_like(nearness).scatter(-1, chosen, best.softmax(-1))


class Mapper(nn.Module):
    """Features [B, C, H, W] to a query [B, P], through two pools of fixed size."""

    def __init__(self, channels: int, dim: int, bins: tuple[int, int]):
        super().__init__()
        c = channels
        self.mapper = nn.Sequential(
            nn.AdaptiveAvgPool2d(bins[0]), nn.Conv2d(c, c // 2, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(bins[1]), nn.Conv2d(c // 2, c // 4, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c // 4, dim))

    def forward(self, features):
        return self.mapper(features)


class PromptedBlock(NAFBlock):
    """A NAFBlock whose first branch is scaled and shifted by the prompt; `fusion` is the official fusion_method."""

    def __init__(self, channels: int, pool: nn.Module, dim: int, fusion: str):
        super().__init__(channels, pool)
        c = channels
        self.fusion, self.prompt = fusion, None
        self.feature_weight, self.prompt_weight = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
        if fusion == "adaptive_modulation":
            self.prompt_mlp = nn.Sequential(nn.Linear(dim, 2 * c), nn.ReLU(), nn.Linear(2 * c, 2 * c))
        elif fusion == "concat":
            self.prompt_projection = nn.Linear(dim, c)
            self.prompt_fusion = nn.Conv2d(2 * c, c, 1)
        else:
            # One key for every query: its attention is always 1, so queries and keys stay without effect.
            self.cross_attn_q, self.cross_attn_k = nn.Linear(c, c), nn.Linear(dim, c)
            self.cross_attn_v, self.cross_attn_out = nn.Linear(dim, c), nn.Linear(c, c)
            self.prompt_norm = nn.LayerNorm(dim)

    def forward(self, x):
        mixed = simple_gate(self.conv2(self.conv1(self._fused(self.norm1(x)))))
        x = x + self.conv3(mixed * self.sca(mixed)) * self.beta
        return x + self.conv5(simple_gate(self.conv4(self.norm2(x)))) * self.gamma

    def _fused(self, x):
        own, given = torch.cat([self.feature_weight, self.prompt_weight]).softmax(0)
        if self.fusion == "adaptive_modulation":
            scale, shift = self.prompt_mlp(self.prompt)[..., None, None].chunk(2, dim=1)
            return x * own * (1 + scale * given) + shift * given
        if self.fusion == "concat":
            spread = (self.prompt_projection(self.prompt) * given)[..., None, None].expand_as(x)
            return self.prompt_fusion(torch.cat([x * own, spread], dim=1))
        return x * own + self.cross_attn_out(self.cross_attn_v(self.prompt_norm(self.prompt)) * given)[..., None, None]


class Datprl(NAFNet):
    """y = x + U-Net(x), the blocks from the middle on told by the prompt that the picture chose."""

    def __init__(self, img_channel=3, width=32, middle_blk_num=12, enc_blk_nums=(2, 2, 4, 8), dec_blk_nums=(2, 2, 2, 2),
                 use_prompt=True, domain_pool_size=6, degradation_pool_size=12, domain_prompt_dim=1024,
                 degradation_prompt_dim=1024, domain_top_k=3, degradation_top_k=3, value_num_tokens=5,
                 prompt_fusion_method="cross_attention", fusion_method="cross_attention", **of_class):
        if of_class.pop("class", CLASS) != CLASS or of_class or not use_prompt:
            raise ValueError(f"only {CLASS} with prompts is implemented")
        super().__init__(img_channel, width, middle_blk_num, enc_blk_nums, dec_blk_nums)
        deep = width * 2 ** len(enc_blk_nums)
        tokens, self.concat = value_num_tokens, prompt_fusion_method == "concat"
        self.domain_prompt_pool = PromptPool(domain_pool_size, domain_prompt_dim, domain_top_k, tokens)
        self.degradation_prompt_pool = PromptPool(degradation_pool_size, degradation_prompt_dim, degradation_top_k,
                                                  tokens)
        self.domain_mapper = Mapper(width, domain_prompt_dim, (8, 4))
        self.degradation_mapper = Mapper(deep, degradation_prompt_dim, (4, 2))
        dim = domain_prompt_dim
        if self.concat:
            dim += degradation_prompt_dim
        else:
            self.prompt_cross_attention = nn.MultiheadAttention(dim, 8, batch_first=True)
            self.prompt_fusion_norm = nn.LayerNorm(dim)
            self.prompt_fusion_ffn = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(0.0),
                                                   nn.Linear(2 * dim, dim))
        for level in (self.middle_blks, *self.decoders):
            for i, block in enumerate(level):
                level[i] = PromptedBlock(block.beta.shape[1], block.sca[0], dim, fusion_method)

    def start_with_little_prompt(self):
        """Prompts begin as a small change of the plain network."""
        for block in self.prompted():
            nn.init.constant_(block.feature_weight, 2.0)

    def prompted(self):
        return (block for level in (self.middle_blks, *self.decoders) for block in level)

    def selections(self, image) -> dict[str, torch.Tensor]:
        """Weights [B, size] of the prompts of both pools in what the pictures choose."""
        pools = {"degradation": (self.degradation_mapper, self.degradation_prompt_pool),
                 "domain": (self.domain_mapper, self.domain_prompt_pool)}
        asked = {}
        hooks = [mapper.register_forward_hook(lambda _module, _inputs, query, name=name: asked.update({name: query}))
                 for name, (mapper, _) in pools.items()]
        self(image)
        for hook in hooks:
            hook.remove()
        return {name: pool.selection(asked[name]) for name, (_, pool) in pools.items()}

    def choose(self, stem, deep):
        """The prompt [B, P] of all blocks."""
        domain = self.domain_prompt_pool(self.domain_mapper(stem))
        degradation = self.degradation_prompt_pool(self.degradation_mapper(deep))
        if self.concat:
            return torch.cat([domain, degradation], dim=1)
        given = degradation[:, None]
        attended = self.prompt_cross_attention(domain[:, None], given, given, need_weights=False)[0][:, 0]
        prompt = self.prompt_fusion_norm(attended + domain)
        return prompt + self.prompt_fusion_ffn(prompt)

    def between(self, stem, deep):
        prompt = self.choose(stem, deep)
        for block in self.prompted():
            block.prompt = prompt
