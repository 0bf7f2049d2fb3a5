"""Which format bytes are in: by themselves first, as a declared type may be wrong."""

from __future__ import annotations

import string

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders import mpeg_frames, tags

FORMATS = ("pcm", "wav", "flac", "mp3", "opus", "aac")
HEAD_BYTES = 1 << 13
"""So many bytes behind the tags are enough to recognise a format: several frames of MP3."""
SHOWN_BYTES = 12
_TYPES = {
    "audio/pcm": "pcm",
    "audio/l16": "pcm",
    "audio/x-raw": "pcm",
    "audio/raw": "pcm",
    "audio/x-pcm": "pcm",
    "audio/lpcm": "pcm",
    "audio/x-l16": "pcm",
    "audio/l8": "pcm",
    "audio/l24": "pcm",
    "audio/l32": "pcm",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/ogg": "opus",
    "audio/opus": "opus",
    "application/ogg": "opus",
    "audio/aac": "aac",
    "audio/aacp": "aac",
    "audio/x-aac": "aac",
}
_UNDECODED_TYPES = {
    "audio/basic": "mu-law",
    "audio/mulaw": "mu-law",
    "audio/x-mulaw": "mu-law",
    "audio/pcmu": "mu-law",
    "audio/alaw": "A-law",
    "audio/x-alaw": "A-law",
    "audio/pcma": "A-law",
    "audio/mp4": "MP4",
    "audio/webm": "WebM",
    "audio/amr": "AMR",
    "audio/aiff": "AIFF",
}
_MAGIC = {
    b"RIFF": "wav",
    b"RF64": "wav",
    b"BW64": "wav",
    b"fLaC": "flac",
    b"OggS": "opus",
}
_UNDECODED_MAGIC = {
    b"\x1f\x8b\x08": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x1aE\xdf\xa3": "WebM or Matroska",
    b"#!AMR": "AMR",
    b".snd": "AU",
    b"caff": "CAF",
    b"MThd": "MIDI",
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
}
_SHOWN = {"wav": "a WAV file", "flac": "FLAC", "mp3": "MP3", "opus": "Ogg", "aac": "AAC"}
_PRINTABLE = frozenset(string.printable.encode())
_SHORTEST_TEXT = 12


def detect_format(data: bytes, content_type: str | None, wanted: str | None) -> str:
    """Which of FORMATS an answer is in: by its first bytes, else by its type, else as wanted.

    `data` is the answer or its beginning; HEAD_BYTES behind the tags are enough to decide.
    TargetShapeError for what is no sound, for what is not decoded here, and where nothing says the
    format.
    """
    type_name = plain_type(content_type)
    _refuse_undecoded(data, type_name)
    by_bytes = _detect_by_bytes(data)
    if by_bytes is not None:
        return by_bytes
    _refuse_text(data, type_name)
    if type_name in _UNDECODED_TYPES:
        raise TargetShapeError(
            f"found {_UNDECODED_TYPES[type_name]} ({type_name}); wanted one of {', '.join(FORMATS)}"
        )
    if type_name in _TYPES:
        return _TYPES[type_name]
    if wanted in FORMATS:
        return wanted
    head = data[:SHOWN_BYTES]
    by_sync_word = _detect_sync_word(head)
    if by_sync_word is None:
        raise TargetShapeError(
            f"found {head!r} of type {type_name or 'none'}, and nothing says its format; name "
            f"one of {', '.join(FORMATS)} as `format` in --ttsperf-http-template"
        )
    return by_sync_word


def describe_mismatch(kind: str, content_type: str | None, wanted: str | None) -> str | None:
    """A note that the bytes are not of the type they are declared as; None where they are."""
    type_name = plain_type(content_type)
    declared = _TYPES.get(type_name, wanted)
    if declared in (None, kind):
        return None
    source = f"{wanted} was asked for"
    if type_name in _TYPES:
        source = f"the server calls its answer {type_name}"
    return f"{source}, and its bytes are {_SHOWN.get(kind, kind)}; they were measured as such"


def container_name(data: bytes) -> str | None:
    """What bytes that should be bare samples are instead; None where they may be samples."""
    undecoded = _detect_undecoded(data)
    if undecoded is not None:
        return undecoded
    kind = _detect_by_bytes(data)
    if kind is None:
        return None
    return _SHOWN[kind]


def plain_type(content_type: str | None) -> str:
    """The type without its parameters, in small letters; empty for none."""
    return (content_type or "").partition(";")[0].strip().lower()


def _detect_by_bytes(data: bytes) -> str | None:
    """Which of FORMATS these bytes surely are, by themselves; None where they do not show it."""
    rest, is_tagged = _skip_id3(data)
    for magic, kind in _MAGIC.items():
        if rest.startswith(magic):
            return kind
    kind_of_frames = mpeg_frames.detect_frames(rest)
    if kind_of_frames is None and is_tagged:
        return _detect_sync_word(rest) or "mp3"
    return kind_of_frames


def _skip_id3(data: bytes) -> tuple[bytes, bool]:
    """HEAD_BYTES behind the ID3 tags at the front, and whether there was one."""
    at = 0
    while size := tags.id3_length(data[at : at + tags.ID3_HEADER_BYTES]):
        at += size
    return data[at : at + HEAD_BYTES], at > 0


def _refuse_undecoded(data: bytes, type_name: str) -> None:
    name = _detect_undecoded(data)
    if name is None:
        return
    if type_name:
        name += f", though its type is {type_name}"
    raise TargetShapeError(f"found {name}; wanted one of {', '.join(FORMATS)}")


def _detect_undecoded(data: bytes) -> str | None:
    if data[4:8] == b"ftyp":
        return "MP4 (M4A)"
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    for magic, name in _UNDECODED_MAGIC.items():
        if data.startswith(magic):
            return name
    return None


def _refuse_text(data: bytes, type_name: str) -> None:
    """TargetShapeError for text, by its type or by its looks."""
    is_text = type_name.startswith("text/") or type_name.endswith(("json", "xml"))
    if is_text or _looks_like_text(data[:64]):
        raise TargetShapeError(
            f"found an answer of type {type_name or 'none'} that begins {data[:SHOWN_BYTES]!r}, "
            "wanted sound; see the server's log, or its --ttsperf-http-template"
        )


def _looks_like_text(head: bytes) -> bool:
    """Whether it looks like JSON or markup, whatever its type."""
    if len(head) < _SHORTEST_TEXT or not _PRINTABLE.issuperset(head):
        return False
    return head.lstrip().startswith((b"{", b"[", b"<"))


def _detect_sync_word(head: bytes) -> str | None:
    """`aac` or `mp3` by the first two bytes alone, which may be chance."""
    sync_word = int.from_bytes(head[:2], "big")
    if sync_word & 0xFFF6 == 0xFFF0:
        return "aac"
    if sync_word & 0xFFE6 == 0xFFE2:
        return "mp3"
    return None
