"""Choice of the example pair whose tokens ship for a task, by PSNR on training crops only."""

import numpy as np
import torch

from batches import PROMPT_SIZE, make_pair, task_of, to_tensor
from data import random_crop

TRIAL_SIZE = 64
# dB by which a pair must do better than learned tokens: those say their task alone, while a pair of a dark picture, say, may
# also say what makes a pencil drawing of a bright one.
WORTH = 0.1


@torch.no_grad()
def choose(model, learned: dict, tiles, tasks: list[str], candidates: int, trials: int, seed: int) -> dict:
    """The best of `candidates` random pairs per task, and of what was `learned` for it or for a kind of damage that it mends,
    which a pair has to beat by WORTH: {task: (keys, values)}, each [1, 64, 8 * dim]."""
    chosen = {}
    for task in tasks:
        rng = np.random.Generator(np.random.PCG64([seed, *task.encode()]))
        inputs, targets = _pairs(task, tiles, rng, trials, TRIAL_SIZE)
        examples = _pairs(task, tiles, rng, candidates, PROMPT_SIZE)
        pairs = [model.encode_prompt(*pair) for pair in zip(*(side.split(1) for side in examples))]
        own = [tokens for name, tokens in learned.items() if task_of(name) == task]
        scored = []
        for (keys, values), ahead in [(pair, 0) for pair in pairs] + [(tokens, WORTH) for tokens in own]:
            outputs = torch.cat([model.restore(image, keys, values) for image in inputs.split(1)])
            scored.append((_psnr(outputs, targets), ahead, keys, values))
        best = max(scored, key=lambda item: item[0] + item[1])
        chosen[task] = best[2:]
        scores = " ".join(f"{score:.2f}" for score, *_ in scored)
        print(f"{task:10} input {_psnr(inputs, targets):.2f} dB; prompts {scores}; kept {best[0]:.2f}", flush=True)
    return chosen


def _pairs(task: str, tiles, rng, count: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets [count, 3, size, size] in [0, 1]."""
    pairs = [make_pair(task, random_crop(tiles, rng, size), rng) for _ in range(count)]
    return tuple(to_tensor([pair[side] for pair in pairs]) for side in (0, 1))


def _psnr(images, targets) -> float:
    errors = (images.clamp(0, 1) - targets).square().flatten(1).mean(1).clamp_min(1e-10)
    return float((-10 * torch.log10(errors)).mean())
