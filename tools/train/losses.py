"""Training losses on float [B, 3, H, W] predictions and targets in [0, 1]."""

import torch


def l1(prediction, target):
    """Mean absolute error."""
    return (prediction - target).abs().mean()


def log_l1(prediction, target):
    """Mean over the images of log(mean absolute error + half a grey level).

    Its gradient is relative to each image's own error, so tasks with large errors (haze, darkness, drawings)
    and tasks with small ones weigh the same: the loss is a mean of decibels.
    """
    errors = (prediction - target).abs().flatten(1).mean(1)
    return torch.log(errors + 0.5 / 255).mean()


def l1_fft(prediction, target):
    """L1 plus a tenth of the L1 distance of the orthonormal 2-D spectra, which holds on to fine texture."""
    difference = torch.fft.rfft2((prediction - target).float(), norm="ortho")
    return l1(prediction, target) + 0.1 * torch.view_as_real(difference).abs().mean()


LOSSES = {"l1": l1, "log_l1": log_l1, "l1_fft": l1_fft}
