"""What is made of an answer: stages that a server tells, its placement, its words about errors."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders.factory import create_decoder
from pytest_ttsperf.targets.decoders.pcm import Pcm, PcmShape
from pytest_ttsperf.targets.server.http import find_placement, place_server_spans
from pytest_ttsperf.targets.server.sse import Events
from tests.unit.targets.decoders.test_wav import heard
from tests.unit.targets.sounds import speechlike

MS = 1_000_000


def laid(header: str, wait_ms: int = 100) -> list[tuple[str, float, float]]:
    """Stage, start and end in ms from the moment the request was sent."""
    spans = place_server_spans([header], 5 * MS, (5 + wait_ms) * MS)
    return [(s.stage, s.start_ns / MS - 5, s.end_ns / MS - 5) for s in spans]


def test_stages_follow_one_another_where_they_fit() -> None:
    told = 'text;dur=2, encode;desc="a, b";dur=30.5, cache;desc=miss, total;dur=33'
    assert laid(told) == [("server.text", 0, 2), ("server.encode", 2, 32.5)]


def test_stages_that_overlap_all_end_with_the_wait() -> None:
    assert laid("encode;dur=60, vocode;dur=70, load;dur=500") == [
        ("server.encode", 40, 100),
        ("server.vocode", 30, 100),
        ("server.load", 0, 100),
    ]


@given(st.text(alphabet='abc;=,"dur0.9 -', max_size=60))
def test_no_header_breaks_it(header: str) -> None:
    for _, start_ms, end_ms in laid(header):
        assert 0 <= start_ms <= end_ms


def test_a_placement_counts_nodes() -> None:
    own = {"nodes": {"CPUExecutionProvider": 7}, "voice": "hum"}
    assert find_placement({"placement": own}) == own
    assert find_placement({"placement": own["nodes"]}) == {"nodes": own["nodes"]}
    assert find_placement({"provider": own}) == own
    assert find_placement(own) == own
    assert find_placement({"voices": {"hum": own, "b": {}}}, "hum") == own
    for nothing in (
        {"voices": {"hum": own}},
        {"nodes": {"a": "many"}},
        {"placement": {"a": "many"}},
        {"placement": {}},
        {"queue": 3},
        {"nodes": 3},
        [],
        None,
        "x",
    ):
        assert find_placement(nothing) is None


def test_bare_samples_need_a_rate() -> None:
    with pytest.raises(TargetShapeError, match="add sample_rate"):
        create_decoder("pcm", None)


SOUND = speechlike(200)


def told(*events: object) -> bytes:
    return b"".join(b"event: x\ndata: " + json.dumps(e).encode() + b"\r\n\r\n" for e in events)


def margin(data: bytes) -> dict[str, str]:
    return {"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()}


DONE = {"type": "speech.audio.done", "usage": {}}


@given(cuts=st.lists(st.integers(0, 1000), max_size=20))
def test_any_cutting_of_events_gives_the_same_samples(cuts: list[int]) -> None:
    data = SOUND.tobytes()
    parts = [margin(data[at : at + 33]) for at in range(0, len(data), 33)]
    stream = Events(Pcm(PcmShape(16_000)))
    samples = heard(stream, told({"type": "other"}, *parts, DONE), cuts)
    np.testing.assert_array_equal(samples, SOUND.astype(np.float32) / 32768)
    assert (stream.sample_rate, stream.notes) == (16_000, ())


def test_a_sound_shorter_than_what_tells_its_container_is_heard() -> None:
    assert len(heard(Events(Pcm(PcmShape(16_000))), told(margin(b"\1\2"), DONE))) == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (told(margin(b"\1\2" * 9)), "without speech.audio.done"),
        (told({"type": "error", "error": {"message": "no voice"}}), "no voice"),
        (b"data: nothing\n\n", "wanted JSON with a type and audio"),
        (told({"type": "speech.audio.delta", "audio": "%"}), "wanted JSON with a type and audio"),
    ],
)
def test_events_that_end_badly_are_told(data: bytes, says: str) -> None:
    with pytest.raises(TargetFailed, match=says):
        heard(Events(Pcm(PcmShape(16_000))), data)
