"""What a whole run comes to: one word for machines, and one sentence for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import CellResult, Outcome, Run, Verdict

Word = Literal["pass", "fail", "invalid", "inconclusive", "broken"]
NO_TESTS = 5
"""pytest's exit code where nothing was collected."""
FAILED_TESTS = 1
"""pytest's exit code where tests failed."""


class Conclusion(NamedTuple):
    """What a run comes to."""

    word: Word
    """`broken` where the run ended early, or failed for another reason than a verdict."""
    sentence: str


def conclude(run: Run | None, code: int, base: str | None) -> Conclusion:
    """What a run comes to that left this record and ended with this exit code of pytest.

    `base` is what it was compared with, as people call it; None without a comparison.
    """
    if code == NO_TESTS:
        return Conclusion("broken", "no performance test was found, so nothing was measured")
    if code not in (0, FAILED_TESTS):
        return Conclusion("broken", f"the run ended early, with pytest's exit code {code}")
    if run is None or not run.cells:
        return Conclusion("broken", "nothing was measured")
    if not run.finished:
        return Conclusion("broken", "the run ended before all was measured")
    verdicts = [verdict for result in run.cells for verdict in result.verdicts]
    failed = list(_describe_failed(verdicts, base))
    invalid = sum(result.outcome is Outcome.INVALID for result in run.cells)
    if invalid:
        failed.append(f"not to be believed ({plural(invalid, 'cell')} INVALID)")
        return Conclusion("invalid", "; ".join(failed))
    if failed:
        return Conclusion("fail", "; ".join(failed))
    good = _conclude_good(run.cells, verdicts, base)
    if code == FAILED_TESTS:
        return _conclude_failed_tests(good, verdicts)
    return good


def _describe_failed(verdicts: Sequence[Verdict], base: str | None) -> Iterator[str]:
    """Which kinds of gates failed, the worst news first."""
    other = base or "the other version"
    texts = {
        "change": f"slower than {other}",
        "work": f"does other work than {other}",
        "limit": "over a limit",
        "baseline": "slower than this machine's earlier runs",
        "trust": "not to be trusted",
    }
    failed: Counter[str] = Counter(
        verdict.gate for verdict in verdicts if verdict.outcome is Outcome.FAIL
    )
    for gate, text in texts.items():
        if failed[gate]:
            yield f"{text} ({plural(failed[gate], 'gate')})"


def _conclude_failed_tests(good: Conclusion, verdicts: Sequence[Verdict]) -> Conclusion:
    """Tests failed, and no verdict is bad: what is open fails if it is to, or a test raised."""
    if _list_open(verdicts):
        return Conclusion("inconclusive", f"{good.sentence}; tests failed")
    return Conclusion("broken", "tests failed, for another reason than what was measured")


def _conclude_good(
    results: Sequence[CellResult],
    verdicts: Sequence[Verdict],
    base: str | None,
) -> Conclusion:
    """Nothing is bad; how much of it is proven."""
    if base is None:
        good = _conclude_limits(verdicts)
    else:
        good = _conclude_comparison(results, verdicts, base)
    open_gates = _list_open(verdicts)
    if good.word != "pass" or not open_gates:
        return good
    count = plural(len(open_gates), "gate")
    return Conclusion("pass", f"{good.sentence}, as far as it could be decided ({count} open)")


def _conclude_limits(verdicts: Sequence[Verdict]) -> Conclusion:
    if any(verdict.outcome is Outcome.PASS for verdict in verdicts):
        return Conclusion("pass", "within all limits")
    return Conclusion("inconclusive", "no gate was decided")


def _conclude_comparison(
    results: Sequence[CellResult],
    verdicts: Sequence[Verdict],
    base: str,
) -> Conclusion:
    changes = [verdict for verdict in verdicts if verdict.gate == "change"]
    if not changes or all(result.comparison is None for result in results):
        return Conclusion("inconclusive", f"nothing was compared with {base}")
    if all(verdict.outcome is not Outcome.PASS for verdict in changes):
        return Conclusion("inconclusive", f"it is not decided whether this is slower than {base}")
    if any(verdict.improved for verdict in changes):
        return Conclusion("pass", f"faster than {base}")
    return Conclusion("pass", f"not slower than {base}")


def _list_open(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Gates that are not decided. Stored baselines screen, and are no gates before they fail."""
    open_gates = []
    for verdict in verdicts:
        if verdict.outcome is Outcome.INCONCLUSIVE and verdict.gate != "baseline":
            open_gates.append(verdict)
    return open_gates
