"""Tags before, between and behind the sound: never sound, and never the end of it."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import Decoder
from pytest_ttsperf.targets.decoders.wav import Wav
from tests.examples import examples
from tests.unit.targets import sounds
from tests.unit.targets.decoders.test_encoded import KINDS, payload
from tests.unit.targets.decoders.test_wav import heard

IS_HEADER = 0xA0000000


def id3v2(size: int = 300, *, footer: bool = False) -> bytes:
    """An ID3v2.4 tag with so many bytes of content, among them the mark of an MP3 frame."""
    sizes = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    flags = 0x10 if footer else 0
    head = b"\x04\0" + bytes([flags]) + sizes
    content = (b"\xff\xfb\x90\x64TAGAPETAGEXOggSRIFF" * (size // 20 + 1))[:size]
    return b"ID3" + head + content + (b"3DI" + head if footer else b"")


def ape(*, header: bool) -> bytes:
    """An APEv2 tag, or an APEv1 tag, which has no header."""
    item = struct.pack("<II", 4, 0) + b"Title\0Part"
    size = len(item) + 32
    version = 2000 if header else 1000

    def edge(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", version, size, 1, flags) + bytes(8)

    return (edge(IS_HEADER) if header else b"") + item + edge(0x80000000 if header else 0)


ID3V1 = b"TAG" + b"Part".ljust(125, b"\0")
TAGS = {
    "id3v2": id3v2(),
    "id3v2 with a footer": id3v2(footer=True),
    "id3v1": ID3V1,
    "id3v1 and more": b"TAG+" + bytes(223),
    "ape": ape(header=True),
    "several": ape(header=True) + ID3V1 + id3v2(10),
}
MAKERS: dict[str, tuple[Callable[[int], bytes], Callable[[], Decoder]]] = {
    **{kind: ((lambda n, kind=kind: payload(kind, n)), KINDS[kind][3]) for kind in KINDS},
    "wav": ((lambda n: sounds.wav(sounds.speechlike(n).tobytes())), Wav),
    "streamed wav": ((lambda n: sounds.wav(sounds.speechlike(n).tobytes(), size=0)), Wav),
}


def fits(kind: str, tag: str) -> bool:
    """Whether a tag can be told from the sound; in a WAV whose end is not known, by ten bytes."""
    return kind != "streamed wav" or tag.startswith("id3v2")


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS)
def test_a_tag_tells_its_length(tag: bytes) -> None:
    rest, at = tag + b"\xff\xfb", 0
    while at < len(tag):
        size = tags.tag_bytes(rest[at:])
        assert size
        at += size
    assert at == len(tag)
    assert tags.tag_bytes(b"\xff\xfb\x90\x64") == 0
    assert tags.tag_bytes(tag[:2]) is None


@pytest.mark.parametrize(
    ("kind", "tag"), [(kind, tag) for kind in MAKERS for tag in TAGS if fits(kind, tag)]
)
def test_a_tag_is_no_sound_wherever_it_stands(kind: str, tag: str) -> None:
    (write, make), tag = MAKERS[kind], TAGS[tag]
    one, other = write(6000), write(9000)
    wanted = heard(make(), one + other)
    tagged = tag + one + tag + other + tag
    np.testing.assert_array_equal(heard(make(), tagged, range(0, 40_000, 97)), wanted)
    assert len(wanted) >= 15_000 - 4000  # frames of a codec are not cut at the border of files


def test_a_tag_without_a_header_is_known_by_its_end() -> None:
    data = payload("mp3", 6000)
    wanted = heard(KINDS["mp3"][3](), data + data)
    tag = ape(header=False)
    tagged = data + tag + data + tag
    np.testing.assert_array_equal(heard(KINDS["mp3"][3](), tagged, range(0, 9000, 31)), wanted)


@settings(max_examples=examples(30))
@given(
    both=st.sampled_from([(kind, tag) for kind in MAKERS for tag in TAGS if fits(kind, tag)]),
    cuts=st.lists(st.integers(0, 40_000), max_size=40),
)
def test_any_cutting_of_joined_and_tagged_files_gives_the_same_samples(
    both: tuple[str, str], cuts: list[int]
) -> None:
    (write, make), tag = MAKERS[both[0]], TAGS[both[1]]
    data = tag + write(3000) + tag + write(4000) + tag
    np.testing.assert_array_equal(heard(make(), data, cuts), heard(make(), data))
