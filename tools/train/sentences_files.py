"""Reads the lists of phrases that lie beside it as text."""

import functools
from pathlib import Path


@functools.cache
def phrases(name: str) -> dict[str, list[str]]:
    """The phrases of each part of a file; what stands before the first [part] belongs to the part "".

    A line that starts with two blanks continues the one before it; after a "|" no blank stands between them.
    """
    parts, part = {}, ""
    text = (Path(__file__).parent / name).read_text().replace("|\n  ", "|").replace("\n  ", " ")
    for line in text.splitlines():
        if line.startswith("["):
            part = line.strip("[]")
        elif line and not line.startswith("#"):
            for phrase in filter(None, map(str.strip, line.split(";"))):
                # Listed the more often, the more it can be.
                parts.setdefault(part, []).extend([phrase] * (1 + phrase.count("|") // 4))
    return parts


def listed(path: Path) -> list[list[str]]:
    """Task and sentence of each line "TASK, a tab, the sentence" of a file; the task of those that ask for none is "-"."""
    return [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]


@functools.cache
def whole(name: str) -> dict[str, list[str]]:
    """The sentences of each task in such a file that lies here."""
    told = {}
    for task, text in listed(Path(__file__).parent / name):
        told.setdefault(task, []).append(text)
    return told
