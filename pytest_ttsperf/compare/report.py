"""Two targets side by side, as text: what each figure did, how surely, and which stage did it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_ttsperf.records import ChangeVerdict, Comparison, Outcome

LEVELS = {
    Outcome.PASS: "good",
    Outcome.INCONCLUSIVE: "advice",
    Outcome.FAIL: "bad",
    Outcome.INVALID: "bad",
}
Paint = Callable[[str, str], str]


def outcomes(comparison: Comparison) -> list[Outcome]:
    """Of each gate; of the whole where it did not come about."""
    if comparison.reason is not None:
        return [comparison.outcome]
    return [change.outcome for change in comparison.changes]


def text(one: str, other: str, found: Mapping[str, Comparison], paint: Paint) -> str:
    """A paragraph for each preset."""
    lines = [f"{other} against {one}"]
    for preset, comparison in found.items():
        lines.append(f"{preset}, {comparison.blocks} blocks in {comparison.seconds:.0f} s")
        if comparison.reason is not None:
            word = paint(comparison.outcome.value, LEVELS[comparison.outcome])
            lines.append(f"  {word}  {comparison.reason}")
        for gate, change in zip(comparison.gates, comparison.changes, strict=False):
            lines.append(f"  {_word(change, paint)}  {gate.label}: {change.reason}")
        lines += [f"  note: {note}" for note in comparison.notes]
    return "\n".join(lines)


def _word(change: ChangeVerdict, paint: Paint) -> str:
    word = "PASS (better)" if change.improved else change.outcome.value
    return paint(word, LEVELS[change.outcome])
