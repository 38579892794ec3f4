#!/usr/bin/env python3
"""Times the same networks, with the same weights, in vernis and in other engines on this machine's processor:

    python3 tools/peers.py [--vernis target/release/vernis] [--rounds 5] [--threads 2]

PyTorch is needed; OpenVINO, ONNX Runtime and ncnn join in where they can be imported (`pip install torch safetensors
onnx openvino onnxruntime ncnn pnnx`). vernis runs on the software Vulkan adapter, so that all of them use the same
cores. Every peer stays loaded; in each round all of them run one after the other, so that a busy machine disturbs them
alike. The first round is dropped. Prints a Markdown table of medians and of ratios to PyTorch.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "train"))

# name, architecture, constructor arguments, edge, what issue reports and the README call it
NETWORKS = [
    ("restormer", dict(dim=48, LayerNorm_type="BiasFree"), 128, "Restormer dim 48"),
    ("genlv", dict(), 128, "GenLV base"),
    ("nafnet", dict(width=32, enc_blk_nums=[2, 2, 4, 8], middle_blk_num=12, dec_blk_nums=[2, 2, 2, 2]), 256,
     "NAFNet width 32"),
]
# ours / PyTorch: at most, and aimed at
TARGETS = {"restormer": (1.3, 0.8), "genlv": (1.3, 0.8), "nafnet": (1.5, 0.9)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vernis", type=Path, default=HERE.parent / "target/release/vernis")
    parser.add_argument("--device", default="cpu", help="vernis adapter; the default is the software one")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count; one more comes first")
    parser.add_argument("--runs", type=int, default=3, help="runs of each peer in a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="*", choices=[n[0] for n in NETWORKS], help="some of the networks")
    parser.add_argument("--skip", nargs="*", default=[], help="peers to leave out, such as openvino ncnn")
    return parser.parse_args()


def build(architecture: str, config: dict):
    """The PyTorch network with random weights whose branches all contribute."""
    import torch
    from models.genlv import GenLV
    from models.nafnet import NAFNet
    from models.restormer import Restormer
    torch.manual_seed(1)
    model = {"genlv": GenLV, "nafnet": NAFNet, "restormer": Restormer}[architecture](**config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("beta", "gamma")):
                parameter.fill_(0.2)
    return model


class Forward:
    """A call of the network without gradients; GenLV is timed behind its prompt encoder, as vernis times it."""

    def __init__(self, model, edge: int):
        import torch
        self.model, self.torch = model, torch
        image = torch.rand(1, 3, edge, edge)
        self.inputs = [image]
        if hasattr(model, "Prompt_KV_Encoder"):
            width, tokens = model.up4_3.body[0].in_channels, (min(edge, 256) // 8) ** 2
            self.inputs += [torch.randn(1, tokens, width), torch.randn(1, tokens, width)]
        self.call = model.restore if len(self.inputs) > 1 else model

    def module(self):
        """The same as a module, for exporters."""
        call = self.call

        class Module(self.torch.nn.Module):
            def __init__(self, model):
                super().__init__()
                self.model = model

            def forward(self, *inputs):
                return call(*inputs)

        return Module(self.model).eval()


def torch_peers(forward: Forward):
    import torch

    def run(inputs):
        def once():
            with torch.inference_mode():
                return forward.call(*inputs)
        return once

    yield "PyTorch", run(forward.inputs)

    last = [forward.inputs[0].contiguous(memory_format=torch.channels_last), *forward.inputs[1:]]

    def channels_last():
        with torch.inference_mode():
            forward.model.to(memory_format=torch.channels_last)
            return forward.call(*last)

    def plain():
        with torch.inference_mode():
            forward.model.to(memory_format=torch.contiguous_format)

    channels_last.after = plain
    yield "PyTorch channels_last", channels_last


def onnx_file(forward: Forward, folder: Path):
    import torch
    path = folder / "network.onnx"
    with torch.inference_mode():
        torch.onnx.export(forward.module(), tuple(forward.inputs), str(path), dynamo=False, opset_version=17)
    return path


def onnxruntime_peer(forward: Forward, folder: Path, threads: int):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(onnx_file(forward, folder)), options, ["CPUExecutionProvider"])
    feeds = {node.name: value.numpy() for node, value in zip(session.get_inputs(), forward.inputs)}
    return lambda: session.run(None, feeds)


def openvino_peer(forward: Forward, folder: Path, threads: int):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(onnx_file(forward, folder)), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    values = [value.numpy() for value in forward.inputs]
    return lambda: request.infer(values)


def ncnn_peer(forward: Forward, folder: Path, threads: int):
    import ncnn
    import pnnx
    with chatter_to_stderr():
        pnnx.export(forward.module(), str(folder / "network.pt"), tuple(forward.inputs), fp16=False)
    net = ncnn.Net()
    net.opt.num_threads = threads
    if net.load_param(str(folder / "network.ncnn.param")) or net.load_model(str(folder / "network.ncnn.bin")):
        raise RuntimeError("ncnn cannot load this network")
    values = [ncnn.Mat(v[0].numpy()).clone() for v in forward.inputs]

    def once():
        extractor = net.create_extractor()
        for i, value in enumerate(values):
            extractor.input(f"in{i}", value)
        status, out = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn failed with {status}")
        return out

    once()
    return once


@contextlib.contextmanager
def chatter_to_stderr():
    """Converters write to the process's standard output, where the table belongs."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


OTHERS = {"openvino": ("OpenVINO", openvino_peer), "onnxruntime": ("ONNX Runtime", onnxruntime_peer),
          "ncnn": ("ncnn", ncnn_peer)}


def vernis_peer(args, model, edge: int, folder: Path):
    """Runs `vernis bench --model` on the weights of the PyTorch network; returns its times in milliseconds."""
    from safetensors.torch import save_file
    file = folder / "network.safetensors"
    save_file({k: v.detach().contiguous() for k, v in model.state_dict().items()}, file)
    command = [str(args.vernis), "bench", "--model", str(file), "--size", f"{edge}x{edge}", "--json",
               "--samples", str(args.runs), "--device", args.device, "--precision", "f32"]
    environment = dict(os.environ, LP_NUM_THREADS=str(args.threads))
    about = {}

    def once():
        # Outputs are compared in the first round; there is nothing new to learn from comparing them again.
        extra = ["--no-check"] if about else []
        done = subprocess.run(command + extra, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else f"exit {done.returncode}")
        row = json.loads(done.stdout)
        about.setdefault("gate", row["gate"]["outcome"])
        about.setdefault("adapter", f'{row["adapter"]}, {row["driver"]}')
        about.setdefault("peak", row["peak_bytes"])
        return row["raw_ms"]

    once.about = about
    return once


def peers(args, architecture, config, edge, folder):
    """Names and callables of everything that can run this network; a callable returns milliseconds."""
    model = build(architecture, config)
    forward = Forward(model, edge)

    def timed(run):
        def once():
            times = []
            for _ in range(args.runs):
                start = time.perf_counter()
                run()
                times.append(1e3 * (time.perf_counter() - start))
            getattr(run, "after", lambda: None)()
            return times
        return once

    found = {"vernis": vernis_peer(args, model, edge, folder)}
    found.update({name: timed(run) for name, run in torch_peers(forward)})
    for module, (name, make) in OTHERS.items():
        if module in args.skip:
            continue
        try:
            found[name] = timed(make(forward, folder, args.threads))
        except ImportError:
            pass
        except Exception as error:  # a peer that cannot run this network is part of the result
            print(f"{name} fails on {architecture}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    return found


def measure(args, found):
    """Medians in milliseconds over all rounds but the first, whatever else the machine does meanwhile."""
    times = {name: [] for name in found}
    for turn in range(args.rounds + 1):
        for name, once in list(found.items()):
            try:
                result = once()
            except Exception as error:
                print(f"{name} fails: {error}", file=sys.stderr)
                del found[name], times[name]
                continue
            if turn:
                # The first run of a turn follows another engine: its caches and threads are cold.
                times[name] += result[1:] or result
        print(f"round {turn} of {args.rounds}", file=sys.stderr)
    return {name: statistics.median(t) for name, t in times.items()}


def main():
    args = arguments()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(args.threads)
    import torch
    torch.set_num_threads(args.threads)
    if not args.vernis.exists():
        sys.exit(f"{args.vernis} is missing: build it with `cargo build --release`")
    load = os.getloadavg()[0]
    rows, about = {}, {}
    for architecture, config, edge, title in NETWORKS:
        if args.only and architecture not in args.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = peers(args, architecture, config, edge, Path(folder))
            rows[architecture, edge, title] = measure(args, found)
            about = getattr(found.get("vernis"), "about", about)
    columns = sorted({name for medians in rows.values() for name in medians}, key=lambda n: (n != "vernis", n))
    print(f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {processor()}, {args.threads} threads, load {load:.1f} "
          f"before the run; PyTorch {torch.__version__}; vernis on {about.get('adapter', '?')}, outputs "
          f"{about.get('gate', '?')}. Milliseconds, medians of {args.rounds} interleaved rounds.\n")
    print("| network | " + " | ".join(columns) + " | ours / PyTorch | target (aim) |")
    print("|---" * (len(columns) + 3) + "|")
    for (architecture, edge, title), medians in rows.items():
        cells = [f"{medians[name]:.0f}" if name in medians else "fails" for name in columns]
        ratio = medians["vernis"] / medians["PyTorch"] if {"vernis", "PyTorch"} <= medians.keys() else float("nan")
        most, aim = TARGETS[architecture]
        print(f"| {title}, {edge}x{edge} | " + " | ".join(cells) + f" | {ratio:.2f} | {most} ({aim}) |")


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
