"""What lenses, hands and codecs do: out-of-focus blur, motion blur, JPEG compression."""

import io

import numpy as np
from PIL import Image
from scipy import ndimage


def gaussian_blur(image, rng, sigma: float):
    """Isotropic Gaussian blur of standard deviation `sigma` pixels; borders are mirrored."""
    return ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="mirror", truncate=3)


def motion_blur(image, rng, length: float):
    """Mean along a slightly bent path `length` pixels long at a drawn angle, as of a hand that moves."""
    kernel = _motion_kernel(rng, length)
    return np.stack([ndimage.correlate(image[..., c], kernel, mode="mirror") for c in range(3)], axis=-1)


def _motion_kernel(rng, length: float) -> np.ndarray:
    """Odd square float32 kernel of sum 1: a quadratic path drawn with bilinear weights."""
    angle, bend = rng.uniform(0, np.pi), rng.uniform(-0.25, 0.25)
    along = np.linspace(-0.5, 0.5, max(2, int(4 * length)))
    across = bend * (4 * along ** 2 - 1 / 3)
    x = length * (along * np.cos(angle) - across * np.sin(angle))
    y = length * (along * np.sin(angle) + across * np.cos(angle))
    radius = int(np.ceil(max(np.abs(x).max(), np.abs(y).max()))) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            weight = np.abs(1 - dx - (x - left)) * np.abs(1 - dy - (y - top))
            np.add.at(kernel, (top + dy + radius, left + dx + radius), weight)
    return kernel / kernel.sum()


def jpeg(image, rng, quality: float):
    """A baseline JPEG of the given quality with 4:2:0 chroma, decoded again."""
    stream = io.BytesIO()
    picture = Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8))
    picture.save(stream, "JPEG", quality=int(round(quality)), subsampling="4:2:0")
    return np.asarray(Image.open(stream).convert("RGB"), dtype=np.float32)
