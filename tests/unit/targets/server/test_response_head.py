"""What the head of an answer says wins over what a form supposes."""

from __future__ import annotations

from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders.pcm import PcmShape
from pytest_ttsperf.targets.server.response_head import describe_body, read_pcm_shape


def shape(supposed: int | None = 24_000, **headers: str) -> PcmShape:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return read_pcm_shape(message, supposed)


@pytest.mark.parametrize(
    ("headers", "rate", "bits", "channels", "is_float"),
    [
        ({"Content_Type": "audio/pcm; rate=16000"}, 16_000, 16, 1, False),
        ({"Content_Type": 'audio/pcm;Rate="22050"'}, 22_050, 16, 1, False),
        ({"Content_Type": "audio/L16; rate=44100; channels=2"}, 44_100, 16, 2, False),
        ({"Content_Type": "audio/L24;rate=48000"}, 48_000, 24, 1, False),
        ({"Content_Type": "audio/pcm; rate=8000; bits=8"}, 8_000, 8, 1, False),
        ({"Content_Type": "audio/pcm;codec=pcm_f32le;rate=16000"}, 16_000, 32, 1, True),
        ({"Content_Type": "audio/pcm;encoding=linear16;sample_rate=8000"}, 8_000, 16, 1, False),
        ({"X_Sample_Rate": "16000"}, 16_000, 16, 1, False),
        ({"X_Audio_Sample_Rate": "16000 Hz", "X_Audio_Channels": "2"}, 16_000, 16, 2, False),
        ({"Sample_Rate": "48000.0", "X_Bit_Depth": "32"}, 48_000, 32, 1, False),
        ({"X_Audio_Rate": "22050"}, 22_050, 16, 1, False),
    ],
)
def test_the_server_says_how_its_samples_lie(
    headers: dict[str, str], rate: int, bits: int, channels: int, is_float: bool
) -> None:
    found = shape(**headers)
    assert (found.sample_rate, found.bits, found.channels) == (rate, bits, channels)
    assert found.is_float is is_float
    assert not found.is_rate_supposed
    (note,) = found.notes
    assert f"at {rate} Hz" in note
    assert "supposes 24000 Hz" in note
    assert shape(rate, **headers).notes == shape(None, **headers).notes == ()


def test_where_it_says_nothing_the_form_supposes() -> None:
    assert shape() == PcmShape(24_000, is_rate_supposed=True)
    assert shape(None) == PcmShape(None, is_rate_supposed=True)
    assert shape(Content_Type="audio/pcm; charset=binary").notes == ()


def test_two_words_of_one_server_are_told() -> None:
    found = shape(16_000, Content_Type="audio/pcm; rate=16000", X_Sample_Rate="24000")
    assert found.sample_rate == 16_000
    assert found.notes == (
        "the server's X-Sample-Rate says 24000 Hz beside 16000 Hz, which was taken",
    )


@pytest.mark.parametrize("wrong", ["24", "fast", "-1", "0", "", "1e99"])
def test_what_is_no_rate_is_told_and_passed_over(wrong: str) -> None:
    found = shape(X_Sample_Rate=wrong)
    assert (found.sample_rate, found.is_rate_supposed) == (24_000, True)
    (note,) = found.notes
    assert "which is none in Hz" in note


@pytest.mark.parametrize(
    "content_type",
    [
        "audio/l16;rate=16000;endianness=big-endian",
        "audio/pcm;codec=mulaw",
        "audio/pcm;encoding=pcm_s16be",
        "audio/raw;codec=opus",
    ],
)
def test_samples_that_are_not_read_are_refused(content_type: str) -> None:
    with pytest.raises(TargetShapeError, match=r"found .*; wanted"):
        shape(Content_Type=content_type)


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_header_breaks_it(content_type: str, rate: str) -> None:
    clean = [text.replace("\r", "").replace("\n", "") for text in (content_type, rate)]
    try:
        shape(Content_Type=f"audio/pcm;{clean[0]}", X_Sample_Rate=clean[1])
    except TargetShapeError:
        return


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"", None, "without a word"),
        (b'{"error": {"message": "no voice"}}', "application/json",
         "no voice (34 bytes, application/json)"),
        (b'{"detail": [{"loc": ["body"]}]}', None, '[{"loc": ["body"]}] (31 bytes, of no type)'),
        (bytes(range(256)) * 9, "audio/wav", "2304 bytes, audio/wav, which are no text"),
        (b"\xff\xfb\x90\x64" * 99, None, "396 bytes, of no type, which are no text"),
        (b"a red \x1b[31mword in a long line", "text/plain", "a red ?[31mword in a long line"),
    ],
)  # fmt: skip
def test_a_body_is_shown_where_it_is_a_text(body: bytes, kind: str | None, says: str) -> None:
    assert says in describe_body(body, kind)


@given(st.binary(max_size=2000), st.none() | st.just("audio/pcm"))
def test_what_is_shown_is_printable_and_short(body: bytes, kind: str | None) -> None:
    text = describe_body(body, kind, str(len(body)))
    assert len(text) < 600
    assert all(letter.isprintable() or letter.isspace() for letter in text)
