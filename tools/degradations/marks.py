"""Damage to the picture's surface: scratches that cover what was below."""

import numpy as np
from PIL import Image, ImageDraw


def scratches(image, rng, level: float):
    """Bent lines and small flecks, each nearly white or nearly black; `level` counts lines per 256 x 256 pixels."""
    height, width = image.shape[:2]
    scale = 4
    cover, tone = (Image.new("L", (width * scale, height * scale)) for _ in range(2))
    pens = ImageDraw.Draw(cover), ImageDraw.Draw(tone)
    expected = level * height * width / 256 ** 2
    for _ in range(1 + rng.poisson(expected)):
        shade = int(rng.uniform(225, 255) if rng.random() < 0.7 else rng.uniform(0, 30))
        path = _path(rng, height, width) * scale
        thickness = int(round(rng.uniform(1.0, 3.5) * scale))
        for pen, ink in zip(pens, (255, shade)):
            pen.line([tuple(p) for p in path], fill=ink, width=thickness, joint="curve")
    covered, tones = (np.asarray(layer.resize((width, height), Image.BOX), np.float32) for layer in (cover, tone))
    alpha = covered / 255
    return image * (1 - alpha[..., None]) + tones[..., None]


def _path(rng, height: int, width: int) -> np.ndarray:
    """[points, 2] of x, y: a line of 10 to 300 pixels whose direction drifts."""
    length = np.exp(rng.uniform(np.log(10), np.log(300)))
    steps = max(3, int(length / 8))
    headings = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.12, steps))
    moves = np.stack([np.cos(headings), np.sin(headings)], axis=1) * (length / steps)
    start = rng.uniform(0, 1, 2) * (width, height)
    return start + np.cumsum(moves, axis=0) - moves.sum(0) / 2
