#!/usr/bin/env python3
"""Trains PIP's degradation sensor and puts it into a weight file:

    sensor.py --cache tiles.npy --into weights/pip.safetensors --clean photos

Four strided convolutions, a mean over the picture and a linear layer score the classes of pip.CLASSES. The published
network is always told its class; with the sensor a file can be used blindly. Mistakes are not alike: a noisy picture
treated as a rainy one still gains, a blurred one treated as a hazy one is spoilt. So the decibels that the file's own
network loses by each mistake are measured first, and the sensor is trained on what it can expect to lose besides the
cross-entropy. Some of the photographs are made pale before they are damaged: there are few such tiles, and what is pale
must not pass for hazy. `--clean` measures on other photographs.
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

from batches import pale, task_of, to_tensor
from data import random_crop
import weights
from models.pip import CLASSES

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from degrade import apply_kind, generator, load_rgb, make_pair, parse_kinds, KINDS  # noqa: E402

PREFIX = "vernis.sensor."
WIDTHS = (24, 48, 96, 96)
SIDE = 128  # of the windows that the program looks at
ACROSS = 3
SHARES = {"noise": 1.0, "rain": 1.0, "haze": 1.0, "blur": 0.7, "motion": 1.4, "lowlight": 0.6}  # of the windows
PALE = 0.35  # of the photographs
LOSS_PER_DB = 0.5  # of what a window can expect to lose, beside the cross-entropy
WINDOWS_TO_PRICE = 24  # of each class
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


def draw(tiles, rng, shares: dict, kinds: int):
    """Degraded windows of the size that is looked at, two of each kind drawn, their clean ones, and their classes."""
    weights_of = np.array(list(shares.values())) / sum(shares.values())
    drawn = np.repeat(rng.choice(list(shares), kinds, p=weights_of), 2)
    clean = [random_crop(tiles, rng, SIDE) for _ in drawn]
    clean = [pale(c, rng) if rng.random() < PALE else c for c in clean]
    damaged, clean = zip(*(make_pair(str(kind), c, rng) for kind, c in zip(drawn, clean)))
    labels = torch.tensor([CLASSES.index(task_of(str(kind))) for kind in drawn])
    return to_tensor(damaged), to_tensor(clean), labels


@torch.no_grad()
def prices(network: nn.Module, tiles, seed: int) -> torch.Tensor:
    """[class, told] decibels that a window of a class loses on average if the network is told another, at least 0."""
    lost = []
    for index, name in enumerate(CLASSES):
        rng = np.random.Generator(np.random.PCG64([seed, index]))
        damaged, clean, _ = draw(tiles, rng, {kind: share for kind, share in SHARES.items() if task_of(kind) == name},
                                 WINDOWS_TO_PRICE // 2)
        db = [-10 * torch.log10((network(damaged, [told]).clamp(0, 1) - clean).square().flatten(1).mean(1) + 1e-6)
              for told in CLASSES]
        lost.append(torch.stack([(db[index] - other).mean().clamp(min=0) for other in db]))
    return torch.stack(lost)


def train(sensor: Sensor, tiles, lost: torch.Tensor, steps: int, rate: float, seed: int):
    """AdamW with a one-cycle learning rate; `lost` as prices() returns it."""
    optimizer = torch.optim.AdamW(sensor.parameters(), rate, weight_decay=1e-4)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    hits = 0.0
    for step in range(steps):
        rng = np.random.Generator(np.random.PCG64([seed, step]))
        windows, _, labels = draw(tiles, rng, SHARES, kinds=10)
        scores = sensor(windows)
        expected = (scores.softmax(1) * lost[labels]).sum(1).mean()
        loss = F.cross_entropy(scores, labels) + LOSS_PER_DB * expected
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace.step()
        hits += 0.003 * ((scores.argmax(1) == labels).float().mean().item() - hits)
        if step % 500 == 499:
            print(f"step {step + 1} of {steps}: loses {expected.item():.3f} dB, right {hits:.3f}", flush=True)


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


def stored(path: Path) -> Sensor:
    """The sensor that a weight file has."""
    sensor = Sensor()
    with safe_open(path, "pt") as file:
        sensor.load_state_dict({name: file.get_tensor(PREFIX + name.removeprefix("layers.")).float()
                                for name in sensor.state_dict()})
    return sensor


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
    parser.add_argument("--into", type=Path, required=True, help="weight file of a PIP network")
    parser.add_argument("--go-on", action="store_true", help="begin with the sensor that the file has")
    parser.add_argument("--average", type=Path, help="weight file whose sensor's weights are averaged with this one's")
    parser.add_argument("--share", type=float, default=0.5, help="of the other's weights in the average")
    parser.add_argument("--clean", type=Path, help="folder of photographs to measure on")
    parser.add_argument("--degrade", default=KINDS_SEEN, help="damage to measure with")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    sensor = stored(args.into) if args.go_on else Sensor()
    if args.steps:
        tiles = np.load(args.cache, mmap_mode="r")
        lost = prices(weights.load(args.into).model, tiles, args.seed)
        for name, row in zip(CLASSES, lost.tolist()):
            print(f"{name} told " + ", ".join(f"{told} -{db:.1f} dB" for told, db in zip(CLASSES, row)), flush=True)
        train(sensor, tiles, lost, args.steps, args.rate, args.seed)
    if args.average:
        weights.average(sensor, stored(args.average), args.share)
    if args.steps or args.average:
        put_into(args.into, sensor)
    if args.clean:
        measure(sensor.eval(), args.clean, args.degrade)


if __name__ == "__main__":
    main()
