"""Where a run was made: the machine's identity, its weather, and the state of the sources.

Identity decides which stored numbers may be compared; weather only stands beside them. Live clock
rates and host names are neither.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from pytest_ttsperf.records import Git, Json, Machine, Ready, Weather

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@functools.cache
def machine() -> Machine:
    """What this machine is; the memory is rounded to a class (a power of two of GiB)."""
    return Machine(
        cpu_model=_cpu_model(),
        cores=os.cpu_count() or 1,
        affinity=_affinity(),
        memory_gib=_memory_class(psutil.virtual_memory().total),
        system=platform.system(),
        architecture=platform.machine(),
        python=".".join(platform.python_version_tuple()[:2]),
    )


def fingerprint(here: Machine, ready: Ready | None) -> str:
    """A readable name with 8 hex digits of everything that makes stored numbers comparable.

    Beside the machine: runtime version, provider that ran, threads and voice hash, as far as the
    target tells them.
    """
    told = identity(ready)
    parts = [f"{name}={getattr(here, name)}" for name in here.__struct_fields__]
    parts += [f"{name}={told[name]}" for name in sorted(told)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    readable = f"{here.system}-{here.architecture}-{here.affinity}c-{here.memory_gib}g"
    provider = str(told.get("provider") or "unknown").removesuffix("ExecutionProvider")
    return re.sub(r"[^a-z0-9.-]+", "-", f"{readable}-{provider}-{digest}".lower())


def identity(ready: Ready | None) -> dict[str, Json]:
    """The part of a target's placement that belongs to a cell's identity."""
    if ready is None:
        return {}
    placement: Mapping[str, Json] = ready.placement or {}
    told = {
        name: placement[name] for name in ("provider", "threads", "voice_hash") if name in placement
    }
    if placement.get("options"):  # of the provider; without any, numbers stay comparable as before
        told["options"] = placement["options"]
    if "onnxruntime" in ready.versions:
        told["onnxruntime"] = ready.versions["onnxruntime"]
    return told


class WeatherWatch:
    """Weather when it was made and at the end; steal is known for the time in between only."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()
        self.before = _weather(None)

    def after(self) -> Weather:
        """The weather now, with the share of CPU time that other tenants took since the start."""
        now = psutil.cpu_times()
        total = sum(now) - sum(self._before)
        stolen = getattr(now, "steal", None)
        if stolen is None or total <= 0:
            return _weather(None)
        return _weather((stolen - self._before.steal) / total)


def git_state(folder: Path) -> Git | None:
    """Revision, branch and dirtiness of the work tree around `folder`; None outside of one."""
    revision = _git(folder, "rev-parse", "HEAD")
    if revision is None:
        return None
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Git(
        revision=revision,
        branch=None if branch == "HEAD" else branch,
        dirty=bool(changes),
    )


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _weather(steal_share: float | None) -> Weather:
    swap = psutil.swap_memory()
    return Weather(
        load_1m=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        steal_share=None if steal_share is None else round(steal_share, 4),
        swap_used_share=swap.percent / 100 if swap.total else None,
        governor=GOVERNOR.read_text().strip() if GOVERNOR.exists() else None,
    )


def _cpu_model() -> str:
    import cpuinfo

    told = cpuinfo.get_cpu_info()
    return str(told.get("brand_raw") or platform.processor() or "unknown")


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_class(total_bytes: int) -> int:
    gib = total_bytes / 2**30
    size = 1
    while size * 1.4 < gib:
        size *= 2
    return size
