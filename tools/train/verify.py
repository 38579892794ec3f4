#!/usr/bin/env python3
"""Checks the networks against conformance cases: verify.py CASE_DIR... (weights.safetensors beside each case).

A case is case.json (architecture arguments, tensor names) and io.safetensors (inputs and expected outputs).
A network with tasks is checked for each of them and for none, one that draws from its noise to its picture. Exits 1 if a relative L2 error exceeds the case's
tolerance.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

import models
from diffusion import Diffusion
from map_codecs import cells, nearest, palette
from tokenizer import encode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", type=Path, nargs="+", metavar="CASE_DIR")
    parser.add_argument("--weights", type=Path, help="folder of <case>.safetensors, instead of the case's own")
    args = parser.parse_args()
    failed = 0
    for folder in args.cases:
        weights = args.weights / f"{folder.name}.safetensors" if args.weights else folder / "weights.safetensors"
        error, tolerance = check(folder, weights)
        failed += error > tolerance
        print(f"{folder.name:36} rel L2 {error:.2e} {'ok' if error <= tolerance else 'FAILED'}")
    return 1 if failed else 0


def check(folder: Path, weights: Path) -> tuple[float, float]:
    """The largest relative L2 error of the case's outputs, and what is allowed."""
    case = json.loads((folder / "case.json").read_text())
    tensors = load_file(folder / "io.safetensors")
    if case["family"] == "diffusion-codec":
        return (0.0 if colours_agree(case, tensors) else float("inf")), 0.0
    model = models.ARCHITECTURES[case["family"]](**case["config"])
    model.load_state_dict(load_file(weights))
    model.eval()
    call = case["call"]
    if models.draws(case["family"]):
        with torch.no_grad():
            return drawing_error(model, case, tensors), case["tolerance"]["rel_l2"]
    inputs = [tensors[name] for name in sorted(call["inputs"], key=lambda name: name != "input")]
    with torch.no_grad():
        if "per_task_outputs" in call:
            told = call["per_task_outputs"] | {None: call["no_task_output"]}
            compared = [(model(*inputs, [task]), tensors[name]) for task, name in told.items()]
        else:
            compared = [(model(*inputs), tensors[call["outputs"][0]])]
    errors = [distance(output, expected) for output, expected in compared]
    return max(errors), case["tolerance"]["rel_l2"]


def drawing_error(model, case: dict, tensors: dict) -> float:
    """The largest error of context, features, the first prediction and the drawing itself; tokens must be equal."""
    sampler, ids = Diffusion(case["config"]["diffusion"]), tensors["input_ids"].long()
    if [list(encode(p)) for p in case["call"]["prompts"]] != ids.tolist():
        return float("inf")
    image, noise, which = tensors["image"], tensors["noise"], torch.arange(len(ids))
    image = image.expand(len(ids), -1, -1, -1)

    def predict(seen, timesteps):
        return model(image, seen, timesteps, ids, which)

    first = torch.full((len(ids),), sampler.timesteps()[0])
    compared = {"context": model.text_encoder(ids), "features": model.features(image, noise.shape[-2:]),
                "net_out": predict(sampler.seen(noise, first), first), "x0": sampler.draw(predict, noise)}
    expected = {name: tensors[name] for name in compared} | {"net_out": tensors["net_out"][0]}
    return max(distance(output, expected[name]) for name, output in compared.items())


def colours_agree(case: dict, tensors: dict) -> bool:
    """Whether palettes, colours by place and nearest entries are those of a case of classes or things."""
    agree = []
    for name in (n for n in tensors if n.startswith("palette")):
        end, colours = name.removeprefix("palette"), palette(len(tensors[name]))
        picture = tensors["pred_rgb255" + end].numpy().clip(0, 255)
        agree += [(colours == tensors[name].numpy()).all(),
                  (nearest(picture, colours) == tensors["decoded" + end].numpy()).all()]
    if "rgb_grid" in tensors:
        placed = cells(tensors["instances"].numpy(), *case["config"]["grid_alternative"])
        agree.append((colours[placed] == tensors["rgb_grid"].numpy()).all())
    return bool(agree) and all(agree)


def distance(output, expected) -> float:
    """Relative L2."""
    return float((output - expected).norm() / expected.norm())


if __name__ == "__main__":
    sys.exit(main())
