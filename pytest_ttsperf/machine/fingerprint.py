"""Where a run was made: the machine's identity and the state of the sources.

Identity decides which stored numbers may be compared. Live clock rates, the kernel's version and
host names are notes and no part of it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from pytest_ttsperf import git
from pytest_ttsperf.errors import GitError
from pytest_ttsperf.machine import cgroups, processor
from pytest_ttsperf.records import Git, Json, Machine, TargetInfo

IDENTIFYING = ("provider", "provider_version", "threads", "voice_hash")
"""What of a target's placement belongs to the identity of its cells, as far as it is there."""
GIT_TIMEOUT_S = 20.0
UNKNOWN = "unknown"
MODEL_FIELDS = ("model name", "Model", "Hardware", "cpu model", "cpu", "machine", "uarch")
"""Of /proc/cpuinfo, as x86 and newer ARM, then boards, then other processors have them."""


@functools.cache
def machine() -> Machine:
    """What this machine is; the memory is rounded to a class (a power of two of GiB)."""
    return Machine(
        cpu_model=_cpu_model(),
        cores=os.cpu_count() or 1,
        affinity=_affinity(),
        memory_gib=_memory_gib(),
        system=platform.system(),
        architecture=platform.machine(),
        python=".".join(platform.python_version_tuple()[:2]),
        cpu_quota=cgroups.cpu_quota(),
    )


def fingerprint(here: Machine, ready: TargetInfo | None) -> str:
    """A readable name with 8 hex digits of everything that makes stored numbers comparable.

    Beside the machine: runtime version, provider that ran, threads and voice hash, as far as the
    target tells them.
    """
    parts = fingerprint_parts(here, ready)
    lines = [f"{name}={value}" for name, value in parts.items()]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
    readable = f"{here.system}-{here.architecture}-{here.affinity}c"
    if here.memory_gib is not None:
        readable += f"-{here.memory_gib}g"
    provider = str(parts.get("provider") or "unknown").removesuffix("ExecutionProvider")
    return re.sub(r"[^a-z0-9.-]+", "-", f"{readable}-{provider}-{digest}".lower())


def fingerprint_parts(here: Machine, ready: TargetInfo | None) -> dict[str, Json]:
    """Everything that a fingerprint is made of, in its order."""
    return {**local_parts(here), **dict(sorted(identity(ready).items()))}


def local_parts(here: Machine) -> dict[str, Json]:
    """The part of a fingerprint that is the machine's."""
    traits = {name: getattr(here, name) for name in here.__struct_fields__}
    # A machine without a quota has the fingerprint it had before quotas were part of it.
    return {name: value for name, value in traits.items() if value is not None}


def identity(ready: TargetInfo | None) -> dict[str, Json]:
    """The part of a target's placement that belongs to a cell's identity.

    The runtime is onnxruntime where the target has imported it, else what it names itself.
    """
    if ready is None:
        return {}
    placement: Mapping[str, Json] = ready.placement or {}
    parts = {name: placement[name] for name in IDENTIFYING if name in placement}
    if placement.get("options"):  # of the provider; without any, numbers stay comparable as before
        parts["options"] = placement["options"]
    if "onnxruntime" in ready.versions:
        parts["onnxruntime"] = ready.versions["onnxruntime"]
    elif "runtime_version" in placement:
        parts["runtime"] = f"{placement.get('runtime')} {placement['runtime_version']}"
    return parts


def list_differing(one: TargetInfo | None, other: TargetInfo | None) -> list[str]:
    """What of the identity of two targets is not the same: `threads 4 -> 1`."""
    before, after = identity(one), identity(other)
    differing = []
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            differing.append(f"{name} {before.get(name)} -> {after.get(name)}")
    return differing


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
        answer = git.run(folder, *arguments, timeout_s=GIT_TIMEOUT_S)
    except GitError:
        return None
    if answer.code != 0:
        return None
    return answer.output.strip()


def _cpu_model(root: Path = processor.ROOT) -> str:
    """The processor's name, or what comes nearest to it."""
    return processor.brand(root) or platform.processor() or _model_by_kernel(root) or UNKNOWN


def _model_by_kernel(root: Path) -> str | None:
    """What Linux calls the processor, or at least the board it is on."""
    fields: dict[str, str] = {}
    for line in processor.cpuinfo(root).splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())  # the first of several lines of a name
    return next(filter(None, map(fields.get, MODEL_FIELDS)), None)


def _memory_gib() -> int | None:
    with suppress(OSError, psutil.Error, RuntimeError, ValueError):
        return _memory_class(psutil.virtual_memory().total)
    with suppress(OSError, ValueError):
        return _memory_class(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return None


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
