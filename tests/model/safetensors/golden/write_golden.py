#!/usr/bin/env python3
"""Writes the golden files of the checkpoint reader's tests with the official Python package, beside this script.

The files that are committed were written with safetensors 0.8.0, torch 2.15.0 and numpy 2.4.6. They are only written
anew when the format grows; no test runs this. A tensor "NAME as f32" holds the values that torch makes of NAME.
"""
import pathlib

import numpy
import safetensors.numpy
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).resolve().parent


def main():
    everything_fp8 = torch.arange(256, dtype=torch.int16).to(torch.uint8).view(torch.float8_e4m3fn)
    some_fp16 = torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, 6.1035e-05, float("inf")], dtype=torch.float16)
    some_bf16 = torch.tensor([0.0, 1.0, -1.0, 3.140625, 1e-40, 3.3895e38]).to(torch.bfloat16)
    tensors = {
        "f32": torch.tensor([[1.5, -2.25], [3e38, float("inf")], [1e-45, -0.0]]),
        "f16": some_fp16.reshape(2, 4),
        "bf16": some_bf16.reshape(1, 2, 3),
        "fp8": everything_fp8.reshape(16, 16),
        "e5m2": torch.tensor([1.0, 2.0, -4.0]).to(torch.float8_e5m2),
        "scalar": torch.tensor(7, dtype=torch.int64),
        "empty": torch.zeros((3, 0, 2)),
        "flags": torch.tensor([True, False, True]),
        'naïve "name"/é😀': torch.tensor([1], dtype=torch.uint8),
    }
    tensors |= {f"{name} as f32": tensors[name].to(torch.float32) for name in ("f16", "bf16", "fp8")}
    written = {
        "torch": safetensors.torch.save(tensors, metadata={"format": "pt", "note": "written for a test"}),
        "numpy": safetensors.numpy.save({"x": numpy.arange(6, dtype=numpy.float64).reshape(2, 3),
                                         "y": numpy.arange(4, dtype=numpy.int16),
                                         "z": numpy.array(2.5, dtype=numpy.float32)}),
        "nothing": safetensors.numpy.save({}),
    }
    for name, content in written.items():
        (FOLDER / f"{name}.safetensors").write_bytes(content)
        print(f"{name}: {len(content)} bytes")


if __name__ == "__main__":
    main()
