"""Two targets side by side, as text: how each metric changed, how surely, and in which stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pytest_ttsperf.records import ChangeVerdict, Comparison, Outcome

LEVELS = {
    Outcome.PASS: "good",
    Outcome.INCONCLUSIVE: "advice",
    Outcome.FAIL: "bad",
    Outcome.INVALID: "bad",
}
Paint = Callable[[str, str], str]


def outcomes(comparison: Comparison) -> list[Outcome]:
    """Of each metric; of the whole where there was no comparison."""
    if comparison.reason is not None:
        return [comparison.outcome]
    return [change.outcome for change in comparison.changes]


def text(
    baseline: str,
    candidate: str,
    found: Mapping[str, Comparison],
    paint: Paint,
) -> str:
    """A paragraph for each preset."""
    lines = [f"{candidate} against {baseline}"]
    for preset, comparison in found.items():
        lines.append(f"{preset}, {comparison.blocks} blocks in {comparison.seconds:.0f} s")
        lines += _lines(comparison, paint)
    return "\n".join(lines)


def _lines(comparison: Comparison, paint: Paint) -> Iterator[str]:
    if comparison.reason is not None:
        word = paint(comparison.outcome.value, LEVELS[comparison.outcome])
        yield f"  {word}  {comparison.reason}"
    for metric, change in zip(comparison.gates, comparison.changes, strict=False):
        when = _time_text(change, comparison)
        yield f"  {_word(change, paint)}  {metric.label}, {when}: {change.reason}"
    for ungated in comparison.ungated:
        yield f"  {ungated.metric.label}: {ungated.change.reason}"
    for note in comparison.notes:
        yield f"  note: {note}"


def _time_text(change: ChangeVerdict, comparison: Comparison) -> str:
    """How soon it was decided, or how long it has been open."""
    if change.decided_s is None or change.outcome is Outcome.INCONCLUSIVE:
        return f"open after {comparison.seconds:.0f} s"
    return f"decided after {change.decided_s:.0f} s"


def _word(change: ChangeVerdict, paint: Paint) -> str:
    word = "PASS (better)" if change.improved else change.outcome.value
    return paint(word, LEVELS[change.outcome])
