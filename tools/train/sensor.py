#!/usr/bin/env python3
"""Trains PIP's degradation sensor and puts it into a weight file:

    sensor.py --cache tiles.npy --into weights/pip.safetensors --clean photos

Four strided convolutions, a mean over the picture and a linear layer score the classes of pip.CLASSES. The published
network is always told its class; with the sensor a file can be used blindly. `--clean` measures on other photographs.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from batches import PHOTOGRAPHS, draw_batch, to_tensor
from models.pip import CLASSES

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from degrade import apply_kind, generator, load_rgb, parse_kinds, KINDS  # noqa: E402

PREFIX = "vernis.sensor."
WIDTHS = (24, 48, 96, 96)
SIDE = 128  # of the windows that the program looks at
ACROSS = 3
KINDS_SEEN = "noise=15,noise=25,noise=50,rain=60,haze=50,blur=1.6,motion=10,lowlight=25"


class Sensor(nn.Module):
    """[B, 3, H, W] in [0, 1], H and W multiples of 16, to scores [B, classes]."""

    def __init__(self):
        super().__init__()
        sizes = zip((3, *WIDTHS), WIDTHS)
        self.layers = nn.ModuleList(nn.Conv2d(inner, outer, 3, stride=2, padding=1) for inner, outer in sizes)
        self.head = nn.Conv2d(WIDTHS[-1], len(CLASSES), 1)

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return self.head(x.mean((2, 3), keepdim=True)).flatten(1)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The state dict under the names of a weight file."""
        return {PREFIX + name.removeprefix("layers."): t.half().contiguous() for name, t in self.state_dict().items()}


def train(tiles, steps: int, seed: int) -> Sensor:
    """Equal shares of the classes, on windows of the size that is looked at; cosine learning rate."""
    torch.manual_seed(seed)
    sensor = Sensor()
    optimizer = torch.optim.AdamW(sensor.parameters(), 2e-3, weight_decay=1e-4)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    tasks = dict.fromkeys(CLASSES, 1.0)
    hits = 0.0
    for step in range(steps):
        rng = np.random.Generator(np.random.PCG64([seed, step]))
        batch = draw_batch({PHOTOGRAPHS: tiles}, rng, tasks, groups=10, per_group=2, patch=SIDE, prompts=False)
        labels = torch.tensor([CLASSES.index(task) for task in batch.tasks]).repeat_interleave(2)
        scores = sensor(batch.input)
        loss = F.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace.step()
        hits += 0.03 * ((scores.argmax(1) == labels).float().mean().item() - hits)
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: loss {loss.item():.3f}, right {hits:.3f}", flush=True)
    return sensor.eval()


@torch.no_grad()
def sees(sensor: Sensor, picture: np.ndarray) -> str:
    """The class of a uint8 picture by the mean of the scores over the windows that the program looks at."""
    starts = [[(side - SIDE) * i // max(1, count - 1) for i in range(count)]
              for side, count in ((s, min(ACROSS, -(-s // SIDE))) for s in picture.shape[:2])]
    windows = [picture[top:top + SIDE, left:left + SIDE] for top in starts[0] for left in starts[1]]
    return CLASSES[int(sensor(to_tensor(windows)).mean(0).argmax())]


def measure(sensor: Sensor, folder: Path, kinds: str):
    """Prints for each kind of damage how often its class is seen, and what else was."""
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"})
    right = total = 0
    for kind, level in parse_kinds(kinds):
        seen = Counter(sees(sensor, apply_kind(kind, load_rgb(path), generator(0, path.stem), level)) for path in files)
        right, total = right + seen[KINDS[kind].task], total + len(files)
        others = ", ".join(f"{name} {n}" for name, n in seen.most_common() if name != KINDS[kind].task)
        print(f"{kind}={level:g}: {seen[KINDS[kind].task]} of {len(files)}" + (f" (else {others})" if others else ""))
    print(f"right: {right} of {total}")


def put_into(path: Path, sensor: Sensor):
    """Adds or replaces the sensor's tensors."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys() if not name.startswith(PREFIX)}
    partial = path.with_suffix(".partial")
    save_file(tensors | sensor.tensors(), partial, metadata)
    partial.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="decoded tiles as train.py left them")
    parser.add_argument("--into", type=Path, help="weight file of a PIP network")
    parser.add_argument("--clean", type=Path, help="folder of photographs to measure on")
    parser.add_argument("--degrade", default=KINDS_SEEN, help="damage to measure with")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sensor = train(np.load(args.cache, mmap_mode="r"), args.steps, args.seed)
    if args.into:
        put_into(args.into, sensor)
    if args.clean:
        measure(sensor, args.clean, args.degrade)


if __name__ == "__main__":
    main()
