"""A server as seen by its client: what the worker holds in the place of an engine.

The client runs in a process of its own, so that nothing that pytest does in the meantime delays
its reads. Bytes are stamped as they arrive and decoded after the last one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.records import Json, Mode, Recording, Span
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.server.client import Client, TimedResponse

FIRST_TEXT = "Hello, this is the first sentence."
"""Spoken once at the opening: it tells the rate and whether there is an answer at all."""


class ServerAdapter:
    """A client made into what the worker calls; see `loading.Speaker`."""

    def __init__(self, client: Client, spec: str) -> None:
        self._client = client
        self._spec = spec
        self._sample_rate: int | None = None
        self._notes: list[str] = []
        self.is_rate_supposed = False
        """Whether nothing that the server sends tells the rate."""
        self.record(FIRST_TEXT, "stream")

    @property
    def sample_rate(self) -> int:
        """Of the answers, in Hz."""
        assert self._sample_rate is not None
        return self._sample_rate

    def warm(self) -> bool:
        """A server warms itself; False, as there is nothing to call."""
        return False

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def placement(self) -> dict[str, Json] | None:
        """As the server tells it; None when it does not."""
        return self._client.placement()

    def opening_spans(self) -> tuple[tuple[Span, ...], tuple[str, ...]]:
        """No stages: the server opened before; and what is odd about its answers."""
        return (), tuple(self._notes)

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed request; decoded after the last byte."""
        self._client.prepare()
        answer = self._client.ask(text, mode)
        return self._recording(answer, mode)

    def _recording(self, answer: TimedResponse, mode: Mode) -> Recording:
        container = answer.container
        pieces = [container.feed(data) for _, data in answer.reads]
        pieces.append(container.finish())
        samples = np.concatenate(pieces)
        if not len(samples) or container.sample_rate is None:
            size = sum(len(data) for _, data in answer.reads)
            raise TargetFailed(
                f"target {self._spec} answered with {size} bytes and no sound in them; look into "
                "its log"
            )
        self.is_rate_supposed = answer.is_rate_supposed
        self._note((*answer.notes, *container.notes), container.sample_rate)
        arrivals = [at for at, _ in answer.reads]
        counts = [len(piece) for piece in pieces[:-1]]
        counts[-1] += len(pieces[-1])  # what a decoder gives up at the end came with the last byte
        if mode == "nonstream":
            arrivals, counts = [answer.end_ns], [len(samples)]
        return Recording(
            request_ns=answer.request_ns,
            arrivals_ns=tuple(arrivals),
            frame_counts=tuple(counts),
            end_ns=answer.end_ns,
            sample_rate=container.sample_rate,
            spans=answer.spans,
            pcm=samples.astype("<f4", copy=False).tobytes(),
        )

    def _note(self, notes: tuple[str, ...], sample_rate: int) -> None:
        self._notes += [note for note in notes if note not in self._notes]
        if self._sample_rate not in (None, sample_rate):
            raise TargetShapeError(
                f"target {self._spec} answered at {self._sample_rate} Hz before and at "
                f"{sample_rate} Hz now; wanted one rate throughout"
            )
        self._sample_rate = sample_rate


def open_adapter(
    spec: str, options: dict[str, Json], offered: dict[str, str], demanded: tuple[str, ...]
) -> ServerAdapter:
    """Reach the server that `spec` names. TargetError says what is in the way.

    A provider cannot be chosen from outside: one asked for is compared with what the server tells.
    """
    from pytest_ttsperf.targets.server.http import HttpClient
    from pytest_ttsperf.targets.server.wyoming import WyomingClient

    make: Callable[..., Client] = HttpClient
    known: tuple[str, ...] = ("preset", "template", "connection")
    if targets_spec.kind_of(spec).name == "wyoming":
        make, known = WyomingClient, ("connection", "quiet")
    for name in options:
        if name not in known:
            value = secrets.mask_value(name, options[name])
            raise TargetShapeError(
                f"target {secrets.mask(spec)} was given {name}={value!r}; wanted "
                f"{' or '.join(known)}"
            )
    client = make(spec, voice=offered.get("voice"), needs_voice="voice" in demanded, **options)
    try:
        return ServerAdapter(client, secrets.mask(spec))
    except BaseException:
        client.close()
        raise
