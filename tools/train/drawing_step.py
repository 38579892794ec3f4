"""The loss of a network that draws: its answer from a noised target against the target, for every task at once."""

import torch

from diffusion import Diffusion


def loss(state, source, device, stage: dict, _groups: int, team_size: int):
    """Mean absolute error of the predicted picture, and its mean for each task for the log. The pixels of things, a sixth
    of a map, count `things_weight` times, or the network would do best to leave them out."""
    recipe = state.recipe
    batch = source.next(task_weights=recipe["tasks"], count=stage["batch"] // team_size, grid=tuple(recipe["grid"]),
                        classes=recipe["classes"], first_share=recipe["first_share"])
    diffusion = Diffusion(recipe["config"]["diffusion"])
    photographs, target, noise, things, timesteps, ids, which = (t.to(device) for t in (
        batch.photographs, batch.target, batch.noise, batch.things, batch.timesteps, batch.ids, batch.which))
    y = diffusion.noised(target, timesteps, noise)
    seen = diffusion.seen(y, timesteps).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe["bf16"]):
        prediction = state.model(photographs, seen, timesteps, ids, which)
    drawn = diffusion.clean(prediction.float(), y, timesteps) / diffusion.b
    weight = 1 + (recipe["things_weight"] - 1) * things
    errors = ((drawn - target).abs() * weight).flatten(1).sum(1) / weight.flatten(1).sum(1) / target.shape[1]
    figures = {task: errors[[i for i, t in enumerate(batch.tasks) if t == task]].mean().item()
               for task in sorted(set(batch.tasks))}
    return errors.mean(), {"loss": errors.mean().item(), **figures}
