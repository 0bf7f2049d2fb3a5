"""Cells, samples and thresholds for verdicts."""

from __future__ import annotations

from pytest_ttsperf.records import (
    DEFINITIONS,
    BaselineRun,
    Breakdown,
    Cell,
    CellResult,
    Recording,
    Sample,
    Span,
    StageShare,
    Summary,
    Threshold,
    Trial,
)

CELL = Cell(
    test="tests/perf/test_short.py::test_reply",
    target="engine:Engine",
    provider="cpu",
    voice="hibari",
    preset="short",
    mode="stream",
    phase="warm",
)


def threshold(statistic="p95", limit=500.0, **more) -> Threshold:
    given = {
        "marker": "ttfa",
        "keyword": f"{statistic}_ms",
        "metric": "ttfa_ms",
        "statistic": statistic,
        "limit": limit,
    }
    return Threshold(**{**given, **more})


def sample(n: int, exceeding: int = 0, missing: int = 0, *, under=400.0, over=700.0) -> Sample:
    """n values, of which some are over 500 and some None, as far from each other as may be."""
    values = [under] * n
    for number in range(exceeding):
        values[number * n // exceeding] = None if number < missing else over
    return Sample(metric="ttfa_ms", values=tuple(values))


def figures(ttfa=80.0, ttfa_p95=95.0, rtf=0.2) -> dict[str, Summary]:
    return {
        "ttfa_sound_ms": Summary(metric="ttfa_sound_ms", n=60, missing=0, p50=ttfa, p95=ttfa_p95),
        "rtf": Summary(metric="rtf", n=60, missing=0, p50=rtf, p95=rtf),
    }


def run(name="101959", summary=None, revision="abc1234", definitions=DEFINITIONS) -> BaselineRun:
    return BaselineRun(
        saved="2025-10-30T10:19:59",
        run=name,
        revision=revision,
        dirty=False,
        n=60,
        summary=figures() if summary is None else summary,
        definitions=definitions,
    )


def recording() -> Recording:
    return Recording(
        request_ns=1000,
        arrivals_ns=(2000, 3000),
        frame_counts=(240, 240),
        end_ns=3000,
        sample_rate=24_000,
        spans=(Span(stage="decode", start_ns=1000, end_ns=1900),),
        pcm=bytes(480 * 4),
    )


def result(summary=None, *, fingerprint="linux-1", cell=CELL, stages=None) -> CellResult:
    trials = [
        Trial(index=i, kind=kind, process=0, text=f"text {i}", recording=recording())
        for i, kind in enumerate(("warmup", "trial", "trial"))
    ]
    trials.append(Trial(index=3, kind="trial", process=0, text="t", recording=None, error="gone"))
    shares = tuple(StageShare(stage=name, ms=ms, share=0.1) for name, ms in (stages or {}).items())
    return CellResult(
        cell=cell,
        fingerprint=fingerprint,
        declared_trials=20,
        trials=tuple(trials),
        ready=None,
        summary=figures() if summary is None else summary,
        definitions=DEFINITIONS,
        breakdown=Breakdown(to_first_sound=shares),
    )
