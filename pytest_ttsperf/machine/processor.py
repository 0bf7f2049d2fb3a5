"""The processor's name, as systems tell it: a part of what stored numbers stand for.

So it must not vary, nor differ from what py-cpuinfo called the same machine, as earlier versions
of this plugin asked that. Hence which fields are read, and in which order.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pytest_ttsperf import popen

ROOT = Path("/")
LOOK_UP_S = 30.0
"""A program takes some milliseconds; more only if it does not answer at all."""
KERNEL_FIELDS = ("model name", "cpu", "processor", "uarch")
"""Of /proc/cpuinfo: x86, newer 32-bit ARM and POWER; older ARM; RISC-V. 64-bit ARM has none."""


def brand(root: Path = ROOT) -> str | None:
    """The processor's name; None where the system does not tell it."""
    return next(filter(None, _names(root)), None)


def _names(root: Path) -> Iterator[str | None]:
    if sys.platform == "win32":
        yield _by_registry()
    yield _by_kernel(root)
    yield _by_lscpu()
    if platform.system() == "Darwin":
        yield _first_line(_output("sysctl", "-n", "machdep.cpu.brand_string"))
    if platform.system().endswith("BSD"):
        yield _first_line(_output("sysctl", "-n", "hw.model"))


def cpuinfo(root: Path) -> str:
    """What Linux tells of its processors; "" elsewhere."""
    try:
        return (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _by_kernel(root: Path) -> str | None:
    for name, value in _pairs(cpuinfo(root)):
        if name in KERNEL_FIELDS and not value.isdigit():  # a bare number counts the processors
            return value
    return None


def _by_lscpu() -> str | None:
    """What lscpu makes of the numbers that are all that Linux tells of 64-bit ARM."""
    fields: dict[str, str] = {}
    for name, value in _pairs(_output("lscpu")):
        fields.setdefault(name, value)
    if "model name" in fields:
        return fields["model name"]
    model = fields.get("model", "")
    return None if model.isdigit() else model or None


def _by_registry() -> str | None:
    if sys.platform != "win32":
        return None
    import winreg

    place = r"Hardware\Description\System\CentralProcessor\0"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except OSError:
        return None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Names, in lower case, and values of lines such as `model name : A fast one`."""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if value.strip():
            yield name.strip().lower(), value.strip()


def _first_line(text: str) -> str | None:
    first, _, _ = text.strip().partition("\n")
    return first.strip() or None


def _output(*command: str) -> str:
    """What a program prints; "" where it is missing, fails, or does not come to an end."""
    try:
        with popen.restore_popen():
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LOOK_UP_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if done.returncode != 0:
        return ""
    return done.stdout.decode("utf-8", "replace")
