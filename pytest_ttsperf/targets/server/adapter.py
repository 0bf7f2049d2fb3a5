"""A server as seen by its client: what the worker holds in the place of an engine.

The client runs in a process of its own, so that nothing that pytest does in the meantime delays
its reads. Bytes are stamped as they arrive and decoded after the last one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import StatusRefused, TargetFailed, TargetShapeError
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Json, Mode, Recording, Span
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.decoders.base import NOTHING
from pytest_ttsperf.targets.decoders.pcm import Pcm
from pytest_ttsperf.targets.decoders.wav import Wav
from pytest_ttsperf.targets.server.client import (
    Client,
    RawResponse,
    TimedResponse,
    Unanswered,
    count_bytes,
)
from pytest_ttsperf.targets.server.start_options import OPTIONS as START_OPTIONS

FIRST_TEXT = "Hello, this is the first sentence."
"""Requested once at the opening: it shows the rate, and whether there is an answer at all."""
NOT_READY = 503
RETRY_S = 0.1
"""Until a server that is not ready is asked again."""


class ServerAdapter:
    """Offers a client to the worker as `PythonAdapter` offers an engine.

    Opening it sends FIRST_TEXT. TargetError where there is no sound in an answer.
    """

    def __init__(self, client: Client, spec: str) -> None:
        self._client = client
        self._spec = spec
        self._sample_rate: int | None = None
        self._notes: list[str] = []
        self.is_rate_supposed = False
        """Whether nothing that the server sends says the rate."""
        self.bytes_per_s: float | None = None
        """Of its sound as it is sent; None where only a decoder tells how long it lasts."""
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
        """As the server reports it; None when it does not."""
        return self._client.placement()

    def opening_spans(self) -> tuple[tuple[Span, ...], tuple[str, ...]]:
        """No stages, as the server opened before; and what is odd about its answers."""
        return (), tuple(self._notes)

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed request; decoded after the last byte."""
        self._client.prepare()
        return self._to_recording(self._client.ask(text, mode), mode)

    def decode(self, raw: RawResponse, mode: Mode) -> Recording:
        """The recording of an answer that any client of this server has fetched.

        One that was hung up ends where it was cut, be it within a frame. TargetError for what is
        no sound.
        """
        return self._to_recording(raw.identify(), mode, is_cut=raw.is_cut)

    def _to_recording(
        self,
        response: TimedResponse,
        mode: Mode,
        *,
        is_cut: bool = False,
    ) -> Recording:
        decoder = response.decoder
        parts = [decoder.feed(data) for _, data in response.reads]
        rest = NOTHING
        if not is_cut:
            rest = decoder.finish()
        samples = np.concatenate([*parts, rest])
        sample_rate = decoder.sample_rate
        if is_cut and sample_rate is None:  # nothing but a header came
            sample_rate = self._sample_rate
        is_empty = not len(samples) and not is_cut
        if is_empty or sample_rate is None:
            raise TargetFailed(
                f"target {self._spec} answered with {count_bytes(response.reads)} bytes and no "
                "sound in them; look into its log"
            )
        self._check_rate(sample_rate)
        self._add_notes(response)
        if isinstance(decoder, Pcm | Wav) and not is_cut:
            self.bytes_per_s = count_bytes(response.reads) * sample_rate / len(samples)
        arrivals_ns = [at_ns for at_ns, _ in response.reads]
        frame_counts = list(map(len, parts))
        frame_counts[-1] += len(rest)  # what a decoder holds to the end came with the last byte
        if mode == "nonstream":
            arrivals_ns = [response.end_ns]
            frame_counts = [len(samples)]
        return Recording(
            request_ns=response.request_ns,
            arrivals_ns=tuple(arrivals_ns),
            frame_counts=tuple(frame_counts),
            end_ns=response.end_ns,
            sample_rate=sample_rate,
            spans=response.spans,
            pcm=samples.astype("<f4", copy=False).tobytes(),
        )

    def _check_rate(self, sample_rate: int) -> None:
        if self._sample_rate not in (None, sample_rate):
            raise TargetShapeError(
                f"target {self._spec} answered at {self._sample_rate} Hz before and at "
                f"{sample_rate} Hz now; wanted one rate throughout"
            )
        self._sample_rate = sample_rate

    def _add_notes(self, response: TimedResponse) -> None:
        self.is_rate_supposed = response.is_rate_supposed
        for note in (*response.notes, *response.decoder.notes):
            if note not in self._notes:
                self._notes.append(note)


def open_adapter(
    spec: str,
    options: dict[str, Json],
    available: dict[str, str],
    requested: tuple[str, ...],
    *,
    patience_s: float = 0.0,
) -> ServerAdapter:
    """Reach the server that `spec` names. TargetError says what is in the way.

    For `patience_s` it may answer that it is not ready, or end connections without an answer. A
    provider cannot be chosen from outside: the one asked for is compared with what the server
    reports.
    """
    end_s = REAL.monotonic() + patience_s
    while True:
        client = open_client(spec, options, available, requested)
        try:
            return ServerAdapter(client, secrets.mask(spec))
        except BaseException as error:
            client.close()
            if not _is_not_ready(error) or REAL.monotonic() >= end_s:
                raise
        REAL.sleep(RETRY_S)


def _is_not_ready(error: BaseException) -> bool:
    """Whether it is what a server says, or a proxy before it, that is still starting."""
    if isinstance(error, StatusRefused):
        return error.status == NOT_READY
    return isinstance(error, Unanswered)


def open_client(
    spec: str,
    options: dict[str, Json],
    available: dict[str, str],
    requested: tuple[str, ...],
) -> Client:
    """A client of the server that `spec` names, with a connection of its own that is not open yet.

    TargetShapeError for options that it does not have.
    """
    from pytest_ttsperf.targets.server.http import HttpClient
    from pytest_ttsperf.targets.server.wyoming import WyomingClient

    make_client: Callable[..., Client] = HttpClient
    option_names: tuple[str, ...] = ("preset", "template", "connection")
    if targets_spec.kind_of(spec).name == "wyoming":
        make_client = WyomingClient
        option_names = ("connection", "quiet")
    label = secrets.mask(spec)
    for name, value in options.items():
        if name not in option_names:
            raise TargetShapeError(
                f"target {label} was given {name}={secrets.mask_value(name, value)!r}; wanted "
                f"{' or '.join((*option_names, *START_OPTIONS))}"
            )
    return make_client(
        spec,
        voice=available.get("voice"),
        needs_voice="voice" in requested,
        **options,
    )
