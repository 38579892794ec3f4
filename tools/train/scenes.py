#!/usr/bin/env python3
"""Random rooms and yards with spheres, boxes and lamps, and what is exactly true of them.

    scenes.py DIR --first 100000 --count 40      # NUMBER.png and NUMBER.npz (depth, label, instance) of held-out scenes

Scene NUMBER is the same everywhere; training uses the numbers from 0.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from raycast import Coat, Scene, Solid

SKY, FLOOR, WALL, CEILING, SPHERE, BOX, LAMP = range(7)
CLASSES = ["sky", "floor", "wall", "ceiling", "sphere", "box", "lamp"]
THINGS = [SPHERE, BOX, LAMP]
MOST_DEPTH = 10.0
# Width and height of the drawn photographs and of the stored truth.
PHOTO, TRUTH = 256, 64
COUNT = 4000
SCENES = "scenes"


def make(number: int) -> Scene:
    """The scene of this number."""
    rng = np.random.Generator(np.random.PCG64([77, number]))
    inside = rng.random() < 0.7
    solids, lights = [], []
    if inside:
        half = np.array([rng.uniform(1.8, 4.5), rng.uniform(1.15, 1.9), rng.uniform(1.8, 4.5)], np.float32)
        centre = np.array([0, half[1], 0], np.float32)
        coats = [coat(rng, 0.6), coat(rng, 0.3), coat(rng, 0.1)]
        solids.append(Solid("room", centre, half, coats=coats))
    else:
        half = np.array([4.5, 2.0, 4.5], np.float32)
        wide = np.array([60, 0.5, 60], np.float32)
        solids.append(Solid("box", np.array([0, -0.5, 0], np.float32), wide, coats=[coat(rng, 0.6)], label=FLOOR))
    eye = np.array([rng.uniform(-0.8, 0.8) * (half[0] - 0.3), rng.uniform(0.6, min(2.0, 2 * half[1] - 0.4)),
                    -rng.uniform(0.55, 0.93) * half[2]], np.float32)
    yaw, pitch = rng.normal(0, 0.3) - 0.5 * np.arctan2(eye[0], half[2]), rng.uniform(-0.42, 0.06)
    forward = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0, -np.sin(yaw)])
    axes = np.stack([right, np.cross(forward, right), forward]).astype(np.float32)
    if not inside:
        for _ in range(rng.integers(0, 3)):
            size = np.array([rng.uniform(1, 6), rng.uniform(0.5, 2.5), 0.1], np.float32)
            place = np.array([rng.uniform(-5, 5), size[1], rng.uniform(2, 8)], np.float32)
            solids.append(Solid("box", place, size, rng.uniform(-0.9, 0.9), [coat(rng, 0.4)], label=WALL))
    for _ in range(rng.integers(1, 7)):
        thing(rng, solids, eye, axes, half, inside)
    lamps = rng.integers(0, 3) if inside else 0
    for _ in range(lamps):
        radius = rng.uniform(0.08, 0.22)
        place = _ahead(rng, eye, axes, half, radius)
        place[1] = rng.uniform(1.1, 2 * half[1] - radius)
        if all(np.linalg.norm(place - s.centre) > radius + s.half.max() for s in solids[1:]):
            glow = Coat(_colour(rng, 0.1, 0.9)[None].repeat(2, 0), "plain", 1, None)
            solids.append(Solid("sphere", place, np.full(3, radius, np.float32), 0, [glow], rng.uniform(1.2, 3), 0, LAMP))
            lights.append((place, glow.colours[0] * rng.uniform(1.5, 4), False))
    if inside and (not lights or rng.random() < 0.5):
        place = np.array([rng.uniform(-.7, .7), 0, rng.uniform(-.8, .5)], np.float32) * half
        place[1] = rng.uniform(1.4, 1.9) * half[1]
        lights.append((place, _colour(rng, 0.15, 1) * rng.uniform(3, 8), False))
    if not inside:
        sun = np.array([rng.uniform(-1, 1), rng.uniform(0.4, 1.5), rng.uniform(-1, 0.6)], np.float32)
        lights.append((sun / np.linalg.norm(sun), _colour(rng, 0.1, 1) * rng.uniform(0.5, 1.1), True))
    for instance, solid in enumerate([s for s in solids if s.label in THINGS]):
        solid.instance = instance + 1
    sky = rng.uniform([0.1, 0.2, 0.4], [0.8, 0.85, 1.0]).astype(np.float32)
    ambient = _colour(rng, 0.15, 1) * np.float32(rng.uniform(0.08, 0.35))
    return Scene(solids, eye, axes, float(np.tan(rng.uniform(0.42, 0.68))), lights, ambient, sky)


def thing(rng, solids, eye, axes, half, inside):
    """One more sphere or box where there is room for it, on the floor or on a box."""
    ball = rng.random() < 0.5
    size = np.full(3, rng.uniform(0.12, 0.55)) if ball else rng.uniform(0.1, 0.55, 3)
    size = size.astype(np.float32)
    reach = float(size.max() if ball else np.hypot(size[0], size[2]))
    for _ in range(12):
        place = _ahead(rng, eye, axes, half if inside else np.float32([9, 2, 9]), reach)
        place[1] = size[1]
        under = [s for s in solids if s.label == BOX and s.turn != 0 and s.centre[1] < 0.7]
        if under and rng.random() < 0.2:
            base = under[rng.integers(len(under))]
            if reach < 0.9 * min(base.half[0], base.half[2]):
                place = base.centre + np.array([0, base.half[1] + size[1] + 2e-3, 0], np.float32)
        apart = [np.linalg.norm((place - s.centre)[[0, 2]]) > reach + (s.half[0] if s.shape == "sphere"
                 else np.hypot(s.half[0], s.half[2])) or place[1] - size[1] > s.centre[1] + s.half[1]
                 for s in solids if s.label in THINGS]
        if all(apart) and np.linalg.norm(place - eye) > reach + 0.5:
            turn = 0.0 if ball else rng.uniform(0.01, np.pi)
            shine = rng.uniform(0, 1.5) * (rng.random() < 0.5)
            solids.append(Solid("sphere" if ball else "box", place.astype(np.float32), size, turn, [coat(rng, 0.25)],
                                0.0, shine, SPHERE if ball else BOX))
            return


def _ahead(rng, eye, axes, half, margin):
    """A place in front of the eye that is inside the walls."""
    flat = axes[2] * [1, 0, 1] / np.linalg.norm(axes[2][[0, 2]])
    away = np.exp(rng.uniform(np.log(1.0), np.log(7.0)))
    place = eye + away * flat + rng.uniform(-0.6, 0.6) * away * axes[0]
    limit = np.maximum(half - margin - 0.02, 0.01)
    return np.clip(place, -limit, limit).astype(np.float32)


def _colour(rng, spread: float, bright: float):
    """Near white for a small spread, any colour for 1."""
    return (bright * (1 - spread * rng.random(3))).astype(np.float32)


def coat(rng, patterned: float) -> Coat:
    """Random paint; `patterned` is how often it has checks, stripes or clouds."""
    first = _colour(rng, rng.uniform(0.1, 0.95), rng.uniform(0.15, 0.95))
    second = np.clip(first * rng.uniform(0.3, 1.6, 3), 0, 1) if rng.random() < 0.6 else _colour(rng, 0.9, 0.9)
    pattern = "plain" if rng.random() > patterned else str(rng.choice(["checker", "stripes", "clouds", "clouds"]))
    waves = np.concatenate([rng.normal(0, 1.5, (6, 3)), rng.uniform(0, 6.3, (6, 1))], 1).astype(np.float32)
    return Coat(np.stack([first, second]).astype(np.float32), pattern, float(np.exp(rng.uniform(-2.5, -0.3))), waves)


def truth(scene: Scene, side: int):
    """Depth along the axis of view in metres (sky: MOST_DEPTH), class and instance (0: none), each [side, side]."""
    directions = scene.rays(side)
    distances, index = scene.nearest(directions)
    depth = np.where(index < 0, MOST_DEPTH, distances * (directions @ scene.axes[2]))
    label = np.array([s.label for s in scene.solids] + [SKY], np.uint8)[index]
    instance = np.array([s.instance for s in scene.solids] + [0], np.uint8)[index]
    room = scene.solids[0]
    if room.shape == "room":
        within = index == 0
        points = scene.eye + distances[within, None] * directions[within]
        normals, axis = room.normals(points)
        label[within] = np.where(axis != 1, WALL, np.where(normals[:, 1] > 0, FLOOR, CEILING))
    shape = (side, side)
    return np.minimum(depth, MOST_DEPTH).reshape(shape).astype(np.float32), label.reshape(shape), instance.reshape(shape)


def photograph(scene: Scene, number: int, side: int) -> np.ndarray:
    """uint8 sRGB [side, side, 3]: exposed, a little soft, with the noise of a sensor."""
    rng = np.random.Generator(np.random.PCG64([78, number]))
    light = scene.draw(side)
    light *= rng.uniform(0.5, 1.0) / max(float(np.quantile(light, 0.93)), 0.05)
    padded = np.pad(light, ((1, 1), (1, 1), (0, 0)), mode="edge")
    across = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    light = 0.25 * across[:-2] + 0.5 * across[1:-1] + 0.25 * across[2:]
    light = np.clip(light, 0, 1)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    srgb += rng.normal(0, rng.uniform(0, 3), srgb.shape)
    return np.clip(np.rint(srgb), 0, 255).astype(np.uint8)


RECORD = np.dtype([("photo", np.uint8, (PHOTO, PHOTO, 3)), ("depth", np.uint8, (TRUTH, TRUTH)),
                   ("label", np.uint8, (TRUTH, TRUTH)), ("instance", np.uint8, (TRUTH, TRUTH))])


def record(number: int):
    """One element of the training file; depth in 255ths of MOST_DEPTH."""
    scene = make(number)
    depth, label, instance = truth(scene, TRUTH)
    return np.array((photograph(scene, number, PHOTO), np.rint(depth / MOST_DEPTH * 255).astype(np.uint8), label,
                     instance), RECORD)


def scene_file(beside: Path, count: int = COUNT) -> Path:
    """The file of training scenes, made beside `beside` on the first call."""
    path = beside.with_name(f"{beside.stem}-scenes.npy")
    if not path.exists():
        partial = path.with_suffix(".partial.npy")
        out = np.lib.format.open_memmap(partial, "w+", RECORD, (count,))
        for number in range(count):
            out[number] = record(number)
        out.flush()
        partial.replace(path)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--first", type=int, default=100000)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--side", type=int, default=PHOTO)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for number in range(args.first, args.first + args.count):
        scene = make(number)
        depth, label, instance = truth(scene, args.side)
        Image.fromarray(photograph(scene, number, args.side)).save(args.output / f"{number}.png")
        np.savez_compressed(args.output / f"{number}.npz", depth=depth, label=label, instance=instance)


if __name__ == "__main__":
    main()
