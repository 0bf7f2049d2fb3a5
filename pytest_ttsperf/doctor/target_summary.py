"""What a target is, and whether it streams: it speaks a short text and then a long one, twice."""

from __future__ import annotations

from statistics import median

from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.experiment.plan import Plan, TargetFactory, warmup_texts
from pytest_ttsperf.experiment.trial import OpenTarget
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import Recording
from pytest_ttsperf.records.commands import TargetSummary
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.command.target import FIRST_TEXT
from pytest_ttsperf.targets.server import request_template

LONG_TEXTS = 2
SPREAD = 0.1
"""Sound that comes over more than this share of an answer's time was not finished at first."""
FORM_NAMES = {
    "openai": "OpenAI's form",
    "kokoro-fastapi": "the form of Kokoro-FastAPI",
    "piper": "the form of piper's HTTP server",
}


def summarize_target(opened: OpenTarget) -> TargetSummary:
    """Have an open target speak, and say what it is. TargetError where it does not."""
    source = opened.source
    plan = Plan(test="summary", text="long", mode="stream", phase="warm", trials=0)
    opened.target.record(FIRST_TEXT, "stream")
    texts = warmup_texts(plan, LONG_TEXTS)
    recordings = [opened.target.record(text, "stream") for text in texts]
    last = recordings[-1]
    audio_s = definitions.duration_s(last)
    if audio_s is None:
        raise TargetFailed(
            f"target {source.spec.label} gave no sound for a long text; look at what it does with "
            "texts of several sentences"
        )
    return TargetSummary(
        target=source.spec.shown,
        kind=describe_kind(source),
        sample_rate=last.sample_rate,
        chunks=sum(frames > 0 for frames in last.frame_counts),
        first_chunk_ms=median(definitions.ttfs_ms(each) or 0.0 for each in recordings),
        last_chunk_ms=median(1000 * (definitions.elapsed_s(each) or 0.0) for each in recordings),
        audio_s=audio_s,
        is_streamed=are_streamed(recordings),
    )


def describe_kind(source: TargetFactory) -> str:
    """What kind of target it is, in words that need no article before them."""
    spec = source.spec
    kind = targets_spec.kind_of(spec.spec).name
    if kind == "python":
        return "a Python engine"
    if kind == "wyoming":
        return "a Wyoming server"
    if kind == "http":
        form = request_template.build_template(
            spec.options.get("preset"), spec.options.get("template"), None
        )
        asked_by = FORM_NAMES["openai"]
        if spec.options.get("template") is not None:
            asked_by = "a template"
        elif spec.options.get("preset") is not None:
            asked_by = FORM_NAMES[spec.options["preset"]]
        return f"an HTTP server, asked in {asked_by} ({form.method} {form.path})"
    if source.lifecycle == "per_text":
        return "a program that starts anew for each text"
    return "a program that reads one text after the other"


def are_streamed(recordings: list[Recording]) -> bool | None:
    """Whether these answers to long texts were sent while they were made; None if nothing shows it.

    One answer that surely was, is enough: another may have been short.
    """
    answers = [_is_streamed(each) for each in recordings]
    if True in answers:
        return True
    if False in answers:
        return False
    return None


def _is_streamed(recording: Recording) -> bool | None:
    """By the stages that the target tells; else by its arrivals."""
    by_stages = definitions.is_streamed(recording)
    if by_stages is not None:
        return by_stages
    first_ms = definitions.ttfs_ms(recording)
    last_s = definitions.elapsed_s(recording)
    if first_ms is None or last_s is None:
        return None
    sounding = [frames for frames in recording.frame_counts if frames > 0]
    if len(sounding) == 1:
        return False
    waited_ms = 1000 * last_s - first_ms
    if waited_ms > SPREAD * 1000 * last_s and not definitions.is_sliced(recording):
        return True
    return None
