#!/usr/bin/env python3
"""Prints which prompts of a DATPRL-IR file's pools the tasks and domains select.

    usage.py weights/datprl.safetensors --cache tiles.npy

One row for each task in each domain: the mean weight of every prompt in percent over degraded crops. Below each pool
stands how often the selection alone tells the task (or the domain), by the nearest mean over half of the crops.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import weights
from batches import PHOTOGRAPHS, make_pair, to_tensor
from data import load_tiles, random_crop
from domains import drawn_tiles
from train import read_recipe


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, help="weight file or training checkpoint")
    parser.add_argument("--recipe", default="datprl", help="its recipe, for the tasks of each domain")
    parser.add_argument("--tiles", type=Path, help="tar of photographs")
    parser.add_argument("--cache", type=Path, required=True, help="decoded tiles as train.py left them")
    parser.add_argument("--trials", type=int, default=16, help="crops of each task in each domain")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    domains = read_recipe(args.recipe)["domains"]
    model = weights.load(args.model).model
    rng = np.random.Generator(np.random.PCG64(args.seed))
    rows = {"degradation": [], "domain": []}
    for domain, tasks in domains.items():
        path = args.cache if domain == PHOTOGRAPHS else drawn_tiles(domain, args.cache)
        tiles = load_tiles(args.tiles, path)
        for task in tasks:
            crops = [make_pair(task, random_crop(tiles, rng, args.size), rng, domain=domain)[0]
                     for _ in range(args.trials)]
            with torch.no_grad():
                selected = model.selections(to_tensor(crops))
            for pool, weight in selected.items():
                rows[pool].append((domain, task, weight.numpy()))
    for pool, measured in rows.items():
        print(f"\n{pool} pool, mean weight in percent")
        for domain, task, weight in measured:
            print(f"  {domain:12}{task:10}" + " ".join(f"{share:5.1f}" for share in 100 * weight.mean(0)))
        label = (lambda domain, task: domain) if pool == "domain" else (lambda domain, task: task)
        named = [(label(domain, task), weight) for domain, task, weight in measured]
        print(f"  told by the selection alone: {told_apart(named):.0%}")


def told_apart(named) -> float:
    """Share of the second halves whose nearest mean of the first halves has their name."""
    names = sorted({name for name, _ in named})
    means = np.stack([np.concatenate([w[::2] for n, w in named if n == name]).mean(0) for name in names])
    hits = [names[int(np.linalg.norm(means - row, axis=1).argmin())] == name for name, w in named for row in w[1::2]]
    return float(np.mean(hits))


if __name__ == "__main__":
    main()
