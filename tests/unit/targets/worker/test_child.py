"""The worker's own side, asked over a real socket: here in a thread, where it can be watched."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf.targets.worker import child as worker_child
from pytest_ttsperf.targets.worker import protocol, source_tree

ENGINE = """
import numpy

class Engine:
    sample_rate = 16000
    def __init__(self, voice="hum"):
        self.voice, self.is_warm = voice, False
    def warm(self):
        self.is_warm = True
    def stream(self, text):
        if text == "fail":
            raise ValueError("no such word")
        yield numpy.full(1600, 0.25, numpy.float32)
        yield numpy.full(800, 0.25, numpy.float32)
    def stages(self):
        return []
    def placement(self):
        return {"voice": self.voice, "warm": self.is_warm, "nodes": {"CPU": 3}}
    def close(self):
        if self.voice == "stuck":
            raise OSError("cannot be closed")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where `asked_engine` can be imported from, once this is on the path."""
    (tmp_path / "asked_engine.py").write_text(ENGINE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("asked_engine", None)


@pytest.fixture
def ask() -> Iterator[Any]:
    """Asks a child and gives its reply."""
    ours, theirs = socket.socketpair()
    ours.settimeout(60)  # a child that died gives no answer
    child = threading.Thread(target=worker_child.serve, args=(theirs, time.monotonic_ns()))
    child.start()

    def asked(request: protocol.Request) -> protocol.Reply:
        protocol.send(ours, request)
        return protocol.receive_reply(ours)

    yield asked
    ours.close()  # which ends it, whatever it was told
    child.join(20)
    theirs.close()
    assert not child.is_alive()


def opening(folder: Path, **more: Any) -> protocol.OpenRequest:
    return protocol.OpenRequest(
        spec="asked_engine:Engine",
        options=more.pop("options", {}),
        available={"voice": "heart", "provider": "cpu"},
        requested=(),
        sys_path=(os.fsencode(folder),),
        spawned_ns=time.monotonic_ns(),
        **more,
    )


def test_a_target_is_opened_warmed_heard_inspected_and_closed(ask: Any, folder: Path) -> None:
    ready = ask(opening(folder)).ready
    assert (ready.pid, ready.sample_rate) == (os.getpid(), 16000)
    assert ready.placement["voice"] == "heart"
    assert set(ready.phases_ms) == {"process", "import", "open", "ready"}
    assert ready.process_ns <= time.perf_counter_ns()
    assert ask(protocol.WarmRequest()) == protocol.DoneReply()
    recording = ask(protocol.RecordRequest(text="Hello.", mode="stream")).recording
    assert recording.frame_counts == (1600, 800)
    assert len(recording.pcm) == 4 * 2400
    inspected = ask(protocol.InspectRequest())
    assert inspected.placement["warm"] is True
    assert inspected.cost.trials > 0
    assert inspected.tracers == ()
    assert ask(protocol.CloseRequest()) == protocol.DoneReply()


def test_errors_are_replies_and_begin_in_the_target(ask: Any, folder: Path) -> None:
    early = ask(protocol.WarmRequest())
    assert early.kinds[0] == "RuntimeError"
    ask(opening(folder))
    failed = ask(protocol.RecordRequest(text="fail", mode="stream"))
    assert failed.kinds[:2] == ("ValueError", "Exception")
    assert failed.message == "no such word"
    assert "asked_engine.py" in failed.traceback
    assert "worker/child.py" not in failed.traceback
    assert ask(protocol.RecordRequest(text="Hello.", mode="nonstream")).recording.frame_counts == (
        2400,
    )


def test_a_target_that_cannot_be_closed_says_so(ask: Any, folder: Path) -> None:
    ask(opening(folder, options={"voice": "stuck"}))
    assert ask(protocol.CloseRequest()).message == "cannot be closed"


def test_a_target_that_is_not_there(ask: Any, folder: Path) -> None:
    failed = ask(
        protocol.OpenRequest(**{**as_dict(opening(folder)), "spec": "asked_engine:Nobody"})
    )
    assert "TargetNotFound" in failed.kinds


def test_of_two_trees_the_other_one_is_imported(ask: Any, folder: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "asked_engine.py").write_text(ENGINE.replace("16000", "8000"))
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "asked_engine.py").write_text(ENGINE)
    tree = source_tree.Tree("theirs", ours, theirs)
    assert ask(opening(ours, tree=tree)).ready.sample_rate == 8000
    assert ask(protocol.InspectRequest()).placement["nodes"] == {"CPU": 3}


def as_dict(request: protocol.OpenRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in request.__struct_fields__}
