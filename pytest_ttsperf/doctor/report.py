"""The doctor's findings as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_ttsperf.records.commands import Checkup, Finding, Level, TargetSummary
from pytest_ttsperf.report.rows import number

Paint = Callable[[str, Level], str]
WORDS: dict[Level, str] = {"good": "good", "unmeasured": "-", "advice": "advice", "bad": "BAD"}
FIT: dict[Level, str] = {
    "good": "This machine is fit for gating.",
    "unmeasured": "This machine is fit for gating, as far as it tells.",
    "advice": "This machine is fit for gating by limits; read the advice before believing changes.",
    "bad": "This machine is not fit for gating as it is now.",
}


def checkup(found: Checkup, paint: Paint = lambda text, _: text) -> str:
    """What the target is, the environment, a line per finding with its remedy, the sum of it."""
    lines = []
    if found.target is not None:
        lines += [*target_lines(found.target), ""]
    lines += [*_environment(found), ""]
    for finding in found.findings:
        lines += _finding(finding, paint)
    verdict = paint(FIT[found.level], found.level)
    return "\n".join([*lines, "", verdict])


def target_lines(target: TargetSummary) -> Iterator[str]:
    """What a target is, and whether it streams."""
    yield f"{target.target} is {target.kind}, {target.sample_rate} Hz."
    yield streaming_text(target)


def streaming_text(target: TargetSummary) -> str:
    """Whether it streams, with what shows it."""
    first = number(target.first_chunk_ms, "ms")
    last = number(target.last_chunk_ms, "ms")
    shown = (
        f"{target.audio_s:.1f} s of speech came in {target.chunks} chunks, "
        f"the first after {first}, the last after {last}"
    )
    if target.chunks == 1:
        shown = f"{target.audio_s:.1f} s of speech came in one chunk, after {first}"
    if target.is_streamed:
        return f"It streams: {shown}."
    if target.is_streamed is None:
        return f"Whether it streams is not to be seen: {shown}."
    return f"It does not stream, it sends all at once: {shown}."


def _environment(found: Checkup) -> Iterator[str]:
    machine = found.machine
    memory = "memory not told"
    if machine.memory_gib is not None:
        memory = f"{machine.memory_gib} GiB class"
    yield (
        f"{machine.cpu_model}, {machine.cores} cores, {memory}, "
        f"{machine.system} {machine.architecture} (kernel {found.kernel or 'not told'})"
    )
    runtimes = ", ".join(f"{name} {version}" for name, version in found.runtimes.items())
    yield f"{found.python}, pytest-ttsperf {found.plugin}, {runtimes or 'no onnxruntime'}"
    if found.fingerprint:
        yield f"fingerprint of the target here: {found.fingerprint}"
    load = found.machine_load.load_1m
    yield (
        f"watched for {found.machine_load.seconds or 0:.1f} s; load of the last minute "
        f"{'not told' if load is None else load}"
    )


def _finding(finding: Finding, paint: Paint) -> Iterator[str]:
    word = paint(WORDS[finding.level].ljust(6), finding.level)
    yield f"{word}  {finding.about}: {finding.found}"
    if finding.why:
        yield f"        why it matters: {finding.why}"
    if finding.remedy:
        yield f"        remedy: {finding.remedy}"
