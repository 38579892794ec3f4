"""Muon: momentum whose every matrix is turned into the nearest orthogonal one before it becomes a step.

After Jordan et al. 2024 (the quintic Newton-Schulz iteration) and Liu et al. 2025, arXiv 2502.16982 (steps scaled
to the size of AdamW's, so that both share one learning rate). Everything that is no dense matrix takes AdamW.
"""

from collections import defaultdict

import torch

QUINTIC = (3.4445, -4.7750, 2.0315)
ROUNDS = 5
MOMENTUM = 0.95
ADAM_SIZE = 0.2  # root mean square of a typical AdamW step over its learning rate


class Muon(torch.optim.AdamW):
    """AdamW for groups without `orthogonal`, Muon for the group that has it."""

    def __init__(self, model: torch.nn.Module, others, rate: float, weight_decay: float):
        dense = list(dense_weights(model))
        chosen = {id(p) for p in dense}
        rest = [p for p in [*model.parameters(), *others] if id(p) not in chosen]
        super().__init__([{"params": rest}, {"params": dense, "orthogonal": True}], rate, betas=(0.9, 0.99),
                         weight_decay=weight_decay, fused=True)

    @torch.no_grad()
    def step(self):
        adam, muon = self.param_groups
        self.param_groups = [adam]
        super().step()
        self.param_groups = [adam, muon]
        alike = defaultdict(list)
        for p in muon["params"]:
            if p.grad is not None:
                alike[tuple(p.shape)].append(p)
        for weights in alike.values():
            self._step_alike(weights, muon["lr"], muon["weight_decay"])

    def _step_alike(self, weights, rate: float, decay: float):
        """One step of weights of one shape, as one batch of matrices [out, in * kh * kw]."""
        for p in weights:
            if not self.state[p]:
                # AdamW counts steps in every state that it loads.
                self.state[p] |= {"momentum": torch.zeros_like(p), "step": torch.tensor(0.0)}
        momenta, grads = [self.state[p]["momentum"] for p in weights], [p.grad for p in weights]
        torch._foreach_lerp_(momenta, grads, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(grads, momenta, MOMENTUM)  # Nesterov
        turned = orthogonal(torch.stack([m.flatten(1) for m in ahead]))
        size = ADAM_SIZE * max(turned.shape[1:]) ** 0.5
        torch._foreach_mul_(weights, 1 - rate * decay)
        torch._foreach_add_(weights, [t.view_as(p) for t, p in zip(turned, weights)], alpha=-rate * size)


def dense_weights(model: torch.nn.Module):
    """The weights of linear layers and of convolutions that mix channels, but for those at the network's two ends."""
    mixing = [m for m in model.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)]
    return (m.weight for m in mixing if getattr(m, "groups", 1) == 1 and min(m.weight.flatten(1).shape) > 3)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """[N, m, n] with all singular values near one, the singular vectors kept."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = QUINTIC
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)
