"""Changes JSON as a hand or an attacker would: other types, strange numbers and texts, lost fields."""

import json
from copy import deepcopy
from random import Random
from typing import Any

from benchmarks.reliability.mutations import mutated

DEEP = 3000
TEXTS = (
    *(
        "",
        " ",
        "-",
        "?",
        "54",
        "54,5",
        "85+",
        "f",
        "Male",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e400",
        "٣",
        "½",
    ),
    *("\0", "a\0b", "\ud800", "\ud800.jpg", "\u202egpj.x", "é" * 300, "a" * 70_000, "../../etc/passwd"),
    *(
        "/etc/passwd",
        "/dev/zero",
        "/proc/self/mem",
        ".",
        "..",
        "/",
        "~",
        "file:///etc/passwd",
        "x" * 256,
    ),
    *("http://127.0.0.1:1/x.jpg", "C:\\x.jpg", "con", "a/b/../../c", "{x}", "{0}", "%s", "=1+1", "<b>"),
    *(
        "1" * 5000,
        "0x10",
        "1_000",
        "true",
        "null",
        "[]",
        "hf-hub:a/b",
        "pretrained",
        "checkpoint_path",
        "depths",
        "img_size",
        "resnet50",
        "akiec",
    ),
)
NUMBERS = (
    *(0, 1, -1, 2, 3, 7, 8, 9, 54, 119, 120, 121, 255, 256, 4096, 10**6, 2**31, 2**53, 2**63, 2**64),
    *(
        10**30,
        -(2**63),
        0.0,
        -0.0,
        0.5,
        1.5,
        1e-308,
        5e-324,
        1e308,
        -1e308,
        1e400,
        -1e400,
        float("nan"),
    ),
)
OTHERS = (None, True, False, [], {}, [None], [[]], {"": None})


def mutated_json(data: bytes, other: bytes, random: Random) -> bytes:
    """JSON with 1 to 3 values changed, lost or moved; one in eight is changed as bytes instead."""
    if random.random() < 1 / 8:
        return mutated(data, other, random)
    tree = [json.loads(data)]
    for _ in range(random.randint(1, 3)):
        _change(tree, random)
    if random.random() < 0.02:
        return b'{"format":' * DEEP + b"1" + b"}" * DEEP
    text = json.dumps(tree[0] if tree else None)
    return text.replace('"1e5000"', "1" * 5000).encode()


def strange(random: Random) -> Any:
    """A value that a caller should not send, or could."""
    kind = random.randrange(8)
    if kind < 3:
        return random.choice(NUMBERS)
    if kind < 6:
        return random.choice(TEXTS)
    if kind == 6:
        return "1e5000"  # becomes a number of 5,000 digits
    others = (*OTHERS, [random.choice(NUMBERS)] * random.choice((1, 7, 300)))
    return deepcopy(random.choice(others))  # a later change must not reach into OTHERS


def _change(tree: list[Any], random: Random) -> None:
    places: list[tuple[Any, Any]] = []
    _collect(tree, places)
    if not places:
        return
    holder, key = random.choice(places)
    kind = random.randrange(8)
    if kind < 4:
        holder[key] = strange(random)
    elif kind == 4:
        del holder[key]
    elif kind == 5:
        source, name = random.choice(places)
        holder[key] = json.loads(json.dumps(source[name]))
    elif isinstance(holder, dict):
        holder[random.choice(TEXTS)] = holder.pop(key) if kind == 6 else strange(random)
    else:
        holder[key:key] = [holder[key]] * random.choice((1, 2, 300))


def _collect(holder: Any, places: list[tuple[Any, Any]]) -> None:
    for key in holder if isinstance(holder, dict) else range(len(holder)):
        places.append((holder, key))
        if isinstance(holder[key], dict | list):
            _collect(holder[key], places)
