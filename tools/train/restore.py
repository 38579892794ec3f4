"""Whole pictures through a network: padding by reflection, optional overlapped tiles, 8-bit in and out."""

import numpy as np
import torch


@torch.no_grad()
def restore(network, picture: np.ndarray, multiple: int, tile: int | None = None, overlap: int = 0) -> np.ndarray:
    """uint8 [H, W, 3] -> uint8 [H, W, 3]; `network` maps float [1, 3, h, w] to the same shape.

    With `tile`, windows of at most that size (rounded down to `multiple`) that share at least `overlap` pixels are
    blended with raised-cosine weights; they are no larger than their number needs, as the program has them.
    """
    height, width = picture.shape[:2]
    padded = pad_to_multiple(picture, multiple)
    image = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
    output = network(image) if tile is None else _tiled(network, image, max(multiple, tile // multiple * multiple),
                                                        overlap, multiple)
    restored = output[0, :, :height, :width].permute(1, 2, 0).clamp(0, 1)
    return (restored * 255 + 0.5).to(torch.uint8).numpy()


def pad_to_multiple(picture: np.ndarray, multiple: int) -> np.ndarray:
    """Mirrors [H, W, 3] at the bottom and right, as often as a small picture needs."""
    return np.pad(picture, ((0, -picture.shape[0] % multiple), (0, -picture.shape[1] % multiple), (0, 0)),
                  mode="reflect")


def _tiled(network, image, tile: int, overlap: int, multiple: int):
    total, weight = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    height, width = (_least(side, tile, overlap, multiple) for side in image.shape[-2:])
    for top in _starts(image.shape[-2], height, overlap, multiple):
        for left in _starts(image.shape[-1], width, overlap, multiple):
            window = ..., slice(top, top + height), slice(left, left + width)
            part = image[window]
            share = _ramp(part.shape[-2], overlap)[:, None] * _ramp(part.shape[-1], overlap)
            total[window] += network(part) * share
            weight[window] += share
    return total / weight


def _least(side: int, tile: int, overlap: int, multiple: int) -> int:
    """The smallest window that covers a side with as many windows as `tile` does."""
    count = len(_starts(side, tile, overlap, multiple))
    if count == 1:
        return tile
    first = (side + (count - 1) * overlap) // count // multiple * multiple
    return next(w for w in range(max(multiple, first), tile + 1, multiple)
                if len(_starts(side, w, overlap, multiple)) <= count)


def _starts(side: int, tile: int, overlap: int, multiple: int) -> list[int]:
    """Evenly spread window starts, on the grid of `multiple`; one window if the side fits."""
    if side <= tile:
        return [0]
    last = (side - tile) // multiple
    gaps = -(-last // max(1, (tile - overlap) // multiple))
    return [i * last // gaps * multiple for i in range(gaps + 1)]


def _ramp(length: int, overlap: int):
    """Weights [length] that rise and fall over `overlap` pixels and never reach zero."""
    distance = torch.arange(length) + 0.5
    edge = torch.minimum(distance, length - distance).clamp(max=overlap)
    return 0.5 - 0.5 * torch.cos(torch.pi * edge / overlap) if overlap else torch.ones(length)
