"""OpenAI's answer as server-sent events (`stream_format: sse`): sound in base64, event by event."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator

import numpy as np

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.targets.decoders.base import NOTHING, Decoder, Samples
from pytest_ttsperf.targets.decoders.signatures import HEAD_BYTES

DELTA = "speech.audio.delta"
DONE = "speech.audio.done"
_FIELD = b"data:"
_END = b"[DONE]"


class Events:
    """Unpacks events and hands their sound to the decoder of its format.

    Events of other types are passed over; one that carries an error fails the answer.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._buffer = b""
        self._is_done = False

    @property
    def sample_rate(self) -> int | None:
        """In Hz; None until the sound has said it."""
        return self._decoder.sample_rate

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Decoder`."""
        return self._decoder.notes

    def feed(self, data: bytes) -> Samples:
        """See `Decoder`."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        parts = [NOTHING]
        for kind, sound in _parse_events(lines):
            if kind == DONE:
                self._is_done = True
            parts.append(self._decoder.feed(sound))
        return np.concatenate(parts)

    def finish(self) -> Samples:
        """See `Decoder`."""
        if not self._is_done:
            raise TargetFailed(f"the events ended without {DONE}: the answer was cut short")
        return self._decoder.finish()


def sound_at_begin(body: bytes) -> bytes:
    """The first HEAD_BYTES of sound in the events of an answer. TargetFailed for an error in it."""
    begin = b""
    for _, sound in _parse_events(body.split(b"\n")):
        begin += sound
        if len(begin) >= HEAD_BYTES:
            break
    return begin


def _parse_events(lines: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Type and sound of each event. TargetFailed for one that reports an error."""
    for line in lines:
        if not line.startswith(_FIELD):
            continue
        value = line.removeprefix(_FIELD).strip()
        if value == _END:
            yield DONE, b""
        else:
            yield _parse_event(value)


def _parse_event(value: bytes) -> tuple[str, bytes]:
    """Type and sound of one event. TargetFailed for what is none, or reports an error."""
    sound = b""
    try:
        event = json.loads(value)
        kind = event.get("type")
        if kind == DELTA:
            sound = base64.b64decode(event["audio"], validate=True)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        start = secrets.scrub(repr(value))[:80]  # before it is cut
        raise TargetFailed(
            f"found the event {start} ({error}), wanted JSON with a type and audio"
        ) from error
    if event.get("error") or kind == "error":
        text = secrets.scrub(value.decode(errors="replace"))[:500]
        raise TargetFailed(f"an event of the answer reports an error: {text}")
    return str(kind), sound
