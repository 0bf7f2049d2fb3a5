"""Tracers, profilers and debuggers: kept out of what is measured, or noticed there.

Whoever traces a process slows it several times over, and unevenly, so that its figures are as much
the tracer's as the engine's.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

COVERAGE_VARIABLES = re.compile(r"COVERAGE_PROCESS_(START|CONFIG)|COV_CORE_\w+")
"""What has coverage, and pytest-cov up to 6, begin in each new Python; others are not touched."""
SWITCHES = {
    "PYTHONMALLOC": "an allocator that checks itself",
    "PYTHONPROFILEIMPORTTIME": "the timing of imports",
    "PYTHONASYNCIODEBUG": "asyncio's debug mode",
}
"""Of Python, by environment: what they switch on, where nothing else in Python shows it."""
PRELOADED = re.compile(
    r"heaptrack|vgpreload|bytehound|libprofiler|lib(a|t|ub|m)san|ittnotify_collector|malloc_debug",
    re.IGNORECASE,
)
"""Libraries that count, check or profile for those who preload them."""
PRELOADS = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")
PROC = Path("/proc")


def without_coverage(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process that is to be measured."""
    return {
        name: value for name, value in environment.items() if not COVERAGE_VARIABLES.fullmatch(name)
    }


def remarks() -> tuple[str, ...]:
    """What a reader must know of what was left out."""
    left_out = sorted(filter(COVERAGE_VARIABLES.fullmatch, os.environ))
    if not left_out:
        return ()
    return (
        f"coverage was kept out of the target's process ({left_out[0]}), as the figures would be "
        "of both; what runs there counts as not covered, but with --ttsperf-disable and "
        "--ttsperf-inline",
    )


def tracers() -> tuple[str, ...]:
    """What traces this process and its Python code, each with what switched it on."""
    found = [*_functions(), *_tools(), *_switches(os.environ), *from_outside()]
    return tuple(dict.fromkeys(found))


def _functions() -> Iterator[str]:
    """Of this thread, and of those to come."""
    hooks = {
        "sys.settrace": sys.gettrace(),
        "sys.setprofile": sys.getprofile(),
        "threading.settrace": threading.gettrace(),
        "threading.setprofile": threading.getprofile(),
    }
    ways: dict[str, list[str]] = {}
    for name, hook in hooks.items():
        if hook is not None:
            ways.setdefault(_owner(hook), []).append(name)
    for owner, names in ways.items():
        yield f"{owner} (by {' and '.join(names)})"


def _owner(hook: Any) -> str:
    """The package of a trace function, which may be an object or a method of one."""
    module = getattr(hook, "__module__", None) or type(hook).__module__
    name = getattr(hook, "__qualname__", None) or type(hook).__qualname__
    return f"{module}.{name}"


def _tools() -> Iterator[str]:
    """Of Python 3.12 and later: all that observe by sys.monitoring."""
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:
        return
    for number in range(6):
        name = monitoring.get_tool(number)
        if name is not None:
            yield f"{name} (by sys.monitoring)"


def _switches(environment: Mapping[str, str]) -> Iterator[str]:
    """Of the interpreter: each is on for all of the process."""
    import tracemalloc

    is_mapped = getattr(sys, "is_stack_trampoline_active", bool)
    flags = {
        "tracemalloc (PYTHONTRACEMALLOC, -X tracemalloc or tracemalloc.start())": (
            tracemalloc.is_tracing()
        ),
        "Python's development mode (PYTHONDEVMODE or -X dev)": sys.flags.dev_mode,
        "the telling of imports (PYTHONVERBOSE or -v)": sys.flags.verbose,
        "support for perf (PYTHONPERFSUPPORT or -X perf)": is_mapped(),
    }
    yield from filter(flags.__getitem__, flags)
    if sys.flags.ignore_environment:
        return
    for name, what in SWITCHES.items():
        value = environment.get(name, "")
        if value and (name != "PYTHONMALLOC" or value.endswith("debug")):
            yield f"{what} ({name}={value})"


def from_outside() -> Iterator[str]:
    """What traces this process from outside of Python, and so what it starts, too."""
    tracer = _tracer_pid()
    if tracer:
        yield f"{_name(tracer)} (process {tracer}, by ptrace)"
    for library in sorted(set(_libraries())):
        if PRELOADED.search(library):
            yield f"{library} (a preloaded library)"


def _libraries() -> Iterator[str]:
    """File names of what is loaded, as far as the system shows it, and of what was to be."""
    for variable in PRELOADS:
        for path in re.split(r"[ :]", os.environ.get(variable, "")):
            yield os.path.basename(path)
    for line in _read_proc("self/maps").splitlines():
        _, _, path = line.rpartition(" ")
        yield os.path.basename(path)


def _tracer_pid() -> int:
    """The process that traces this one; 0 for none, and where the system does not show it."""
    found = re.search(r"^TracerPid:\s+(\d+)$", _read_proc("self/status"), re.MULTILINE)
    if found is None:
        return 0
    return int(found[1])


def _name(pid: int) -> str:
    return _read_proc(f"{pid}/comm").strip() or "a tracer"


def _read_proc(name: str) -> str:
    """A file of Linux's /proc; empty where there is none, or it cannot be read."""
    try:
        return (PROC / name).read_text(encoding="utf-8", errors="replace")
    except (OSError, UnicodeError):
        return ""
