"""Training losses on float [B, 3, H, W] predictions and targets in [0, 1]."""

import torch


def l1(prediction, target):
    """Mean absolute error."""
    return (prediction - target).abs().mean()


def sqrt_l1(prediction, target):
    """Mean over the images of the square root of the mean absolute error.

    Between L1, where tasks with large errors (haze, darkness, drawings) drown the others, and its logarithm, where
    the small errors do the same.
    """
    return (prediction - target).abs().flatten(1).mean(1).add(1e-4).sqrt().mean()


def l1_fft(prediction, target):
    """L1 plus a tenth of the L1 distance of the orthonormal 2-D spectra, which holds on to fine texture."""
    difference = torch.fft.rfft2((prediction - target).float(), norm="ortho")
    return l1(prediction, target) + 0.1 * torch.view_as_real(difference).abs().mean()


LOSSES = {"l1": l1, "sqrt_l1": sqrt_l1, "l1_fft": l1_fft}
