"""Training tiles: a tar of photographs decoded once into a memory-mapped uint8 array, and crops of it."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def load_tiles(tar_path: Path | None, cache_path: Path) -> np.ndarray:
    """Memory map [tiles, H, W, 3] of uint8 sRGB; written to `cache_path` (.npy) from the tar on the first call.

    Tiles smaller than the largest are mirrored at the right and bottom. Ordered by name, so indices do not depend
    on the order of the archive.
    """
    if not cache_path.exists():
        cache_path.parent.mkdir(parents=True, exist_ok=True)
        partial = cache_path.with_suffix(".partial.npy")
        np.save(partial, np.stack(_decode(tar_path)))
        partial.replace(cache_path)
    return np.load(cache_path, mmap_mode="r")


def _decode(tar_path: Path) -> list[np.ndarray]:
    pictures = {}
    with tarfile.open(tar_path) as archive:
        for member in archive:
            if Path(member.name).suffix.lower() in IMAGE_SUFFIXES:
                encoded = archive.extractfile(member).read()
                pictures[member.name] = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    height, width = (max(p.shape[axis] for p in pictures.values()) for axis in (0, 1))
    return [np.pad(p, ((0, height - p.shape[0]), (0, width - p.shape[1]), (0, 0)), mode="reflect")
            for _, p in sorted(pictures.items())]


def random_crop(tiles: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """One [size, size, 3] uint8 crop of a random tile in one of the eight flips and quarter turns."""
    tile = tiles[rng.integers(len(tiles))]
    top, left = (rng.integers(side - size + 1) for side in tile.shape[:2])
    crop = np.rot90(tile[top:top + size, left:left + size], rng.integers(4))
    return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)
