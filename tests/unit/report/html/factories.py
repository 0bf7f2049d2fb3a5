"""Page models, of which a test says only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_ttsperf.records import Outcome
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.page_model import (
    BufferHole,
    BufferPoint,
    Cadence,
    CapacityCurve,
    CapacityPoint,
    CellPage,
    ChangeRow,
    ChangeSection,
    ChunkMark,
    Distribution,
    Fact,
    LoadSection,
    MemoryPoint,
    MemorySection,
    MetricRow,
    PageModel,
    PhasePair,
    PhaseRow,
    Placement,
    ProviderCount,
    SoakPoint,
    SoakSection,
    StageBar,
    StageChangeRow,
    StageRow,
    Timeline,
    WindowRow,
)


def timeline(
    chunks: Sequence[tuple[float, float]] = ((100.0, 400.0), (700.0, 400.0)),
    *,
    holes: Sequence[tuple[float, float, float]] = ((500.0, 700.0, 400.0),),
    stages: Sequence[tuple[str, float, float]] = (("text", 0.0, 10.0), ("decode", 10.0, 90.0)),
    **more: Any,
) -> Timeline:
    """Chunks as (arrival, audio), holes as (start, end, audio before), stages as (name, from, to).

    All in ms. As it is: playback begins after 100 ms, stops from 500 to 700 and ends at 1100.
    """
    marks = []
    audio_ms = 0.0
    for index, (arrival_ms, length_ms) in enumerate(chunks):
        marks.append(
            ChunkMark(
                index=index, arrival_ms=arrival_ms, audio_start_ms=audio_ms, audio_ms=length_ms
            )
        )
        audio_ms += length_ms
    fields: dict[str, Any] = {
        "trial": 17,
        "process": 0,
        "role": "failing",
        "arm": "candidate",
        "caption": "trial 17",
        "text": "Hello there.",
        "sample_rate": 24_000,
        "end_ms": 1100.0,
        "buffer": (
            BufferPoint(0.0, 0.0), BufferPoint(100.0, 0.0), BufferPoint(100.0, 400.0),
            BufferPoint(500.0, 0.0), BufferPoint(700.0, 0.0), BufferPoint(700.0, 400.0),
            BufferPoint(1100.0, 0.0),
        ),
        "playback_start_ms": chunks[0][0] if chunks else None,
        "prebuffer_ms": 0.0,
        "onset_ms": 30.0,
        "heard_ms": 130.0,
        "joints_ms": tuple(mark.audio_start_ms for mark in marks[1:]),
        "flagged_joints_ms": (),
        "sound_file": None,
        "no_sound_because": "its sound was not saved",
    }  # fmt: skip
    return Timeline(
        stages=tuple(StageBar(name, None, start, end) for name, start, end in stages),
        chunks=tuple(marks),
        holes=tuple(BufferHole(start, end, before) for start, end, before in holes),
        **(fields | more),
    )


def distribution(values: Sequence[float] = (10.0, 20.0, 30.0), **more: Any) -> Distribution:
    """A TTFA over the trials 0, 1, 2 ... of one process, without a limit."""
    fields: dict[str, Any] = {
        "metric": "ttfa_ms",
        "label": "ttfa",
        "unit": "ms",
        "trials": tuple(range(len(values))),
        "processes": (0,) * len(values),
        "missing": 0,
        "p50": sorted(values)[len(values) // 2] if values else None,
        "p95": max(values, default=None),
        "p95_bound": None,
        "limit": None,
        "limit_statistic": None,
        "bins": (),
        "baseline": (),
        "candidate": (),
    }
    return Distribution(values=tuple(values), **(fields | more))


def metric_row(subject: str = "ttfa p95", **more: Any) -> MetricRow:
    """A row that fails."""
    fields: dict[str, Any] = {
        "gate": "limit", "metric": "ttfa_ms", "n": 20, "count_text": "20", "value": 644.6,
        "value_text": "644.6 ms", "spread_text": "p50 402 ms, 380 to 690 ms", "bound": 690.0,
        "bound_text": ">= 623 ms", "limit": 500.0, "limit_text": "500 ms", "unit": "ms",
        "outcome": Outcome.FAIL, "verdict_text": "FAIL", "reason": "above the limit",
    }  # fmt: skip
    return MetricRow(subject=subject, **(fields | more))


def change_row(label: str = "ttfa p50", **more: Any) -> ChangeRow:
    """A fifth slower, surely."""
    fields: dict[str, Any] = {
        "unit": "", "is_share": True, "less_text": "faster", "more_text": "slower",
        "effect": 0.2, "low": 0.18, "high": 0.22, "margin": 0.05, "is_both_ways": False,
        "control_effect": 0.0, "effect_text": "+20.0 %", "interval_text": "+18.0 to +22.0 %",
        "margin_text": "+5.0 %", "blocks": 2, "block_effects": (0.19, 0.21),
        "control_effects": (-0.01, 0.01), "outcome": Outcome.FAIL, "verdict_text": "FAIL",
        "reason": "slower",
    }  # fmt: skip
    return ChangeRow(label=label, **(fields | more))


def stage_change(stage: str = "decode", ms: float = 40.0, **more: Any) -> StageChangeRow:
    """A stage that explains a change."""
    fields: dict[str, Any] = {
        "figure": "ttfa p50", "low_ms": ms - 5, "high_ms": ms + 5, "share": 0.9,
        "is_explanation": True,
    }  # fmt: skip
    return StageChangeRow(stage=stage, ms=ms, **(fields | more))


def changes(*rows: ChangeRow, stages: Sequence[StageChangeRow] = ()) -> ChangeSection:
    """What two blocks have found."""
    return ChangeSection(
        against="main", revision="0123456789abcdef", is_compared=True, reason=None, blocks=2,
        seconds=30.0, rows=rows, stages=tuple(stages), notes=("a note",),
    )  # fmt: skip


def memory(values_mb: Sequence[float], processes: Sequence[int] | None = None) -> MemorySection:
    """RSS after each trial; USS 60 MB below it."""
    parts = processes or [0] * len(values_mb)
    points = [
        MemoryPoint(float(trial), rss_mb, rss_mb - 60, process)
        for trial, (rss_mb, process) in enumerate(zip(values_mb, parts, strict=True))
    ]
    return MemorySection(
        facts=(Fact("range", "12 MB"),), points=tuple(points), axis="trial",
        leak_mb_per_1000=None, leak_low=None, leak_high=None, missing_because=None,
    )  # fmt: skip


def capacity() -> CapacityCurve:
    """Four listeners are proven, eight refuted."""
    points = (
        CapacityPoint(4.0, 3, 3, 1, Outcome.PASS, (150.0, 151.0, 152.0), (), (2.0,), ()),
        CapacityPoint(8.0, 0, 2, 0, Outcome.FAIL, (900.0, 910.0), (), (), ("ttfa is late",)),
    )
    return CapacityCurve(
        unit="listeners", proven=4.0, refuted=8.0, confidence=0.95,
        limits=(Fact("ttfa p95", "500 ms"),), points=points,
        sentence="at least 4 listeners", evidence="59 of 59 requests",
    )  # fmt: skip


def soak(points: int = 3) -> SoakSection:
    """A slice each minute, without memory."""
    slices = [
        SoakPoint(float(minute), 0, 30.0 + minute, 0.2, 1.0, None, None, 40, 0)
        for minute in range(1, points + 1)
    ]
    return SoakSection(lines=("3 slices in 3 min",), points=tuple(slices))


def load(windows: int = 2) -> LoadSection:
    """Windows of eight listeners."""
    rows = [
        WindowRow(index, 70, 70, 0, 180.0 + index, 0.3, 0.0, None, 2.9, 9.0, 400.0)
        for index in range(windows)
    ]
    return LoadSection(label="8 listeners", lines=("140 requests",), windows=tuple(rows))


def cell(anchor: str = "cell-1", **more: Any) -> CellPage:
    """A cell that fails, of which nothing is drawn."""
    fields: dict[str, Any] = {
        "label": "test_reply[cpu] short stream warm", "test": "tests/test_a.py::test_reply[cpu]",
        "target": "engine:Engine", "provider": "cpu", "voice": "heart", "preset": "short",
        "mode": "stream", "phase": "warm", "load_label": None, "outcome": Outcome.FAIL,
        "headline": "ttfa p95 is 644.6 ms, and may be 500 ms", "evidence": "20 of 20 trials",
        "rows": (metric_row(),), "distributions": (), "stages_to_first_sound": (),
        "stages_whole": (), "placement": None, "memory": None, "cadence": None, "changes": None,
        "timelines": (), "load": None, "capacity": None, "soak": None, "findings": (),
        "notes": (), "raw_trials": 20,
    }  # fmt: skip
    return CellPage(anchor=anchor, **(fields | more))


def full_cell(anchor: str = "cell-1", **more: Any) -> CellPage:
    """A cell that has every part."""
    cause = LikelyCause("threads", "one thread computes", ("1 of 2 cores",), "use two threads")
    fields: dict[str, Any] = {
        "distributions": (distribution(limit=25.0, baseline=(9.0, 10.0), candidate=(12.0, 13.0)),),
        "stages_to_first_sound": (StageRow("decode", 80.0, 0.8),),
        "stages_whole": (StageRow("decode", 80.0, 0.8),),
        "placement": Placement(
            "cpu", (ProviderCount("CPUExecutionProvider", 505, (("Conv", 50),)),),
            (Fact("threads", "2"),),
        ),
        "memory": memory([400.0, 402.0, 401.0]),
        "cadence": Cadence((Fact("streamed", "yes"),), True, 1, 20, 200.0, 0.0, 250.0, 90.0),
        "changes": changes(change_row(), stages=[stage_change()]),
        "timelines": (timeline(arm="baseline", role="median"), timeline()),
        "load": load(),
        "capacity": capacity(),
        "soak": soak(),
        "findings": (cause,),
        "notes": ("recorder: 3 us",),
    }  # fmt: skip
    return cell(anchor, **(fields | more))


def model(*cells: CellPage, **more: Any) -> PageModel:
    """A run of these cells."""
    pair = PhasePair(
        "test_reply[cpu] short", "cell-1", "cell-1",
        (PhaseRow("ttfa_ms", "ttfa", "ms", 900.0, 30.0, 10, 59, 30.0, "900 ms", "30 ms", "30"),),
        (Fact("import", "400 ms"),),
    )  # fmt: skip
    fields: dict[str, Any] = {
        "run_id": "2026-11-30_101959", "started": "2026-11-30T10:19:59+00:00", "is_finished": True,
        "outcome": Outcome.FAIL, "counts": "1 FAIL",
        "summary": ("ttfa is too long.", "decode takes it.", "Use two threads."),
        "environment": (Fact("processor", "x"),), "disturbances": (), "phase_pairs": (pair,),
        "notes": (), "artifact": "run_101959.json", "again": "pytest -m perf",
    }  # fmt: skip
    return PageModel(cells=cells, **(fields | more))
