"""The trainable networks, by the architecture name that a weight file's metadata carries."""

import torch

from .datprl import Datprl
from .diffusion_generalist import DiffusionGeneralist
from .genlv import GenLV
from .instruct_ipt import instruct_ipt
from .nafnet import NAFNet
from .pip import Pip
from .task_tokens import NAME, TaskTokens

PROMPT_TOKENS = 64  # of an example pair of 64 x 64 pixels

ARCHITECTURES = {"datprl": Datprl, "diffusion-generalist": DiffusionGeneralist, "genlv": GenLV,
                 "instruct-ipt": instruct_ipt, "nafnet": NAFNet, "pip": Pip}


def build(architecture: str, config: dict):
    """A network from the constructor arguments stored as `vernis.config`."""
    return ARCHITECTURES[architecture](**config)


def begin(recipe: dict):
    """The network of a recipe as training starts."""
    model = build(recipe["architecture"], recipe["config"])
    if recipe["architecture"] in ("genlv", "pip"):
        model.start_as_identity()
    if recipe["architecture"] == "instruct-ipt":
        model.start_tasks(recipe["rank"])
    if recipe["architecture"] == "datprl":
        model.start_with_little_prompt()
    if recipe["architecture"] == "diffusion-generalist":
        model.start_quietly()
    for parameter in model.parameters():
        if parameter.dim() == 4:  # the weights of convolutions; other shapes have no such order in memory
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    if learned := learned_tokens(recipe):
        setattr(model, NAME, learned)
    return model


def learned_tokens(recipe: dict) -> TaskTokens | None:
    """The prompt tokens that a recipe learns beside its network, as training starts."""
    if "learned_tokens" not in recipe:
        return None
    return TaskTokens(list(recipe["tasks"]), PROMPT_TOKENS, 8 * recipe["config"]["dim"])


def takes_prompts(architecture: str) -> bool:
    """Whether the network is called with an example pair beside its input."""
    return architecture == "genlv"


def takes_tasks(architecture: str) -> bool:
    """Whether the network is called with a list of task names beside its input."""
    return architecture in ("instruct-ipt", "pip")


def draws(architecture: str) -> bool:
    """Whether the network draws its answer from noise and is trained on noised answers."""
    return architecture == "diffusion-generalist"
