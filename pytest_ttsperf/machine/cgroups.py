"""What a container may use of its machine, by the Linux control groups.

Version 2 has `cpu.max` and `cpu.stat` in each folder, version 1 `cpu.cfs_quota_us` and `cpu.stat`
below its controller `cpu`, which may be mounted by that name, by that of all controllers mounted
together, or both; version 2 beside it is in `unified`. A limit of any parent binds, so all folders
up to the top are read. What cannot be read, or is not understood, sets no limit.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/")
PERIOD_US = 100_000
UNITS = {"throttled_usec": 1e6, "throttled_time": 1e9}
"""What `cpu.stat` counts waiting in, by version: how many of them are a second."""


def cpu_quota(root: Path = ROOT) -> float | None:
    """How many cores this process may use on average; None where no quota is set or told."""
    quotas = filter(None, map(_quota, _folders(root)))
    return min(quotas, default=None)


def throttled_s(root: Path = ROOT) -> float | None:
    """Seconds for which a quota has held this process's group back; None where it is not told."""
    for folder in _folders(root):
        for line in _text(folder / "cpu.stat").splitlines():
            name, _, value = line.partition(" ")
            if name in UNITS and value.isdigit():
                return int(value) / UNITS[name]
    return None


def _folders(root: Path) -> list[Path]:
    """The folders of this process's group and its parents, innermost first."""
    found = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon or not number.isdigit():
            continue
        for base in _mounts(root / "sys/fs/cgroup", controllers):
            found += _from_inside(base, path)
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def _mounts(top: Path, controllers: str) -> list[Path]:
    """Where a hierarchy may be seen that limits processors; none for others."""
    if controllers == "":
        return [top, top / "unified"]
    if "cpu" not in controllers.split(","):
        return []
    return [top / name for name in ("cpu", controllers, "cpu,cpuacct", "cpuacct,cpu")]


def _from_inside(base: Path, path: str) -> list[Path]:
    """A group's folder and those above it, up to where its hierarchy is mounted.

    A group outside of what this container can see has the path `/../..`: of that, only the mount.
    """
    folders = [base]
    names = list(filter(None, path.split("/")))
    if ".." not in names:
        for name in names:
            folders.insert(0, folders[0] / name)
    return folders


def _quota(folder: Path) -> float | None:
    """Cores that a folder allows; None where it sets no limit."""
    allowed, _, period = _text(folder / "cpu.max").partition(" ")
    if not allowed:
        allowed = _text(folder / "cpu.cfs_quota_us")
        period = _text(folder / "cpu.cfs_period_us")
    try:
        cores = int(allowed) / int(period or PERIOD_US)
    except (ValueError, ZeroDivisionError):  # also for "max", or where no file tells a limit
        return None
    if cores <= 0:  # -1 is no limit
        return None
    return cores


def _text(path: Path) -> str:
    """What a file holds; "" where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):  # ValueError: bytes that are no text
        return ""
