#!/usr/bin/env python3
"""Trains one network from a recipe (configs/*.json) within a budget of minutes or steps.

    train.py nafnet-denoise --tiles train_tiles.tar --run runs/denoise --minutes 110

Starting it again with the same --run continues from the last checkpoint; the learning rate follows the share
of the whole budget that is used up, so an interrupted run ends on the same schedule. The same code runs on
CPU and on CUDA.
"""

import argparse
import json
import math
import signal
import time
from pathlib import Path

import torch

import drawing_step
import drawn_batches
import models
import weights
from batches import PHOTOGRAPHS, draw_batch
from checkpoint import TrainingState
from data import load_tiles
from domains import drawn_tiles
from losses import LOSSES
from parallel import Team
from prefetch import BatchSource
from scenes import SCENES, scene_file

CHECKPOINT_SECONDS = 120
LOG_SECONDS = 30


def main():
    args = parse_arguments()
    recipe = read_recipe(args.recipe)
    if args.max_batch:
        shrink(recipe, args.max_batch)
    device = torch.device(args.device)
    torch.manual_seed(args.seed)
    cache = args.cache or args.run / "tiles.npy"
    load_tiles(args.tiles, cache)
    drawing = models.draws(recipe["architecture"])
    elsewhere = set(recipe.get("domains", [])) - {PHOTOGRAPHS}
    tiles = {PHOTOGRAPHS: cache} | {domain: drawn_tiles(domain, cache) for domain in sorted(elsewhere)}
    if drawing:
        tiles[SCENES] = scene_file(cache)
    model = models.begin(recipe).to(device)
    if args.start_from:
        print(weights.start_from(model, args.start_from), flush=True)
    if "only" in recipe:
        # What else there is stays as it is: the biases of one task, say, are trained on without a change to another.
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(recipe["only"] in name)
    state = TrainingState.fresh(model, recipe)
    args.run.mkdir(parents=True, exist_ok=True)
    checkpoint = args.run / "checkpoint.pt"
    if checkpoint.exists():
        state.load(checkpoint)
        print(f"resumed at step {state.step}, {state.elapsed / 60:.1f} min", flush=True)
    if args.compile:
        model.compile()
    budget = Budget(args.minutes, args.steps)
    signal.signal(signal.SIGTERM, budget.stop)
    signal.signal(signal.SIGINT, budget.stop)
    team = Team(device)
    source = BatchSource(tiles, [args.seed, team.rank], state.step, args.workers,
                         drawn_batches.draw_batch if drawing else draw_batch)
    run(state, source, device, team, budget, checkpoint)
    source.close()


class Budget:
    """How much of the run is used up, by training time or by steps, and whether it was told to stop before."""

    def __init__(self, minutes: float | None, steps: int | None):
        self.seconds, self.steps, self.stopped = minutes and minutes * 60, steps, False

    def stop(self, *_signal):
        self.stopped = True

    def used(self, state: TrainingState) -> float:
        return state.step / self.steps if self.steps else state.elapsed / self.seconds


def run(state, source, device, team, budget, checkpoint):
    """Trains until the budget is used up or a signal asks to stop; saves every two minutes and at the end."""
    meter = Meter()
    saved = logged = last = time.monotonic()
    while (used := budget.used(state)) < 1 and not budget.stopped:
        meter.add(train_step(state, source, device, team, used))
        now = time.monotonic()
        state.elapsed, budget.stopped = team.as_leader(state.elapsed + now - last, budget.stopped)
        last = now
        if team.rank > 0:
            continue
        if now - logged > LOG_SECONDS:
            print(f"{used:6.1%} step {state.step} {state.elapsed / 60:.1f} min {meter.report()}", flush=True)
            logged = now
        if now - saved > CHECKPOINT_SECONDS:
            state.save(checkpoint)
            saved = now
    if team.rank == 0:
        state.save(checkpoint)
        how = "stopped" if budget.stopped else "done"
        print(f"{how}: {state.step} steps in {state.elapsed / 60:.1f} min; {meter.report()}", flush=True)


def train_step(state, source, device, team, used: float):
    """One optimiser step at the share `used` of the budget; returns figures for the log."""
    recipe = state.recipe
    stage = next(s for s in recipe["stages"] if used < s["until"])
    groups = max(1, stage.get("groups", 1) // team.size)
    for group in state.optimizer.param_groups:
        group["lr"] = recipe["learning_rate"] * schedule(used, state.step, recipe["warmup_steps"])
    look = drawing_step.loss if models.draws(recipe["architecture"]) else restoring_loss
    loss, figures = look(state, source, device, stage, groups, team.size)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    team.average_gradients([p for group in state.optimizer.param_groups for p in group["params"]])
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), recipe["clip_norm"])
    state.optimizer.step()
    state.step += 1
    state.update_ema(recipe["ema_decay"])
    return figures


def restoring_loss(state, source, device, stage: dict, groups: int, team_size: int):
    """Loss and figures for the log of a network that restores its input."""
    recipe = state.recipe
    batch = source.next(task_weights=recipe["tasks"], groups=groups, per_group=stage["batch"] // team_size // groups,
                        patch=stage["patch"], prompts=models.takes_prompts(recipe["architecture"]),
                        mismatch=recipe.get("mismatch", 0.0), untold=recipe.get("untold", 0.0),
                        domains=recipe.get("domains"), high_key=recipe.get("high_key", 0.0))
    told = [batch.told] if models.takes_tasks(recipe["architecture"]) else []
    if share := recipe.get("learned_tokens"):
        first = round(share * groups)  # groups of a batch are of any task, so the first ones are as good as drawn ones
        told = [state.model.task_tokens.of(batch.tasks[:first])]
        batch.leave_pairs(first)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe["bf16"]):
        output = state.model(*[t.to(device, memory_format=torch.channels_last) for t in batch.inputs()], *told)
    target = state.teachers.targets(batch) if state.teachers else batch.target
    loss = LOSSES[recipe["loss"]](output.float(), target.to(device))
    figures = {"loss": loss.item(), **batch.gains(output.detach().float().cpu())}
    if state.probe:
        told_apart, heard = state.probe.loss(batch)
        figures |= heard
        loss = loss + recipe["probe_weight"] * told_apart
    return loss, figures


def schedule(used: float, step: int, warmup: int) -> float:
    """Linear warm-up over the first steps, then half a cosine down to a hundredth."""
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(used, 1)))
    return cosine * min(1, (step + 1) / warmup)


class Meter:
    """Running means over about thirty values each."""

    def __init__(self):
        self.means = {}

    def add(self, figures: dict):
        for name, value in figures.items():
            old = self.means.get(name, value)
            self.means[name] = old + 0.03 * (value - old)

    def report(self) -> str:
        return " ".join(f"{name} {value:.3f}" for name, value in self.means.items())


def shrink(recipe: dict, batch: int):
    """Limits every stage to `batch` images and as many task groups, for a dry run on a small machine."""
    for stage in recipe["stages"]:
        stage["groups"] = min(stage.get("groups", 1), batch)
        stage["batch"] = min(stage["batch"], batch) // stage["groups"] * stage["groups"]


def read_recipe(name: str) -> dict:
    """The file at a path ending in .json, or the recipe of that name beside this file."""
    given = Path(name)
    path = given if given.suffix == ".json" else Path(__file__).parent / "configs" / f"{name}.json"
    return json.loads(path.read_text())


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe", help="name of a file in configs/, or a path to a .json")
    parser.add_argument("--tiles", type=Path, required=True, help="tar of training photographs")
    parser.add_argument("--cache", type=Path, help="where the decoded tiles are kept (default RUN/tiles.npy)")
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--start-from", type=Path, help="weight file that a fresh run takes all fitting tensors from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network (slow to start)")
    parser.add_argument("--threads", type=int, help="CPU threads of the network")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare batches ahead")
    parser.add_argument("--max-batch", type=int, help="limit of the recipe's batch sizes, for dry runs")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--steps", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    return args


if __name__ == "__main__":
    main()
