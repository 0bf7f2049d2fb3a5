"""From the answers of a scripted client to recordings."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from pytest_ttsperf.errors import StatusRefused, TargetFailed, TargetShapeError
from pytest_ttsperf.records import Json, Mode
from pytest_ttsperf.targets.decoders.pcm import Pcm, PcmShape
from pytest_ttsperf.targets.server import adapter
from pytest_ttsperf.targets.server.adapter import ServerAdapter, open_adapter
from pytest_ttsperf.targets.server.client import TimedResponse, Unanswered

SPEC = "http://127.0.0.1:1"


@dataclass
class Scripted:
    """Answers with these reads, 10 ns apart, at a rate that may change."""

    reads: tuple[bytes, ...] = (b"", b"\1\0\2", b"\0\3\0\4\0", b"")
    rates: list[int] = field(default_factory=lambda: [16_000] * 9)
    channels: int = 1
    prepared: int = 0
    closed: bool = False

    def prepare(self) -> None:
        self.prepared += 1

    def ask(self, text: str, mode: Mode) -> TimedResponse:
        reads = [(110 + 10 * index, data) for index, data in enumerate(self.reads)]
        return TimedResponse(
            100, 200, reads, Pcm(PcmShape(self.rates.pop(0), channels=self.channels))
        )

    def placement(self) -> dict[str, Json] | None:
        return {"provider": "x"}

    def close(self) -> None:
        self.closed = True


def test_each_sample_counts_with_the_read_that_completes_it() -> None:
    client = Scripted()
    speaker = ServerAdapter(client, SPEC)
    recording = speaker.record("Hello.", "stream")
    assert recording.arrivals_ns == (110, 120, 130, 140)
    assert recording.frame_counts == (0, 1, 3, 0)
    assert (recording.request_ns, recording.end_ns) == (100, 200)
    assert recording.cpu_ns is None
    heard = np.frombuffer(recording.pcm, "<f4") * 32768  # type: ignore[arg-type]
    assert heard.tolist() == [1, 2, 3, 4]
    assert client.prepared == 2
    assert (speaker.placement(), speaker.warm()) == ({"provider": "x"}, False)
    speaker.close()
    assert client.closed


def test_as_a_whole_all_is_there_at_the_end() -> None:
    recording = ServerAdapter(Scripted(), SPEC).record("Hello.", "nonstream")
    assert (recording.arrivals_ns, recording.frame_counts) == ((200,), (4,))


def test_a_mixdown_is_told_once() -> None:
    speaker = ServerAdapter(Scripted(channels=2), SPEC)
    speaker.record("Hello.", "stream")
    assert speaker.opening_spans() == (
        (),
        ("the sound has 2 channels; their mean was measured",),
    )


def test_a_rate_that_changes_and_an_answer_without_sound_are_told() -> None:
    speaker = ServerAdapter(Scripted(rates=[16_000, 22_050]), SPEC)
    with pytest.raises(TargetShapeError, match="16000 Hz before and at 22050 Hz now"):
        speaker.record("Hello.", "stream")
    with pytest.raises(TargetFailed, match="0 bytes and no sound"):
        ServerAdapter(Scripted(reads=(b"", b"")), SPEC)


@pytest.mark.parametrize(
    ("spec", "options", "told"),
    [
        (SPEC, {"colour": 1}, "colour=1; wanted preset or template or connection"),
        ("wyoming://127.0.0.1:1", {"preset": "piper"}, "wanted connection or quiet"),
    ],
)
def test_options_that_a_server_does_not_have_are_told(
    spec: str, options: dict[str, Json], told: str
) -> None:
    with pytest.raises(TargetShapeError, match=told):
        open_adapter(spec, options, {}, ())


# A server that was only just started

LOADING = StatusRefused("answered 503", status=503)


class Starting(Scripted):
    """Raises each of these once, before it answers."""

    errors: list[Exception]

    def ask(self, text: str, mode: Mode) -> TimedResponse:
        if self.errors:
            raise self.errors.pop(0)
        return super().ask(text, mode)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Starting]:
    """Those that were made, of one server: they raise what `Starting.errors` has."""
    made: list[Starting] = []

    def open_client(*_: object) -> Starting:
        made.append(Starting())
        return made[-1]

    monkeypatch.setattr(adapter, "open_client", open_client)
    monkeypatch.setattr(adapter, "RETRY_S", 0.001)
    return made


def test_one_that_is_not_ready_is_asked_again(
    clients: list[Starting], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [LOADING, Unanswered("reset"), LOADING]
    monkeypatch.setattr(Starting, "errors", errors, raising=False)
    speaker = open_adapter(SPEC, {}, {}, (), patience_s=30.0)
    assert speaker.sample_rate == 16_000
    assert [client.closed for client in clients] == [True, True, True, False]


@pytest.mark.parametrize("patience_s", [0.0, 0.02])
def test_it_is_asked_no_longer_than_it_may_take(
    clients: list[Starting], monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    monkeypatch.setattr(Starting, "errors", [LOADING] * 1000, raising=False)
    with pytest.raises(StatusRefused, match="503"):
        open_adapter(SPEC, {}, {}, (), patience_s=patience_s)
    assert (len(clients) > 1) is (patience_s > 0)
    assert all(client.closed for client in clients)


def test_what_it_refuses_otherwise_it_refuses_at_once(
    clients: list[Starting], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = StatusRefused("answered 400", status=400)
    monkeypatch.setattr(Starting, "errors", [refused, refused], raising=False)
    with pytest.raises(StatusRefused, match="400"):
        open_adapter(SPEC, {}, {}, (), patience_s=30.0)
    assert len(clients) == 1
