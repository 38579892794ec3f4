"""Instruct-IPT: one network for several tasks, each a low-rank change of the weights of its convolutions.

The carrier is any network of this folder, and its keys stay as they are. Task t adds to a module M the keys
`M.lora_A.<t>.weight` [r, in, kh, kw] and `M.lora_B.<t>.weight` [out, r, 1, 1], or, where M is depthwise,
`M.delta.<t>.weight` of the shape of its weight. Ranks are read from the shapes of a state dict.
"""

import torch
from torch import nn

from .nafnet import NAFNet
from .restormer import Restormer

CARRIERS = {"nafnet": NAFNet, "restormer": Restormer}


class Weight(nn.Module):
    """One tensor under the key `weight`."""

    def __init__(self, values: torch.Tensor):
        super().__init__()
        self.weight = nn.Parameter(values)


class AdaptedConv2d(nn.Conv2d):
    """A convolution with weight W + B A, or W + delta, once it is told one of its tasks, and W otherwise."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                         groups=conv.groups, bias=conv.bias is not None)
        self.lora_A, self.lora_B, self.delta = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.told = None
        self.load_state_dict(conv.state_dict())

    def start(self, task: str, rank: int):
        """Adds the factors of `task`; they change nothing until they are trained."""
        if self.groups > 1:
            self.delta[task] = Weight(torch.zeros_like(self.weight))
            return
        rank = min(rank, self.out_channels)
        down = torch.empty(rank, *self.weight.shape[1:])
        nn.init.kaiming_uniform_(down, a=5 ** 0.5)
        self.lora_A[task] = Weight(down)
        self.lora_B[task] = Weight(torch.zeros(self.out_channels, rank, 1, 1))

    def tell(self, task: str | None):
        """Makes the weight of `task`, before the forward pass: a compiled pass then sees a tensor, and no task."""
        self.told = self._weight(task)

    def forward(self, x):
        return self._conv_forward(x, self.told, self.bias)

    def _weight(self, task):
        if task in self.delta:
            return self.weight + self.delta[task].weight
        if task in self.lora_A:
            change = self.lora_B[task].weight.flatten(1) @ self.lora_A[task].weight.flatten(1)
            return self.weight + change.view_as(self.weight)
        return self.weight * 1  # never the parameter itself: a compiled pass treats the two differently

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        for name in ("lora_A", "lora_B", "delta"):
            factors = getattr(self, name)
            for key in [key for key in state_dict if key.startswith(f"{prefix}{name}.")]:
                task = key.removeprefix(f"{prefix}{name}.").removesuffix(".weight")
                if task not in factors or factors[task].weight.shape != state_dict[key].shape:
                    factors[task] = Weight(torch.zeros_like(state_dict[key]))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class TaskBiased:
    """Mixed into a carrier: its convolutions follow the task that each part of a batch is told."""

    def __init__(self, tasks, **config):
        super().__init__(**config)
        self.tasks, self.carry = list(tasks), super().forward
        for parent in list(self.modules()):
            for name, child in parent.named_children():
                if type(child) is nn.Conv2d:
                    setattr(parent, name, AdaptedConv2d(child))

    def start_tasks(self, rank: int):
        """Gives every convolution factors of one rank for every task, changing nothing yet."""
        for conv in self.adapted():
            for task in self.tasks:
                conv.start(task, rank)

    def adapted(self):
        return (module for module in self.modules() if isinstance(module, AdaptedConv2d))

    def forward(self, image, told=(None,)):
        """[B, 3, H, W]; the batch is cut into as many equal parts as `told` names tasks (None: the carrier alone)."""
        if unknown := {*told} - {None, *self.tasks}:
            raise KeyError(f"no biases for {', '.join(unknown)}")
        outputs = []
        for part, task in zip(image.chunk(len(told)), told):
            for conv in self.adapted():
                conv.tell(task)
            outputs.append(self.carry(part))
        return torch.cat(outputs)

    def compile(self):
        """Compiles the carrier's pass, once for all tasks."""
        self.carry = torch.compile(super().forward)


def instruct_ipt(carrier: str = "restormer", tasks=(), **config):
    """The carrier of that name, with `config` its own arguments, and room for the factors of `tasks`."""
    kind = type("InstructIPT", (TaskBiased, CARRIERS[carrier]), {})
    return kind(tasks, **config)
