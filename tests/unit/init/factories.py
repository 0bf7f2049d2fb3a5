"""What a first measurement has found, as the files are written of it."""

from __future__ import annotations

from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.init.first_measurement import FirstMeasurement
from pytest_ttsperf.init.limits import MeasuredFigures
from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.records.commands import TargetSummary

WARM = MeasuredFigures(
    trials=59,
    mode="stream",
    phase="warm",
    ttfa_ms=50.0,
    rtf=0.02,
    rss_peak_mb=200.0,
    prebuffer_ms=100.0,
    is_streamed=True,
)
COLD = MeasuredFigures(
    trials=5,
    mode="stream",
    phase="cold",
    ttfa_ms=1000.0,
    rtf=0.3,
    rss_peak_mb=180.0,
    prebuffer_ms=None,
    is_streamed=None,
)
ENGINE = "my_engine:Engine"


def summary_of(target=ENGINE, *, is_streamed=True, kind="a Python engine") -> TargetSummary:
    return TargetSummary(
        target=target,
        kind=kind,
        sample_rate=24_000,
        chunks=12,
        first_chunk_ms=35.0,
        last_chunk_ms=300.0,
        audio_s=20.0,
        is_streamed=is_streamed,
    )


def measured(
    spec=ENGINE,
    *,
    options=None,
    warm=WARM,
    cold=COLD,
    is_streamed=True,
    memory_missing_because=None,
    provider=None,
    voice=None,
    budget_s=None,
) -> FirstMeasurement:
    source = TargetFactory(
        spec=TargetSpec(spec=spec, options=options or {}), provider=provider, voice=voice
    )
    return FirstMeasurement(
        source=source,
        summary=summary_of(spec, is_streamed=is_streamed),
        warm=warm,
        cold=cold,
        memory_missing_because=memory_missing_because,
        budget_s=budget_s,
    )
