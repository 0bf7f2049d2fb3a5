"""What a target is, and whether it streams: it speaks a short text and then a long one, twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.experiment.plan import Plan, TargetFactory, warmup_texts
from pytest_ttsperf.experiment.trial import OpenTarget
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import Recording, TargetSpec
from pytest_ttsperf.records.commands import TargetSummary
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.command.target import FIRST_TEXT
from pytest_ttsperf.targets.server import request_template

LONG_TEXTS = 2
FORM_NAMES = {
    "openai": "OpenAI's form",
    "kokoro-fastapi": "the form of Kokoro-FastAPI",
    "piper": "the form of piper's HTTP server",
}
"""Of the presets by which an HTTP server may be asked."""


def summarize_target(opened: OpenTarget) -> TargetSummary:
    """Have an open target speak, and say what it is. TargetError where it does not."""
    source = opened.source
    opened.target.record(FIRST_TEXT, "stream")
    plan = Plan(test="summary", text="long", mode="stream", phase="warm", trials=0)
    recordings = []
    for text in warmup_texts(plan, LONG_TEXTS):
        recordings.append(opened.target.record(text, "stream"))
    last = recordings[-1]
    audio_s = definitions.duration_s(last)
    first_chunk_ms = _median(definitions.ttfs_ms(each) for each in recordings)
    last_chunk_s = _median(definitions.elapsed_s(each) for each in recordings)
    if audio_s is None or first_chunk_ms is None or last_chunk_s is None:
        raise TargetFailed(
            f"target {source.spec.label} gave no sound for a long text; look at what it does with "
            "texts of several sentences"
        )
    return TargetSummary(
        target=source.spec.shown,
        kind=describe_kind(source),
        sample_rate=last.sample_rate,
        chunks=sum(frames > 0 for frames in last.frame_counts),
        first_chunk_ms=first_chunk_ms,
        last_chunk_ms=1000 * last_chunk_s,
        audio_s=audio_s,
        is_streamed=are_streamed(recordings),
    )


def _median(values: Iterable[float | None]) -> float | None:
    """Of those that were measured."""
    measured = [value for value in values if value is not None]
    return median(measured) if measured else None


def describe_kind(source: TargetFactory) -> str:
    """What kind of target it is, as `it is ...` goes on."""
    kind = targets_spec.kind_of(source.spec.spec).name
    if kind == "python":
        return "a Python engine"
    if kind == "wyoming":
        return "a Wyoming server"
    if kind == "http":
        return _describe_http(source.spec)
    if source.lifecycle == "per_text":
        return "a program that starts anew for each text"
    return "a program that reads one text after the other"


def _describe_http(spec: TargetSpec) -> str:
    preset = spec.options.get("preset")
    template = spec.options.get("template")
    form = request_template.build_template(preset, template, None)
    way = f"in {FORM_NAMES[preset or 'openai']}"
    if template is not None:
        way = "by a template"
    return f"an HTTP server, asked {way} ({form.method} {form.path})"


def are_streamed(recordings: Sequence[Recording]) -> bool | None:
    """Whether most answers to long texts were sent while they were made; None if nothing shows it.

    Of two that differ the streamed one counts: the other may have been short.
    """
    answers = [definitions.sends_all_at_once(each) for each in recordings]
    decided = [answer for answer in answers if answer is not None]
    if not decided:
        return None
    return 2 * sum(decided) <= len(decided)
