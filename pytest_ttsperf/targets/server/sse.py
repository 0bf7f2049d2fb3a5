"""OpenAI's answer as server-sent events (`stream_format: sse`): sound in base64, event by event."""

from __future__ import annotations

import base64
import json

import numpy as np

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.targets.decoders.base import NOTHING, Container, Samples
from pytest_ttsperf.targets.decoders.signatures import HEAD_BYTES

DELTA, DONE = "speech.audio.delta", "speech.audio.done"


class Events:
    """Unpacks events and hands their sound to the container that reads it.

    Events of other types are passed over; one that carries an error fails the answer.
    """

    def __init__(self, sound: Container) -> None:
        self._sound = sound
        self._waiting = b""
        self._is_done = False

    @property
    def sample_rate(self) -> int | None:
        """In Hz; None until the sound has told it."""
        return self._sound.sample_rate

    @property
    def notes(self) -> tuple[str, ...]:
        """See `containers.Container`."""
        return self._sound.notes

    def feed(self, data: bytes) -> Samples:
        """See `containers.Container`."""
        self._waiting += data
        found = []
        *lines, self._waiting = self._waiting.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                found.append(self._event(line[5:].strip()))
        return np.concatenate(found) if found else NOTHING

    def finish(self) -> Samples:
        """See `containers.Container`."""
        if not self._is_done:
            raise TargetFailed(f"the events ended without {DONE}: the answer was cut short")
        return self._sound.finish()

    def _event(self, line: bytes) -> Samples:
        if line == b"[DONE]":
            self._is_done = True
            return NOTHING
        kind, sound = _read(line)
        self._is_done = self._is_done or kind == DONE
        return self._sound.feed(sound)


def sound_at_begin(body: bytes) -> bytes:
    """The first HEAD_BYTES of sound in the events of an answer. TargetFailed for an error in it."""
    sound = b""
    for line in body.split(b"\n"):
        if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
            continue
        sound += _read(line[5:].strip())[1]
        if len(sound) >= HEAD_BYTES:
            break
    return sound


def _read(line: bytes) -> tuple[str, bytes]:
    """Type and sound of one event. TargetFailed for what is none, or tells an error."""
    try:
        event = json.loads(line)
        kind = event.get("type")
        sound = base64.b64decode(event["audio"], validate=True) if kind == DELTA else b""
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        start = secrets.scrub(repr(line))[:80]  # before it is cut
        raise TargetFailed(
            f"found the event {start} ({error}), wanted JSON with a type and audio"
        ) from error
    if event.get("error") or kind == "error":
        text = secrets.scrub(line.decode(errors="replace"))[:500]
        raise TargetFailed(f"an event of the answer tells an error: {text}")
    return str(kind), sound
