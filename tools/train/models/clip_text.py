"""The text tower of CLIP: token ids [B, 77] to a context [B, 77, width]. Keys are those of transformers."""

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Causal self-attention; padding is seen like any other token."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        q, k, v = (p(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(y.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int, act: str):
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(width, hidden), nn.Linear(hidden, width), act

    def forward(self, x):
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x) if self.act == "quick_gelu" else F.gelu(x))


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, act: str, eps: float):
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.self_attn, self.mlp = Attention(width, heads), Mlp(width, hidden, act)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class TextModel(nn.Module):
    def __init__(self, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, hidden_act,
                 layer_norm_eps, vocab_size, max_positions):
        super().__init__()
        self.embeddings = nn.ModuleDict({"token_embedding": nn.Embedding(vocab_size, hidden_size),
                                         "position_embedding": nn.Embedding(max_positions, hidden_size)})
        nn.init.normal_(self.embeddings["token_embedding"].weight, std=0.5)
        nn.init.normal_(self.embeddings["position_embedding"].weight, std=0.03)
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(
            Layer(hidden_size, num_attention_heads, intermediate_size, hidden_act, layer_norm_eps)
            for _ in range(num_hidden_layers))})
        self.final_layer_norm = nn.LayerNorm(hidden_size, layer_norm_eps)

    def forward(self, ids):
        x = self.embeddings["token_embedding"](ids) + self.embeddings["position_embedding"].weight[:ids.shape[1]]
        for layer in self.encoder["layers"]:
            x = layer(x)
        return self.final_layer_norm(x)


class ClipText(nn.Module):
    """The last hidden state after the final norm."""

    def __init__(self, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
                 hidden_act="quick_gelu", layer_norm_eps=1e-5, vocab_size=49408, max_positions=77):
        super().__init__()
        self.text_model = TextModel(hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, hidden_act,
                                    layer_norm_eps, vocab_size, max_positions)

    def forward(self, ids):
        return self.text_model(ids)
