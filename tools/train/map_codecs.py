"""How maps become pictures that a network can draw: grey levels for depth, colours for classes and things."""

import numpy as np


def palette(count: int) -> np.ndarray:
    """uint8 [count, 3]: the digits of the number in the smallest base that can write all, red the highest."""
    base = next(b for b in range(1, 257) if b ** 3 >= count)
    numbers = np.arange(count)
    return (np.stack([numbers // base ** 2, numbers // base % base, numbers % base], 1) * (256 // base)).astype(np.uint8)


def nearest(pictures: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """The palette entry nearest to each pixel of float 0..255 [..., 3], the lowest among equals."""
    return ((pictures[..., None, :] - colours.astype(np.float32)) ** 2).sum(-1).argmin(-1)


def cells(instances: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Entries [H, W] of a map of things (0: none): 1 plus the cell of the grid that holds the thing's centre.

    A colour by place and not by count: a network can know it from the thing alone. Two in one cell share a colour.
    """
    height, width = instances.shape
    ys, xs = np.mgrid[:height, :width] + 0.5
    entries = np.zeros(instances.shape, np.int64)
    for instance in np.unique(instances[instances > 0]):
        own = instances == instance
        entries[own] = 1 + int(ys[own].mean() / height * rows) * columns + int(xs[own].mean() / width * columns)
    return entries
