"""Batches for a network that draws: photographs, what it is told, and its noised answers.

Maps come from the scenes of scenes.py; restorations from crops of photographs, drawn pixel for pixel: the network looks
at a crop of the target's size, enlarged.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from batches import PHOTOGRAPHS, make_pair
from data import random_crop
from map_codecs import cells, palette
from orders import SENTENCES, sentence
from scenes import PHOTO, SCENES, THINGS, TRUTH
from tokenizer import encode

MAPS = ["depth", "semantic", "instance"]


@dataclass
class DrawnBatch:
    """`photographs` [B, 3, S, S] in 0..1, `target` and `noise` [B, 3, s, s], the target in -1..1, `things` [B, 1, s, s]:
    whether a map shows a thing there, `timesteps` [B]; picture i is told `ids[which[i]]` and its task is `tasks[i]`."""

    photographs: torch.Tensor
    target: torch.Tensor
    noise: torch.Tensor
    things: torch.Tensor
    timesteps: torch.Tensor
    ids: torch.Tensor
    which: torch.Tensor
    tasks: list[str]


def draw_batch(tiles: dict, rng, task_weights: dict, count: int, grid: tuple[int, int], classes: int,
               first_share: float) -> DrawnBatch:
    """`count` pictures of tasks drawn by weight. `first_share` of them are at the noisiest timestep, the others
    anywhere."""
    names, weights = list(task_weights), np.array(list(task_weights.values()), dtype=float)
    tasks = [str(t) for t in rng.choice(names, count, p=weights / weights.sum())]
    nothing = np.zeros((TRUTH, TRUTH), bool)
    drawn = [draw_map(t, tiles[SCENES], rng, grid, classes) if t in MAPS
             else (*make_pair(t, random_crop(tiles[PHOTOGRAPHS], rng, TRUTH), rng), nothing) for t in tasks]
    photographs = torch.cat([_shown(photo) for photo, _, _ in drawn])
    target = _planes(np.stack([answer for _, answer, _ in drawn])) * 2 - 1
    timesteps = np.where(rng.random(count) < first_share, 999, rng.integers(0, 1000, count))
    told = list(SENTENCES)
    return DrawnBatch(
        photographs.contiguous(memory_format=torch.channels_last), target.contiguous(),
        torch.from_numpy(rng.standard_normal(target.shape, np.float32)),
        torch.from_numpy(np.stack([things for _, _, things in drawn]))[:, None], torch.from_numpy(timesteps),
        torch.tensor([encode(sentence(t, rng)) for t in told]), torch.tensor([told.index(t) for t in tasks]), tasks)


def draw_map(task: str, scenes: np.ndarray, rng, grid: tuple[int, int], classes: int):
    """(photograph, answer), both uint8, and where the answer shows things, of one scene, mirrored half of the time and
    sometimes in other light."""
    scene = scenes[rng.integers(len(scenes))]
    mirror = (lambda m: m[:, ::-1]) if rng.random() < 0.5 else (lambda m: m)
    photo = mirror(scene["photo"])
    if rng.random() < 0.5:
        curve = (np.arange(256) / 255) ** rng.uniform(0.7, 1.4) * rng.uniform(0.7, 1.1) * 255
        photo = np.clip(curve, 0, 255).astype(np.uint8)[photo]
    truth = {m: mirror(scene[m]) for m in ("depth", "label", "instance")}
    return photo, answer_of(task, truth, grid, classes), np.isin(truth["label"], THINGS)


def answer_of(task: str, truth: dict, grid: tuple[int, int], classes: int) -> np.ndarray:
    """The picture [H, W, 3] of uint8 that says what is true."""
    if task == "depth":
        return truth["depth"][..., None].repeat(3, -1)
    if task == "semantic":
        return palette(classes)[truth["label"]]
    return palette(1 + grid[0] * grid[1])[cells(truth["instance"], *grid)]


def _planes(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 255


def _shown(photo: np.ndarray) -> torch.Tensor:
    planes = _planes(photo[None])
    return planes if planes.shape[-1] == PHOTO else F.interpolate(planes, (PHOTO, PHOTO), mode="bilinear")
