"""WAV and bare PCM, fed in any pieces: the same samples, counted from the payload."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ttsperf.errors import TargetError, TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders.base import Decoder, Samples
from pytest_ttsperf.targets.decoders.pcm import Pcm, PcmShape
from pytest_ttsperf.targets.decoders.signatures import detect_format
from pytest_ttsperf.targets.decoders.wav import Wav
from tests.examples import examples
from tests.unit.targets.sounds import RATE, chunk, speechlike, wav

FRAMES = 300
SOUND = speechlike(FRAMES)
HEARD = SOUND.astype(np.float32) / 32768
ODD = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0") + chunk(b"fact", b"\x2c\x01\0\0")


def heard(container: Decoder, data: bytes, cuts: Sequence[int] = ()) -> Samples:
    """All samples of some bytes, fed in pieces."""
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    parts = [container.feed(data[a:b]) for a, b in pairwise(borders)]
    return np.concatenate([*parts, container.finish()])


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF, 0x7FFFFFFF], ids=str)
@pytest.mark.parametrize("before", [b"", ODD], ids=["plain", "chunks"])
@settings(max_examples=examples(40))
@given(cuts=st.lists(st.integers(0, 2000), max_size=30))
def test_any_cutting_of_a_wav_gives_the_same_samples(
    size: int | None, before: bytes, cuts: list[int]
) -> None:
    container = Wav()
    assert container.sample_rate is None
    samples = heard(container, wav(SOUND.tobytes(), size=size, before=before), cuts)
    np.testing.assert_array_equal(samples, HEARD)
    assert (container.sample_rate, container.notes) == (RATE, ())


def test_samples_come_with_the_bytes_that_complete_them() -> None:
    container, data = Wav(), wav(SOUND.tobytes(), size=0xFFFFFFFF)
    header = len(data) - 2 * FRAMES
    counts = [len(container.feed(data[:header]))]
    counts += [len(container.feed(data[at : at + 3])) for at in range(header, len(data), 3)]
    assert counts[:5] == [0, 1, 2, 1, 2]
    assert sum(counts) == FRAMES


def as_stored(bits: int, is_float: bool) -> tuple[bytes, np.ndarray, float]:
    """SOUND as samples of that kind, what is to be heard, and how near that is."""
    if is_float:
        return HEARD.astype("<f4" if bits == 32 else "<f8").tobytes(), HEARD, 0
    if bits == 8:
        small = (SOUND >> 8).astype(np.int16)
        return (small + 128).astype(np.uint8).tobytes(), small / 128, 0
    wide = SOUND.astype("<i4") << 16
    if bits == 24:
        return b"".join(struct.pack("<i", v)[1:] for v in wide), HEARD, 0
    return (SOUND if bits == 16 else wide).tobytes(), HEARD, 0


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(
    ("bits", "is_float"),
    [(8, False), (16, False), (24, False), (32, False), (32, True), (64, True)],
)
def test_every_kind_of_sample_is_heard_alike(bits: int, is_float: bool, extensible: bool) -> None:
    body, wanted, _ = as_stored(bits, is_float)
    data = wav(body, bits=bits, tag=3 if is_float else 1, extensible=extensible)
    np.testing.assert_allclose(heard(Wav(), data, range(0, 2000, 7)), wanted, atol=1e-7)


def test_stereo_is_mixed_down_and_says_so() -> None:
    both = np.stack([SOUND, -SOUND // 2], axis=1)
    container = Wav()
    samples = heard(container, wav(both.astype("<i2").tobytes(), channels=2), range(0, 999, 5))
    np.testing.assert_allclose(samples, both.astype(np.float32).mean(axis=1) / 32768, atol=1e-6)
    assert container.notes == ("the sound has 2 channels; their mean was measured",)


def test_an_odd_payload_is_padded_and_chunks_behind_it_are_no_sound() -> None:
    body = bytes(range(101))
    data = wav(body, bits=8, after=ODD)
    assert len(heard(Wav(), data, range(0, 200, 3))) == 101
    assert len(heard(Wav(), wav(SOUND.tobytes(), after=ODD))) == FRAMES


def test_a_file_for_each_sentence_is_one_sound() -> None:
    data = wav(SOUND.tobytes()) + wav(SOUND.tobytes(), before=ODD)
    np.testing.assert_array_equal(
        heard(Wav(), data, range(0, 2000, 11)), np.concatenate([HEARD, HEARD])
    )
    with pytest.raises(TargetShapeError, match="changes its WAV format midway"):
        heard(Wav(), wav(SOUND.tobytes()) + wav(SOUND.tobytes(), rate=16_000))


PLACEHOLDERS = (
    0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF, 0x7FFFF000, 0x7F000000, 2_000_000_000,
    1_000_000_000, 500_000_000, 3601 * 2 * RATE,
)  # fmt: skip


@pytest.mark.parametrize("size", PLACEHOLDERS)
@pytest.mark.parametrize("after", [b"", chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0")], ids=len)
@settings(max_examples=examples(25))
@given(cuts=st.lists(st.integers(0, 2000), max_size=30))
def test_a_size_that_its_writer_did_not_know_is_no_promise(
    size: int, after: bytes, cuts: list[int]
) -> None:
    """Files of that kind may also follow one another, and have notes behind the sound."""
    data = wav(SOUND.tobytes(), size=size, after=after)
    np.testing.assert_array_equal(heard(Wav(), data, cuts), HEARD)
    np.testing.assert_array_equal(heard(Wav(), data + data, cuts), np.concatenate([HEARD, HEARD]))


def test_the_size_of_the_whole_file_does_not_matter() -> None:
    data = wav(SOUND.tobytes(), after=ODD)
    for riff in (0, 36, 0xFFFFFFFF, 0x7FFFFFFF):
        data = data[:4] + struct.pack("<I", riff) + data[8:]
        np.testing.assert_array_equal(heard(Wav(), data), HEARD)


@pytest.mark.parametrize("size", [2 * FRAMES + 2, 2 * FRAMES + 44, 3599 * 2 * RATE])
def test_sound_that_ends_before_a_credible_size_is_cut_short(size: int) -> None:
    with pytest.raises(TargetFailed, match="before the end that its header tells"):
        heard(Wav(), wav(SOUND.tobytes(), size=size))


@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
@pytest.mark.parametrize("told", [2 * FRAMES, 0, 2**40])
def test_a_wide_file_tells_its_size_apart(name: bytes, told: int) -> None:
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, told, FRAMES, 0))
    behind = ODD if told == 2 * FRAMES else b""
    data = wav(SOUND.tobytes(), size=0xFFFFFFFF, before=ds64, after=behind)
    data = name + data[4:]
    np.testing.assert_array_equal(heard(Wav(), data, range(0, 900, 7)), HEARD)
    assert detect_format(data[:12], None, "pcm") == "wav"
    if told == 2 * FRAMES:
        with pytest.raises(TargetFailed, match="before the end"):
            heard(Wav(), data[: 12 + 24 + 36 + 8 + FRAMES])


@pytest.mark.parametrize("is_padded", [True, False])
@pytest.mark.parametrize("bits", [8, 24])
@given(cuts=st.lists(st.integers(0, 900), max_size=20))
def test_an_odd_chunk_may_lack_its_padding(bits: int, is_padded: bool, cuts: list[int]) -> None:
    notes, sound = b"INFOISFT\x03\0\0\0abc", bytes(range(101 * bits // 8 % 256))
    sound = sound[: len(sound) // (bits // 8) * (bits // 8)]
    sound = sound if len(sound) % 2 else sound[: -(bits // 8)]
    assert len(sound) % 2 == len(notes) % 2 == 1
    parts = [b"LIST", len(notes), notes], [b"data", len(sound), sound], [b"LIST", len(notes), notes]
    padding = b"\0" if is_padded else b""
    packed = [name + struct.pack("<I", size) + body + padding for name, size, body in parts]
    one = wav(b"", bits=bits)[: 12 + 24] + b"".join(packed)
    wanted = 2 * len(sound) // (bits // 8)
    assert len(heard(Wav(), one + one, cuts)) == wanted


def test_half_a_sample_in_one_file_is_not_carried_into_the_next() -> None:
    one = wav(SOUND.tobytes()[:-1])
    with pytest.raises(TargetFailed, match="after the last whole frame"):
        heard(Wav(), one + wav(SOUND.tobytes()))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "ended after 0 bytes of its header"),
        (wav(SOUND.tobytes())[:30], "of its header; no sound came"),
        (wav(SOUND.tobytes())[:-100], "100 bytes before the end that its header tells"),
        (wav(SOUND.tobytes(), size=0xFFFFFFFF)[:-1], "1 bytes after the last whole frame"),
        (b"RIFX" + wav(b"")[4:], "wanted the header of a WAV file"),
        (wav(SOUND.tobytes(), tag=7), "found a WAV of mu-law"),
        (wav(SOUND.tobytes(), bits=12), "integer samples of 12 bits"),
        (wav(SOUND.tobytes(), size=40), "where a WAV's chunk has its name"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"12"), "comes before its format"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"LIST", b"", 1 << 30), "wanted the sound"),
    ],
)
def test_a_damaged_wav_is_told(data: bytes, told: str) -> None:
    with pytest.raises(TargetError, match=told):
        heard(Wav(), data)


@given(cuts=st.lists(st.integers(0, 700), max_size=30))
def test_any_cutting_of_bare_pcm_gives_the_same_samples(cuts: list[int]) -> None:
    np.testing.assert_array_equal(heard(Pcm(PcmShape(RATE)), SOUND.tobytes(), cuts), HEARD)


def test_half_a_sample_at_the_end_is_told() -> None:
    with pytest.raises(TargetFailed, match="cut short"):
        heard(Pcm(PcmShape(RATE)), SOUND.tobytes()[:-1])


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=9))
def test_noise_is_an_error_of_ours_or_sound_but_never_another_exception(
    data: bytes, cuts: list[int]
) -> None:
    makers: list[tuple[Callable[[], Decoder], bytes]] = [
        (Wav, b""),
        (Wav, b"RIFF\0\0\0\0WAVE"),
        (Wav, wav(b"", size=0xFFFFFFFF)),
    ]
    for make, head in makers:
        try:
            whole: Samples | None = heard(make(), head + data)
        except TargetError:
            whole = None
        try:
            pieces: Samples | None = heard(make(), head + data, cuts)
        except TargetError:
            pieces = None
        assert (whole is None) == (pieces is None)
        if whole is not None and pieces is not None:
            np.testing.assert_array_equal(whole, pieces)


@pytest.mark.parametrize(
    ("head", "content_type", "asked", "found"),
    [
        (b"RIFF\0\0\0\0WAVE", "audio/mpeg", "pcm", "wav"),
        (b"fLaC", "application/octet-stream", None, "flac"),
        (b"OggS", None, None, "opus"),
        (b"ID3\x04", "audio/mpeg", None, "mp3"),
        (b"\xff\xfb\x90\x64", None, None, "mp3"),
        (b"\xff\xf1\x50\x80", "", None, "aac"),
        (b"\xff\xfb\x90\x64", None, "pcm", "pcm"),
        (b"\xff\xfb\x90\x64", "audio/pcm; rate=24000", None, "pcm"),
        (b"\x00\x01", "application/octet-stream", "pcm", "pcm"),
        (b"\x00\x01", "audio/mpeg", "pcm", "mp3"),
    ],
)
def test_content_tells_first_then_the_type_then_what_was_asked(
    head: bytes, content_type: str | None, asked: str | None, found: str
) -> None:
    assert detect_format(head, content_type, asked) == found


@pytest.mark.parametrize(
    ("head", "content_type", "told"),
    [
        (b'{"error": 1}', "application/json", "wanted sound"),
        (b"<html>", "text/html; charset=utf-8", "wanted sound"),
        (b"\0\0\0 ftypM4A ", "audio/mp4", "MP4"),
        (b"\x01\x02", None, "name one of pcm, wav"),
    ],
)
def test_what_is_no_sound_is_told(head: bytes, content_type: str | None, told: str) -> None:
    with pytest.raises(TargetShapeError, match=told):
        detect_format(head, content_type, None)
