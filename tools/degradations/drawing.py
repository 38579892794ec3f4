"""Target domains that are not photographs: an edge picture and a pencil drawing, grey in three channels."""

import numpy as np
from scipy import ndimage

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def edges(image, rng, level: float):
    """White lines on black: the gradient magnitude of the luma smoothed by `level` pixels, amplified sixfold."""
    grey = ndimage.gaussian_filter(image @ LUMA, level, mode="mirror")
    magnitude = np.hypot(ndimage.sobel(grey, 0, mode="mirror"), ndimage.sobel(grey, 1, mode="mirror")) / 8
    return _three(np.clip(6 * magnitude - 12, 0, 255))


def pencil(image, rng, level: float):
    """Dark strokes on white: the luma divided by its surroundings (`level` pixels wide), deepened by gamma 1.5."""
    grey = image @ LUMA
    surroundings = ndimage.gaussian_filter(grey, level, mode="mirror", truncate=2.5)
    return _three(255 * np.clip((grey + 1) / (surroundings + 1), 0, 1) ** 1.5)


def _three(grey):
    return np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
