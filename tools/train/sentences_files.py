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


@functools.cache
def whole(name: str) -> dict[str, list[str]]:
    """The sentences of each task in a file of lines "TASK, a tab, the sentence"; those that ask for none have the task "-"."""
    told = {}
    for line in (Path(__file__).parent / name).read_text().splitlines():
        if line and not line.startswith("#"):
            task, text = line.split("\t")
            told.setdefault(task, []).append(text)
    return told
