"""Converts measurements to what JSON can hold."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def plain(value: Any, digits: int | None = None) -> Any:
    """Dataclasses, tuples and numpy numbers as JSON types; floats rounded to `digits` decimals."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), digits) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(part, digits) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, digits) for part in value]
    number = value.item() if isinstance(value, np.generic) else value
    return round(number, digits) if isinstance(number, float) and digits is not None else number
