"""Helper losses for networks with prompts. A probe listens to the network during training and is no part of what ships.

Restoration tasks share the look of their targets, so the restoration loss alone takes very long to discover that
prompts tell tasks apart. A linear reader therefore has to name the task (or the domain) from what it hears.
"""

import torch
from torch import nn
from torch.nn import functional as F


class PromptProbe(nn.Module):
    """Listens to GenLV's cross-attentions to an example pair; `loss` is to be called once after each forward pass."""

    def __init__(self, model, tasks: list[str]):
        super().__init__()
        self.tasks, self.heard = tasks, []
        width = model.latent_blocks[0].norm4.weight.numel()
        self.readers = nn.ModuleList(nn.Linear(width, len(tasks)) for _ in model.latent_blocks)
        for block in model.latent_blocks:
            block.cross_attn.register_forward_hook(lambda _module, _inputs, output: self.heard.append(output))

    def loss(self, batch):
        """Cross-entropy of the batch's task names [G], each heard for B / G consecutive images; and the hit rate."""
        labels = torch.tensor([self.tasks.index(task) for task in batch.tasks], device=self.heard[0].device)
        labels = labels.repeat_interleave(len(self.heard[0]) // len(batch.tasks))
        logits = [reader(tokens.float().mean(1)) for reader, tokens in zip(self.readers, self.heard, strict=True)]
        self.heard.clear()
        hits = (logits[-1].argmax(1) == labels).float().mean().item()
        return sum(F.cross_entropy(of_block, labels) for of_block in logits) / len(logits), {"prompts": hits}


class PoolProbe(nn.Module):
    """Listens to what DATPRL-IR's pools select: one pool must tell the degradations apart, the other the domains.

    Each name owns every n-th prompt of its pool. A free reader of the selection lets a few prompts take everything and
    leaves the rest, which the nearest never include, without a gradient; owned prompts are all pulled to their task.
    """

    def __init__(self, model, tasks: list[str], domains: list[str]):
        super().__init__()
        self.heard, self.names = [[], []], [tasks, domains]
        for pool, heard in zip((model.degradation_prompt_pool, model.domain_prompt_pool), self.heard):
            pool.heard = heard

    def loss(self, batch):
        """Cross-entropy of the batch's task and domain names; and both hit rates."""
        total, figures = 0, {}
        told = {"tasks": batch.tasks, "domains": batch.domains}
        for (label, wanted), names, heard in zip(told.items(), self.names, self.heard):
            share = torch.cat(heard)
            heard.clear()
            labels = torch.tensor([names.index(name) for name in wanted], device=share.device)
            labels = labels.repeat_interleave(len(share) // len(wanted))
            each = torch.stack([share[:, i::len(names)].sum(1) for i in range(len(names))], 1)
            total = total + F.nll_loss((each + 1e-6).log(), labels)
            figures[label] = (each.argmax(1) == labels).float().mean().item()
        return total, figures


def build(model, recipe: dict) -> nn.Module:
    """The probe of a recipe's network."""
    if recipe["architecture"] == "datprl":
        return PoolProbe(model, list(recipe["tasks"]), list(recipe["domains"]))
    return PromptProbe(model, list(recipe["tasks"]))
