"""OpenAI's answer as server-sent events (`stream_format: sse`): sound in base64, event by event."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable

import numpy as np

from pytest_ttsperf.errors import TargetFailed
from pytest_ttsperf.measure.targets.containers import NOTHING, SNIFFED_BYTES, Container, Samples

DELTA, DONE = "speech.audio.delta", "speech.audio.done"


class Events:
    """Unpacks events and hands their sound to the container that `make` makes of its first bytes.

    Events of other types are passed over; one that carries an error fails the answer.
    """

    def __init__(self, make: Callable[[bytes], Container]) -> None:
        self._make = make
        self._sound: Container | None = None
        self._waiting = b""
        self._head = b""
        self._is_done = False

    @property
    def sample_rate(self) -> int | None:
        """In Hz; None before the first sound."""
        return None if self._sound is None else self._sound.sample_rate

    @property
    def notes(self) -> tuple[str, ...]:
        """See `containers.Container`."""
        return () if self._sound is None else self._sound.notes

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
        if self._sound is None:
            return self._short() if self._head else NOTHING
        return self._sound.finish()

    def _event(self, line: bytes) -> Samples:
        if line == b"[DONE]":
            self._is_done = True
            return NOTHING
        try:
            event = json.loads(line)
            kind = event.get("type")
            sound = base64.b64decode(event["audio"], validate=True) if kind == DELTA else b""
        except (ValueError, KeyError, AttributeError, TypeError, binascii.Error) as error:
            raise TargetFailed(
                f"found the event {line[:80]!r} ({error}), wanted JSON with a type and audio"
            ) from error
        if event.get("error") or kind == "error":
            raise TargetFailed(f"an event of the answer tells an error: {line[:500].decode()}")
        self._is_done = self._is_done or kind == DONE
        if self._sound is not None:
            return self._sound.feed(sound)
        self._head += sound
        if len(self._head) < SNIFFED_BYTES:
            return NOTHING
        self._sound = self._make(self._head[:SNIFFED_BYTES])
        return self._sound.feed(self._head)

    def _short(self) -> Samples:
        """All sound was shorter than what tells its container."""
        self._sound = self._make(self._head)
        return np.concatenate([self._sound.feed(self._head), self._sound.finish()])
