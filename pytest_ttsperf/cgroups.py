"""What a container may use of its machine, as Linux control groups tell it.

Version 2 has `cpu.max` and `cpu.stat` in each folder, version 1 `cpu.cfs_quota_us` and `cpu.stat`
below its controller `cpu`. A limit of any parent binds, so all folders up to the top are read.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/")


def cpu_quota(root: Path = ROOT) -> float | None:
    """How many cores this process may use on average; None where no quota is set or told."""
    told = [quota for folder in _folders(root) if (quota := _quota(folder)) is not None]
    return min(told, default=None)


def throttled_s(root: Path = ROOT) -> float | None:
    """Seconds for which a quota has held this process's group back; None where it is not told."""
    for folder in _folders(root):
        for line in (_text(folder / "cpu.stat") or "").splitlines():
            name, _, value = line.partition(" ")
            if name == "throttled_usec":
                return int(value) / 1e6
            if name == "throttled_time":
                return int(value) / 1e9
    return None


def _folders(root: Path) -> list[Path]:
    """The folders of this process's group and its parents, innermost first."""
    found = []
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base = root / "sys/fs/cgroup"
        elif "cpu" in controllers.split(","):
            base = root / "sys/fs/cgroup/cpu"
        else:
            continue
        group = base / path.lstrip("/")
        inside = [group, *group.parents]
        found += inside[: inside.index(base) + 1]
    return [folder for folder in found if folder.is_dir()]


def _quota(folder: Path) -> float | None:
    told = _text(folder / "cpu.max")
    if told is None:
        quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        told = f"{quota or -1} {period or 100_000}"
    allowed, _, period = told.partition(" ")
    if allowed == "max" or int(allowed) <= 0:
        return None
    return int(allowed) / int(period or 100_000)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
