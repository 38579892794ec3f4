#!/usr/bin/env python3
"""PSNR and SSIM of 8-bit sRGB pictures over whole images.

    tools/evaluate.py --model weights/genlv.safetensors --clean photos --degrade noise=25,rain=60
    tools/evaluate.py --model weights/genlv.safetensors --pairs degraded clean --task derain
    tools/evaluate.py --pairs restored clean          (no model: compares two folders of equal file names)
    tools/evaluate.py --baseline bm3d --clean photos --degrade noise=25      (a denoiser told the level)

Degradations are those of degrade.py with the same --seed, so its files give the same figures. A training
checkpoint (.pt) of a network without prompts can stand in for a weight file.
"""

import argparse
import functools
import json
import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

from baselines import BASELINES
from degrade import KINDS, apply_kind, generator, load_rgb, parse_kinds

NO_TASK = "none"  # the shared weights of a network with task weights
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """dB over all samples of two uint8 pictures; 100 if they are equal."""
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return float(10 * np.log10(255 ** 2 / error)) if error else 100.0


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over the channels; Gaussian window 11x11, sigma 1.5, K1 0.01, K2 0.03, windows inside the picture."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    var_a, var_b = _window_mean(a * a) - mean_a ** 2, _window_mean(b * b) - mean_b ** 2
    covariance = _window_mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    score /= (mean_a ** 2 + mean_b ** 2 + c1) * (var_a + var_b + c2)
    return float(score[5:-5, 5:-5].mean())


def _window_mean(image):
    return ndimage.gaussian_filter(image, (1.5, 1.5, 0), radius=(5, 5, 0))


def measure(pairs, network) -> dict:
    """Mean figures of the inputs and, with a network, of its outputs over (name, input, target) triples."""
    rows = []
    for name, before, target in pairs:
        row = {"file": name, "input_psnr": psnr(before, target), "input_ssim": ssim(before, target)}
        if network:
            after = network(before)
            row |= {"psnr": psnr(after, target), "ssim": ssim(after, target)}
        rows.append(row)
    figures = [key for key in rows[0] if key != "file"]
    return {"images": len(rows), **{key: float(np.mean([row[key] for row in rows])) for key in figures}, "files": rows}


def degraded(folder: Path, kind: str, level, seed: int):
    """(name, input, target) of every picture in the folder."""
    for path in pictures(folder):
        name, clean = str(path.relative_to(folder)), load_rgb(path)
        made = apply_kind(kind, clean, generator(seed, path.stem), level)
        yield (name, clean, made) if KINDS[kind].changes_target else (name, made, clean)


def paired(inputs: Path, targets: Path):
    """(name, input, target) of the pictures that both folders hold under one name, whatever their extensions."""
    by_name = {path.relative_to(targets).with_suffix(""): path for path in pictures(targets)}
    for path in pictures(inputs):
        name = path.relative_to(inputs)
        if name.with_suffix("") in by_name:
            yield str(name), load_rgb(path), load_rgb(by_name[name.with_suffix("")])


def pictures(folder: Path) -> list[Path]:
    """Those of the folder and of all folders in it, but for hidden ones."""
    shown = (path for path in folder.rglob("*") if not any(part[0] == "." for part in path.relative_to(folder).parts))
    found = sorted(path for path in shown if path.suffix.lower() in PICTURES)
    return found or sys.exit(f"no pictures in {folder}")


class Restorer:
    """A weight file; `for_task` gives the function from picture to picture."""

    def __init__(self, path: Path, tile: str, threads: int | None):
        sys.path.insert(0, str(Path(__file__).resolve().parent / "train"))
        import torch
        import weights
        if threads:
            torch.set_num_threads(threads)
        self.weights = weights.load(path)
        stored = self.weights.tile or {}
        self.tile, self.overlap = {
            "off": (None, 0),
            "auto": (stored.get("size"), stored.get("halo", 0)),
        }.get(tile) or (int(tile), stored.get("halo", 32))

    def for_task(self, task: str | None):
        from models import takes_tasks
        from restore import restore
        model, prompts, tasks = self.weights.model, self.weights.prompts, self.weights.tasks
        if prompts and task not in prompts:
            sys.exit(f"no stored prompt for task {task!r}; there are {', '.join(prompts)}")
        run = (lambda image: model.restore(image, *prompts[task])) if prompts else model
        if takes_tasks(self.weights.architecture):
            known = [*tasks, NO_TASK] if self.weights.architecture == "instruct-ipt" else tasks
            if task not in known:
                sys.exit(f"no weights for task {task!r}; there are {', '.join(known)}")
            told = [None if task == NO_TASK else task]
            run = lambda image: model(image, told)  # noqa: E731
        return lambda picture: restore(run, picture, model.multiple, self.tile, self.overlap)


def main() -> int:
    args = parse_arguments()
    restorer = Restorer(args.model, args.tile, args.threads) if args.model else None
    report = {}
    if args.pairs:
        network = restorer and restorer.for_task(args.task)
        report[args.pairs[0].name] = measure(paired(*args.pairs), network)
    for kind, level in args.degrade or []:
        if args.baseline:
            network = functools.partial(BASELINES[args.baseline], sigma=level)
        else:
            network = restorer and restorer.for_task(args.task or KINDS[kind].task)
        label = kind if level is None else f"{kind}={level:g}"
        report[label] = measure(degraded(args.clean, kind, level, args.seed), network)
    print(f"{'':16}{'images':>7}{'input dB':>10}{'SSIM':>8}{'output dB':>11}{'SSIM':>8}{'gain':>8}")
    for label, r in report.items():
        line = f"{label:16}{r['images']:7}{r['input_psnr']:10.2f}{r['input_ssim']:8.4f}"
        print(line + (f"{r['psnr']:11.2f}{r['ssim']:8.4f}{r['psnr'] - r['input_psnr']:8.2f}" if "psnr" in r else ""))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help=".safetensors weight file or training checkpoint")
    parser.add_argument("--baseline", choices=BASELINES, help="a denoiser that learned nothing instead of a model")
    parser.add_argument("--pairs", type=Path, nargs=2, metavar=("INPUTS", "TARGETS"))
    parser.add_argument("--clean", type=Path, metavar="DIR", help="clean pictures for --degrade")
    parser.add_argument("--degrade", type=parse_kinds, metavar="KIND[=LEVEL][,...]")
    parser.add_argument("--task", help="task to tell; default: that of the degradation; none for none")
    parser.add_argument("--tile", default="auto", help="window size, auto (the weight file's) or off (whole images)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write all figures here, per file too")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if bool(args.clean) != bool(args.degrade) or not (args.pairs or args.clean):
        parser.error("give --pairs, or --clean with --degrade")
    if args.baseline and (args.model or args.pairs or any(k != "noise" or level is None for k, level in args.degrade)):
        parser.error("--baseline goes with --clean and --degrade noise=LEVEL, and without --model")
    return args


if __name__ == "__main__":
    sys.exit(main())
