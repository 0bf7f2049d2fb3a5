"""Cells of a run as a page sees them, each as bare as it can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Environment,
    GeneratorHealth,
    LoadResult,
    LoadSpec,
    LoadWindow,
    Machine,
    Outcome,
    Recording,
    Run,
    Sound,
    Span,
    Summary,
    SystemLoad,
    Threshold,
    Trial,
    Usage,
    Verdict,
)

RATE = 24_000
REQUEST_NS = 1_000_000_000
MACHINE = Machine(
    cpu_model="Scripted", cores=4, affinity=4, memory_gib=16, system="Linux",
    architecture="x86_64", python="3.11",
)  # fmt: skip
QUIET = SystemLoad(
    load_1m=None, steal_share=0.0, swap_used_share=None, governor=None, seconds=10.0,
    others_cores=0.0,
)  # fmt: skip
ENVIRONMENT = Environment(
    machine=MACHINE,
    machine_load_before=QUIET,
    machine_load_after=None,
    git=None,
    plugin_version="0.1.0",
    pytest_version="9",
    arguments=("-m", "perf"),
)
EVEN = ((40.0, 500.0), (80.0, 500.0), (120.0, 500.0), (160.0, 500.0))
"""Arrival and audio of each chunk in ms: a stream that is far ahead of its player."""
TTFA = Threshold(marker="ttfa", keyword="p95_ms", metric="ttfa_ms", statistic="p95", limit=500.0)
RTF = Threshold(marker="rtf", keyword="p95", metric="rtf", statistic="p95", limit=0.6)
UNDERRUNS = Threshold(
    marker="cadence", keyword="underruns", metric="underruns", statistic="max", limit=0.0
)
RSS_PEAK = Threshold(
    marker="memory", keyword="rss_peak_mb", metric="rss_peak_mb", statistic="value", limit=800.0
)
RSS_RANGE = Threshold(
    marker="memory", keyword="rss_range_mb", metric="rss_range_mb", statistic="value", limit=100.0
)
HANDLES = Threshold(
    marker="soak", keyword="handles", metric="handles_growth", statistic="value", limit=10.0
)
CELL = Cell(
    test="tests/perf/test_voice.py::test_reply[cpu]", target="engine:Engine", provider="cpu",
    voice="heart", preset="short", mode="stream", phase="warm",
)  # fmt: skip


def cell(**more: Any) -> Cell:
    return structs.replace(CELL, **more)


def figures(metric: str, p50: float, p95: float | None = None, n: int = 59) -> Summary:
    tail = p50 if p95 is None else p95
    return Summary(metric=metric, n=n, missing=0, min=p50, p50=p50, p95=tail, max=tail)


def by_metric(*summaries: Summary) -> dict[str, Summary]:
    return {each.metric: each for each in summaries}


def verdict(
    outcome: Outcome,
    value: float | None,
    limited: Threshold = TTFA,
    **more: Any,
) -> Verdict:
    plain = Verdict(
        subject=limited.label, outcome=outcome, reason=f"because of {outcome.value}",
        metric=limited.metric, statistic=limited.statistic, value=value,
        limit=limited.limit, unit=limited.unit, n=59, threshold=limited,
    )  # fmt: skip
    return structs.replace(plain, **more)


FAILED = verdict(Outcome.FAIL, 644.6)
PASSED = verdict(Outcome.PASS, 48.2)


def recording(
    chunks: Sequence[tuple[float, float]] = EVEN,
    spans: Sequence[tuple[str, float, float]] = (),
    end_ms: float | None = None,
) -> Recording:
    """Of chunks by arrival and audio in ms, and of stages by name, start and end in ms."""
    arrivals_ns = tuple(REQUEST_NS + round(1e6 * arrival_ms) for arrival_ms, _ in chunks)
    last_ns = arrivals_ns[-1] if arrivals_ns else REQUEST_NS
    return Recording(
        request_ns=REQUEST_NS,
        arrivals_ns=arrivals_ns,
        frame_counts=tuple(round(audio_ms * RATE / 1000) for _, audio_ms in chunks),
        end_ns=last_ns if end_ms is None else REQUEST_NS + round(1e6 * end_ms),
        sample_rate=RATE,
        spans=tuple(
            Span(
                stage=stage,
                start_ns=REQUEST_NS + round(1e6 * start_ms),
                end_ns=REQUEST_NS + round(1e6 * stop_ms),
            )
            for stage, start_ms, stop_ms in spans
        ),
    )


def trial(index: int = 0, recorded: Recording | None = None, **more: Any) -> Trial:
    """One with sound from its first sample on."""
    recorded = recording() if recorded is None else recorded
    plain = Trial(
        index=index, kind="trial", process=0, text=f"Text number {index}.", recording=recorded,
        sound=Sound(onset_frame=0, last_frame=RATE, silence_share=0.1, active_level_dbfs=-20.0),
    )  # fmt: skip
    return structs.replace(plain, **more)


def trials(count: int, recorded: Recording | None = None, **more: Any) -> tuple[Trial, ...]:
    return tuple(trial(index, recorded, **more) for index in range(count))


def usage(rss_mb: float = 100.0, cpu_s: float = 0.1) -> Usage:
    size = round(rss_mb * 1e6)
    return Usage(rss_bytes=size, rss_peak_bytes=size, uss_bytes=size, cpu_s=cpu_s)


def result(**more: Any) -> CellResult:
    plain = CellResult(
        cell=CELL, fingerprint="linux-1", declared_trials=59, trials=(), ready=None,
        machine_load=QUIET,
    )  # fmt: skip
    return structs.replace(plain, **more)


def window(index: int = 0, **more: Any) -> LoadWindow:
    plain = LoadWindow(
        index=index, seconds=20.0, offered=70, answered=70, generator=GeneratorHealth(sends=70)
    )
    return structs.replace(plain, **more)


def load_of(*windows: LoadWindow, **more: Any) -> LoadResult:
    return LoadResult(spec=LoadSpec(listeners=8), seed=1, windows=windows, **more)


def crowd_result(*windows: LoadWindow, **more: Any) -> CellResult:
    load = load_of(*windows)
    return result(cell=cell(load=load.spec.label), load=load, **more)


def run_of(*results: CellResult, environment: Environment = ENVIRONMENT, **more: Any) -> Run:
    plain = Run(
        id="2026-11-30_101959", started="2026-11-30T10:19:59+00:00", finished=True,
        environment=environment, cells=results,
    )  # fmt: skip
    return structs.replace(plain, **more)
