"""Several training processes as one, started by torchrun: each takes its share of every batch, gradients are averaged."""

import os

import torch
from torch import distributed


class Team:
    """The processes of this run; without torchrun (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) a team of one."""

    def __init__(self, device: torch.device):
        self.rank, self.size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if self.size > 1:
            distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")

    def average_gradients(self, parameters):
        """Replaces every gradient by its mean over the team."""
        if self.size == 1:
            return
        parameters = [p for p in parameters if p.requires_grad]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
        distributed.all_reduce(flat)
        pieces = (flat / self.size).split([p.numel() for p in parameters])
        for p, piece in zip(parameters, pieces):
            p.grad = piece.view_as(p)

    def as_leader(self, *values: float) -> list[float]:
        """The leader's numbers, whatever the others hold: what all must decide alike."""
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        distributed.broadcast(shared, 0)
        return shared.tolist()
