"""Prompt tokens learned per task beside a prompted network, in the place of an example pair's.

What an example pair says reaches the network through a softmax over its tokens, which hides whatever all of them have
in common: how blurred a picture is, say. So a network that hears nothing but pairs takes very long to tell subtle tasks
apart. Tokens that are free to be anything say it from the first step; the network learns to obey them, and the encoder
of pairs is then pulled towards them by the task itself and by the probe, which reads both with the same weights.
"""

import torch
from torch import nn

NAME = "task_tokens"  # where a network in training keeps them; what ships has them as stored prompts

# Tokens are of size one and AdamW's steps are of the size of the learning rate, which is made for small weights.
STEP = 8


class TaskTokens(nn.Module):
    """Keys and values [N, C] of every task of a recipe, in its order."""

    def __init__(self, tasks: list[str], count: int, channels: int):
        super().__init__()
        self.tasks = tasks
        self.register_buffer("start", torch.randn(2, len(tasks), count, channels))
        self.moved = nn.Parameter(torch.zeros_like(self.start))

    def of(self, tasks: list[str]):
        """Keys and values [len(tasks), N, C]."""
        index = [self.tasks.index(task) for task in tasks]
        return (self.start[:, index] + STEP * self.moved[:, index]).unbind()

    def begin_with(self, prompts: dict):
        """Begins with stored tokens {task: (keys, values)}, each [1, N, C], where there are some of that shape."""
        for task, pair in prompts.items():
            stored = torch.cat([side.float() for side in pair])
            if task in self.tasks and stored.shape == self.start[:, 0].shape:
                self.start[:, self.tasks.index(task)] = stored
