"""Smooth random fields whose scale is in pixels, so that a crop looks like a piece of a whole picture."""

import numpy as np
from scipy import ndimage


def smooth_field(rng, shape: tuple[int, int], cell: float) -> np.ndarray:
    """float32 [H, W] of roughly standard-normal values that vary over about `cell` pixels."""
    knots = [int(np.ceil(side / cell)) + 3 for side in shape]
    coarse = rng.standard_normal(knots, dtype=np.float32)
    start = rng.uniform(0, 1, 2)
    rows, columns = (np.arange(side, dtype=np.float32) / cell + 1 + offset
                     for side, offset in zip(shape, start))
    field = _interpolate(_interpolate(coarse, rows).T, columns).T
    return field * 1.4


def _interpolate(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows of `values` at fractional positions, with smoothstep weights."""
    below = np.minimum(at.astype(int), len(values) - 2)
    share = at - below
    weight = (share * share * (3 - 2 * share))[:, None].astype(np.float32)
    return values[below] * (1 - weight) + values[below + 1] * weight


def mixed_field(rng, shape: tuple[int, int], cell: float) -> np.ndarray:
    """Three octaves of `smooth_field`; about standard normal."""
    octaves = [smooth_field(rng, shape, cell / 2 ** o) * 0.5 ** o for o in range(3)]
    return sum(octaves) / 1.15


def blurred_dots(rng, shape: tuple[int, int], density: float, sigma: float) -> np.ndarray:
    """float32 [H, W] in 0..1: `density` points a pixel of drawn brightness, spread to blobs of radius `sigma`."""
    dots = (rng.random(shape) < density) * rng.uniform(0.5, 1.0, shape)
    blobs = ndimage.gaussian_filter(dots.astype(np.float32), sigma, mode="wrap")
    return np.clip(blobs * (2 * np.pi * sigma ** 2 + 1), 0, 1)
