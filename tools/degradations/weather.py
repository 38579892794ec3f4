"""Rain, snow and haze. `level` runs from 0 (hardly any) to 100 (heavy)."""

import numpy as np
from scipy import ndimage

from .fields import blurred_dots, mixed_field


def rain(image, rng, level: float):
    """One to three layers of parallel streaks, drawn in angle, length, width and density, under a pale veil."""
    shape = image.shape[:2]
    strength = level / 100
    angle = rng.uniform(-45, 45)
    streaks = np.zeros(shape, np.float32)
    for _ in range(rng.integers(1, 4)):
        density = rng.uniform(0.002, 0.006) * (0.3 + strength)
        layer = _smeared(rng, shape, density, angle + rng.uniform(-5, 5), rng.uniform(9, 40), rng.uniform(0.5, 1.1))
        streaks = np.maximum(streaks, layer * rng.uniform(0.5, 1.0))
    colour = rng.uniform(190, 255)
    wet = image + (colour - image) * (streaks * (0.35 + 0.45 * strength))[..., None]
    veil = rng.uniform(0, 0.2) * strength
    return (wet * (1 - veil) + 210 * veil).astype(np.float32)


def _smeared(rng, shape, density: float, angle: float, length: float, width: float) -> np.ndarray:
    """float32 [H, W] in 0..1: bright points smeared along a line `angle` degrees from the vertical."""
    reach = int(length / 2) + 2
    padded = tuple(side + 2 * reach for side in shape)
    points = (rng.random(padded) < density) * rng.uniform(0.4, 1.0, padded)
    points = ndimage.gaussian_filter(points.astype(np.float32), width) * (2.5 * width)
    slope = np.tan(np.radians(angle))
    smeared = np.zeros(padded, np.float32)
    taps = max(3, int(length * np.cos(np.radians(angle))))
    for step in range(taps):
        down = step - taps // 2
        smeared += np.roll(points, (down, int(round(down * slope))), axis=(0, 1))
    return np.clip(smeared[reach:-reach, reach:-reach], 0, 1)


def streaks(image, rng, level: float):
    """Rain whose every streak has a length, width, brightness and end of its own, added as light: most of them faint, a few
    bright and broad, all of them falling nearly the same way, and no veil. Much used sets of rainy pictures look like it."""
    shape = np.array(image.shape[:2])
    margin = 32  # streaks begin above the picture and beside it too
    count = rng.poisson((shape + 2 * margin).prod() * rng.uniform(4e-3, 1e-2) * level / 100)
    size = rng.uniform(0.7, 1.6)
    angles = np.radians(rng.normal(0, 18) + rng.uniform(0.5, 4) * rng.standard_normal(count))
    halves = size * np.exp(rng.normal(3.0, 0.6, count)) / 2
    widths = size * rng.uniform(0.4, 1.1, count)
    peaks = rng.exponential(0.085, count) * (0.5 + level / 100)
    centres = rng.uniform(-margin, shape + margin, (count, 2))
    reaches = halves[:, None] * np.abs(np.stack([np.cos(angles), np.sin(angles)], axis=1)) + 3 * widths[:, None]
    low = np.maximum(np.ceil(centres - reaches), 0).astype(int)
    high = np.minimum(np.floor(centres + reaches) + 1, shape).astype(int)
    light = np.zeros(shape, np.float32)
    for i in np.flatnonzero((low < high).all(axis=1)):
        y = np.arange(low[i, 0], high[i, 0], dtype=np.float32)[:, None] - np.float32(centres[i, 0])
        x = np.arange(low[i, 1], high[i, 1], dtype=np.float32)[None] - np.float32(centres[i, 1])
        down, right = np.cos(angles[i]), np.sin(angles[i])
        along, across = (y * down + x * right) / halves[i], (x * down - y * right) / widths[i]
        fading = np.maximum(1 - along * along, 0)
        light[low[i, 0]:high[i, 0], low[i, 1]:high[i, 1]] += peaks[i] * fading * np.exp(-0.5 * across * across)
    return (image + np.minimum(light, 1)[..., None] * rng.uniform(225, 255)).astype(np.float32)


def snow(image, rng, level: float):
    """Flakes of three sizes, the larger the rarer and softer, over a light brightening veil."""
    shape = image.shape[:2]
    strength = level / 100
    cover = np.zeros(shape, np.float32)
    for sigma, share in ((0.7, 0.006), (1.4, 0.0022), (2.8, 0.0006)):
        density = share * (0.3 + strength) * rng.uniform(0.5, 1.5)
        flakes = blurred_dots(rng, shape, density, sigma * rng.uniform(0.8, 1.25))
        cover = np.maximum(cover, flakes * rng.uniform(0.75, 1.0))
    veil = rng.uniform(0, 0.15) * strength
    lit = image * (1 - veil) + 235 * veil
    return (lit + (rng.uniform(235, 255) - lit) * cover[..., None]).astype(np.float32)


def haze(image, rng, level: float):
    """Scattering model I = J t + A (1 - t) with t = exp(-beta depth) and a near-grey airlight A.

    The depth is a smooth random field plus a slope, farther towards the top as in a landscape.
    """
    height, width = image.shape[:2]
    rows = np.linspace(0.5, -0.5, height, dtype=np.float32)[:, None] * (height / 512)
    depth = 1 + 0.3 * mixed_field(rng, (height, width), 200) + rng.uniform(0, 1.0) * rows
    beta = 0.25 + 1.55 * level / 100
    transmission = np.exp(-beta * np.clip(depth, 0.15, 2.0))[..., None]
    airlight = rng.uniform(180, 250) + rng.uniform(-8, 8, 3)
    return (image * transmission + airlight * (1 - transmission)).astype(np.float32)


def fog(image, rng, level: float):
    """The same scattering over depths from very near to very far, which leap where colours do, as from one building to the
    next: what is near is hardly veiled, what is far nearly lost."""
    height, width = image.shape[:2]
    shape = (height, width)
    rows = np.linspace(1, 0, height, dtype=np.float32)[:, None] * (height / 256)
    depth = rng.uniform(0.05, 1.2) + rng.uniform(0, 1.2) * rows + np.zeros(shape, np.float32)
    # Colours along a drawn direction, without what is small.
    guide = ndimage.median_filter(image @ rng.normal(0, 1, 3).astype(np.float32), 7)
    guide = (guide - guide.mean()) / (guide.std() + 1)
    for _ in range(rng.integers(0, 4)):
        beyond = np.clip((guide + 0.2 * mixed_field(rng, shape, 150) - rng.normal(0, 0.8)) / 0.6 + 0.5, 0, 1)
        depth = depth * (1 - beyond * rng.uniform(0, 0.6))
    depth *= 1 + 0.15 * mixed_field(rng, shape, 100)
    transmission = np.exp(-(0.25 + 1.55 * level / 100) * np.clip(depth, 0.02, 2.5))[..., None]
    airlight = rng.uniform(180, 255) + rng.uniform(-6, 6, 3)
    return (image * transmission + airlight * (1 - transmission)).astype(np.float32)
