"""What worker and parent say arrives as it was said."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ttsperf.records import RecorderCost, Recording, SessionProfile, Span
from pytest_ttsperf.targets.worker import protocol
from tests.examples import examples


def over_a_socket(message: protocol.Request | protocol.Reply, *, reply: bool) -> object:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = threading.Thread(target=protocol.send, args=(ours, message))
        writer.start()
        received = (protocol.receive_reply if reply else protocol.receive_request)(theirs)
        writer.join()
    return received


@settings(max_examples=examples(30))
@given(
    text=st.text(),
    pcm=st.binary(max_size=5000),
    arrivals=st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2**31))),
)
def test_round_trip(text: str, pcm: bytes, arrivals: list[tuple[int, int]]) -> None:
    speak = protocol.RecordRequest(text=text, mode="stream")
    assert over_a_socket(speak, reply=False) == speak
    recording = Recording(
        request_ns=1,
        arrivals_ns=tuple(at for at, _ in arrivals),
        frame_counts=tuple(count for _, count in arrivals),
        end_ns=2**62,
        sample_rate=24000,
        spans=(Span(stage="vocode", chunk=None, start_ns=1, end_ns=2),),
        pcm=pcm,
    )
    assert over_a_socket(
        protocol.RecordedReply(recording=recording), reply=True
    ) == protocol.RecordedReply(recording=recording)


def test_a_megabyte_passes_in_pieces() -> None:
    recording = Recording(
        request_ns=0, arrivals_ns=(), frame_counts=(), end_ns=0, sample_rate=8000, pcm=b"7" * 2**22
    )
    assert over_a_socket(
        protocol.RecordedReply(recording=recording), reply=True
    ) == protocol.RecordedReply(recording=recording)


def test_every_message_is_told_apart() -> None:
    cost = RecorderCost(ttfa_us=1.0, per_chunk_us=0.1, trials=3)
    for reply in (
        protocol.DoneReply(),
        protocol.InspectedReply(placement=None, cost=cost),
        protocol.FailedReply(kinds=("ValueError",), message="no", traceback="..."),
    ):
        assert over_a_socket(reply, reply=True) == reply
    for request in (protocol.WarmRequest(), protocol.InspectRequest(), protocol.CloseRequest()):
        assert over_a_socket(request, reply=False) == request


def test_end_of_file_in_the_middle_is_told() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(b"\0\0\0\0\0\0\0\x09abc")
        ours.close()
        with pytest.raises(EOFError):
            protocol.receive_reply(theirs)


def test_what_is_no_message_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"\0\0\0\0\0\0\0\x01\xc1")
        with pytest.raises(msgspec.DecodeError):
            protocol.receive_request(theirs)


def test_a_folder_for_profiles_arrives_as_a_path_and_what_is_in_it_comes_back() -> None:
    wanted = protocol.OpenRequest(
        spec="engines:Engine", options={}, available={}, requested=(), sys_path=(b"/code",),
        spawned_ns=1, profile_folder=Path("/tmp/profiles"),
    )  # fmt: skip
    assert over_a_socket(wanted, reply=False) == wanted
    found = protocol.InspectedReply(
        placement=None,
        cost=RecorderCost(ttfa_us=1.0, per_chunk_us=0.1, trials=9),
        profiles=(SessionProfile(file="session0_x.json", origin_ns=2**62),),
    )
    assert over_a_socket(found, reply=True) == found
