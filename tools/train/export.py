#!/usr/bin/env python3
"""Turns a training checkpoint into a weight file: export.py CHECKPOINT -o weights/NAME.safetensors

The averaged weights are stored in f16. For a prompted network, prompt tokens per task are chosen among
those of example pairs from the training photographs and the learned ones (see prompts.py), and stored with them.
"""

import argparse
from pathlib import Path

import torch

import models
import prompts
import weights
from data import load_tiles


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--tiles", type=Path, help="tar of training photographs (prompted networks only)")
    parser.add_argument("--cache", type=Path, help="decoded tiles as train.py left them")
    parser.add_argument("--candidates", type=int, default=6, help="example pairs tried per task")
    parser.add_argument("--trials", type=int, default=8, help="training crops each is measured on")
    parser.add_argument("--average", type=Path, help="weight file whose weights are averaged with this one's")
    parser.add_argument("--share", type=float, default=0.5, help="of the other's weights in the average")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recipe = torch.load(args.checkpoint, map_location="cpu", weights_only=False)["recipe"]
    loaded = weights.load(args.checkpoint)
    if args.average:
        weights.average(loaded.model, weights.load(args.average).model, args.share)
    chosen = {}
    if models.takes_prompts(loaded.architecture):
        tiles = load_tiles(args.tiles, args.cache or args.checkpoint.parent / "tiles.npy")
        chosen = prompts.choose(loaded.model, loaded.prompts, tiles, loaded.tasks, args.candidates, args.trials, args.seed)
    weights.save(args.output, loaded.model, recipe, chosen)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
