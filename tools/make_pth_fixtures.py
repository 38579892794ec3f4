#!/usr/bin/env python3
"""Makes the small .pth files of tests/golden/pth with PyTorch: what official checkpoints look like, and attacks.

usage: make_pth_fixtures.py [OUT_DIR]

Every good file holds values that follow from a formula, so that the tests need no second copy of them:
element i of a ramp is (i - 8) / 8, which f16 and bf16 hold exactly.
The hostile files are written byte by byte; nothing in them does harm even if it ran (they call "true").
"""
import argparse
import collections
import io
import os
import struct
import sys
import zipfile

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "train"))
from models.nafnet import NAFNet  # noqa: E402


def ramp(*shape, dtype=torch.float32):
    count = 1
    for d in shape:
        count *= d
    return ((torch.arange(count, dtype=torch.float64) - 8) / 8).reshape(shape).to(dtype)


def weights():
    return collections.OrderedDict([("conv.weight", ramp(4, 3, 2, 2)), ("conv.bias", ramp(4))])


class Net(torch.nn.Module):
    """Gives the state dict its _metadata attribute, and a buffer of integers."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 2)
        self.norm = torch.nn.BatchNorm2d(4)
        with torch.no_grad():
            self.conv.weight.copy_(ramp(4, 3, 2, 2))
            self.conv.bias.copy_(ramp(4))


def network():
    """A whole network, small enough to be stored and wrapped like a training checkpoint of BasicSR."""
    torch.manual_seed(0)
    net = NAFNet(width=4, middle_blk_num=1, enc_blk_nums=[1], dec_blk_nums=[0])
    for name, parameter in net.named_parameters():
        if name.endswith(("beta", "gamma")):
            torch.nn.init.constant_(parameter, 0.5)
    return net.state_dict()


def good(out):
    def save(name, value, **options):
        torch.save(value, os.path.join(out, name), **options)

    save("plain.pth", Net().state_dict())
    plus_one = {k: v + 1 for k, v in weights().items()}
    save("params_ema.pth", {"params": plus_one, "params_ema": weights()})
    save("module_prefix.pth", {"state_dict": {f"module.{k}": v for k, v in weights().items()}, "epoch": 7,
                               "arch": "tiny"})
    save("nafnet.pth", {"params_ema": network(), "iter": 400000})
    training = torch.optim.Adam([torch.nn.Parameter(weights()["conv.bias"])])
    training.param_groups[0]["params"][0].grad = torch.ones(4)
    training.step()
    arguments = argparse.Namespace(lr=1e-4, name="run")
    save("training.pth", {"model": weights(), "optimizer": training.state_dict(), "args": arguments, "epoch": 3,
                          "losses": [0.5, 0.25]})
    save("types.pth", {"f16": ramp(2, 5, dtype=torch.float16), "bf16": ramp(2, 5, dtype=torch.bfloat16),
                       "f64": ramp(2, 5, dtype=torch.float64), "i32": torch.tensor([1, -2], dtype=torch.int32),
                       "u8": torch.tensor([1, 255], dtype=torch.uint8), "flag": torch.tensor([True, False]),
                       "u16": torch.tensor([1, 65535], dtype=torch.uint16), "scalar": torch.tensor(0.5),
                       "empty": torch.zeros(0, 3)})
    whole = ramp(4, 6)
    save("views.pth", {"transposed": whole.t(), "columns": whole[:, 1:6:2], "row": whole[2],
                       "expanded": whole[0, :3].expand(2, 3), "permuted": ramp(2, 3, 4).permute(2, 0, 1),
                       "channels_last": ramp(1, 3, 2, 2).contiguous(memory_format=torch.channels_last)})
    tied = ramp(3, 2)
    save("shared.pth", {"a": tied, "b": tied, "tail": tied.view(-1)[2:]})
    save("parameter.pth", {"w": torch.nn.Parameter(ramp(2, 2))})
    save("protocol4.pth", weights(), pickle_protocol=4)
    save("legacy.pth", weights(), _use_new_zipfile_serialization=False)
    save("module_object.pth", torch.nn.Linear(2, 2))
    scripted = torch.jit.script(torch.nn.Linear(2, 2))
    scripted.save(os.path.join(out, "torchscript.pth"))


def archive(path, pickle, storages=(), byteorder=b"little"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        for name, data in [("archive/data.pkl", pickle), ("archive/byteorder", byteorder),
                           *((f"archive/data/{k}", v) for k, v in storages)]:
            info = zipfile.ZipInfo(name)  # a fixed date: equal bytes each time
            z.writestr(info, data)


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def integer(v):
    raw = v.to_bytes(8, "little", signed=True)
    return b"\x8a\x08" + raw


def tensor(size, stride, count, offset=0, key="0"):
    """Opcodes that rebuild one float tensor."""
    numbers = lambda v: b"(" + b"".join(integer(n) for n in v) + b"t"
    reference = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + integer(count) + b"tQ"
    arguments = reference + integer(offset) + numbers(size) + numbers(stride) + b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def single(opcodes):
    return b"\x80\x02}" + text("w") + opcodes + b"s."


def hostile(out):
    at = lambda name: os.path.join(out, name)
    data = [("0", struct.pack("<4f", 1, 2, 3, 4))]
    archive(at("hostile_system.pth"), b"\x80\x02cos\nsystem\n" + text("true") + b"\x85R.")
    archive(at("hostile_eval.pth"), b"\x80\x02}" + text("w") + b"cbuiltins\neval\n" + text("1") + b"\x85Rs.")
    archive(at("hostile_stack_global.pth"), b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.")
    archive(at("hostile_unknown_call.pth"), b"\x80\x02cmystery\nmake\n)R.")
    # Thirty lists that each hold the one before twice: 2^30 items for whoever expands it.
    bomb = b"\x80\x02]q\x00"
    for i in range(30):
        bomb += b"](" + b"h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1])
    archive(at("hostile_memo_bomb.pth"), bomb + b".")
    archive(at("hostile_cycle.pth"), b"\x80\x02}q\x00" + text("w") + b"h\x00s.")
    archive(at("hostile_huge_shape.pth"), single(tensor([1 << 40, 1 << 40], [0, 0], 4)), data)
    archive(at("hostile_expanded.pth"), single(tensor([1 << 40], [0], 4)), data)
    archive(at("hostile_out_of_range.pth"), single(tensor([4], [1], 4, offset=1)), data)
    archive(at("hostile_count.pth"), single(tensor([4], [1], 1 << 60)), data)
    archive(at("hostile_negative_stride.pth"), single(tensor([4], [-1], 4, offset=3)), data)
    archive(at("hostile_missing_storage.pth"), single(tensor([4], [1], 4, key="../0")), data)
    archive(at("hostile_long_text.pth"), b"\x80\x02X\xff\xff\xff\xff.")
    archive(at("big_endian.pth"), single(tensor([4], [1], 4)), data, byteorder=b"big")
    archive(at("no_tensor.pth"), b"\x80\x02}" + text("epoch") + b"K\x05s.")
    with zipfile.ZipFile(at("compressed.pth"), "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(zipfile.ZipInfo("archive/data.pkl"), single(tensor([4], [1], 4)), zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(at("other_zip.pth"), "w", zipfile.ZIP_STORED) as z:
        z.writestr(zipfile.ZipInfo("readme.txt"), "no checkpoint")
    whole = io.BytesIO()
    torch.save(weights(), whole)
    with open(at("truncated.pth"), "wb") as f:
        f.write(whole.getvalue()[:-300])


def main():
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden", "pth")
    out = sys.argv[1] if len(sys.argv) > 1 else default
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(0)
    good(out)
    hostile(out)
    for name in sorted(os.listdir(out)):
        size = os.path.getsize(os.path.join(out, name))
        print(f"{size:7d}  {name}")
        if size >= 20_000:
            sys.exit(f"{name} is too large for a fixture")


if __name__ == "__main__":
    main()
