"""The server: real requests to a real uvicorn, most of them to the real voice."""

from __future__ import annotations

import base64
import io
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest

from engine.audio import wav_header
from engine.encoders import CONTENT_TYPES
from engine.engine import Engine
from engine.errors import ModelError, OptionError
from engine.server.config import TOKEN_VARIABLE, Limits, ServerConfig
from engine.server.lifecycle import Server, listen
from engine.server.voice_pool import VoicePool
from engine.text.normalise import Unreadable
from tests.engine.server_process import (
    SPEECH,
    Scripted,
    connected,
    idle,
    served,
    status,
    until,
    wish,
)

ROOT = Path(__file__).parents[2]
TEXT = "Hello there, this is a short sentence to hear."
SAID_FOR_LONG = "This is said to somebody who may leave before it ends. "
LONG = SAID_FOR_LONG * 40
LEFT_OUT = "Hello 😀 there. Please say Привет to them."
FORMATS = sorted(CONTENT_TYPES)


@pytest.fixture(scope="module")
def url(cache_folder: Path) -> Iterator[str]:
    """A warm server with the real voice."""
    with served(ServerConfig(port=0)) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


def post(url: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{url}{SPEECH}", json=wish(**body), timeout=30)


def decoded_s(content: bytes) -> float:
    with av.open(io.BytesIO(content)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def events(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in content.decode().split("\n\n") if line]


def test_openais_client_whole(client: openai.OpenAI, voice: Engine) -> None:
    answer = client.audio.speech.create(
        model="tts-1", voice="alloy", input=TEXT, response_format="pcm"
    )
    assert answer.content == voice.synthesize(TEXT).pcm16()


def test_openais_client_streaming(client: openai.OpenAI, voice: Engine) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice={"id": "heart"}, input=TEXT, response_format="wav"
    ) as answer:
        parts = list(answer.iter_bytes())
    assert len(parts) > 1
    assert b"".join(parts) == wav_header(24_000) + voice.synthesize(TEXT).pcm16()


def test_openais_client_is_told_of_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="found no sound in") as caught:
        client.audio.speech.create(model="tts-1", voice="heart", input="😀")
    assert (caught.value.param, caught.value.code) == ("input", "invalid_input")
    with pytest.raises(openai.NotFoundError, match="wanted one of hibari"):
        client.audio.speech.create(model="tts-9", voice="heart", input=TEXT)


def test_openais_client_lists_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()][:2] == ["hibari", "tts-1"]


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "pcm"])
def test_every_format_holds_all_of_the_sound(url: str, voice: Engine, name: str) -> None:
    answer = post(url, text=TEXT, response_format=name)
    assert answer.headers["content-type"] == CONTENT_TYPES[name]
    longer_s = decoded_s(answer.content) - voice.synthesize(TEXT).duration_s
    assert -0.001 < longer_s < 0.13


def test_speed_is_the_engines(url: str, voice: Engine) -> None:
    answer = post(url, text=TEXT, speed=1.5)
    assert answer.content == voice.synthesize(TEXT, speed=1.5).pcm16()


def test_mp3_is_the_default(url: str) -> None:
    body = {"model": "hibari", "voice": "heart", "input": TEXT}
    answer = httpx.post(f"{url}{SPEECH}", json=body)
    assert answer.headers["content-type"] == "audio/mpeg"


def test_the_head_tells_where_the_time_went(url: str) -> None:
    head = post(url, text=TEXT).headers
    timing = dict(part.split(";dur=") for part in head["server-timing"].split(", "))
    assert list(timing)[:3] == ["queue", "text", "phonemes"]
    stages_ms = sum(float(ms) for name, ms in timing.items() if name != "total")
    assert 0 < stages_ms <= float(timing["total"]) + 0.1
    assert head["x-request-id"].startswith("req_")
    assert head["x-voice"] == "heart"
    assert head["x-provider"] == "CPUExecutionProvider"
    assert head["x-accel-buffering"] == "no"
    assert "access-control-allow-origin" not in head


def test_events_carry_the_sound_and_the_words(url: str, voice: Engine) -> None:
    answer = post(url, text=TEXT, stream_format="sse")
    assert answer.headers["content-type"] == "text/event-stream"
    *margins, last = events(answer.content)
    assert {event["type"] for event in margins} == {"speech.audio.delta"}
    assert last["type"] == "speech.audio.done"
    whole = voice.synthesize(TEXT)
    assert b"".join(base64.b64decode(event["audio"]) for event in margins) == whole.pcm16()

    words = [word for chunk in voice.stream(TEXT) for word in chunk.words]
    assert [word["word"] for word in last["words"]] == [word.text for word in words]
    assert [word for event in margins for word in event["words"]] == last["words"]
    assert all(0 <= w["start"] <= w["end"] <= whole.duration_s + 0.1 for w in last["words"])
    totals = last["totals"]
    assert totals["characters"] == len(TEXT)
    assert totals["audio_s"] == pytest.approx(whole.duration_s, abs=1e-3)
    assert 0 < totals["ttfa_ms"] <= totals["total_ms"]


def test_the_head_says_what_is_left_out_before_the_first_sound(url: str) -> None:
    wanted = "emoji 6-7, Cyrillic letters 26-32"
    assert post(url, text=LEFT_OUT).headers["x-unreadable"] == wanted
    assert "x-unreadable" not in post(url, text=TEXT).headers


def test_events_say_all_that_is_left_out(url: str) -> None:
    *margins, last = events(post(url, text=LEFT_OUT, stream_format="sse").content)
    for left_out in last["unreadable"]:
        place = slice(left_out["start_char"], left_out["end_char"])
        assert LEFT_OUT[place] == left_out["text"]
    kinds = [(left_out["text"], left_out["kind"]) for left_out in last["unreadable"]]
    assert kinds == [("😀", "emoji"), ("Привет", "Cyrillic letters")]
    assert [each for event in margins for each in event["unreadable"]] == last["unreadable"]


def test_several_at_once_do_not_mix(url: str, voice: Engine) -> None:
    texts = [f"Number {index} is what I say." for index in range(8)]
    with ThreadPoolExecutor(len(texts)) as pool:
        answers = list(pool.map(lambda text: post(url, text=text).content, texts))
    assert answers == [voice.synthesize(text).pcm16() for text in texts]


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"text": ""}, "input", "found"),
        ({"text": "a" * 4097}, "input", "4097 characters, wanted at most 4096"),
        ({"voice": "hart"}, "voice", "did you mean 'heart'"),
        ({"voice": "joe"}, "voice", "wanted one of heart"),
        ({"response_format": "ogg"}, "response_format", "found response_format='ogg', wanted"),
        ({"stream_format": "x"}, "stream_format", "found stream_format='x', wanted"),
        ({"speed": 5}, "speed", "found speed='5', wanted"),
    ],
)
def test_unfit_requests_are_told_what_is_wrong(
    url: str, body: dict[str, Any], param: str, words: str
) -> None:
    answer = post(url, **body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (
        400, "invalid_request_error", param,
    )  # fmt: skip
    assert words in error["message"]


def test_strict_says_what_it_does_not_take() -> None:
    with served(ServerConfig(port=0, is_strict=True), lambda _: Scripted()) as url:
        told = post(url, instructions="Whisper.").json()["error"]
        assert "cannot be told how to speak" in told["message"]
        told = post(url, pitch=2).json()["error"]
        assert "found unknown 'pitch', wanted only model, input" in told["message"]


@pytest.mark.parametrize(
    ("content", "kind", "code", "words"),
    [
        (b"{}", "application/json", 400, "found no 'input'"),
        (b"hello", "application/json", 400, "found a body that is no JSON object"),
        (b"[]", "application/json", 400, "found a body that is no JSON object"),
        (b"{}", "text/plain", 415, "found content type 'text/plain'"),
        (b" " * 200_000, "application/json", 413, "wanted at most so many"),
    ],
)
def test_bodies_that_are_none(url: str, content: bytes, kind: str, code: int, words: str) -> None:
    answer = httpx.post(f"{url}{SPEECH}", content=content, headers={"Content-Type": kind})
    assert answer.status_code == code
    assert words in answer.json()["error"]["message"]


def test_a_request_that_does_not_end_is_given_up() -> None:
    with served(ServerConfig(port=0, limits=Limits(body_s=0.05)), lambda _: Scripted()) as url:
        with connected(url, b"{}", length=100) as connection:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 408")
        with connected(url, b"{}", length=100):
            pass  # gone before the request was complete
        assert post(url).status_code == 200


def test_other_routes_answer_in_the_same_shape(url: str) -> None:
    lost, wrong = httpx.get(f"{url}/v2"), httpx.get(f"{url}{SPEECH}")
    assert (lost.status_code, wrong.status_code) == (404, 405)
    assert wrong.json()["error"]["message"].startswith(f"found GET {SPEECH}, wanted a route")


def test_it_tells_of_itself(url: str) -> None:
    post(url, text=TEXT)
    until(lambda: status(url)["requests"].get("done", 0) > 0)  # counted after its last byte
    voices = httpx.get(f"{url}/v1/audio/voices").json()["voices"]
    assert [(v["id"], v["model"], v["sample_rate"]) for v in voices] == [
        ("heart", "hibari", 24_000)
    ]
    assert "alloy" in voices[0]["aliases"]
    told = status(url)
    assert told["voices"]["heart"]["nodes"]["CPUExecutionProvider"] > 0
    assert told["last"]["ttfa_ms"]["p50"] > 0
    assert told["cache"] is None
    metrics = httpx.get(f"{url}/metrics").text
    assert 'tts_requests_total{outcome="done"}' in metrics
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{url}/ready").json() == {"ready": True}


def test_a_hundred_who_leave_leave_it_idle(cache_folder: Path, voice: Engine) -> None:
    text = SAID_FOR_LONG * 12
    whole_s = voice.synthesize(text).duration_s
    with served(ServerConfig(port=0)) as url:
        formats = ["pcm", "mp3", "opus", "flac"]
        for index in range(100):
            body = wish(text, response_format=formats[index % len(formats)])
            with httpx.stream("POST", f"{url}{SPEECH}", json=body) as answer:
                assert next(answer.iter_raw())
        idle(url, {"disconnected": 100})
        metrics = httpx.get(f"{url}/metrics").text
        line = next(x for x in metrics.splitlines() if x.startswith("tts_audio_seconds_total"))
        assert float(line.split()[1]) < 100 * whole_s / 3
        assert post(url, text=TEXT).content == voice.synthesize(TEXT).pcm16()


def test_those_who_leave_before_the_first_sound_are_noticed() -> None:
    engine = Scripted(gated=True)
    with served(ServerConfig(port=0), lambda _: engine) as url:
        with connected(url, json.dumps(wish()).encode()):
            until(lambda: status(url)["queue"]["speaking"] == 1)
        idle(url, {"disconnected": 1})
    assert engine.made == 0


@pytest.mark.parametrize("name", FORMATS)
def test_chunks_leave_when_they_are_made(name: str) -> None:
    engine = Scripted(6, gated=True)
    assert engine.gate is not None
    with served(ServerConfig(port=0), lambda _: engine) as url:
        engine.gate.release(2)
        with httpx.stream("POST", f"{url}{SPEECH}", json=wish(response_format=name)) as answer:
            parts = answer.iter_raw()
            early = next(parts)
            while not enough(early, name):
                early += next(parts)
            # The rest is not made before it may be.
            assert engine.made <= 2
            engine.gate.release(4)
            assert len(b"".join(parts)) > len(early)


def enough(content: bytes, name: str) -> bool:
    """Whether the first 100 ms are in there."""
    if name == "pcm":
        return len(content) >= 4800
    try:
        return decoded_s(content) >= 0.1
    except av.error.FFmpegError:
        return False


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_a_failure_after_the_first_byte_breaks_the_connection(stream_format: str) -> None:
    engine = Scripted(fail_at=2)
    engine.error = ModelError("found smoke, wanted spectra; open a window")
    body = json.dumps(wish(stream_format=stream_format)).encode()
    with served(ServerConfig(port=0), lambda _: engine) as url:
        with connected(url, body) as connection:
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"transfer-encoding: chunked" in answer
        assert not answer.endswith(b"0\r\n\r\n")
        with pytest.raises(httpx.RemoteProtocolError):
            post(url, stream_format=stream_format)
        idle(url, {"failed": 2})


def test_a_failure_before_the_first_byte_is_an_answer() -> None:
    engine = Scripted(fail_at=0)
    engine.error = ModelError("found smoke, wanted spectra; open a window")
    with served(ServerConfig(port=0), lambda _: engine) as url:
        answer = post(url)
        assert answer.status_code == 500
        assert answer.json()["error"]["type"] == "server_error"
        assert "found smoke" in answer.json()["error"]["message"]
        engine.error = ZeroDivisionError("of our own")
        assert "of our own" not in post(url).text
        idle(url, {"failed": 2})


def test_too_many_at_once_are_told_to_come_again() -> None:
    engine = Scripted(gated=True)
    assert engine.gate is not None
    limits = Limits(streams=1, waiting=1, wait_s=60)
    with (
        served(ServerConfig(port=0, limits=limits), lambda _: engine) as url,
        ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(post, url)
        until(lambda: status(url)["queue"]["speaking"] == 1)
        second = pool.submit(post, url)
        until(lambda: status(url)["queue"]["waiting"] == 1)
        third = post(url)
        assert (third.status_code, third.headers["retry-after"]) == (429, "1")
        assert third.json()["error"]["type"] == "rate_limit_error"
        engine.gate.release(6)
        assert first.result().content == second.result().content
        idle(url, {"done": 2, "refused": 1})


def test_waiting_has_an_end() -> None:
    engine = Scripted(gated=True)
    assert engine.gate is not None
    limits = Limits(streams=1, wait_s=0.05)
    with (
        served(ServerConfig(port=0, limits=limits), lambda _: engine) as url,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(post, url)
        until(lambda: status(url)["queue"]["speaking"] == 1)
        assert "no place within 0.05 s" in post(url).json()["error"]["message"]
        engine.gate.release(3)
        assert first.result().status_code == 200


def test_a_slow_reader_holds_up_nobody_and_is_dropped_in_the_end() -> None:
    engine = Scripted(100_000)
    limits = Limits(streams=1, stall_s=2.0)
    with served(ServerConfig(port=0, limits=limits), lambda _: engine) as url:
        with connected(url, json.dumps(wish()).encode()) as slow:
            until(lambda: engine.made > 0 and status(url)["queue"]["speaking"] == 0)
            made = engine.made
            assert made < 5000  # what fits into the buffers
            engine.chunk_count = 3
            assert len(post(url).content) == 3 * 4800
            assert engine.made == made + 3
            idle(url, {"done": 1, "stalled": 1})
            answer = b"".join(iter(lambda: slow.recv(65536), b""))
            assert not answer.endswith(b"0\r\n\r\n")
        assert engine.made == made + 3


def test_not_ready_until_warm() -> None:
    warm = threading.Event()

    def open_engine(_: str) -> Scripted:
        assert warm.wait(30)
        return Scripted()

    with served(ServerConfig(port=0), open_engine, ready=False) as url:
        assert httpx.get(f"{url}/health").status_code == 200
        assert httpx.get(f"{url}/ready").status_code == 503
        answer = post(url)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        warm.set()
        until(lambda: httpx.get(f"{url}/ready").status_code == 200)
        assert post(url).status_code == 200


def test_a_token_and_a_page() -> None:
    page = "https://example.org"
    options = ServerConfig(port=0, token="secret", origins=(page,))
    with served(options, lambda _: Scripted()) as url:
        assert httpx.get(f"{url}/health").status_code == 200
        for path in ("/v1/models", "/status", "/metrics"):
            assert httpx.get(f"{url}{path}").status_code == 401
            wrong = httpx.get(f"{url}{path}", headers={"Authorization": "Bearer wrong"})
            assert wrong.json()["error"]["code"] == "invalid_api_key"
        right = {"Authorization": "Bearer secret", "Origin": page}
        answer = httpx.post(f"{url}{SPEECH}", json=wish(), headers=right)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == page


def test_logs_tell_no_text(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    post(url, text="A secret about elephants.")
    post(url, text="Ж" * 10)
    until(lambda: "25 characters" in caplog.text and "10 characters" in caplog.text)
    assert "elephants" not in caplog.text
    assert "Ж" not in caplog.text


class Silent(Scripted):
    """Leaves an emoji out."""

    def stream(self, text: str, **options: Any) -> Any:
        stream = super().stream(text, **options)
        stream.unreadable = lambda: [Unreadable("😀", 6, 7, "emoji")]
        return stream


def test_logs_and_cached_answers_say_what_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = ServerConfig(port=0, limits=Limits(cache_mb=1))
    with served(config, lambda _: Silent()) as url:
        heads = [post(url, text="Hello 😀.").headers for _ in range(2)]
    assert [head["x-cache"] for head in heads] == ["miss", "hit"]
    assert [head["x-unreadable"] for head in heads] == ["emoji 6-7", "emoji 6-7"]
    assert caplog.text.count("left out 1 emoji") >= 2


def test_a_cache_only_if_asked_for_and_it_tells() -> None:
    with served(ServerConfig(port=0), lambda _: Scripted()) as url:
        assert "x-cache" not in post(url).headers
    engine = Scripted()
    limits = Limits(cache_mb=0.04)  # two answers and a half
    with served(ServerConfig(port=0, limits=limits), lambda _: engine) as url:
        first, again = post(url), post(url)
        assert (first.headers["x-cache"], again.headers["x-cache"]) == ("miss", "hit")
        assert first.content == again.content
        assert "x-provider" not in again.headers
        assert engine.made == 3
        for other in ({"text": "Another."}, {"speed": 2}, {"response_format": "mp3"}):
            assert post(url, **other).headers["x-cache"] == "miss"
        assert "x-cache" not in post(url, stream_format="sse").headers
        assert post(url).headers["x-cache"] == "miss"  # forgotten by now
        idle(url, {"cached": 1, "done": 6})
        told = status(url)
        assert (told["cache"]["hits"], told["cache"]["misses"]) == (1, 5)
        assert told["cache"]["bytes"] <= told["cache"]["most_bytes"] == 40_000


def test_an_address_that_is_taken() -> None:
    with (
        listen(ServerConfig(port=0)) as taken,
        pytest.raises(OptionError, match="choose another --port"),
    ):
        listen(ServerConfig(port=taken.getsockname()[1]))


def test_limits_are_checked() -> None:
    with pytest.raises(OptionError, match="found streams=0, wanted a positive number"):
        Limits(streams=0)
    assert Limits(waiting=0).waiting == 0


@pytest.mark.usefixtures("traced_children")
def test_drains_when_told_to_end_as_a_process(
    voice: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "secret")
    command = [sys.executable, "-m", "engine", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        url = next(line for line in lines if "http://" in line).split()[-1]
        next(line for line in lines if "ready: heart" in line)
        bearer = {"Authorization": "Bearer secret"}
        with httpx.stream("POST", f"{url}{SPEECH}", json=wish(LONG), headers=bearer) as answer:
            parts = answer.iter_raw()
            content = next(parts)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            content += b"".join(parts)
        assert content == voice.synthesize(LONG).pcm16()
        process.stderr.read()
        assert process.wait(30) == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))


def test_an_unknown_voice_ends_it_before_it_listens(capsys: pytest.CaptureFixture[str]) -> None:
    from engine.__main__ import main

    assert main(["serve", "--port", "0", "--voice", "hart"]) == 2
    assert "did you mean 'heart'" in capsys.readouterr().err
    assert main(["serve", "--port", "0", "--voice", "heart", "--voice", "heart"]) == 2
    assert "wanted each voice once" in capsys.readouterr().err


def test_told_to_end_while_opening_it_opens_no_further_voice() -> None:
    opening, go_on = threading.Event(), threading.Event()
    opened: list[str] = []

    def open_engine(name: str, _: object) -> Any:
        opened.append(name)
        opening.set()
        assert go_on.wait(30)
        return Scripted()

    options = ServerConfig(port=0)
    with listen(options) as listening:
        server = Server(options, VoicePool(["heart", "joe"], open_engine))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert opening.wait(30)
        server.should_exit = True
        until(lambda: server.voice_pool.is_cancelled)
        go_on.set()
        thread.join(30)
        assert not thread.is_alive()
    assert opened == ["heart"]


def test_a_voice_that_does_not_open_ends_it() -> None:
    from engine.server.lifecycle import serve

    def fail(*_: object) -> Engine:
        raise ModelError("found smoke, wanted a voice; open a window")

    with pytest.raises(ModelError, match="found smoke"):
        serve(ServerConfig(port=0), ["heart"], fail)


def test_the_server_is_an_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.__main__ import main

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "engine.server.lifecycle", raising=False)
    assert main(["serve"]) == 2
    assert 'pip install "pytest-ttsperf[server]"' in capsys.readouterr().err


def test_samples_are_those_of_the_payload(url: str, voice: Engine) -> None:
    answer = post(url, text=TEXT, response_format="wav").content
    assert answer[4:8] == answer[40:44] == b"\xff\xff\xff\xff"
    samples = np.frombuffer(answer[44:], "<i2")
    assert len(samples) == voice.synthesize(TEXT).frame_count
