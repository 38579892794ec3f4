"""Batches of degraded and target pictures, one task group at a time.

A group is some inputs of one task and, for prompted networks, one example pair of the same task made from
another photograph and shared by the group. Some groups of a prompted network are mismatched: their example pair
shows another restoration task than the one their inputs need, and the inputs themselves are the target. Without
them a network learns to recognise degradations and to ignore what it was asked for.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from data import random_crop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from degrade import KINDS, PHOTOGRAPHS, changes_target, make_pair, quantise  # noqa: E402

PROMPT_SIZE = 64
MISMATCH, UNTOLD = "mismatch", "untold"


@dataclass
class Batch:
    """Float [0, 1] images: input and target [G*n, 3, S, S], prompts [G, 3, 64, 64] or None.

    `tasks` names what each of the G groups is asked for, `domains` what its pictures show, `told` what the network is
    told of the task (None: nothing), `labels` what the group is called in the log, and `as_asked` whether its inputs need
    what is asked for.
    """

    input: torch.Tensor
    target: torch.Tensor
    prompt_input: torch.Tensor | None
    prompt_target: torch.Tensor | None
    tasks: list[str]
    domains: list[str]
    told: list[str | None]
    labels: list[str]
    as_asked: list[bool]

    def inputs(self) -> list[torch.Tensor]:
        """What the network is called with, in its order."""
        return [t for t in (self.input, self.prompt_input, self.prompt_target) if t is not None]

    def leave_pairs(self, groups: int):
        """Takes the example pairs of the first groups away, which are told their task by other means."""
        self.prompt_input, self.prompt_target = self.prompt_input[groups:], self.prompt_target[groups:]
        self.labels = self.labels[:groups] + [f"pair.{label}" for label in self.labels[groups:]]

    def gains(self, output: torch.Tensor) -> dict[str, float]:
        """PSNR of the output minus PSNR of the input, in dB, averaged over the images of each task."""
        before, after = ((x - self.target).square().flatten(1).mean(1) + 1e-6 for x in (self.input, output))
        per_group = (10 * torch.log10(before / after)).view(len(self.labels), -1).mean(1)
        return dict(zip(self.labels, per_group.tolist()))


def draw_batch(tiles: dict, rng, task_weights: dict, groups: int, per_group: int, patch: int, prompts: bool,
               mismatch: float = 0.0, untold: float = 0.0, domains: dict | None = None, high_key: float = 0.0) -> Batch:
    """`groups` tasks drawn by weight, each with `per_group` crops.

    `mismatch` is the share of groups, among those of restoration tasks, whose inputs need another task; `untold` the
    share of groups whose task the network must see for itself, `high_key` that of crops made pale before they are
    damaged, so that what is pale does not pass for hazy. `tiles` holds the pictures of each domain; `domains`
    says which tasks each of them has (None: photographs, all tasks).
    """
    names, weights = list(task_weights), np.array(list(task_weights.values()), dtype=float)
    restoring = [name for name in names if not changes_target(name)]
    tasks = [str(t) for t in rng.choice(names, groups, p=weights / weights.sum())]
    needed = [str(rng.choice([n for n in restoring if n != t])) if t in restoring and rng.random() < mismatch else t
              for t in tasks]
    where = [str(rng.choice([d for d in domains if t in domains[d]])) if domains else PHOTOGRAPHS for t in tasks]
    pairs = []
    for asked, need, domain in zip(tasks, needed, where):
        crops = (random_crop(tiles[domain], rng, patch) for _ in range(per_group))
        clean = (pale(crop, rng) if high_key and rng.random() < high_key else crop for crop in crops)
        made = [make_pair(need, crop, rng, domain=domain) for crop in clean]
        pairs += made if need == asked else [(degraded, degraded) for degraded, _ in made]
    examples = [make_pair(t, random_crop(tiles[d], rng, PROMPT_SIZE), rng) for t, d in zip(tasks, where) if prompts]
    columns = [to_tensor([pair[side] for pair in some]) if some else None
               for some in (pairs, examples) for side in (0, 1)]
    told = [None if rng.random() < untold else task_of(task) for task in tasks]
    labels = [MISMATCH if need != asked else UNTOLD if not hint else asked if domain == PHOTOGRAPHS
              else f"{domain}.{asked}" for asked, need, domain, hint in zip(tasks, needed, where, told)]
    return Batch(*columns, tasks, where, told, labels, [a == n for a, n in zip(tasks, needed)])


def pale(photograph: np.ndarray, rng) -> np.ndarray:
    """A high-key version: a gamma below 1, some colour taken out and the blacks lifted a little. uint8 in and out."""
    light = (photograph / 255.0) ** rng.uniform(0.3, 0.8)
    light = light + rng.uniform(0, 0.8) * (light.mean(2, keepdims=True) - light)
    lift = rng.uniform(0, 0.2)
    return quantise(255 * (lift + (1 - lift) * light))


def task_of(name: str) -> str:
    """The task of a kind of damage; a task is its own."""
    return KINDS[name].task if name in KINDS else name


def to_tensor(pictures: list[np.ndarray]) -> torch.Tensor:
    """uint8 [H, W, 3] pictures to one float [N, 3, H, W] tensor in [0, 1], channels last in memory."""
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return stacked.float().div_(255)
