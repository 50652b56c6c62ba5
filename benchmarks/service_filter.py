"""Applies a service's filters of system calls and address families to a program, by libseccomp."""

import configparser
import json
import re
import socket
import subprocess
from pathlib import Path

# Run by `python -c`, before the program that follows: a new filter that refuses all but what is listed.
FILTER = """
import ctypes, json, os, sys
lib = ctypes.CDLL("libseccomp.so.2")
class Compared(ctypes.Structure):
    _fields_ = [
        ("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_rule_add_array.argtypes = [
    ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Compared)]
lib.seccomp_load.argtypes = [ctypes.c_void_p]
told = json.loads(sys.argv[1])
os.umask(int(told["umask"], 8))
made = lib.seccomp_init(0x00050001)  # EPERM
for name in told["calls"]:
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number >= 0 and name != "socket":
        lib.seccomp_rule_add_array(made, 0x7FFF0000, number, 0, None)
for family in told["families"]:
    same = Compared(0, 4, family, 0)
    lib.seccomp_rule_add_array(
        made, 0x7FFF0000, lib.seccomp_syscall_resolve_name(b"socket"), 1, ctypes.byref(same))
if lib.seccomp_load(made):
    sys.exit("The filter could not be loaded.")
os.execvp(sys.argv[2], sys.argv[2:])
"""


def filter_of(unit: Path) -> str:
    """The argument of `FILTER` for a unit file: allowed calls, families and the umask, as JSON."""
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(), re.MULTILINE):
        named = {call for group in line.lstrip("~").split() for call in _calls(group)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    parser = configparser.RawConfigParser(strict=False)
    parser.read(unit)
    families = parser["Service"]["RestrictAddressFamilies"].split()
    numbers = [int(getattr(socket, family)) for family in families]
    return json.dumps(
        {"calls": sorted(allowed), "families": numbers, "umask": parser["Service"]["UMask"]}
    )


def _calls(group: str) -> set[str]:
    """The system calls of a group such as @system-service, as systemd lists them."""
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout
    found: set[str] = set()
    for line in listed.splitlines()[1:]:
        name = line.strip()
        if name and not name.startswith("#"):
            found |= _calls(name) if name.startswith("@") else {name}
    return found
