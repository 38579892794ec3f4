"""Weight files: safetensors whose string metadata says what they hold.

Metadata keys: vernis.architecture, vernis.config (JSON, the constructor arguments), vernis.tasks (JSON list),
vernis.colour, vernis.tile (JSON), vernis.license, modelspec.title, modelspec.license, format. The example pairs
of a prompted network are stored as tokens `vernis.prompt.<task>.k` and `.v`, [1, N, 8 * dim].
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

import models
from batches import task_of
from models.task_tokens import NAME as LEARNED

LICENSE = "MIT OR Apache-2.0"
OURS = "vernis."  # what stands beside the tensors of the published network: prompts, a sensor
PROMPT = OURS + "prompt."


@dataclass
class Weights:
    """A network in f32, ready to evaluate, with what its file says about it."""

    model: torch.nn.Module
    architecture: str
    tasks: list[str]
    tile: dict | None
    prompts: dict[str, tuple[torch.Tensor, torch.Tensor]]


def trained_tasks(recipe: dict) -> list[str]:
    """The tasks that the network's configuration lists, or else those of its recipe that have a share of the batches. A recipe
    may name kinds of damage instead of their task."""
    if "tasks" in recipe["config"]:
        return list(recipe["config"]["tasks"])
    trained = (task for task, weight in recipe["tasks"].items() if weight > 0)
    return list(dict.fromkeys(task_of(name) for name in trained))


def save(path: Path, model: torch.nn.Module, recipe: dict, prompts: dict):
    """Writes the model and its prompt tokens in f16, with the metadata that the recipe implies."""
    tensors = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(LEARNED)}
    for task, (keys, values) in prompts.items():
        tensors[f"{PROMPT}{task}.k"], tensors[f"{PROMPT}{task}.v"] = keys, values
    metadata = {
        "vernis.architecture": recipe["architecture"],
        "vernis.config": json.dumps(recipe["config"]),
        "vernis.tasks": json.dumps(trained_tasks(recipe)),
        "vernis.colour": "rgb",
        "vernis.tile": json.dumps(recipe["tile"]),
        "vernis.license": LICENSE,
        "modelspec.title": recipe["title"],
        "modelspec.license": LICENSE,
        "format": "pt",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: t.detach().cpu().half().contiguous() for name, t in tensors.items()}, path, metadata)


def start_from(model: torch.nn.Module, path: Path) -> str:
    """Copies every tensor of the file that has the name and shape of one of the model's; says how many.

    Residual branches that the file lacks start silent, so that a deepened network begins where the file ended.
    """
    own = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(LEARNED)}
    with safe_open(path, "pt") as file:
        if learned := getattr(model, LEARNED, None):
            stored = stored_prompts(file, sorted({task_of(name) for name in learned.tasks}))
            learned.begin_with({name: stored[task_of(name)] for name in learned.tasks if task_of(name) in stored})
        fitting = {name: file.get_tensor(name).float() for name in file.keys()
                   if name in own and list(own[name].shape) == file.get_slice(name).get_shape()}
    silent = {name: torch.zeros_like(tensor) for name, tensor in own.items()
              if name not in fitting and name.endswith(("project_out.weight", "project_out.bias"))}
    model.load_state_dict(fitting | silent, strict=False)
    return f"{len(fitting)} of {len(own)} tensors from {path}"


def stored_prompts(file, tasks: list[str]) -> dict:
    """The prompt tokens {task: (keys, values)} that an open weight file has for some of `tasks`."""
    names = set(file.keys())
    return {task: tuple(file.get_tensor(f"{PROMPT}{task}.{side}") for side in "kv")
            for task in tasks if f"{PROMPT}{task}.k" in names}


def load(path: Path) -> Weights:
    """A weight file, or the averaged network of a training checkpoint (.pt), whose prompts are the learned ones, named as in
    its recipe."""
    if path.suffix == ".pt":
        saved = torch.load(path, map_location="cpu", weights_only=False)
        recipe, state, prompts = saved["recipe"], saved["ema"], {}
        architecture, config, tile = (recipe.get(k) for k in ("architecture", "config", "tile"))
        tasks = trained_tasks(recipe)
        if learned := models.learned_tokens(recipe):
            learned.load_state_dict({name.removeprefix(f"{LEARNED}."): state.pop(name) for name in list(state)
                                     if name.startswith(LEARNED)})
            with torch.no_grad():
                prompts = {name: learned.of([name]) for name in learned.tasks}
    else:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            state = {name: file.get_tensor(name).float() for name in file.keys() if not name.startswith(OURS)}
            config, tasks, tile = (json.loads(metadata[f"vernis.{k}"]) for k in ("config", "tasks", "tile"))
            prompts = {task: tuple(t.float() for t in pair) for task, pair in stored_prompts(file, tasks).items()}
        architecture = metadata["vernis.architecture"]
    model = models.build(architecture, config).eval()
    model.load_state_dict(state)
    return Weights(model, architecture, tasks, tile, prompts)


def average(model: torch.nn.Module, other: torch.nn.Module, share: float):
    """Mixes `share` of the weights of `other` into `model`; one was trained from the other."""
    with torch.no_grad():
        theirs = dict(other.named_parameters())  # by name: tasks may come in another order
        for name, mine in model.named_parameters():
            mine.lerp_(theirs[name], share)
