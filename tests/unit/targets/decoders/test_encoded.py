"""FLAC, MP3, Opus and AAC, fed in any pieces; compared with what PyAV hears in the whole."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ttsperf.errors import TargetError, TargetShapeError
from pytest_ttsperf.targets.decoders import flac, mpeg, ogg_opus
from pytest_ttsperf.targets.decoders.base import Decoder
from pytest_ttsperf.targets.decoders.signatures import detect_format
from tests.examples import examples
from tests.unit.targets import sounds
from tests.unit.targets.decoders.test_wav import heard

ROOT = Path(__file__).resolve().parents[4]
FRAMES = 30_000
KINDS: dict[str, tuple[str, str, int, Callable[[], Decoder]]] = {
    "flac": ("flac", "flac", 24_000, flac.Flac),
    "mp3": ("mp3", "libmp3lame", 24_000, mpeg.open_mp3),
    "opus": ("ogg", "libopus", 48_000, ogg_opus.OggOpus),
    "aac": ("adts", "aac", 24_000, mpeg.open_aac),
}


def payload(kind: str, frames: int = FRAMES, layout: str = "mono") -> bytes:
    """The hum, encoded as a server would stream it."""
    container, codec, rate, _ = KINDS[kind]
    return sounds.encoded(container, codec, rate, frames, layout)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_is_heard_as_it_was_spoken(kind: str) -> None:
    container = KINDS[kind][3]()
    samples = heard(container, payload(kind), range(0, 40_000, 101))
    assert container.sample_rate == KINDS[kind][2]
    assert detect_format(payload(kind)[:12], None, None) == kind
    spoken = sounds.speechlike(FRAMES) / 32768
    assert FRAMES <= len(samples) < FRAMES + 3000  # codecs fill up their last frame
    delay = int(np.argmax(np.correlate(samples[:6000], spoken[:3000], "valid")))
    match = np.corrcoef(samples[delay : delay + 20_000], spoken[:20_000])[0, 1]
    assert match > 0.95
    if kind == "flac":
        np.testing.assert_allclose(samples, spoken, atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=examples(15))
@given(cuts=st.lists(st.integers(0, 100_000), max_size=40))
def test_any_cutting_gives_the_same_samples(name: str, cuts: list[int]) -> None:
    data, make = payload(name, 6000), KINDS[name][3]
    np.testing.assert_array_equal(heard(make(), data, cuts), heard(make(), data))


def test_samples_come_while_bytes_come(kind: str) -> None:
    """Half of the bytes give about half of the sound, and no piece waits for the next."""
    data, container = payload(kind), KINDS[kind][3]()
    half = len(container.feed(data[: len(data) // 2]))
    # Pages of Ogg hold up to a second, as PyAV writes them; frames of the others 50 ms at most.
    slack = 48_000 if kind == "opus" else 5000
    assert abs(half - FRAMES / 2) < slack


def test_a_frame_of_flac_counts_with_its_last_byte() -> None:
    data = payload("flac")
    container = flac.Flac()
    counts = [len(container.feed(data[at : at + 1])) for at in range(len(data))]
    assert counts[-1] > 0  # nothing is held back for a frame to come
    assert sum(counts) == FRAMES
    assert len({count for count in counts if count}) <= 2  # whole frames, and the last one


@pytest.mark.parametrize("name", ["flac", "mp3"])
def test_stereo_is_mixed_down_and_says_so(name: str) -> None:
    _, codec, rate, make = KINDS[name]
    out = io.BytesIO()
    with av.open(out, "w", format=name) as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo")
        left = sounds.speechlike(FRAMES)
        both = np.stack([left, left], axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    container = make()
    assert len(heard(container, out.getvalue())) >= FRAMES
    assert container.notes == ("the sound has 2 channels; their mean was measured",)


def test_an_answer_cut_short_is_told(kind: str) -> None:
    with pytest.raises(TargetError, match=r"cut short|damaged"):
        heard(KINDS[kind][3](), payload(kind)[:-10])


def test_an_empty_answer_is_no_sound(kind: str) -> None:
    try:
        samples = heard(KINDS[kind][3](), b"")
    except TargetError:
        return
    assert not len(samples)


@given(data=st.binary(max_size=400))
@settings(max_examples=examples(40))
def test_noise_is_an_error_of_ours(data: bytes) -> None:
    for name, (*_, make) in KINDS.items():
        head = payload(name, 6000)[:600]
        try:
            heard(make(), head + data, range(0, 1000, 17))
        except TargetError:
            continue


def test_other_sound_in_ogg_is_told() -> None:
    data = payload("opus").replace(b"OpusHead", b"\x01vorbis\0")
    with pytest.raises(TargetShapeError, match="wanted Opus"):
        heard(ogg_opus.OggOpus(), data)


def test_notes_of_an_encoder_are_no_sound() -> None:
    """Written to a file, LAME puts a silent frame with its notes in front: it is left out."""
    _, codec, rate, make = KINDS["mp3"]
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            sounds.speechlike(FRAMES)[None], format="s16", layout="mono"
        )
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    data = out.getvalue()
    assert b"Info" in data[:300] or b"Xing" in data[:300]
    assert data.startswith(b"ID3")
    assert len(heard(make(), data, range(0, 3000, 13))) == len(heard(make(), payload("mp3")))


def test_a_tag_behind_the_last_frame_is_no_sound() -> None:
    data = payload("mp3", 6000)
    tagged = data + b"TAG" + bytes(125)
    np.testing.assert_array_equal(
        heard(mpeg.open_mp3(), tagged, range(0, 9000, 31)), heard(mpeg.open_mp3(), data)
    )


def test_without_pyav_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(TargetShapeError, match=r'pip install "pytest-ttsperf\[http\]"'):
        mpeg.open_mp3()


def joined(kind: str, parts: int = 2, frames: int = 9000) -> bytes:
    """Files one after another, as servers that send one for each sentence give them."""
    return b"".join(payload(kind, frames + 100 * part) for part in range(parts))


def test_files_that_follow_one_another_are_one_sound(kind: str) -> None:
    samples = heard(KINDS[kind][3](), joined(kind), range(0, 90_000, 101))
    one, other = (len(heard(KINDS[kind][3](), payload(kind, n))) for n in (9000, 9100))
    assert len(samples) == one + other
    assert np.abs(samples[one + 4000 : one + 8000]).max() > 0.2  # the second is heard


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=examples(15))
@given(cuts=st.lists(st.integers(0, 100_000), max_size=40))
def test_any_cutting_of_joined_files_gives_the_same_samples(name: str, cuts: list[int]) -> None:
    data, make = joined(name, frames=3000), KINDS[name][3]
    np.testing.assert_array_equal(heard(make(), data, cuts), heard(make(), data))


def test_a_join_within_a_frame_is_told(kind: str) -> None:
    data = payload(kind, 6000)
    with pytest.raises(TargetError):
        heard(KINDS[kind][3](), data[:-10] + data)


def test_the_rate_of_joined_files_must_be_one() -> None:
    data = payload("flac", 6000) + sounds.encoded("flac", "flac", 16_000, 6000)
    with pytest.raises(TargetShapeError, match="changes from 24000 to 16000 Hz"):
        heard(flac.Flac(), data)


def pages(data: bytes) -> list[bytes]:
    """The pages of an Ogg stream."""
    return [b"OggS" + page for page in data.split(b"OggS")[1:]]


def without_end_flag(data: bytes) -> bytes:
    """As a server leaves it that does not close its muxer."""
    *first, last = pages(data)
    return b"".join(first) + last[:5] + bytes([last[5] & ~4]) + last[6:]


def test_an_ogg_stream_may_lack_its_end_flag_and_says_so() -> None:
    data = payload("opus")
    container = ogg_opus.OggOpus()
    samples = heard(container, without_end_flag(data))
    assert 0 <= len(samples) - len(heard(ogg_opus.OggOpus(), data)) < 3000  # its padding is heard
    assert container.notes == (
        "the last page of the Ogg stream has no end flag; all of its pages are whole",
    )
    chained = without_end_flag(data) + data
    assert len(heard(ogg_opus.OggOpus(), chained)) > 2 * FRAMES


def test_an_ogg_stream_that_ends_within_a_packet_is_cut_short() -> None:
    head, tags, *sound = pages(payload("opus"))
    laces = b"\xff"  # a packet of 255 bytes and more
    page = sound[0][:5] + b"\0" + sound[0][6:26] + b"\1" + laces + bytes(255)
    with pytest.raises(TargetError, match="cut short"):
        heard(ogg_opus.OggOpus(), head + tags + page)
    with pytest.raises(TargetError, match="within a packet"):
        heard(ogg_opus.OggOpus(), head + tags + page + payload("opus"))


def empty_page(flags: int) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(21)


@pytest.mark.parametrize("flags", range(8))
def test_an_empty_ogg_page_alone_is_a_damaged_stream(flags: int) -> None:
    """27 bytes, among them the flag that ends the stream."""
    with pytest.raises(TargetError, match="before the packets that describe its sound"):
        heard(ogg_opus.OggOpus(), empty_page(flags))


@pytest.mark.parametrize("flags", range(8))
def test_an_empty_ogg_page_behind_others_is_no_sound(flags: int) -> None:
    data = payload("opus")
    end = empty_page(flags & ~2)  # begins no stream
    assert len(heard(ogg_opus.OggOpus(), data + end)) == len(heard(ogg_opus.OggOpus(), data))


def test_a_stream_without_its_second_header_is_damaged() -> None:
    head, *_ = pages(payload("opus"))
    with pytest.raises(TargetError, match="damaged"):
        heard(ogg_opus.OggOpus(), head)
    with pytest.raises(TargetError, match="damaged"):
        heard(ogg_opus.OggOpus(), head + payload("opus"))


@settings(max_examples=examples(150))
@given(
    name=st.sampled_from(list(KINDS)),
    spoilt=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 255)), max_size=8),
    end=st.integers(0, 9000),
    cuts=st.lists(st.integers(0, 9000), max_size=9),
)
def test_spoilt_sound_is_an_error_of_ours_or_sound(
    name: str, spoilt: list[tuple[int, int]], end: int, cuts: list[int]
) -> None:
    data = bytearray(joined(name, frames=2000))
    for at, value in spoilt:
        data[at % len(data)] = value
    del data[max(end, 50) :]
    try:
        samples = heard(KINDS[name][3](), bytes(data), cuts)
    except TargetError:
        return
    assert samples.dtype == np.float32


@pytest.mark.starts
@pytest.mark.parametrize("name", ["aac", "opus"])
def test_more_channels_than_can_be_read_are_refused(name: str) -> None:
    """PyAV would read beyond the planes of 8 and end the process: so it is one of its own here."""
    code = (
        "from tests.unit.targets.decoders.test_encoded import hear_surround; "
        f"hear_surround({name!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def hear_surround(name: str) -> None:
    """Eight channels, which must be refused."""
    container, codec, _, make = KINDS[name]
    out = io.BytesIO()
    sound = np.repeat(sounds.speechlike(FRAMES)[:, None], 8, axis=1).reshape(1, -1)
    with av.open(out, "w", format=container) as output:
        stream = output.add_stream(codec, rate=48_000, layout="7.1")
        frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="7.1")
        frame.sample_rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    with pytest.raises(TargetShapeError, match="8 channels"):
        heard(make(), out.getvalue())
