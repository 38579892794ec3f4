"""The state of a training run: saved as one file, atomically, so that a killed run goes on where it was."""

import copy
from dataclasses import dataclass, field
from pathlib import Path

import torch

import probes
from muon import Muon
from teachers import Teachers

SHIPPED = Path(__file__).resolve().parents[2] / "weights"


@dataclass
class TrainingState:
    """Everything a resumed run needs. `elapsed` counts seconds of training, over all its sessions."""

    model: torch.nn.Module
    ema: torch.nn.Module
    optimizer: torch.optim.Optimizer
    probe: torch.nn.Module | None = None
    teachers: Teachers | None = None
    step: int = 0
    elapsed: float = 0.0
    recipe: dict = field(default_factory=dict)

    @classmethod
    def fresh(cls, model, recipe: dict):
        """Step zero: the average starts as a copy of the model; networks with prompts get a probe to learn with."""
        ema = copy.deepcopy(model).requires_grad_(False)
        device = next(model.parameters()).device
        probe = probes.build(model, recipe).to(device) if "probe_weight" in recipe else None
        optimizer = Muon(model, probe.parameters() if probe else [], recipe["learning_rate"], recipe["weight_decay"])
        teachers = Teachers(recipe["teachers"], SHIPPED) if "teachers" in recipe else None
        return cls(model, ema, optimizer, probe, teachers, recipe=recipe)

    def update_ema(self, decay: float):
        """Averages the weights, with a shorter memory during the first steps."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.model.parameters()), 1 - decay)

    def save(self, path: Path):
        partial = path.with_suffix(".partial")
        torch.save({
            "model": self.model.state_dict(), "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(), "probe": self.probe and self.probe.state_dict(),
            "step": self.step, "elapsed": self.elapsed, "recipe": self.recipe,
        }, partial)
        partial.replace(path)

    def load(self, path: Path):
        saved = torch.load(path, map_location="cpu", weights_only=False)
        self.model.load_state_dict(saved["model"])
        self.ema.load_state_dict(saved["ema"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.probe:
            self.probe.load_state_dict(saved["probe"])
        self.step, self.elapsed = saved["step"], saved["elapsed"]
