"""Batches made ahead of need by worker processes, the same for any number of workers.

Batch number `step` of a run is drawn from a generator seeded by (seed, step) alone, so a resumed run goes on with
the batches that it would have had.
"""

import multiprocessing
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from batches import Batch, draw_batch

_tiles = None


def _open_tiles(paths: dict[str, Path]):
    global _tiles
    _tiles = {domain: np.load(path, mmap_mode="r") for domain, path in paths.items()}


def _draw(draw, seed: list[int], step: int, **wanted) -> Batch:
    return draw(_tiles, np.random.Generator(np.random.PCG64([*seed, step])), **wanted)


class BatchSource:
    """Yields the batches of a run in order; `workers` 0 draws them when they are asked for.

    `tiles` are the files of each domain's pictures; `draw` makes a batch of them.
    """

    def __init__(self, tiles: dict[str, Path], seed: list[int], first_step: int, workers: int, draw=draw_batch):
        self.draw, self.seed, self.next_step, self.ahead, self.waiting = draw, seed, first_step, 2 * workers, deque()
        context = multiprocessing.get_context("spawn")  # a fork would inherit torch's locked thread pools
        self.pool = ProcessPoolExecutor(workers, context, _open_tiles, (tiles,)) if workers else None
        _open_tiles(tiles)

    def next(self, **wanted) -> Batch:
        """The next batch; `wanted` are the arguments of `draw`. After a change of them a few old ones still come."""
        if not self.pool:
            self.next_step += 1
            return _draw(self.draw, self.seed, self.next_step - 1, **wanted)
        while len(self.waiting) <= self.ahead:
            self.waiting.append(self.pool.submit(_draw, self.draw, self.seed, self.next_step, **wanted))
            self.next_step += 1
        return self.waiting.popleft().result()

    def close(self):
        if self.pool:
            self.pool.shutdown(cancel_futures=True)
