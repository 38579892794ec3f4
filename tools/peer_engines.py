"""The engines that tools/peers.py times beside vernis: each maker turns a PyTorch module into a `Peer`.

All compute in f32 with the same number of threads. A maker raises where its engine is not installed or cannot take the
module; the message becomes the reason below the table.
"""

import contextlib
import copy
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

# Seconds after which pnnx is stopped.
CONVERSION = 120


@dataclass
class Peer:
    # One forward pass; returns the first output.
    run: Callable
    # Brings the inputs to the device and an output back, each twice, and computes nothing; its time is no operation's.
    carry: Callable | None = None
    remark: str = ""


@dataclass
class Task:
    """What all engines compute: a module, its tensors, and the output that theirs are compared with."""
    module: object
    inputs: list
    output: object
    folder: Path
    threads: int


def pytorch(task: Task):
    import torch

    def run():
        with torch.inference_mode():
            return task.module(*task.inputs)

    return Peer(run)


def channels_last(task: Task):
    import torch
    if all(weight.dim() != 4 for weight in task.module.parameters()):
        raise RuntimeError("a layout of convolutions only")
    layout = torch.channels_last
    module = copy.deepcopy(task.module).to(memory_format=layout)
    inputs = [value.contiguous(memory_format=layout) if value.dim() == 4 else value for value in task.inputs]
    return pytorch(replace(task, module=module, inputs=inputs))


def onnx_file(task: Task):
    """Written once for all that read it: tracing a network takes longer than timing it."""
    import torch
    path = task.folder / "network.onnx"
    if not path.exists():
        with torch.inference_mode(), chatter_to_stderr():
            torch.onnx.export(task.module, tuple(task.inputs), str(path), dynamo=False, opset_version=17)
    return path


def onnxruntime(task: Task):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = task.threads, 1
    session = ort.InferenceSession(str(onnx_file(task)), options, ["CPUExecutionProvider"])
    feeds = {node.name: value.numpy() for node, value in zip(session.get_inputs(), task.inputs)}
    return Peer(lambda: session.run(None, feeds)[0])


def openvino(task: Task):
    import openvino as ov
    core = ov.Core()
    compiled = core.compile_model(core.read_model(onnx_file(task)), "CPU", {
        "INFERENCE_NUM_THREADS": task.threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    values = [value.numpy() for value in task.inputs]
    return Peer(lambda: request.infer(values, share_inputs=True, share_outputs=True)[0])


def ncnn_net(threads: int, adapter: int | None):
    import ncnn
    net = ncnn.Net()
    net.opt.num_threads = threads
    for half in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        setattr(net.opt, f"use_{half}", False)
    if adapter is not None:
        net.opt.use_vulkan_compute = True
        net.set_vulkan_device(adapter)
    return net


def ncnn_run(net, values):
    def run():
        extractor = net.create_extractor()
        for i, value in enumerate(values):
            extractor.input(f"in{i}", value)
        status, out = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn failed with {status}")
        return out

    return run


def ncnn_mat(value):
    """ncnn has no batch in its shapes; the copy outlives the tensor."""
    import ncnn
    return ncnn.Mat(value[0].contiguous().numpy()).clone()


def ncnn_file(task: Task):
    """Written once for both ways to run it. pnnx is called as a program: its Python form does more, without a limit."""
    import pnnx
    import torch
    path, traced = task.folder / "network.ncnn.param", task.folder / "network.pt"
    if not traced.exists():
        with torch.inference_mode():
            # Checking a trace runs the network twice more; outputs are compared later anyway.
            torch.jit.trace(task.module, tuple(task.inputs), check_trace=False).save(str(traced))
        shapes = ",".join(f"{list(value.shape)}f32".replace(" ", "") for value in task.inputs)
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([pnnx.EXEC_PATH, str(traced), f"inputshape={shapes}", "fp16=0"], stdout=sys.stderr,
                           timeout=CONVERSION)
    if not path.exists():
        raise RuntimeError(f"pnnx does not convert it within {CONVERSION} s")
    # What pnnx cannot express in ncnn's layers it leaves as it was, under names such as aten::diagonal.
    types = {line.split()[0] for line in path.read_text().splitlines()}
    if foreign := sorted(name for name in types if not name.isalnum()):
        raise RuntimeError(f"has no {', '.join(foreign)}")
    return path


def ncnn(task: Task, adapter: int | None = None):
    net, path = ncnn_net(task.threads, adapter), ncnn_file(task)
    if net.load_param(str(path)) or net.load_model(str(path.with_suffix(".bin"))):
        raise RuntimeError("ncnn cannot load it")
    return Peer(ncnn_run(net, [ncnn_mat(value) for value in task.inputs])), net


def ncnn_cpu(task: Task):
    return ncnn(task)[0]


def ncnn_vulkan(task: Task):
    """On the software adapter, which vernis runs on too. A layer without a Vulkan form runs on the processor."""
    peer, net = ncnn(task, software_adapter())
    elsewhere = sorted({layer.type for layer in net.layers() if not layer.support_vulkan})
    if elsewhere:
        peer.remark = f"without Vulkan: {', '.join(elsewhere)}"
    carriers = []
    for tensor in [*task.inputs, task.output]:
        idle = ncnn_net(task.threads, software_adapter())
        idle.load_param_mem("7767517\n2 2\nInput in0 0 1 in0\nNoop noop 1 1 in0 out0\n")
        carriers.append(ncnn_run(idle, [ncnn_mat(tensor)]))
    peer.carry = lambda: [carry() for carry in carriers]
    return peer


def software_adapter() -> int:
    import ncnn
    for index in range(ncnn.get_gpu_count()):
        if ncnn.get_gpu_info(index).type() == 3:
            return index
    raise RuntimeError("no software Vulkan adapter")


@contextlib.contextmanager
def chatter_to_stderr():
    """Converters write to the process's standard output, where the table belongs."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


# What --skip calls them, in the order of the table's columns.
ENGINES = {
    "pytorch": ("PyTorch", pytorch),
    "channels_last": ("PyTorch channels_last", channels_last),
    "onnxruntime": ("ONNX Runtime", onnxruntime),
    "openvino": ("OpenVINO", openvino),
    "ncnn": ("ncnn", ncnn_cpu),
    "ncnn_vulkan": ("ncnn Vulkan", ncnn_vulkan),
}
