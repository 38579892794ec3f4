#!/usr/bin/env python3
"""What a weight file draws of scenes that no training saw, run by vernis itself, beside guesses that see no picture.

    evaluate_scenes.py --model weights/diffusion.safetensors --vernis target/release/vernis --count 60 [-- --steps 4]

Depth: mean relative error and the share within a factor of 1.25, sky left out. Classes: mean intersection over union.
Panoptic: quality over all classes (segments match above an IoU of a half). The guesses are, pixel by pixel, the mean
depth and the most frequent class of 400 training scenes.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from scenes import CLASSES, LAMP, MOST_DEPTH, PHOTO, SKY, THINGS, make, photograph, truth


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--vernis", default="vernis")
    parser.add_argument("--first", type=int, default=100000, help="number of the first scene")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--into", type=Path, help="folder that keeps scenes and answers")
    parser.add_argument("more", nargs="*", help="further options of vernis restore")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.into or Path(scratch)
        truths = write_scenes(folder / "photos", range(args.first, args.first + args.count))
        for task in ("depth", "semantic", "panoptic"):
            command = [args.vernis, "restore", folder / "photos", "-o", folder / task, "--model", args.model, "--task", task,
                       "--overwrite", "--quiet", *args.more]
            subprocess.run([str(part) for part in command], check=True)
        drawn = [read_answers(folder, number) for number in truths]
    guess_depth, guess_label = guesses()
    true = list(truths.values())
    report("network", true, drawn)
    report("guess", true, [(guess_depth, guess_label, None)] * len(true))


def report(name: str, true: list, drawn: list):
    pairs = list(zip(true, drawn))
    relative, within = np.mean([depth_figures(t[0], d[0], t[1] != SKY) for t, d in pairs], 0)
    union = classes_iou([(t[1], d[1]) for t, d in pairs])
    print(f"{name}: depth AbsRel {relative:.3f} delta1 {within:.3f}; pixels {np.mean([t[1] == d[1] for t, d in pairs]):.3f}"
          f" mIoU {np.nanmean(union):.3f} ({' '.join(f'{c} {v:.2f}' for c, v in zip(CLASSES, union))})")
    if drawn[0][2]:
        quality = panoptic_quality([(segments_of(t), d[2]) for t, d in pairs])
        print(f"{name}: PQ {np.nanmean(quality):.3f} ({' '.join(f'{c} {v:.2f}' for c, v in zip(CLASSES, quality))})"
              f" things {np.nanmean(quality[THINGS]):.3f} stuff {np.nanmean(np.delete(quality, THINGS)):.3f}")


def write_scenes(folder: Path, numbers) -> dict:
    """Photographs as files; returns (depth, label, instance) by number."""
    folder.mkdir(parents=True, exist_ok=True)
    truths = {}
    for number in numbers:
        scene = make(number)
        Image.fromarray(photograph(scene, number, PHOTO)).save(folder / f"{number}.png")
        truths[number] = truth(scene, PHOTO)
    return truths


def read_answers(folder: Path, number: int):
    """(depth, label, segments) as vernis wrote them; segments are (class, mask)."""
    depth = np.asarray(Image.open(folder / f"depth/{number}.png"), np.float32) / 65535 * MOST_DEPTH
    label = np.asarray(Image.open(folder / f"semantic/{number}.labels.png")).astype(int)
    ids = np.asarray(Image.open(folder / f"panoptic/{number}.png").convert("RGB")).astype(int) @ [1, 256, 65536]
    described = json.loads((folder / f"panoptic/{number}.json").read_text())["annotations"][0]["segments_info"]
    return depth, label, [(s["category_id"], ids == s["id"]) for s in described]


def guesses(count: int = 400):
    """Mean depth and most frequent class of every pixel over the first training scenes."""
    truths = [truth(make(number), 64) for number in range(count)]
    votes = np.stack([sum(t[1] == c for t in truths) for c in range(len(CLASSES))])
    larger = [np.repeat(np.repeat(m, PHOTO // 64, 0), PHOTO // 64, 1)
              for m in (np.mean([t[0] for t in truths], 0), votes.argmax(0))]
    return tuple(larger)


def depth_figures(true, drawn, where) -> tuple[float, float]:
    """(mean relative error, share within a factor of 1.25)."""
    true, drawn = true[where], np.maximum(drawn[where], 0.05)
    return float(np.mean(np.abs(true - drawn) / true)), float(np.mean(np.maximum(true / drawn, drawn / true) < 1.25))


def classes_iou(pairs) -> np.ndarray:
    """Intersection over union of every class, over all pictures together."""
    both, either = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    for true, drawn in pairs:
        for c in range(len(CLASSES)):
            both[c] += np.sum((true == c) & (drawn == c))
            either[c] += np.sum((true == c) | (drawn == c))
    return both / np.where(either == 0, np.nan, either)


def segments_of(true) -> list:
    """(class, mask) of every visible thing and every class of stuff."""
    _, label, instance = true
    stuff = [(c, label == c) for c in range(len(CLASSES)) if c not in THINGS and (label == c).any()]
    return stuff + [(int(label[instance == i][0]), instance == i) for i in np.unique(instance[instance > 0])]


def panoptic_quality(pairs) -> np.ndarray:
    """Sum of the IoU of matches over matches and half of what is unmatched on either side, for every class."""
    matched, found, lost = (np.zeros(LAMP + 1) for _ in range(3))
    overlap = np.zeros(LAMP + 1)
    for true, drawn in pairs:
        free = list(range(len(drawn)))
        for c, mask in true:
            scores = {i: np.sum(mask & drawn[i][1]) / np.sum(mask | drawn[i][1]) for i in free if drawn[i][0] == c}
            best = max(scores, key=scores.get, default=None)
            if best is not None and scores[best] > 0.5:
                matched[c] += 1
                overlap[c] += scores[best]
                free.remove(best)
            else:
                lost[c] += 1
        for i in free:
            found[drawn[i][0]] += 1
    total = matched + (found + lost) / 2
    return overlap / np.where(total == 0, np.nan, total)


if __name__ == "__main__":
    main()
