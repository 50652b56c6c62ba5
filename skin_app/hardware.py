"""Chooses the device (CUDA, Apple's MPS, Intel's XPU, or the CPU) and the precision for inference."""

import platform
from contextlib import AbstractContextManager, nullcontext

import torch


def best_device() -> torch.device:
    """The GPU when there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    if torch.xpu.is_available():
        return torch.device("xpu")
    return torch.device("cpu")


def describe(device: torch.device, was_full: torch.device | None = None) -> str:
    """The device in words, such as "GPU (NVIDIA H200)" or "CPU (x86_64, 2 threads)".

    `was_full`: the device that should have computed, whose memory was full; named as well.
    """
    if was_full is not None:
        return f"{describe(device)}, as the memory of the {describe(was_full)} was full"
    if device.type == "cuda":
        return f"GPU ({torch.cuda.get_device_name(device)})"
    if device.type == "mps":
        return "GPU (Apple MPS)"
    if device.type == "xpu":
        return f"GPU ({torch.xpu.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"CPU ({platform.machine()}, {threads} thread{'' if threads == 1 else 's'})"


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster: on GPUs that compute in it, and on processors with AVX512-bf16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "xpu":
        return torch.xpu.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 autocast where `has_bfloat16`; else a context that changes nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if has_bfloat16(device) else nullcontext()
