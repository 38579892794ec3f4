"""Noise schedule, what the network sees and says, and the DDIM loop, after the block `diffusion` of a configuration.

Pictures x0 are in -1 to 1; the state y is b * x0 plus noise. Sums and schedules are float64.
"""

import numpy as np
import torch


class Diffusion:
    def __init__(self, settings: dict):
        s = self.settings = settings
        count = s.get("train_steps", 1000)
        spread = (np.linspace(s["beta_start"], s["beta_end"], count) if s["beta_schedule"] == "linear"
                  else np.linspace(s["beta_start"] ** 0.5, s["beta_end"] ** 0.5, count) ** 2)
        self.gammas = torch.from_numpy(np.cumprod(1 - spread))
        self.b = s.get("input_scale_b", 1.0)

    def gamma(self, timesteps):
        """Shares of signal [B, 1, 1, 1] at timesteps [B]."""
        return self.gammas.to(timesteps.device)[timesteps][:, None, None, None].float()

    def noised(self, x0, timesteps, noise):
        """The state y at these timesteps."""
        gamma = self.gamma(timesteps)
        return gamma.sqrt() * self.b * x0 + (1 - gamma).sqrt() * noise

    def seen(self, y, timesteps):
        """What the network is shown of the state."""
        norm = self.settings["input_norm"]
        if norm == "none":
            return y
        if norm == "analytic":
            return y / ((self.b ** 2 - 1) * self.gamma(timesteps) + 1).sqrt()
        return y / y.std((1, 2, 3), correction=0, keepdim=True)

    def clean(self, prediction, y, timesteps):
        """The clean signal b * x0 that a prediction means."""
        gamma, kind = self.gamma(timesteps), self.settings["prediction_type"]
        if kind == "epsilon":
            return (y - (1 - gamma).sqrt() * prediction) / gamma.sqrt()
        if kind == "v":
            return gamma.sqrt() * y - (1 - gamma).sqrt() * prediction
        return prediction * (1 if self.settings.get("x0_prediction_scaled", True) else self.b)

    def timesteps(self, steps: int | None = None) -> list[int]:
        """From the noisiest to the cleanest."""
        steps, count = steps or self.settings["steps"], len(self.gammas)
        if self.settings["timestep_spacing"] == "trailing":
            return [int(np.rint(count - k * count / steps)) - 1 for k in range(steps)]
        return [self.settings.get("steps_offset", 0) + k * (count // steps) for k in reversed(range(steps))]

    def draw(self, predict, start, steps: int | None = None):
        """x0 from normal noise [B, C, H, W]; `predict` is called with what the network sees and timesteps [B].

        Without fresh noise (eta 0).
        """
        y, listed = start, self.timesteps(steps)
        for t in listed:
            now = torch.full((len(y),), t, device=y.device)
            y0 = self.clean(predict(self.seen(y, now), now).float(), y, now)
            if self.settings.get("clip_y0"):
                y0 = y0.clamp(-self.settings["clip_y0"], self.settings["clip_y0"])
            gamma, before = self.gamma(now), t - len(self.gammas) // len(listed)
            if before >= 0:
                after = self.gammas[before].float()
            else:
                after = torch.tensor(1.0) if self.settings.get("set_alpha_to_one") else self.gammas[0].float()
            noise = (y - gamma.sqrt() * y0) / (1 - gamma).sqrt()
            y = after.sqrt() * y0 + (1 - after).sqrt() * noise
        return (y0 if self.settings.get("output") == "pred_y0" else y) / self.b
