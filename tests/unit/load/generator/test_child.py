"""The generator's own side, asked over a real socket: here in a thread, where it can be watched."""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.load.generator import child as generator_child
from pytest_ttsperf.load.generator import listeners, protocol
from pytest_ttsperf.records import LoadSpec, OfferedRequest
from pytest_ttsperf.targets.worker import protocol as worker_protocol
from tests.plugin import speech_server
from tests.unit.targets.server.test_wyoming import Server, spoken

pytestmark = pytest.mark.starts

S = 1_000_000_000
ENGINE = """
import asyncio, time
import numpy

class Engine:
    sample_rate = 16000
    def stream(self, text):
        for _ in range(3):
            time.sleep(0.01)
            yield numpy.full(160, len(text) / 100, numpy.float32)

class Odd(Engine):
    def stream(self, text):
        yield "no sound"

class Awaited:
    sample_rate = 16000
    async def stream(self, text):
        if text == "block":
            time.sleep(3)
        for _ in range(3):
            await asyncio.sleep(0.01)
            yield numpy.full(160, len(text) / 100, numpy.float32)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where `crowd_engine` can be imported from, once this is on the path."""
    (tmp_path / "crowd_engine.py").write_text(ENGINE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("crowd_engine", None)


class Talk:
    """Our end of the connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, message: worker_protocol.Message) -> None:
        worker_protocol.send(self.connection, message)

    def receive(self) -> Any:
        return protocol.REPLIES.decode(worker_protocol.receive_body(self.connection))

    def ask(self, message: worker_protocol.Message) -> Any:
        self.send(message)
        return self.receive()

    def run(
        self,
        load: LoadSpec,
        requests: list[OfferedRequest],
        *,
        mode: Any = "stream",
        is_telling: bool = False,
        is_decoded: bool = True,
        timeout_s: float = 20.0,
    ) -> list[Any]:
        """A window of three tenths of a second; all that is said of it."""
        plan = protocol.PrepareRequest(
            load=load,
            mode=mode,
            requests=tuple(requests),
            turn_size=len(requests),
            most_in_flight=8,
            closes_ns=int(0.3 * S),
            is_repeated=True,
            timeout_s=timeout_s,
            is_telling=is_telling,
            is_decoded=is_decoded,
        )
        assert self.ask(plan) == worker_protocol.DoneReply()
        self.send(protocol.BeginRequest(begun_ns=time.perf_counter_ns() + 20_000_000))
        replies = []
        while True:
            replies.append(self.receive())
            if isinstance(replies[-1], protocol.WindowReply | worker_protocol.FailedReply):
                return replies


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """Talks to a child, which sets up its process: that is ours here, and stays as it is."""
    for module, name in ((gc, "freeze"), (os, "setpriority"), (sys, "setswitchinterval")):
        monkeypatch.setattr(module, name, lambda *_: None)
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    child = threading.Thread(target=generator_child.serve, args=(theirs, time.monotonic_ns()))
    child.start()
    yield Talk(ours)
    ours.close()
    child.join(20)
    theirs.close()
    assert not child.is_alive()
    assert gc.isenabled()


def opening(folder: Path, name: str) -> worker_protocol.OpenRequest:
    return worker_protocol.OpenRequest(
        spec=f"crowd_engine:{name}",
        options={},
        available={},
        requested=(),
        sys_path=(os.fsencode(folder),),
        spawned_ns=time.monotonic_ns(),
    )


def closed(*texts: str) -> list[OfferedRequest]:
    return [
        OfferedRequest(index=index, listener=index, text=text, at_ns=0)
        for index, text in enumerate(texts)
    ]


GREEDY = LoadSpec(listeners=2, pace="greedy")
OPEN = LoadSpec(rate=10.0)


def requests_in(replies: list[Any]) -> list[protocol.RequestReply]:
    return [each for each in replies if isinstance(each, protocol.RequestReply)]


@pytest.mark.parametrize("name", ["Engine", "Awaited"])
@pytest.mark.parametrize("load", [GREEDY, LoadSpec(listeners=2), OPEN])
def test_each_request_is_a_reply_and_the_window_is_the_last(
    talk: Talk, folder: Path, name: str, load: LoadSpec
) -> None:
    assert talk.ask(opening(folder, name)).ready.sample_rate == 16_000
    *replies, last = talk.run(load, closed("one", "three"))
    assert isinstance(last, protocol.WindowReply)
    assert last.health.seconds > 0
    assert {type(each) for each in replies} == {protocol.RequestReply}
    assert {each.request.text for each in replies} == {"one", "three"}
    dues = [each.load.scheduled_ns for each in replies]
    assert dues == sorted(dues)
    for reply in replies:
        assert reply.load.ended == "answered"
        assert reply.recording.request_ns == reply.load.scheduled_ns
        assert reply.recording.frame_counts == (160, 160, 160)
        assert reply.lateness_ns >= 0


def test_progress_is_told_where_it_is_wanted(
    talk: Talk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "TELL_S", 0.05)
    talk.ask(opening(folder, "Engine"))
    replies = talk.run(GREEDY, closed("one"), is_telling=True)
    seconds = [each.seconds for each in replies if isinstance(each, protocol.ProgressReply)]
    assert seconds
    assert seconds == sorted(seconds)


def test_without_a_listener_to_the_sound_there_is_no_recording(talk: Talk, folder: Path) -> None:
    talk.ask(opening(folder, "Engine"))
    replies = requests_in(talk.run(GREEDY, closed("one"), is_decoded=False))
    assert {(each.load.ended, each.recording) for each in replies} == {("answered", None)}


def test_what_turns_out_to_be_no_sound_has_failed(talk: Talk, folder: Path) -> None:
    talk.ask(opening(folder, "Odd"))
    replies = requests_in(talk.run(OPEN, closed("one")))
    assert [(each.load.ended, each.load.failure) for each in replies] == [
        ("failed", "TargetShapeError")
    ]
    assert replies[0].error is not None
    assert "wanted mono float32" in replies[0].error


def test_an_engine_that_blocks_its_loop_is_found_by_another_thread(
    talk: Talk, folder: Path
) -> None:
    talk.ask(opening(folder, "Awaited"))
    replies = talk.run(OPEN, closed("block"), timeout_s=0.2)
    failed = replies[-1]
    assert isinstance(failed, worker_protocol.FailedReply)
    assert failed.kinds[0] == "TargetTimeout"
    assert "cannot be ended by itself" in failed.message


def test_what_every_worker_does_is_done_here_too(talk: Talk, folder: Path) -> None:
    talk.ask(opening(folder, "Engine"))
    alone = talk.ask(worker_protocol.RecordRequest(text="one", mode="stream")).recording
    assert sum(alone.frame_counts) == 480
    assert talk.ask(worker_protocol.WarmRequest()) == worker_protocol.DoneReply()
    assert talk.ask(worker_protocol.InspectRequest()).placement is None
    assert talk.ask(worker_protocol.CloseRequest()) == worker_protocol.DoneReply()


@pytest.mark.parametrize("way", ["pcm", "mp3"])
@pytest.mark.parametrize("mode", ["stream", "nonstream"])
def test_a_server_is_reached_by_clients_of_their_own(talk: Talk, way: str, mode: Any) -> None:
    server = speech_server.serve()
    base = f"http://127.0.0.1:{server.server_address[1]}/{way}"
    before = len(speech_server.connections)
    opened = talk.ask(worker_protocol.ConnectRequest(base, {}, {}, ()))
    assert opened.ready.sample_rate == speech_server.RATE
    replies = requests_in(talk.run(LoadSpec(listeners=2), closed("A.", "Be."), mode=mode))
    assert {(each.load.ended, each.load.listener) for each in replies} == {
        ("answered", 0),
        ("answered", 1),
    }
    assert all(each.recording is not None for each in replies)
    if mode == "nonstream":
        assert {len(each.recording.arrivals_ns) for each in replies if each.recording} == {1}
    assert len(speech_server.connections) - before >= 3
    server.shutdown()
    server.server_close()


def test_a_wyoming_server_is_reached(talk: Talk) -> None:
    server = Server(spoken)
    talk.ask(worker_protocol.ConnectRequest(server.url, {"quiet": 0.05}, {}, ()))
    replies = requests_in(talk.run(GREEDY, closed("A.", "Be.")))
    assert {each.load.ended for each in replies} == {"answered"}
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("load", [LoadSpec(listeners=2), OPEN])
def test_each_listener_has_a_program(talk: Talk, tmp_path: Path, load: LoadSpec) -> None:
    sound = tmp_path / "sound.pcm"
    sound.write_bytes(speech_server.tone("A."))
    spec, options = f"cmd:cat {sound}", {"rate": speech_server.RATE}
    request = protocol.OpenProgramsRequest(spec, options, {}, (), timeout_s=20.0)
    assert talk.ask(request).ready.pid is None
    alone = talk.ask(worker_protocol.RecordRequest(text="A.", mode="stream")).recording
    assert sum(alone.frame_counts) == speech_server.RATE * 2 // 15
    assert talk.ask(worker_protocol.WarmRequest()) == worker_protocol.DoneReply()
    replies = requests_in(talk.run(load, closed("A.", "Be.")))
    assert {each.load.ended for each in replies} == {"answered"}
    for reply in replies:
        assert reply.recording is not None
        assert sum(reply.recording.frame_counts) == sum(alone.frame_counts)
    assert talk.ask(worker_protocol.InspectRequest()).placement is None


def test_a_window_that_was_not_prepared_is_an_error(talk: Talk) -> None:
    failed = talk.ask(protocol.BeginRequest(begun_ns=0))
    assert failed.kinds[0] == "AssertionError"
