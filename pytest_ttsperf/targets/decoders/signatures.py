"""Which format bytes are in: by themselves first, for names and wishes may be wrong."""

from __future__ import annotations

import string

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders import mpeg_frames, tags

FORMATS = ("pcm", "wav", "flac", "mp3", "opus", "aac")
HEAD_BYTES = 1 << 13
"""So many bytes behind the tags tell what can be told: several frames of MP3."""
SHOWN_BYTES = 12
_TYPES = {
    "audio/pcm": "pcm", "audio/l16": "pcm", "audio/x-raw": "pcm", "audio/raw": "pcm",
    "audio/x-pcm": "pcm", "audio/lpcm": "pcm", "audio/x-l16": "pcm", "audio/l8": "pcm",
    "audio/l24": "pcm", "audio/l32": "pcm",
    "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav",
    "audio/flac": "flac", "audio/x-flac": "flac", "audio/mpeg": "mp3", "audio/mp3": "mp3",
    "audio/ogg": "opus", "audio/opus": "opus", "application/ogg": "opus", "audio/aac": "aac",
    "audio/aacp": "aac", "audio/x-aac": "aac",
}  # fmt: skip
_UNREAD_TYPES = {
    "audio/basic": "mu-law", "audio/mulaw": "mu-law", "audio/x-mulaw": "mu-law",
    "audio/pcmu": "mu-law", "audio/alaw": "A-law", "audio/x-alaw": "A-law", "audio/pcma": "A-law",
    "audio/mp4": "MP4", "audio/webm": "WebM", "audio/amr": "AMR", "audio/aiff": "AIFF",
}  # fmt: skip
_MAGIC = {
    b"RIFF": "wav", b"RF64": "wav", b"BW64": "wav", b"fLaC": "flac", b"OggS": "opus",
}  # fmt: skip
_UNREAD_MAGIC = {
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

    `data` is the answer or its beginning; HEAD_BYTES behind the tags tell what can be told.
    TargetShapeError for what is no sound, for what is not decoded here, and when nothing tells.
    """
    kind = plain_type(content_type)
    _refuse_unread(data, kind)
    told = by_bytes(data)
    if told is not None:
        return told
    head = data[:SHOWN_BYTES]
    if kind.startswith("text/") or kind.endswith(("json", "xml")) or _is_text(data):
        raise TargetShapeError(
            f"found an answer of type {kind or 'none'} that begins {head!r}, wanted sound; see the "
            "server's log, or its --ttsperf-http-template"
        )
    if kind in _UNREAD_TYPES:
        raise TargetShapeError(
            f"found {_UNREAD_TYPES[kind]} ({kind}); wanted one of {', '.join(FORMATS)}"
        )
    if kind in _TYPES:
        return _TYPES[kind]
    if wanted in FORMATS:
        return wanted
    by_word = _by_sync_word(head)
    if by_word is None:
        raise TargetShapeError(
            f"found {head!r} of type {kind or 'none'}, and nothing tells its format; name one of "
            f"{', '.join(FORMATS)} as `format` in --ttsperf-http-template"
        )
    return by_word


def describe_mismatch(kind: str, content_type: str | None, wanted: str | None) -> str | None:
    """What to say where the bytes are not of the type that they are called; None where they are."""
    name = plain_type(content_type)
    named = _TYPES.get(name, wanted)
    if named in (None, kind):
        return None
    source = f"the server calls its answer {name}" if name in _TYPES else f"{wanted} was asked for"
    return f"{source}, and its bytes are {_SHOWN.get(kind, kind)}; they were measured as such"


def by_bytes(data: bytes) -> str | None:
    """Which of FORMATS these bytes surely are, by themselves; None where they do not tell."""
    rest, is_tagged = _skip_tags(data)
    for magic, name in _MAGIC.items():
        if rest.startswith(magic):
            return name
    row = mpeg_frames.follow_one_another(rest)
    if row is None and is_tagged:
        return _by_sync_word(rest) or "mp3"
    return row


def container_name(data: bytes) -> str | None:
    """What bytes that should be bare samples are instead; None where they may be samples."""
    unread = _unread(data)
    if unread is not None:
        return unread
    kind = by_bytes(data)
    return None if kind is None else _SHOWN[kind]


def plain_type(content_type: str | None) -> str:
    """The type without its parameters, in small letters; empty for none."""
    return (content_type or "").partition(";")[0].strip().lower()


def _skip_tags(data: bytes) -> tuple[bytes, bool]:
    """The bytes behind the ID3 tags at the front, and whether there was one."""
    at = 0
    while data[at : at + 3] == tags.ID3:
        size = tags.length(data[at : at + 10])
        if not size:
            break
        at += size
    return data[at : at + HEAD_BYTES], at > 0


def _refuse_unread(data: bytes, kind: str) -> None:
    name = _unread(data)
    if name is None:
        return
    called = f", though its type is {kind}" if kind else ""
    raise TargetShapeError(f"found {name}{called}; wanted one of {', '.join(FORMATS)}")


def _unread(data: bytes) -> str | None:
    if data[4:8] == b"ftyp":
        return "MP4 (M4A)"
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    return next((name for magic, name in _UNREAD_MAGIC.items() if data.startswith(magic)), None)


def _is_text(data: bytes) -> bool:
    """Whether it is JSON or markup by its looks, whatever it is called."""
    head = data[:64]
    looks_so = head.lstrip()[:1] in (b"{", b"[", b"<")
    return looks_so and len(head) >= _SHORTEST_TEXT and _PRINTABLE.issuperset(head)


def _by_sync_word(head: bytes) -> str | None:
    if len(head) < 2 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    return "mp3" if head[1] & 0xE6 == 0xE2 else None
