#!/usr/bin/env python3
"""Trains the classifier of plain sentences: words.py -o weights/words.safetensors --test tests/golden/sentences.txt

A sentence becomes counts of its words, pairs of neighbours and letter groups of three to five, hashed into buckets and
brought to length one; a linear layer gives each task a score, and a task is heard where its score is positive. The
layer is the mean of several that were trained on different draws of the sentences.
"""

import argparse
import functools
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

import sentences
import sentences_files
from weights import LICENSE

TASKS = list(sentences.WISHES)
BUCKETS = 8192
NOTHING = "-"
BATCH = 256
PER_TASK, OTHERS = 3500, 40000  # sentences drawn for each task, and to be refused
RATE = 0.5  # counts are shares of a whole sentence, so that weights have to grow large
DEAFNESS = 0.3  # share of the counts left out in training, so that no single word decides
CAUTION = 1.5  # taken off all scores, for a wrong "yes" is worse than a wrong "no"


def grams(text: str):
    """The words of a sentence in order, then what is counted of them."""
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))
    for left, word in zip(["^", *words], words):
        yield f"{left} {word}"
        yield word
        framed = f"<{word}>"
        for length in (3, 4, 5):
            yield from (framed[i:i + length] for i in range(len(framed) - length + 1))


@functools.cache
def bucket(gram: str) -> int:
    """FNV-1a of 64 bits over the UTF-8 bytes, to the number of buckets."""
    value = 0xCBF29CE484222325
    for byte in gram.encode():
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return (value ^ value >> 32) % BUCKETS


class Features:
    """Buckets that each sentence hits, and how much: counts of length one over each sentence."""

    def __init__(self, texts: list[str]):
        self.starts, hits, shares = [0], [], []
        for text in texts:
            counts = Counter(map(bucket, grams(text)))
            length = sum(n * n for n in counts.values()) ** 0.5
            hits += counts
            shares += [n / length for n in counts.values()]
            self.starts.append(len(hits))
        self.hits, self.shares = torch.tensor(hits, dtype=torch.long), torch.tensor(shares)

    def score(self, weight, bias, chosen=None, deafness: float = 0.0):
        """[N, tasks] scores of the chosen sentences (all of them if None), for weight [BUCKETS, tasks]."""
        spans = [slice(*self.starts[i:i + 2]) for i in (range(len(self.starts) - 1) if chosen is None else chosen)]
        offsets = torch.tensor([0, *(s.stop - s.start for s in spans)][:-1]).cumsum(0)
        shares = F.dropout(torch.cat([self.shares[s] for s in spans]), deafness)
        hits = torch.cat([self.hits[s] for s in spans])
        return F.embedding_bag(hits, weight, offsets, mode="sum", per_sample_weights=shares) + bias


def corpus(seed: int, per_task: int, others: int):
    """Sentences and the row of each one's task (all zero: refuse)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    texts, labels = [], []
    for number, task in enumerate(TASKS):
        made = list(dict.fromkeys(sentences.requests(rng, task, per_task)))
        texts += made
        labels += [number] * len(made)
    made = list(dict.fromkeys(sentences.refusals(rng, others)))
    targets = torch.zeros(len(texts) + len(made), len(TASKS))
    targets[torch.arange(len(texts)), torch.tensor(labels)] = 1
    return texts + made, targets


def train(seed: int, steps: int, decay: float):
    """Weight [BUCKETS, tasks] and bias [tasks] of one classifier. Refusing is a class of its own whose score is 0."""
    texts, targets = corpus(seed, PER_TASK, OTHERS)
    wanted = torch.where(targets.any(1), targets.argmax(1), len(TASKS))
    heard = Features(texts)
    torch.manual_seed(seed)
    weight = torch.zeros(BUCKETS, len(TASKS), requires_grad=True)
    bias = torch.zeros(len(TASKS), requires_grad=True)
    optimizer = torch.optim.AdamW([weight, bias], RATE, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.05, steps)
    for _ in range(steps):
        chosen = torch.randint(len(texts), (BATCH,))
        scores = heard.score(weight, bias, chosen.tolist(), DEAFNESS)
        loss = F.cross_entropy(F.pad(scores, (0, 1)), wanted[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return weight.detach(), bias.detach()


def council(seed: int, members: int, steps: int, decay: float):
    """The mean of classifiers that saw different draws of the corpus: what chance taught each of them cancels out."""
    taught = [train(seed + 100 * i, steps, decay) for i in range(members)]
    weight, bias = (torch.stack(parts).mean(0) for parts in zip(*taught))
    return weight, bias - CAUTION


def heard(weight, bias, texts: list[str]) -> list[str]:
    """The best task of each sentence, or NOTHING."""
    scores = Features(texts).score(weight, bias)
    return [TASKS[int(row.argmax())] if row.max() > 0 else NOTHING for row in scores]


def read_test(path: Path):
    lines = sentences_files.listed(path)
    return [task for task, _ in lines], [text for _, text in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--test", type=Path, help="sentences to measure on: TASK or -, a tab, the sentence")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--decay", type=float, default=0.003)
    parser.add_argument("--members", type=int, default=5, help="classifiers to take the mean of")
    args = parser.parse_args()
    weight, bias = council(args.seed, args.members, args.steps, args.decay)
    texts, targets = corpus(args.seed + 1, 100, 700)
    wanted = [TASKS[int(row.argmax())] if row.any() else NOTHING for row in targets]
    report("other draws of the corpus", wanted, heard(weight, bias, texts), texts)
    if args.test:
        wanted, texts = read_test(args.test)
        report(args.test.name, wanted, heard(weight, bias, texts), texts)
    if args.output:
        metadata = {"vernis.tasks": json.dumps(TASKS), "vernis.architecture": "words", "vernis.license": LICENSE,
                    "modelspec.title": "vernis instruction classifier", "modelspec.license": LICENSE, "format": "pt"}
        save_file({"weight": weight.T.half().contiguous(), "bias": bias.half()}, args.output, metadata)


def report(name: str, wanted: list[str], said: list[str], texts: list[str]):
    """Prints the accuracy, apart for requests and refusals, and up to forty errors."""
    right = [w == s for w, s in zip(wanted, said)]
    asks = [w != NOTHING for w in wanted]
    of = {kind: [r for r, a in zip(right, asks) if a == kind] for kind in (True, False)}
    print(f"{name}: requests {sum(of[True])} of {len(of[True])}, refusals {sum(of[False])} of {len(of[False])}")
    for w, s, text in [e for e, r in zip(zip(wanted, said, texts), right) if not r][:40]:
        print(f"    {w} heard as {s}: {text}")


if __name__ == "__main__":
    main()
