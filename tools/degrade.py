#!/usr/bin/env python3
"""Seeded degradations of clean photographs, for training, for measuring and for trying the program.

    tools/degrade.py photo.png -o out --kind noise=25 --kind jpeg=20,rain --seed 1

writes out/photo_noise25.png, out/photo_jpeg20.png and out/photo_rain.png. A kind without a level draws one
from its training range. The random stream depends on the seed and the file's stem alone, so every kind of
every file is reproducible whatever else is asked for. 8-bit quantisation is the last step.

Needs numpy, Pillow and scipy.
"""

import argparse
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
from PIL import Image

from degradations import drawing, marks, optics, sensor, weather


PHOTOGRAPHS = "photographs"


@dataclass(frozen=True)
class Kind:
    """One way to make a picture from a clean one; `apply(image, rng, level)` on float32 [H, W, 3] in 0..255."""

    task: str
    apply: Callable
    levels: tuple[float, float]  # the range trained on
    changes_target: bool = False
    domain: str = PHOTOGRAPHS


KINDS = {
    "noise": Kind("denoise", sensor.gaussian_noise, (5, 50)),
    "blur": Kind("deblur", optics.gaussian_blur, (0.8, 2.4)),
    "motion": Kind("deblur", optics.motion_blur, (5, 15)),
    "jpeg": Kind("dejpeg", optics.jpeg, (10, 40)),
    "rain": Kind("derain", weather.rain, (20, 100)),
    "streaks": Kind("derain", weather.streaks, (20, 100)),
    "snow": Kind("desnow", weather.snow, (20, 100)),
    "haze": Kind("dehaze", weather.haze, (20, 80)),
    "fog": Kind("dehaze", weather.fog, (20, 100)),
    "lowlight": Kind("lowlight", sensor.low_light, (15, 45)),
    "saltpepper": Kind("despeckle", sensor.salt_and_pepper, (2, 30)),
    "scratches": Kind("inpaint", marks.scratches, (4, 16)),
    "ct": Kind("denoise", sensor.ct_noise, (5, 50), domain="medical"),
    "mri": Kind("denoise", sensor.rician_noise, (5, 50), domain="medical"),
    "edges": Kind("edges", drawing.edges, (1, 1), changes_target=True),
    "pencil": Kind("pencil", drawing.pencil, (4, 4), changes_target=True),
}


def kinds_of(task: str, domain: str = PHOTOGRAPHS) -> list[str]:
    """The kinds that need `task` in pictures of `domain`: its own, or else those of photographs. A kind is its own."""
    if task in KINDS:
        return [task]
    names = [name for name, kind in KINDS.items() if kind.task == task]
    return [n for n in names if KINDS[n].domain == domain] or [n for n in names if KINDS[n].domain == PHOTOGRAPHS]


def quantise(image: np.ndarray) -> np.ndarray:
    """Float 0..255 of any overshoot to uint8, rounded half to even."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def apply_kind(name: str, clean: np.ndarray, rng: np.random.Generator, level: float | None = None) -> np.ndarray:
    """The uint8 [H, W, 3] picture that `name` makes of uint8 `clean`; level None draws from the kind's range."""
    kind = KINDS[name]
    if level is None:
        level = rng.uniform(*kind.levels)
    return quantise(kind.apply(clean.astype(np.float32), rng, level))


def make_pair(task: str, clean: np.ndarray, rng: np.random.Generator, level: float | None = None,
              domain: str = PHOTOGRAPHS):
    """(input, target) of `task` from one clean picture of `domain`, all uint8 [H, W, 3].

    Restoration tasks degrade the input; target-domain tasks (edges, pencil) keep it and draw the target.
    """
    names = kinds_of(task, domain)
    name = names[rng.integers(len(names))]
    made = apply_kind(name, clean, rng, level)
    return (clean, made) if KINDS[name].changes_target else (made, clean)


def changes_target(task: str) -> bool:
    """Whether the task draws another picture of an undamaged photograph (edges, pencil)."""
    return KINDS[kinds_of(task)[0]].changes_target


def generator(seed: int, stem: str) -> np.random.Generator:
    """The random stream of one file: PCG64 seeded by the seed and the CRC-32 of the stem."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(stem.encode())]))


def parse_kinds(text: str) -> list[tuple[str, float | None]]:
    """"noise=25,jpeg=20,rain" -> [("noise", 25.0), ("jpeg", 20.0), ("rain", None)]."""
    wanted = []
    for item in text.split(","):
        name, _, level = item.strip().partition("=")
        if name == "blur" and level in ("gaussian", "motion"):
            name, level = ("motion", "") if level == "motion" else ("blur", "")
        if name not in KINDS:
            raise argparse.ArgumentTypeError(f"unknown kind {name!r}; known: {', '.join(KINDS)}")
        try:
            wanted.append((name, float(level) if level else None))
        except ValueError:
            raise argparse.ArgumentTypeError(f"the level of {name} is not a number: {level!r}") from None
    return wanted


def load_rgb(path: Path) -> np.ndarray:
    """uint8 [H, W, 3]; palette, grey and alpha pictures are converted."""
    return np.asarray(Image.open(path).convert("RGB"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Seeded degradations of clean photographs.",
        epilog="; ".join(f"{name} {k.levels[0]:g}..{k.levels[1]:g} ({k.task})" for name, k in KINDS.items()))
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="clean pictures")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--kind", required=True, type=parse_kinds, action="append", help="KIND[=LEVEL][,...]")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for path in args.inputs:
        clean = load_rgb(path)
        for name, level in (wanted for group in args.kind for wanted in group):
            made = apply_kind(name, clean, generator(args.seed, path.stem), level)
            suffix = "" if level is None else f"{level:g}"
            Image.fromarray(made).save(args.output / f"{path.stem}_{name}{suffix}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
