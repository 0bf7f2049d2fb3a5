"""The environment of a run: machine, sources, and what else the machine did meanwhile."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf import popen, secrets
from pytest_ttsperf.machine import fingerprint as machine_fingerprint
from pytest_ttsperf.machine import load
from pytest_ttsperf.records import (
    Environment,
    Git,
    Machine,
)


class RunLocation(NamedTuple):
    """Where a run is made."""

    machine: Machine
    git: Git | None


def locate_run(folder: Path) -> RunLocation:
    """The machine, and the sources around a folder.

    Call it before any fixture of a test is at work: one that replaces `subprocess.Popen` or
    clears `os.environ` would give the machine another fingerprint.
    """
    with popen.restore_popen():
        return RunLocation(machine_fingerprint.machine(), machine_fingerprint.git_state(folder))


class EnvironmentProbe:
    """Machine, sources and load of a run: the load from when the probe is created."""

    def __init__(
        self, place: RunLocation, arguments: Iterable[str], versions: tuple[str, str]
    ) -> None:
        before = load.LoadMonitor()
        self._at_start = Environment(
            machine=place.machine,
            machine_load_before=before.so_far(at_least_s=load.MIN_WINDOW_S),
            machine_load_after=None,
            git=place.git,
            plugin_version=versions[0],
            pytest_version=versions[1],
            arguments=tuple(map(secrets.scrub, secrets.mask_arguments(arguments))),
            host=platform.node() or None,
            kernel=platform.release() or None,
        )
        self._monitor = load.LoadMonitor()

    def now(self) -> Environment:
        """The environment with the load up to now."""
        return structs.replace(self._at_start, machine_load_after=self._monitor.so_far())
