"""Runs and storages as files, for the commands that read them."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from pytest_ttsperf.baseline import store as baseline_store
from pytest_ttsperf.doctor.tone_target import Tone
from pytest_ttsperf.machine import fingerprint as machine_fingerprint
from pytest_ttsperf.records import Environment, Git, Run, SystemLoad
from tests.unit.judge.factories import CELL, figures, result, run

BEGUN = datetime.fromisoformat("2025-10-30T10:00:00+00:00")
PERSON = "Ann Example <ann@example.org>"
SKY = SystemLoad(load_1m=None, steal_share=None, swap_used_share=None, governor=None)


def at(minutes: int) -> str:
    return (BEGUN + timedelta(minutes=minutes)).isoformat(timespec="seconds")


def run_of(*results, minute=0, name=None, finished=True, dirty=False) -> Run:
    return Run(
        id=name or f"2025-10-30_10{minute:02}00",
        started=at(minute),
        finished=finished,
        environment=Environment(
            machine=machine_fingerprint.machine(),
            machine_load_before=SKY,
            machine_load_after=None,
            git=Git(revision="abc1234", branch=None, dirty=dirty),
            plugin_version="0",
            pytest_version="9",
            arguments=(),
        ),
        cells=results or (result(),),
    )


def artifact(folder, *results, **more):
    """Write a run's artifact below `folder`; gives its path."""
    made = run_of(*results, **more)
    path = folder / "bench" / "2025-10-30" / f"run_{made.id[-6:]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(made))
    return path


def store(
    storage,
    count=6,
    *,
    cell=CELL,
    fingerprint="linux-1",
    fingerprint_parts=None,
    revision="abc",
    corpus=None,
):
    """A baseline of some runs, a minute apart; gives its path."""
    for i in range(count):
        summary = figures(80 + i % 3, 96 + i % 3, 0.2)
        entry = run(f"run{i}", summary, revision)
        entry = msgspec.structs.replace(entry, saved=at(i - 100), corpus=corpus)
        made = result(summary, fingerprint=fingerprint, cell=cell)
        path, _ = baseline_store.append(storage, made, entry, fingerprint_parts)
    return path


class Placed(Tone):
    """An engine that tells its placement as briefly as can be."""

    def placement(self) -> dict[str, int]:
        return {"CPUExecutionProvider": 12}
