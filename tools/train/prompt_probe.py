"""A helper loss for prompted networks: cross-attention to an example pair must tell the task.

Restoration tasks share the look of their targets, so only the interplay of keys and values separates them, and
the restoration loss alone takes very long to discover that. During training a linear reader therefore classifies
the task from what each latent block's cross-attention puts out; it is no part of the network that ships.
"""

import torch
from torch import nn
from torch.nn import functional as F


class PromptProbe(nn.Module):
    """Listens to the cross-attentions of `model`; `loss` is to be called once after each forward pass."""

    def __init__(self, model, tasks: list[str]):
        super().__init__()
        self.tasks, self.heard = tasks, []
        width = model.latent_blocks[0].norm4.weight.numel()
        self.readers = nn.ModuleList(nn.Linear(width, len(tasks)) for _ in model.latent_blocks)
        for block in model.latent_blocks:
            block.cross_attn.register_forward_hook(lambda _module, _inputs, output: self.heard.append(output))

    def loss(self, tasks: list[str]):
        """Cross-entropy of the batch's task names [G], each heard for B / G consecutive images; and the hit rate."""
        labels = torch.tensor([self.tasks.index(task) for task in tasks], device=self.heard[0].device)
        labels = labels.repeat_interleave(len(self.heard[0]) // len(tasks))
        logits = [reader(tokens.float().mean(1)) for reader, tokens in zip(self.readers, self.heard, strict=True)]
        self.heard.clear()
        hits = (logits[-1].argmax(1) == labels).float().mean().item()
        return sum(F.cross_entropy(of_block, labels) for of_block in logits) / len(logits), hits
