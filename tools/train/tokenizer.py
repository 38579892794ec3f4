"""The byte-pair tokenizer of CLIP, for plain sentences: the program's own vocabulary, no repair of broken text."""

import functools
import gzip
import re
from pathlib import Path

LENGTH, START, END = 77, 49406, 49407
VOCABULARY = Path(__file__).resolve().parents[2] / "src/text/vocabulary.txt.gz"
WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_+")


@functools.cache
def _tables():
    """Ids of symbols, and the id that two neighbours become; ids of merges rise with their rank."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in printable]
    stand_ins = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(hidden))]
    ids = {s: i for i, s in enumerate(stand_ins)} | {s + "</w>": i + 256 for i, s in enumerate(stand_ins)}
    merges = {}
    for rank, line in enumerate(gzip.decompress(VOCABULARY.read_bytes()).decode().splitlines()):
        first, second = line.split(" ")
        merges[ids[first], ids[second]] = ids[first + second] = 512 + rank
    return {b: i for i, b in enumerate(printable + hidden)}, merges


@functools.cache
def encode(sentence: str) -> tuple[int, ...]:
    """A row of LENGTH ids, filled up with the end token."""
    body = [token for word in WORDS.findall(sentence.lower()) for token in _merge(word)]
    return tuple(([START, *body[:LENGTH - 2]] + [END] * LENGTH)[:LENGTH])


def _merge(word: str) -> list[int]:
    of_byte, merges = _tables()
    symbols = [of_byte[b] for b in word.encode()]
    symbols[-1] += 256
    while len(symbols) > 1:
        best = min(merges.get(pair, END) for pair in zip(symbols, symbols[1:]))
        if best == END:
            break
        merged = []
        while symbols:
            joins = len(symbols) > 1 and merges.get((symbols[0], symbols[1])) == best
            merged.append(best if joins else symbols[0])
            symbols = symbols[1 + joins:]
        symbols = merged
    return symbols
