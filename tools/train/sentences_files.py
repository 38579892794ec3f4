"""Reads the lists of phrases that lie beside it as text."""

import functools
from pathlib import Path


@functools.cache
def phrases(name: str) -> dict[str, list[str]]:
    """The phrases of each part of a file; what stands before the first [part] belongs to the part ""."""
    parts, part = {}, ""
    for line in (Path(__file__).parent / name).read_text().splitlines():
        if line.startswith("["):
            part = line.strip("[]")
        elif line and not line.startswith("#"):
            for phrase in filter(None, map(str.strip, line.split(";"))):
                # Listed the more often, the more it can be.
                parts.setdefault(part, []).extend([phrase] * (1 + phrase.count("|") // 4))
    return parts
