"""A short first lesson for prompted networks: cross-attention to an example pair must tell the task.

Restoration tasks share the look of their targets, so only the interplay of keys and values separates them, and
a restoration loss alone takes very long to discover that. Here the prompt encoder and the cross-attentions of the
latent blocks learn to classify example pairs; the rest of the network is not run, which makes this cheap. The
classifier itself is thrown away.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from batches import PROMPT_SIZE, make_pair, to_tensor
from data import random_crop

QUERIES = 16


def warm_up(model, tiles, tasks: list[str], device, seed: int, steps: int, per_task: int, learning_rate: float):
    """Trains the prompt path of `model` in place for `steps` batches of `per_task` pairs of every task."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    width = model.latent_blocks[0].norm4.weight.numel()
    probes = nn.ModuleList(nn.Linear(width, len(tasks)) for _ in model.latent_blocks).to(device)
    parts = [model.Prompt_KV_Encoder, probes] + [part for b in model.latent_blocks for part in (b.norm4, b.cross_attn)]
    parameters = [p for part in parts for p in part.parameters()]
    optimizer = torch.optim.AdamW(parameters, learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps, pct_start=0.1)
    labels = torch.arange(len(tasks), device=device).repeat_interleave(per_task)
    hits = 1 / len(tasks)
    for step in range(steps):
        pairs = [make_pair(t, random_crop(tiles, rng, PROMPT_SIZE), rng) for t in tasks for _ in range(per_task)]
        examples = [to_tensor([pair[side] for pair in pairs]).to(device) for side in (0, 1)]
        with torch.autocast(device.type, torch.bfloat16):
            logits = _classify(model, probes, *examples)
            loss = sum(F.cross_entropy(of_block.float(), labels) for of_block in logits)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        hits += 0.05 * ((logits[-1].argmax(1) == labels).float().mean().item() - hits)
        if step % 20 == 0 or step == steps - 1:
            print(f"prompt warm-up {step + 1}/{steps}: {hits:.0%} of the pairs told apart", flush=True)


def _classify(model, probes, prompt_input, prompt_target):
    """Task logits [pairs, tasks] from each latent block's cross-attention of random queries."""
    keys, values = model.encode_prompt(prompt_input, prompt_target)
    queries = torch.randn(len(keys), QUERIES, keys.shape[-1], device=keys.device)
    return [probe(block.cross_attn(block.norm4(queries), keys, values).mean(1))
            for block, probe in zip(model.latent_blocks, probes)]
