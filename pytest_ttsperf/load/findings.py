"""What follows from the windows of a cell: what a stream costs, and what is to be noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from msgspec import structs

from pytest_ttsperf.load import generator_guard, integrity
from pytest_ttsperf.metrics import definitions, validity
from pytest_ttsperf.metrics import load as load_metrics
from pytest_ttsperf.records import (
    CellResult,
    LoadResult,
    LoadWindow,
    Outcome,
    Trial,
    TrustNote,
    Usage,
    Verdict,
)

UNSERVED = "unserved"
"""The guard of requests that were refused, failed, or never sent."""
CACHE = "cache"
GUARDS = (generator_guard.GUARD, integrity.GUARD, UNSERVED, CACHE)
"""Whose notes are found anew whenever a result is derived."""
CAPPED = "held back by the generator, as too many were under way"
REPEATED_SHARE = 0.1
"""Of the requests: so few that a cache could answer change no percentile."""


# Figures


def add_figures(load: LoadResult, idle: Usage | None) -> LoadResult:
    """The load with the figures that are of all its windows; `idle` is the target before them."""
    return structs.replace(
        load,
        wanted_rate=_wanted_rate(load.windows),
        cpu_per_stream=_cpu_per_stream(load.windows),
        rss_per_stream_mb=_rss_per_stream_mb(load.windows, idle),
    )


def _wanted_rate(windows: Sequence[LoadWindow]) -> float | None:
    """Requests a second that the windows offered."""
    seconds = sum(window.seconds for window in windows)
    if seconds <= 0:
        return None
    return sum(window.offered for window in windows) / seconds


def _cpu_per_stream(windows: Sequence[LoadWindow]) -> float | None:
    """Cores of the target's tree for each stream that is open; None where it was not read."""
    cpu_s = stream_s = 0.0
    for window in windows:
        if window.cpu_s is not None and window.stream_s is not None:
            cpu_s += window.cpu_s
            stream_s += window.stream_s
    if not cpu_s or not stream_s:  # a tree that never worked is not the target
        return None
    return cpu_s / stream_s


def _rss_per_stream_mb(windows: Sequence[LoadWindow], idle: Usage | None) -> float | None:
    """What the peak of a window is above the idle target, for each stream that was open then."""
    if idle is None:
        return None
    shares = []
    for window in windows:
        if window.rss_peak_bytes is not None and window.most_streams:
            above_bytes = max(0, window.rss_peak_bytes - idle.rss_bytes)
            shares.append(above_bytes / window.most_streams)
    if not shares:
        return None
    return max(shares) / definitions.BYTES_PER_MB


# Notes


def find_notes(result: CellResult) -> list[TrustNote]:
    """All that speaks against a cell under load beside what speaks against any cell.

    The result has its summary; notes that it already carries are not looked at.
    """
    load = result.load
    if load is None:
        return []
    ttfa = result.summary.get("ttfa_ms")
    crowd = [trial for trial in result.trials if trial.load is not None]
    return [
        *generator_guard.find_notes(load, crowd, ttfa.p50 if ttfa else None),
        *integrity.find_notes(load.integrity),
        *_unserved_notes(load.windows),
        *_cache_notes(result.trials),
    ]


def _unserved_notes(windows: Sequence[LoadWindow]) -> list[TrustNote]:
    """What was refused, failed or held back, by kind: it meets no limit, and voids nothing."""
    kinds: Counter[str] = Counter()
    for window in windows:
        kinds.update(window.failures)
        kinds[CAPPED] += window.capped
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common() if count)
    if not listed:
        return []
    offered = sum(window.offered for window in windows)
    text = f"{kinds.total()} of {offered} requests were not answered: {listed}"
    return [TrustNote(guard=UNSERVED, text=text)]


def probe_pairs(trials: Sequence[Trial]) -> list[tuple[float, float]]:
    """RTFs of a text that was spoken before and, in turn, of one that nobody has ever spoken.

    Both are spoken to a single listener.
    """
    probes = definitions.sample("rtf", trials, kind="probe").values
    return [
        (repeated, fresh)
        for repeated, fresh in zip(probes[::2], probes[1::2], strict=False)
        if repeated is not None and fresh is not None
    ]


def speeds_text(pairs: Sequence[tuple[float, float]]) -> str:
    """`rtf 0.01 against 0.2`: the median with a cache, and the quickest without."""
    repeated = median(pair[0] for pair in pairs)
    return f"rtf {repeated:.2g} against {min(fresh for _, fresh in pairs):.2g}"


def _cache_notes(trials: Sequence[Trial]) -> list[TrustNote]:
    """A text takes as long whether it was spoken before or never: else a cache answers it.

    Whether there is a cache is seen in the probes.
    """
    pairs = probe_pairs(trials)
    if not pairs or not validity.is_cache(pairs):
        return []
    rtfs = load_metrics.measured(
        load_metrics.sample("rtf", [trial for trial in trials if trial.kind == "trial"])
    )
    quickest_fresh = min(fresh for _, fresh in pairs)
    speeds = speeds_text(pairs)
    if rtfs and median(rtfs) < validity.CACHE_RATIO * quickest_fresh:
        text = f"a cache serves repeated texts ({speeds}), and the windows were as fast: empty it"
        return [TrustNote(guard=CACHE, text=text, invalid=True)]
    share = _repeated_share(trials)
    if share > REPEATED_SHARE:
        text = (
            f"a cache serves repeated texts ({speeds}), and {share:.0%} of the requests repeat "
            "one, as there are not texts enough for such a load: turn it off, or measure fewer or "
            "shorter windows"
        )
        return [TrustNote(guard=CACHE, text=text, invalid=True)]
    text = f"a cache serves repeated texts ({speeds}); the figures are from distinct texts"
    return [TrustNote(guard=CACHE, text=text)]


def _repeated_share(trials: Sequence[Trial]) -> float:
    """Of the requests of windows, those whose text was requested before."""
    seen: set[str] = set()
    requests = repeated = 0
    for trial in trials:
        if trial.load is None:
            continue
        requests += 1
        repeated += trial.text in seen
        seen.add(trial.text)
    return repeated / requests if requests else 0.0


# What fails without a limit


def failure_verdict(result: CellResult) -> Verdict | None:
    """A target that raises or breaks off over a request is broken, under load as without.

    Refusals are not: a target may say that it is full, and its limits are judged over all that was
    offered. But one that serves nobody meets none.
    """
    counted = [trial for trial in result.counted if trial.load is not None]
    failed = [trial for trial in counted if trial.load and trial.load.ended == "failed"]
    served = [trial for trial in counted if load_metrics.is_served(trial)]
    if failed:
        reason = f"{len(failed)} of {len(counted)} requests failed{_first_error(failed)}"
    elif counted and not served:
        reason = f"none of {len(counted)} requests was answered{_first_error(counted)}"
    else:
        return None
    return Verdict(subject="answers", outcome=Outcome.FAIL, reason=reason, gate="trust")


def _first_error(trials: Sequence[Trial]) -> str:
    for trial in trials:
        if trial.error is not None:
            return f", the first so: {trial.error.strip()}"
    return ""
