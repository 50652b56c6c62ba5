"""Chooses the device (CUDA, Apple's MPS, or the CPU) and the precision for inference."""

import platform
from contextlib import AbstractContextManager, nullcontext

import torch


def best_device() -> torch.device:
    """The GPU when there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def describe(device: torch.device) -> str:
    """The device in words, for the page, such as "GPU (NVIDIA H200)" or "CPU (x86_64, 2 threads)"."""
    if device.type == "cuda":
        return f"GPU ({torch.cuda.get_device_name(device)})"
    if device.type == "mps":
        return "GPU (Apple MPS)"
    threads = torch.get_num_threads()
    return f"CPU ({platform.machine()}, {threads} thread{'' if threads == 1 else 's'})"


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster: on CUDA, and on processors with AVX512-bf16 or AMX."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 autocast where `has_bfloat16`; else a context that changes nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if has_bfloat16(device) else nullcontext()
