"""What `init` has found and written, and what `suggest` suggests, as text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from pytest_ttsperf.init.candidates import FoundTargets
from pytest_ttsperf.init.first_measurement import FirstMeasurement
from pytest_ttsperf.init.limits import FACTOR
from pytest_ttsperf.records.commands import FileOfInit, SuggestedMarks, Suggestion
from pytest_ttsperf.report import layout


def found_text(found: FoundTargets) -> str:
    """What will be measured, and what else was found."""
    chosen = found.chosen
    lines = [f"Measuring {chosen.spec.label}: {chosen.reason}."]
    if found.others:
        lines.append("Found besides, and measured when it is named:")
        for each in found.others:
            command = shlex.join(["ttsperf", "init", each.spec.spec])
            lines.append(f"  {command}    ({each.reason})")
    return "\n".join(lines)


def written_text(
    measured: FirstMeasurement,
    files: Sequence[FileOfInit],
    command: str,
    compare_command: str,
    *,
    width: int | None = None,
) -> str:
    """The figures, each file with what became of it, and the commands that come next.

    Sentences are folded to `width` characters; what is to be copied, as lines of files and
    commands, stays as it is.
    """
    lines = ["", "Measured:"]
    if measured.warm is not None:
        lines.append(f"  short text, warm: {measured.warm.text}")
    if measured.cold is not None:
        lines.append(f"  short text, cold start: {measured.cold.text}")
    lines.append(f"Limits are {FACTOR:g} times that, rounded up, and hold for this machine.")
    if measured.budget_s is not None:
        lines.append(
            f"A comparison gets {measured.budget_s} s for each test: in a minute, which is usual, "
            "this target speaks too few texts to decide anything."
        )
    lines = layout.fold_text("\n".join(lines), width).split("\n")
    lines.append("")
    for file in files:
        lines += _file_lines(file, width)
    lines += ["", f"Next:             {command}", f"For each change:  {compare_command}"]
    return "\n".join(lines)


def _file_lines(file: FileOfInit, width: int | None) -> Iterator[str]:
    if file.is_written:
        yield f"wrote {file.path}"
        return
    yield from layout.fold(f"{file.remark}:", width)
    for line in file.body.splitlines():
        yield f"    {line}".rstrip()


def suggestion_text(found: Suggestion) -> str:
    """The marks of each test, with what they rest on; then what suggests nothing, and why."""
    blocks = ["\n".join(_test_lines(test)) for test in found.tests]
    if found.left_aside:
        blocks.append("\n".join(["Left aside:", *(f"  {each}" for each in found.left_aside)]))
    if found.tests:
        blocks.append(
            f"Limits are {FACTOR:g} times what was measured, rounded up; nothing was edited. The "
            "marks are imported from pytest_ttsperf."
        )
    return "\n\n".join(blocks) or (
        "no stored runs to suggest marks from; run the tests that measure once: pytest -m perf"
    )


def _test_lines(test: SuggestedMarks) -> Iterator[str]:
    yield test.test
    for line in test.measured:
        yield f"    measured: {line}"
    for line in test.present:
        yield f"    limited now: {line}"
    for line in test.remarks:
        yield f"    note: {line}"
    yield from (f"  {mark}" for mark in test.marks)
