"""Which decoder an answer gets, by its bytes and its head."""

from __future__ import annotations

from email.message import Message

import pytest

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders.ogg_opus import OggOpus
from pytest_ttsperf.targets.decoders.pcm import Pcm
from pytest_ttsperf.targets.server.payload import Payload, identify_payload
from pytest_ttsperf.targets.server.request_template import OPENAI
from tests.unit.targets import sounds
from tests.unit.targets.decoders.test_encoded import KINDS, payload
from tests.unit.targets.decoders.test_wav import heard

SOUND = sounds.speechlike(6000).tobytes()
WEBM = b"\x1aE\xdf\xa3" + bytes(99)
MP4 = b"\0\0\0 ftypM4A " + bytes(99)


def identify(body: bytes, content_type: str) -> Payload:
    headers = Message()
    headers["Content-Type"] = content_type
    return identify_payload("http://127.0.0.1:1", headers, body, OPENAI)


@pytest.mark.parametrize("content_type", ["audio/ogg; codecs=opus", 'audio/ogg;codecs="opus"'])
def test_a_type_that_names_the_codec_inside_ogg_is_measured(content_type: str) -> None:
    data = payload("opus", 6000)
    found = identify(data, content_type)
    assert isinstance(found.decoder, OggOpus)
    assert (found.notes, found.is_rate_supposed) == ((), False)
    assert len(heard(found.decoder, data)) == len(heard(KINDS["opus"][3](), data))


@pytest.mark.parametrize(
    ("content_type", "body", "name"),
    [
        ("audio/webm; codecs=opus", WEBM, "WebM"),
        ("audio/webm; codecs=opus", SOUND, "WebM"),
        ('audio/mp4; codecs="mp4a.40.2"', MP4, "MP4"),
        ("audio/mp4; codecs=opus", SOUND, "MP4"),
        ("audio/pcm; codec=opus", SOUND, "samples of opus"),
    ],
)
def test_what_is_not_decoded_is_refused_by_name(content_type: str, body: bytes, name: str) -> None:
    with pytest.raises(TargetShapeError, match=f"found {name}.*; wanted"):
        identify(body, content_type)


def test_what_the_head_says_of_samples_counts_for_bare_ones() -> None:
    found = identify(SOUND, "audio/pcm; rate=16000")
    assert isinstance(found.decoder, Pcm)
    assert found.decoder.sample_rate == 16_000
    (note,) = found.notes
    assert "at 16000 Hz" in note
    assert identify(sounds.wav(SOUND), "audio/wav; rate=16000").notes == ()
