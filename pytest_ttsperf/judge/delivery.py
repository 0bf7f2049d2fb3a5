"""In words: whether answers are streamed or sent all at once. A yes or no is no percentile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import structs

from pytest_ttsperf.judge import limits
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Outcome, Verdict

METRIC = "all_at_once"
ARRIVAL = "arrival_share"


def put_in_words(
    verdict: Verdict,
    all_at_once: Sequence[float | None],
    arrival_shares: Iterable[float | None],
) -> Verdict:
    """The verdict of a limit on METRIC, with a reason that says what was seen.

    `all_at_once` is 1 for a trial that was sent all at once and 0 for one that was not, None where
    nothing shows it; `arrival_shares` is ARRIVAL of the same trials. A verdict on trials of which
    none shows it is returned as it is: its reason says so.
    """
    measured = [value for value in all_at_once if value is not None]
    if not measured:
        return verdict
    parts = [_count(verdict.outcome, measured)]
    shares = [share for share in arrival_shares if share is not None]
    if shares:
        parts.append(f"on average it came after {median(shares):.0%} of the answer's time")
    missing = len(all_at_once) - len(measured)
    if missing:
        parts.append(f"{plural(missing, 'more trial')} showed neither, which meets no limit")
    if verdict.outcome is Outcome.INCONCLUSIVE and verdict.trials_needed is not None:
        parts.append(f"{plural(verdict.trials_needed, 'further trial')} may prove which it is")
    threshold = verdict.threshold
    if threshold is not None and threshold.overridden_by is not None:
        parts.append(limits.limit_text(threshold))
    return structs.replace(verdict, reason="; ".join(parts))


def _count(outcome: Outcome, all_at_once: Sequence[float]) -> str:
    """In how many trials it was as the outcome says."""
    count = sum(value > 0 for value in all_at_once)
    of_trials = f"of {plural(len(all_at_once), 'trial')}"
    if outcome is Outcome.FAIL:
        return f"sends all at once: in {count} {of_trials} no audio came before all of it was made"
    if outcome is Outcome.PASS:
        streamed = len(all_at_once) - count
        return f"streamed: in {streamed} {of_trials} audio came while the rest was made"
    return f"in {count} {of_trials} all audio came at once, in the others while the rest was made"


def explain_windows(verdict: Verdict) -> Verdict:
    """The same for many listeners, whose windows are judged: what their figures mean."""
    meaning = (
        "1 is all at once and 0 is streamed; the wait for a turn is a part of an answer's time, so "
        "judge one listener as well"
    )
    return structs.replace(verdict, reason=f"{verdict.reason} ({meaning})")
