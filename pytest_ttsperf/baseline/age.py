"""How old a baseline is: by the newest of its runs that count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pytest_ttsperf.records import Baseline

OLD = timedelta(days=365)


def newest(baseline: Baseline) -> datetime:
    """When the newest run was saved that is compared with; the baseline holds one."""
    return datetime.fromisoformat(baseline.counted_runs[-1].saved).astimezone(UTC)


def is_old(baseline: Baseline, now: datetime) -> bool:
    """Whether nothing that is compared with is of the year before `now`."""
    return bool(baseline.runs) and now - newest(baseline) > OLD
