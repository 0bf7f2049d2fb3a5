"""What bytes are, whatever they are called."""

from __future__ import annotations

import bz2
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders.signatures import (
    FORMATS,
    container_name,
    describe_mismatch,
    detect_format,
)
from pytest_ttsperf.targets.python import samples
from tests.unit.targets import sounds
from tests.unit.targets.decoders.test_encoded import payload
from tests.unit.targets.decoders.test_tags import id3v2

CALLED_PCM = [("audio/pcm", None), ("audio/L16; rate=24000", None), (None, "pcm")]
SOUND = sounds.speechlike(6000).tobytes()


@pytest.mark.parametrize(("content_type", "wanted"), CALLED_PCM)
@pytest.mark.parametrize("kind", ["mp3", "aac", "flac", "opus"])
@pytest.mark.parametrize("is_tagged", [False, True])
def test_encoded_sound_under_the_name_of_pcm_is_known_by_its_bytes(
    kind: str, is_tagged: bool, content_type: str | None, wanted: str | None
) -> None:
    data = (id3v2(5000) if is_tagged else b"") + payload(kind, 6000)
    assert detect_format(data, content_type, wanted) == kind
    note = describe_mismatch(kind, content_type, wanted)
    assert note is not None
    assert "measured as such" in note


@pytest.mark.parametrize(("content_type", "wanted"), CALLED_PCM)
@pytest.mark.parametrize(
    ("data", "name"),
    [
        (gzip.compress(SOUND), "gzip"),
        (bz2.compress(SOUND), "bzip2"),
        (b"\x1aE\xdf\xa3" + bytes(99), "WebM"),
        (b"FORM\0\0\0\0AIFF" + bytes(99), "AIFF"),
        (b"\0\0\0 ftypM4A " + bytes(99), "MP4"),
        (b'{"detail": "no such voice"}', "wanted sound"),
        (b"<!DOCTYPE html><html>", "wanted sound"),
    ],
)
def test_what_is_not_decoded_is_refused_by_name(
    data: bytes, name: str, content_type: str | None, wanted: str | None
) -> None:
    with pytest.raises(TargetShapeError, match=name):
        detect_format(data, content_type, wanted)


@pytest.mark.parametrize("content_type", ["audio/basic", "audio/PCMA", "audio/webm;codecs=opus"])
def test_a_type_that_is_not_decoded_is_not_taken_for_what_was_wanted(content_type: str) -> None:
    with pytest.raises(TargetShapeError, match="wanted one of pcm"):
        detect_format(SOUND, content_type, "pcm")


@given(st.integers(1, 2**15 - 1), st.integers(0, 10_000))
def test_sound_is_taken_for_nothing_else(loudness: int, seed: int) -> None:
    """Also noise, of which some samples look like the header of a frame."""
    noise = np.random.default_rng(seed).integers(-loudness, loudness, 9000).astype("<i2").tobytes()
    assert container_name(noise) is None
    assert detect_format(noise, "audio/pcm", None) == "pcm"
    assert describe_mismatch("pcm", "audio/pcm; rate=24000", "pcm") is None


@given(st.binary(max_size=200), st.none() | st.text(max_size=30), st.sampled_from([None, *FORMATS]))
def test_no_bytes_break_it(data: bytes, content_type: str | None, wanted: str | None) -> None:
    try:
        assert detect_format(data, content_type, wanted) in FORMATS
    except TargetShapeError:
        return


@pytest.mark.parametrize("kind", ["mp3", "opus", "flac", "aac"])
def test_a_python_target_that_yields_a_file_is_told(kind: str) -> None:
    with pytest.raises(TargetShapeError, match="begin as"):
        samples.decode_chunks(
            [payload(kind, 6000)], "mine:Engine", declared_rate=24_000, fallback=None
        )
