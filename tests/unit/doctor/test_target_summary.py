"""What a target is called, and whether its answers were streamed: by scripted arrivals."""

from __future__ import annotations

import pytest

from pytest_ttsperf.doctor import target_summary
from pytest_ttsperf.doctor.report import streaming_text, target_lines
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import open_target
from pytest_ttsperf.records import TargetSpec
from tests.unit.init.factories import summary_of
from tests.unit.metrics.factories import recording

AS_MADE = [(50.0, 500.0), (100.0, 500.0), (150.0, 500.0)]
SLICED = [(400.0, 500.0), (400.1, 500.0), (400.2, 500.0)]
WHOLE = [(400.0, 1500.0)]
NEARLY_AT_ONCE = [(400.0, 500.0), (405.0, 500.0), (410.0, 500.0)]
IN_A_MOMENT = [(1.0, 500.0), (1.5, 500.0)]


def source(spec, **options):
    return TargetFactory(spec=TargetSpec(spec=spec, options=options))


@pytest.mark.parametrize(
    ("timelines", "is_streamed"),
    [
        ([AS_MADE], True),
        ([SLICED], False),
        ([WHOLE], False),
        ([NEARLY_AT_ONCE], False),
        ([WHOLE, AS_MADE], True),
        ([WHOLE, NEARLY_AT_ONCE], False),
        ([[]], None),
        ([IN_A_MOMENT], None),
        ([], None),
    ],
)
def test_arrivals_show_whether_sound_came_while_it_was_made(timelines, is_streamed):
    recordings = [recording(timeline) for timeline in timelines]
    assert target_summary.are_streamed(recordings) is is_streamed


def test_stages_know_better_than_arrivals():
    finished = recording(AS_MADE, spans=[("vocode", 0.0, 45.0)])
    assert target_summary.are_streamed([finished]) is False
    going_on = recording(SLICED, spans=[("vocode", 0.0, 45.0), ("vocode", 400.05, 400.1)])
    assert target_summary.are_streamed([going_on]) is True


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (source("a:A"), "a Python engine"),
        (source("wyoming://h:1"), "a Wyoming server"),
        (source("http://h"), "an HTTP server, asked in OpenAI's form (POST /v1/audio/speech)"),
        (
            source("http://h", preset="piper"),
            "an HTTP server, asked in the form of piper's HTTP server (POST /synthesize)",
        ),
        (
            source("http://h", template={"path": "/x", "method": "PUT", "body": "{text}"}),
            "an HTTP server, asked by a template (PUT /x)",
        ),
        (source("cmd:piper"), "a program that starts anew for each text"),
        (
            source("cmd:piper", protocol="lines", end="quiet:0.5"),
            "a program that reads one text after the other",
        ),
    ],
)
def test_each_kind_has_a_name(target, kind):
    assert target_summary.describe_kind(target) == kind


def test_every_preset_has_a_name():
    assert set(target_summary.FORM_NAMES) == set(target_summary.request_template.PRESETS)


@pytest.mark.parametrize(
    ("is_streamed", "words"),
    [
        (True, "It streams: 20.0 s of speech came in 12 chunks, the first after 35.0 ms, "
         "the last after 300 ms."),
        (False, "It does not stream, it sends all at once: 20.0 s"),
        (None, "Whether it streams is not to be seen: 20.0 s"),
    ],
)  # fmt: skip
def test_the_doctor_says_what_it_is_and_how_that_was_seen(is_streamed, words):
    found = summary_of(is_streamed=is_streamed)
    first, second = target_lines(found)
    assert first == "my_engine:Engine is a Python engine, 24000 Hz."
    assert second.startswith(words)
    assert streaming_text(found) == second


@pytest.mark.starts
def test_a_real_target_is_summarized():
    opened = open_target(source("pytest_ttsperf.doctor.tone_target:Tone"), warm=True)
    try:
        found = target_summary.summarize_target(opened)
    finally:
        opened.close()
    assert (found.kind, found.sample_rate, found.chunks) == ("a Python engine", 24_000, 5)
    assert found.audio_s == pytest.approx(0.5)
    assert 0 < found.first_chunk_ms <= found.last_chunk_ms
