"""All tests compute in float32, also on processors where the app would use bfloat16."""

import torch


def pytest_configure() -> None:
    torch.cpu._is_avx512_bf16_supported = lambda: False
