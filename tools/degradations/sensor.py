"""What a sensor does to its signal: noise of cameras and of scanners, defective pixels, too little light."""

import numpy as np


def gaussian_noise(image, rng, sigma: float):
    """Adds independent normal noise of standard deviation `sigma` (8-bit units) to every sample."""
    return image + sigma * rng.standard_normal(image.shape, dtype=np.float32)


def salt_and_pepper(image, rng, percent: float):
    """Replaces `percent` of the pixels, all three channels together, by pure white or pure black."""
    height, width = image.shape[:2]
    hit = rng.random((height, width)) < percent / 100
    salt = rng.random((height, width)) < 0.5
    return np.where(hit[..., None], np.where(salt[..., None], 255.0, 0.0), image).astype(np.float32)


def low_light(image, rng, light: float):
    """Keeps `light` percent of the range after a darkening gamma, then adds shot and read noise.

    Gamma 1.2 .. 1.8 (drawn) crushes the shadows before the linear scale, as underexposed sRGB pictures show.
    """
    gamma = rng.uniform(1.2, 1.8)
    dark = 255 * light / 100 * (np.clip(image, 0, 255) / 255) ** gamma
    read, shot = rng.uniform(0.5, 2.0), rng.uniform(0.05, 0.2)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return (dark + noise * np.sqrt(read ** 2 + shot * dark)).astype(np.float32)


def rician_noise(image, rng, sigma: float):
    """Noise of magnetic-resonance magnitude images: the length of a signal with normal noise in both its parts."""
    shape = image.shape[:2]
    real, imaginary = (sigma * rng.standard_normal(shape, dtype=np.float32)[..., None] for _ in range(2))
    return np.hypot(image + real, imaginary).astype(np.float32)


def ct_noise(image, rng, sigma: float):
    """Noise of filtered back projection, standard deviation `sigma`: its power rises with frequency, then rolls off."""
    height, width = image.shape[:2]
    white = np.fft.rfft2(rng.standard_normal((height, width), dtype=np.float32))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    shaped = np.fft.irfft2(white * np.sqrt(radius) * np.cos(np.pi * np.minimum(radius, 0.5)), (height, width))
    return image + (sigma * shaped / shaped.std())[..., None].astype(np.float32)
