#!/usr/bin/env python3
"""Pictures that are drawn and not taken, for domains without photographs: domains.py DOMAIN -o DIR --count 8 --seed 9

`medical` are grey sections through made-up bodies, `aerial` are made-up fields, roads and roofs seen from above.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import batches  # noqa: F401  (puts tools/ on the path)
from degradations.fields import mixed_field, smooth_field

SIDE, COUNT = 512, 96


def drawn_tiles(domain: str, beside: Path) -> Path:
    """The file [COUNT, SIDE, SIDE, 3] of that domain's pictures, made beside `beside` on the first call."""
    path = beside.with_name(f"{beside.stem}-{domain}.npy")
    if not path.exists():
        partial = path.with_suffix(".partial.npy")
        np.save(partial, np.stack([draw(domain, 0, number, SIDE) for number in range(COUNT)]))
        partial.replace(path)
    return path


def draw(domain: str, seed: int, number: int, side: int) -> np.ndarray:
    """uint8 [side, side, 3], the same for the same arguments."""
    rng = np.random.Generator(np.random.PCG64([seed, number, *domain.encode()]))
    return np.clip(np.rint(DOMAINS[domain](rng, side)), 0, 255).astype(np.uint8)


def phantom(rng, side: int) -> np.ndarray:
    """A body of soft tissue with a bright shell, organs in it and vessels in those, on black."""
    grid = (np.mgrid[:side, :side].astype(np.float32) + 0.5) / side - 0.5
    centre, axes, turn = rng.uniform(-0.05, 0.05, 2), rng.uniform(0.28, 0.46, 2), rng.uniform(0, np.pi)
    edge = 0.03 * smooth_field(rng, (side, side), side / 5)
    body = _ellipse(grid, centre, axes, turn) + edge
    tissue, shell = rng.uniform(60, 110), rng.uniform(170, 250)
    image = np.where(body < 1, tissue, 0.0) * _soft(1 - body, side)
    thick = rng.uniform(0.04, 0.14)
    image += (shell - image) * _soft(1 - body, side) * _soft(body - (1 - thick), side)
    for _ in range(rng.integers(8, 22)):
        size = axes * np.exp(rng.uniform(np.log(0.05), np.log(0.4), 2))
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.62)
        place = centre + distance * axes * np.array([np.cos(angle), np.sin(angle)])
        organ = _ellipse(grid, place, size, rng.uniform(0, np.pi)) + 2 * edge
        level = rng.uniform(15, 200)
        image += (level - image) * _soft(1 - organ, side) * rng.uniform(0.5, 1) * _soft(1 - thick - body, side)
    texture = 1 + rng.uniform(0.01, 0.06) * mixed_field(rng, (side, side), rng.uniform(4, 24))
    return np.repeat((image * texture)[..., None], 3, axis=2)


def _ellipse(grid, centre, axes, turn: float):
    """Distance from the centre [H, W], 1 on the outline."""
    y, x = grid[0] - centre[0], grid[1] - centre[1]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return np.hypot(along / axes[1], across / axes[0])


def _soft(inside, side: int):
    """0 to 1 across about two pixels of an outline."""
    return np.clip(0.5 + inside * side / 6, 0, 1)


def landscape(rng, side: int) -> np.ndarray:
    """Fields with furrows, patches of wood, roads, and houses that throw shadows."""
    seeds = rng.uniform(-0.1, 1.1, (rng.integers(8, 26), 2)) * side
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    waver = 6 * smooth_field(rng, (side, side), 40)
    distances = [(rows - y + waver) ** 2 + (columns - x - waver) ** 2 for y, x in seeds]
    owner = np.argmin(distances, axis=0)
    image = np.zeros((side, side, 3), np.float32)
    for field in range(len(seeds)):
        colour = FIELDS[rng.integers(len(FIELDS))] * rng.uniform(0.75, 1.2)
        turn, pitch = rng.uniform(0, np.pi), rng.uniform(3, 12)
        furrows = np.sin((rows * np.sin(turn) + columns * np.cos(turn)) * 2 * np.pi / pitch)
        shade = 1 + rng.uniform(0, 0.12) * furrows + 0.06 * smooth_field(rng, (side, side), 12)
        mine = owner == field
        image[mine] = (colour * shade[..., None])[mine]
    wood = mixed_field(rng, (side, side), 90) > rng.uniform(0.6, 1.6)
    crowns = np.array([38, 66, 34]) * (1 + 0.35 * smooth_field(rng, (side, side), 5))[..., None]
    image[wood] = crowns[wood]
    image *= 1 + 0.04 * rng.standard_normal((side, side, 1), dtype=np.float32)
    return _built(rng, image, side)


def _built(rng, image, side: int) -> np.ndarray:
    """Roads and houses over a landscape, drawn at four times the size."""
    scale = 4
    canvas = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).resize((side * scale,) * 2, Image.BICUBIC)
    pen = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(1, 4)):
        bend = np.cumsum(rng.normal(0, 0.25, 24)) + rng.uniform(0, 2 * np.pi)
        steps = np.stack([np.cos(bend), np.sin(bend)], 1) * side / 12
        path = (np.cumsum(steps, 0) + rng.uniform(0.2, 0.8, 2) * side - steps.sum(0) / 2) * scale
        width, grey = rng.uniform(4, 11) * scale, int(rng.uniform(90, 190))
        pen.line([tuple(p) for p in path], fill=(grey, grey, int(grey * 0.96)), width=int(width), joint="curve")
    turn, sun = rng.uniform(0, np.pi / 2), rng.uniform(2, 6, 2) * scale
    for _ in range(rng.integers(4, 50)):
        place, half = rng.uniform(0, side, 2) * scale, rng.uniform(5, 18, 2) * scale
        along = np.array([np.cos(turn), np.sin(turn)])
        across = np.array([-along[1], along[0]])
        corners = [place + a * half[0] * along + b * half[1] * across for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))]
        ridge = [place + a * half[0] * along for a in (1, -1)]
        roof = ROOFS[rng.integers(len(ROOFS))] * rng.uniform(0.8, 1.15)
        pen.polygon([tuple(c + sun) for c in corners], fill=(35, 38, 40))
        pen.polygon([tuple(c) for c in corners], fill=_ink(roof))
        pen.polygon([tuple(c) for c in (corners[0], ridge[0], ridge[1], corners[3])], fill=_ink(roof * 0.8))
    return np.asarray(canvas.resize((side, side), Image.BOX), np.float32)


def _ink(colour) -> tuple:
    return tuple(int(v) for v in np.clip(colour, 0, 255))


FIELDS = np.array([[96, 128, 62], [132, 146, 78], [168, 150, 96], [120, 94, 66], [78, 110, 58], [190, 178, 120],
                   [146, 120, 84], [70, 96, 120]], np.float32)
ROOFS = np.array([[170, 86, 62], [140, 140, 146], [196, 190, 180], [104, 92, 86], [86, 104, 128]], np.float32)
DOMAINS = {"medical": phantom, "aerial": landscape}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("domain", choices=DOMAINS)
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=9, help="the training pictures have 0")
    parser.add_argument("--side", type=int, default=SIDE)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for number in range(args.count):
        picture = draw(args.domain, args.seed, number, args.side)
        Image.fromarray(picture).save(args.output / f"{args.domain}_{number}.png")


if __name__ == "__main__":
    main()
