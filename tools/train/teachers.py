"""Other weight files whose answers a network learns from, where they are better than what it could learn by itself.

A clean photograph holds detail that the damage has taken away; no network can guess it, and all of it is noise in the
gradient of a small step. What a good network makes of the same input is a function of the input, so that a small network
with few steps learns from it what it would take many to average out of photographs.
"""

from pathlib import Path

import torch

import models
import weights


class Teachers:
    """`files` names a weight file for each task that has a teacher; relative to the folder of shipped weights."""

    def __init__(self, files: dict[str, str], folder: Path):
        loaded = {name: weights.load(folder / name) for name in set(files.values())}
        self.of = {task: loaded[name] for task, name in files.items()}

    @torch.no_grad()
    def targets(self, batch) -> torch.Tensor:
        """The targets of a batch, those of taught groups replaced. A group with the prompt of another task keeps its own."""
        targets = batch.target.clone()
        inputs, answers = (t.view(len(batch.tasks), -1, *t.shape[1:]) for t in (batch.input, targets))
        for index, (task, as_asked) in enumerate(zip(batch.tasks, batch.as_asked)):
            if as_asked and (teacher := self.of.get(task)):
                told = [[task]] if models.takes_tasks(teacher.architecture) else []
                answers[index] = teacher.model(inputs[index], *told).clamp(0, 1)
        return targets
