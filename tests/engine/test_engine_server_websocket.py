"""The WebSocket: text as it is written, sound as it is made, barge-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from engine.engine import Engine
from engine.errors import ModelError
from engine.server.config import Limits, ServerConfig
from tests.engine.server_process import SPEECH, Scripted, idle, served, status, until, wish

TEXT = "Hello there, this is a short sentence to hear."
LONG = "This is said to somebody who may leave before it ends. " * 20


@pytest.fixture(scope="module")
def url(cache_folder: Path) -> Iterator[str]:
    with served(ServerConfig(port=0, limits=Limits(streams=1))) as address:
        yield address


def talk(url: str, query: str = "", **headers: str) -> ClientConnection:
    address = url.replace("http://", "ws://") + SPEECH + query
    return connect(address, additional_headers=headers, compression=None, close_timeout=1)


def say(connection: ClientConnection, kind: str, **more: Any) -> None:
    connection.send(json.dumps({"type": kind, **more}))


def heard(connection: ClientConnection, last: str = "done") -> tuple[bytes, list[dict[str, Any]]]:
    """Sound and messages up to the one of that type."""
    sound, told = b"", []
    while True:
        message = connection.recv(timeout=30)
        if isinstance(message, bytes):
            sound += message
            continue
        told.append(json.loads(message))
        if told[-1]["type"] == last:
            return sound, told


def test_a_text_in_parts_sounds_as_in_one(url: str, voice: Engine) -> None:
    parts = ["Hello there. ", "This is a ", "second sentence, ", "and that is ", "all"]
    with talk(url) as connection:
        for part in parts:
            say(connection, "append", text=part)
        say(connection, "flush")
        sound, told = heard(connection)
    chunks = list(voice.stream(parts))
    assert sound == b"".join(chunk.pcm16() for chunk in chunks)
    words = [word["word"] for event in told if event["type"] == "words" for word in event["words"]]
    assert words == [word.text for chunk in chunks for word in chunk.words]
    assert told[0]["type"] == "started"
    assert (told[0]["voice"], told[0]["provider"]) == ("heart", "CPUExecutionProvider")
    assert (told[-1]["characters"], told[-1]["words"]) == (len("".join(parts)), len(words))


def test_what_is_left_out_is_a_message(url: str) -> None:
    with talk(url) as connection:
        say(connection, "append", text="Hello 😀 there.")
        say(connection, "flush")
        _, told = heard(connection)
    (message,) = [event for event in told if event["type"] == "unreadable"]
    place = {"start_char": 6, "end_char": 7}
    assert message["unreadable"] == [{"text": "😀", "kind": "emoji", **place}]
    assert told[-1]["unreadable"] == 1


def test_a_sentence_is_spoken_while_the_next_is_written(url: str) -> None:
    with talk(url) as connection:
        say(connection, "append", text="Hello there. And ")
        while not isinstance(connection.recv(timeout=30), bytes):
            pass
        say(connection, "append", text="goodbye.")
        say(connection, "flush")
        _, told = heard(connection)
    words = [w["word"] for event in told if event["type"] == "words" for w in event["words"]]
    assert words[-1] == "goodbye"


def test_who_waits_for_text_leaves_the_place_to_others(url: str) -> None:
    # There is one place only.
    with talk(url) as connection:
        say(connection, "append", text="Hello there. And ")
        until(lambda: status(url)["queue"]["speaking"] == 0)
        assert httpx.post(f"{url}{SPEECH}", json=wish(TEXT)).status_code == 200
        say(connection, "append", text="goodbye.")
        say(connection, "flush")
        heard(connection)
    until(lambda: status(url)["queue"]["speaking"] == 0)


def test_utterances_follow_each_other(url: str, voice: Engine) -> None:
    with talk(url, "?response_format=wav&voice=heart&model=hibari") as connection:
        for text in ("Yes.", "No."):
            say(connection, "append", text=text)
            say(connection, "flush")
        first, _ = heard(connection)
        second, _ = heard(connection)
    assert first[44:] == b"".join(chunk.pcm16() for chunk in voice.stream(["Yes."]))
    assert second[44:] == b"".join(chunk.pcm16() for chunk in voice.stream(["No."]))


def test_barge_in_tells_the_last_word_heard(url: str) -> None:
    with talk(url) as connection:
        say(connection, "append", text=LONG)
        say(connection, "flush")
        words: list[dict[str, Any]] = []
        while len(words) < 8:
            message = connection.recv(timeout=30)
            if isinstance(message, str):
                words += json.loads(message).get("words", [])
        say(connection, "cancel", played_s=words[5]["start"] + 0.01)
        _, told = heard(connection, "cancelled")
        assert told[-1]["last_word"] == words[5]
        assert told[-1]["words_spoken"] == 6
        assert not told[-1]["estimated"]

        say(connection, "append", text="Yes.")
        say(connection, "flush")
        sound, told = heard(connection)
        assert sound
        assert "cancelled" not in {event["type"] for event in told}


def test_barge_in_without_a_position_takes_the_clock() -> None:
    engine = Scripted(1000, gated=True)
    assert engine.gate is not None
    with served(ServerConfig(port=0), lambda _: engine) as url, talk(url) as connection:
        engine.gate.release(1)
        say(connection, "append", text="Hello. ")
        while not isinstance(connection.recv(timeout=30), bytes):
            pass
        say(connection, "cancel")
        _, told = heard(connection, "cancelled")
        assert told[-1]["estimated"]
        assert told[-1]["last_word"] is None  # this voice cannot tell
        assert 0 <= told[-1]["played_s"] <= told[-1]["audio_s"] == 0.1
        assert engine.closed.is_set()
        idle(url, {"disconnected": 1})


def test_cancelling_nothing_is_no_error(url: str) -> None:
    with talk(url) as connection:
        say(connection, "cancel")
        _, told = heard(connection, "cancelled")
        assert (told[-1]["last_word"], told[-1]["audio_s"]) == (None, 0.0)


def test_leaving_ends_the_work(url: str) -> None:
    for text in (LONG, "Hello there. And "):
        with talk(url) as connection:
            say(connection, "append", text=text)
            while not isinstance(connection.recv(timeout=30), bytes):
                pass
        until(lambda: status(url)["queue"]["speaking"] == 0)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("hello", "found an unfit message"),
        ('{"type": "sing"}', "found an unfit type"),
        ('{"type": "cancel", "played_s": -1}', "found an unfit played_s"),
        (json.dumps({"type": "append", "text": "a" * 5000}), "more than 4096 characters"),
        (json.dumps({"type": "append", "text": "😀"}), "found no sound in"),
    ],
)
def test_unfit_messages_are_told_and_the_talk_goes_on(url: str, message: str, words: str) -> None:
    with talk(url) as connection:
        connection.send(message)
        say(connection, "flush")
        _, told = heard(connection, "error")
        assert words in told[-1]["error"]["message"]
        say(connection, "append", text="Yes.")
        say(connection, "flush")
        assert heard(connection)[0]


@pytest.mark.parametrize(
    ("query", "headers", "code", "words"),
    [
        ("?voice=hart", {}, 400, "did you mean 'heart'"),
        ("?response_format=ogg", {}, 400, "found response_format='ogg', wanted"),
        ("?speed=9", {}, 400, "found speed='9', wanted"),
        ("", {"Origin": "https://example.org"}, 403, "named by --cors-origin"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    url: str, query: str, headers: dict[str, str], code: int, words: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        talk(url, query, **headers)
    answer = caught.value.response
    assert answer.status_code == code
    assert words in json.loads(answer.body)["error"]["message"]


def test_strict_takes_no_liberties() -> None:
    config = ServerConfig(port=0, is_strict=True)
    with served(config, lambda _: Scripted()) as url:
        for query in ("?pitch=2", "?voice=HEART", "?response_format=PCM"):
            with pytest.raises(InvalidStatus) as caught:
                talk(url, query)
            assert caught.value.response.status_code == 400
        with talk(url) as connection:
            connection.send('{"type": "append", "text": null}')
            _, told = heard(connection, "error")
            assert "found an unfit text" in told[-1]["error"]["message"]


def test_a_slow_listener_leaves_the_place_and_is_dropped_in_the_end() -> None:
    engine = Scripted(100_000)
    limits = Limits(streams=1, stall_s=1.0)
    with (
        served(ServerConfig(port=0, limits=limits), lambda _: engine) as url,
        talk(url) as connection,
    ):
        say(connection, "append", text="Hello.")
        until(lambda: engine.made > 0 and status(url)["queue"]["speaking"] == 0)
        engine.chunk_count = 3
        assert httpx.post(f"{url}{SPEECH}", json=wish()).status_code == 200
        idle(url, {"done": 1, "stalled": 1})


def test_a_failing_voice_is_told_and_the_talk_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    engine = Scripted(fail_at=1)
    engine.error = ModelError("found smoke, wanted spectra; open a window")
    with served(ServerConfig(port=0), lambda _: engine) as url, talk(url) as connection:
        say(connection, "append", text="Hello.")
        sound, told = heard(connection, "error")
        assert len(sound) == 4800
        assert told[-1]["error"]["type"] == "server_error"
        engine.fail_at = -1
        say(connection, "append", text="Hello.")
        assert len(heard(connection)[0]) == 3 * 4800
    assert "Hello" not in caplog.text


def test_more_utterances_than_may_wait_are_refused() -> None:
    engine = Scripted(gated=True)
    limits = Limits(waiting=1)
    with (
        served(ServerConfig(port=0, limits=limits), lambda _: engine) as url,
        talk(url) as connection,
    ):
        say(connection, "append", text="One.")
        say(connection, "flush")
        until(lambda: status(url)["queue"]["speaking"] == 1)
        for text in ("Two.", "Three."):
            say(connection, "append", text=text)
            say(connection, "flush")
        _, told = heard(connection, "error")
        assert told[-1]["error"]["type"] == "rate_limit_error"


def test_a_token_and_a_limit() -> None:
    options = ServerConfig(port=0, token="secret", limits=Limits(sockets=1))
    with served(options, lambda _: Scripted()) as url:
        with pytest.raises(InvalidStatus):
            talk(url)
        with talk(url, Authorization="Bearer secret"):
            with pytest.raises(InvalidStatus) as caught:
                talk(url, Authorization="Bearer secret")
            assert caught.value.response.status_code == 429
