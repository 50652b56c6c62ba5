"""All tests compute in float32, also where the app would use bfloat16, and speak English."""

import os

import torch


def pytest_configure() -> None:
    os.environ["LANGUAGE"] = "en"  # the command line follows this, whatever else the machine speaks
    torch.cpu._is_avx512_bf16_supported = lambda: False
