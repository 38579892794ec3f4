"""Denoisers that learn nothing, to compare with: both are told how strong the noise is.

Need opencv-python-headless and bm3d; used by `evaluate.py --baseline`.
"""

import numpy as np

# Strength of the filter for each unit of sigma: the best of 0.3, 0.4 ... 0.8 in mean PSNR over crops of training tiles
# at sigma 25 and 50.
NLM_STRENGTH = 0.6


def nlm(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Non-local means of OpenCV (7x7 patches, 21x21 neighbourhoods, in Lab) on uint8 [H, W, 3] with noise of `sigma`."""
    import cv2
    strength = NLM_STRENGTH * sigma
    return cv2.fastNlMeansDenoisingColored(picture, None, strength, strength, 7, 21)


def bm3d(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Colour BM3D (the published profile) on uint8 [H, W, 3] with noise of `sigma` in 8-bit units."""
    import bm3d
    restored = bm3d.bm3d_rgb(picture.astype(np.float32) / 255, sigma / 255)
    return (restored.clip(0, 1) * 255 + 0.5).astype(np.uint8)


BASELINES = {"nlm": nlm, "bm3d": bm3d}
