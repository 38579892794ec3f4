#!/usr/bin/env python3
"""Times the same networks, with the same weights, and the same single operations in vernis and in other engines on
this machine's processor:

    python3 tools/peers.py [--only nafnet ops] [--skip channels_last ncnn_vulkan] [--rounds 5] [--threads 2]

PyTorch is needed; OpenVINO, ONNX Runtime and ncnn join in where they can be imported (`pip install torch safetensors
onnx openvino onnxruntime ncnn pnnx`). vernis and ncnn Vulkan run on the software Vulkan adapter, so that all of them
use the same cores, and everything computes in f32. Every peer stays loaded; in each round all of them run one after the
other, so that a busy machine disturbs them alike. The first round is dropped, and the first run of each turn: it
follows another engine. Outputs are compared, the peers' with PyTorch's and vernis's with its own references.

Prints Markdown: a table of networks, one of operations, and below each why a cell is empty. Times are of the forward
pass alone: ncnn's Python package gives no Vulkan tensors, so the time of a network that only carries the same tensors
there and back is subtracted from its times. The windows of vernis gather their keys from a picture and add relative
terms; the peers get them gathered, and without. burn, a Rust crate, is not covered: it cannot be called from here.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

import peer_engines

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "train"))


@dataclass
class Case:
    """A row: `make` returns a module, its input tensors, and what the module's weights are saved from, if at all."""
    key: str
    title: str
    make: Callable
    edge: int | None = None
    # vernis takes at most so many times as long as PyTorch, and ncnn Vulkan at least so many times as long as vernis.
    torch_most: float = math.nan
    vulkan_least: float = math.nan


def network(architecture: str, edge: int, **config):
    """A network with random weights whose branches all contribute; GenLV behind its prompt encoder, as in vernis."""
    import torch
    from models.genlv import GenLV
    from models.nafnet import NAFNet
    from models.restormer import Restormer

    class Restore(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, image, keys, values):
            return self.model.restore(image, keys, values)

    model = {"genlv": GenLV, "nafnet": NAFNet, "restormer": Restormer}[architecture](**config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("beta", "gamma")):
                parameter.fill_(0.2)
    image = torch.rand(1, 3, edge, edge)
    if architecture != "genlv":
        return model, [image], model
    width, tokens = model.up4_3.body[0].in_channels, (min(edge, 256) // 8) ** 2
    return Restore(model).eval(), [image, torch.randn(1, tokens, width), torch.randn(1, tokens, width)], model


def operation(kind: str, *shapes, **config):
    """One operation as a module, with inputs of `shapes`."""
    import torch

    class Attention(torch.nn.Module):
        def forward(self, queries, keys, values):
            return torch.nn.functional.scaled_dot_product_attention(queries, keys, values)

    module = {"conv": torch.nn.Conv2d, "norm": torch.nn.LayerNorm, "product": torch.nn.Linear, "attention": Attention}
    return module[kind](**config).eval(), [torch.rand(1, *shape) - 0.5 for shape in shapes], None


def conv(kernel: int, channels: int, to: int, groups: int = 1):
    return lambda: operation("conv", (channels, 256, 256), in_channels=channels, out_channels=to, kernel_size=kernel,
                             padding=kernel // 2, groups=groups, bias=False)


NETWORKS = [
    Case("restormer", "Restormer dim 48, 128x128",
         lambda: network("restormer", 128, dim=48, LayerNorm_type="BiasFree"), 128, torch_most=1.3),
    Case("genlv", "GenLV base, 128x128", lambda: network("genlv", 128), 128, torch_most=1.3),
    Case("nafnet", "NAFNet width 32, 256x256",
         lambda: network("nafnet", 256, width=32, enc_blk_nums=[2, 2, 4, 8], middle_blk_num=12,
                         dec_blk_nums=[2, 2, 2, 2]), 256, torch_most=1.5, vulkan_least=8),
]
# Keys are what `vernis bench --kernel` calls them. A matrix product has its target against burn.
OPS = [
    Case("conv3x3-48", "conv 3x3 48->48, 256x256", conv(3, 48, 48), vulkan_least=2),
    Case("conv3x3-96", "conv 3x3 96->96, 256x256", conv(3, 96, 96), vulkan_least=2),
    Case("conv1x1-48-254", "conv 1x1 48->254, 256x256", conv(1, 48, 254), vulkan_least=2),
    Case("depthwise3x3-254", "depthwise 3x3 254, 256x256", conv(3, 254, 254, groups=254), vulkan_least=2),
    Case("layer-norm-48", "LayerNorm over 48, 256x256",
         lambda: operation("norm", (256 * 256, 48), normalized_shape=48), vulkan_least=2),
    Case("windows-64x144x16", "2048 windows, 64 q x 144 k x 16",
         lambda: operation("attention", (2048, 64, 16), (2048, 144, 16), (2048, 144, 16)), vulkan_least=2),
    Case("matmul-1024", "matmul 1024^3",
         lambda: operation("product", (1024, 1024), in_features=1024, out_features=1024, bias=False)),
]
GROUPS = {"networks": NETWORKS, "ops": OPS}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].replace("\n", " ").rstrip(":"))
    rows = [*GROUPS, *(case.key for group in GROUPS.values() for case in group)]
    engines = [key for key in peer_engines.ENGINES if key != "pytorch"]
    parser.add_argument("--vernis", type=Path, default=HERE.parent / "target/release/vernis")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count; one more comes first")
    parser.add_argument("--runs", type=int, default=3, help="runs of each peer in a round")
    parser.add_argument("--seconds", type=float, default=20,
                        help="a peer, vernis and PyTorch apart, that has run for so long leaves its row's further "
                        "rounds; one that needs as much for the first is timed by it alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=list(GROUPS), choices=rows, metavar="ROW",
                        help=f"some of: {', '.join(rows)}")
    parser.add_argument("--skip", nargs="+", default=[], choices=engines, metavar="PEER",
                        help=f"peers to leave out: {', '.join(engines)}")
    return parser.parse_args()


@dataclass
class Results:
    """Medians in milliseconds by row and column, and what is to be said below the tables."""
    medians: dict = field(default_factory=dict)
    # (column, why) -> titles of rows
    notes: dict = field(default_factory=dict)

    def note(self, column: str, why: str, title: str):
        print(f"{column}, {title}: {why}", file=sys.stderr)
        self.notes.setdefault((column, why), []).append(title)


def why(error: Exception) -> str:
    text = " ".join(str(error).split())[:160]
    return text if isinstance(error, RuntimeError) else f"{type(error).__name__}: {text}"


def timed(args, peer: peer_engines.Peer, expected):
    """A peer's turn: milliseconds of each run, fewer of a slow peer. The first turn compares the output too."""
    compared = False

    def once():
        nonlocal compared
        times = []
        while len(times) < args.runs and sum(times) < 250 * args.seconds:
            start = time.perf_counter()
            out = peer.run()
            taken = time.perf_counter() - start
            if peer.carry:
                start = time.perf_counter()
                peer.carry()
                taken = max(taken - (time.perf_counter() - start) / 2, 0)
            times.append(1e3 * taken)
        if not compared:
            compare(out, expected)
            compared = True
        return times

    return once


def compare(out, expected):
    import numpy
    out = numpy.array(out, dtype=numpy.float64).ravel()
    error = numpy.linalg.norm(out - expected) / numpy.linalg.norm(expected)
    if not error < 1e-3:
        raise RuntimeError(f"computes something else (relative L2 {error:.0e})")


def vernis_turn(args, case: Case, model, folder: Path, adapter: dict):
    """`vernis bench` on the weights of the PyTorch network, or on a kernel of its suite; returns its milliseconds."""
    command = [str(args.vernis), "bench", "--json", "--samples", str(args.runs), "--device", "cpu",
               "--precision", "f32"]
    if model is None:
        command += ["--kernel", case.key]
    else:
        from safetensors.torch import save_file
        file = folder / "weights.safetensors"
        save_file({key: value.detach().contiguous() for key, value in model.state_dict().items()}, file)
        command += ["--model", str(file), "--size", f"{case.edge}x{case.edge}"]
    extra = []

    def once():
        done = subprocess.run(command + extra, capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("error")]
            raise RuntimeError(lines[0] if lines else f"exit {done.returncode}")
        # Outputs are compared in the first round; there is nothing new to learn from comparing them again.
        extra[:] = ["--no-check"]
        row = json.loads(done.stdout)
        adapter["name"] = f'{row["adapter"]}, {row["driver"]}'
        return row["raw_ms"]

    return once


def turns(args, case: Case, folder: Path, results: Results, adapter: dict):
    """Names and turns of everything that can run this row."""
    import torch
    torch.manual_seed(1)
    module, inputs, model = case.make()
    with torch.inference_mode():
        output = module(*inputs)
    expected = output.double().numpy().ravel()
    task = peer_engines.Task(module, inputs, output, folder, args.threads)
    found = {"vernis": vernis_turn(args, case, model, folder, adapter)}
    for key, (name, make) in peer_engines.ENGINES.items():
        if key in args.skip:
            continue
        try:
            peer = make(task)
        except Exception as error:  # a peer that cannot run this is part of the result
            results.note(name, why(error), case.title)
            continue
        found[name] = timed(args, peer, expected)
        if peer.remark:
            results.note(name, peer.remark, case.title)
    return found


def measure(args, case: Case, found: dict, results: Results):
    """Medians over all rounds but the first, whatever else the machine does meanwhile."""
    times = {name: [] for name in found}
    spent = dict.fromkeys(found, 0.0)

    def slow(name: str) -> bool:
        return spent[name] > args.seconds and name not in ("vernis", "PyTorch")

    for turn in range(args.rounds + 1):
        for name in list(times):
            if times[name] and slow(name):
                continue
            try:
                result = found[name]()
            except Exception as error:
                results.note(name, why(error), case.title)
                del times[name]
                continue
            spent[name] += sum(result) / 1e3
            if turn or slow(name):
                times[name] += result[1:] or result
            if not turn and slow(name):
                results.note(name, "slow: the first round alone", case.title)
        print(f"{case.title}: round {turn} of {args.rounds}", file=sys.stderr)
    results.medians[case.key] = {name: statistics.median(t) for name, t in times.items() if t}


def table(cases, head: str, results: Results):
    """Rows that were measured, with the ratios that have targets."""
    names = [name for name, _ in peer_engines.ENGINES.values()]
    columns = [n for n in ["vernis", *names] if any(n in results.medians[case.key] for case in cases)]
    print(f"\n| {head} | " + " | ".join(columns) + " | ours / PyTorch | ncnn Vulkan / ours |")
    print("|---" + "|--:" * (len(columns) + 2) + "|")
    for case in cases:
        row = results.medians[case.key]
        ours, torch, vulkan = (row.get(name, math.nan) for name in ("vernis", "PyTorch", "ncnn Vulkan"))
        cells = [f"{row[name]:.{0 if row[name] >= 100 else 1}f}" if name in row else "-" for name in columns]
        ratios = [verdict(ours / torch, case.torch_most, "at most", ours / torch <= case.torch_most),
                  verdict(vulkan / ours, case.vulkan_least, "at least", vulkan / ours >= case.vulkan_least)]
        print(f"| {case.title} | " + " | ".join(cells + ratios) + " |")


def verdict(ratio: float, target: float, sign: str, met: bool) -> str:
    value = "-" if math.isnan(ratio) else f"{ratio:.2f}"
    if math.isnan(target):
        return value
    return f"{value} ({sign} {target:g}: {'not measured' if math.isnan(ratio) else 'met' if met else 'missed'})"


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def versions(args):
    ours = subprocess.run([str(args.vernis), "--version"], capture_output=True, text=True, check=True).stdout.split()
    found = [" ".join(ours[:2])]
    for package in ("torch", "onnxruntime", "openvino", "ncnn"):
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            pass
    return ", ".join(found)


def main():
    args = arguments()
    if not args.vernis.exists():
        sys.exit(f"{args.vernis} is missing: build it with `cargo build --release`")
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"):  # the last is llvmpipe's
        os.environ[variable] = str(args.threads)
    import torch
    torch.set_num_threads(args.threads)
    load, results, adapter = os.getloadavg()[0], Results(), {}
    chosen = {head: [case for case in cases if {head, case.key} & set(args.only)] for head, cases in GROUPS.items()}
    for case in (case for cases in chosen.values() for case in cases):
        with tempfile.TemporaryDirectory() as folder:
            measure(args, case, turns(args, case, Path(folder), results, adapter), results)
    print(f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {processor()}, {args.threads} threads, load {load:.1f} "
          f"before the run; {adapter.get('name', 'vernis did not run')}; {versions(args)}. Milliseconds, f32, medians "
          f"of {args.rounds} interleaved rounds.")
    for head, cases in chosen.items():
        if cases:
            table(cases, head.removesuffix("s"), results)
    if results.notes:
        print()
    for (column, reason), titles in results.notes.items():
        print(f"- {column}: {reason} ({'; '.join(titles)})")


if __name__ == "__main__":
    main()
