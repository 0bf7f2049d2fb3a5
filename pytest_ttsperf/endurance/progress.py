"""How far a soak is, as a line of text."""

from __future__ import annotations

from pytest_ttsperf.endurance.plan import SoakProgress
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import SoakSpec
from pytest_ttsperf.report.soak import progress_bar


def progress_text(progress: SoakProgress, spec: SoakSpec, *, width: int = 100) -> str:
    """`[####....] soak 12.3 of 20 min: 8,412 requests, TTFA 12.1 ms, 0 underruns`."""
    how_far = f"soak of {spec.label}, {progress.minutes:.1f} min so far"
    if spec.minutes is not None:
        how_far = f"soak {progress.minutes:.1f} of {spec.minutes:g} min"
    figures = [f"{progress.requests:,} requests"]
    newest = progress.newest
    if newest is not None and newest.ttfa_ms is not None:
        figures.append(f"TTFA {newest.ttfa_ms:.1f} ms")
    if newest is not None and newest.rtf is not None:
        figures.append(f"RTF {newest.rtf:.3f}")
    figures.append(plural(progress.underruns, "underrun"))
    return f"{progress_bar(progress.share)} {how_far}: {', '.join(figures)}"[:width]
