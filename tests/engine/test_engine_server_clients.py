"""Requests as the clients of other servers send them: real ones, to a real uvicorn."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from websockets.sync.client import connect

from engine.engine import Engine
from engine.errors import ModelError
from engine.server.config import Limits, ServerConfig
from engine.server.lifecycle import Server
from engine.server.payloads import MAX_NAMES, count_unreadable, join_names, join_unreadable
from engine.server.surrogates import Joiner, load_json, read_json, replace_halves
from engine.server.voice_pool import VoicePool
from engine.text.normalise import Unreadable
from tests.engine.server_process import SPEECH, Scripted, idle, served, status, until, wish

TEXT = "Hello there, this is a short sentence to hear."
HALF = "\ud83d"
PAGE = "https://example.org"
STAINLESS = (
    "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,"
    "x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,"
    "x-stainless-runtime-version,x-stainless-timeout"
)

# What is sent besides the usual, what is named as ignored, and what --strict answers.
LIBERTIES: dict[str, tuple[dict[str, Any], str | None, int]] = {
    "instructions": ({"instructions": "Whisper."}, "instructions", 400),
    "stream": ({"stream": True}, "stream", 400),
    "user": ({"user": "u-1"}, "user", 400),
    "lang_code": ({"lang_code": "a"}, "lang_code", 400),
    "language": ({"language": "en"}, "language", 400),
    "volume_multiplier": ({"volume_multiplier": 1.0}, "volume_multiplier", 400),
    "download_format": ({"download_format": "mp3"}, "download_format", 400),
    "return_download_link": ({"return_download_link": False}, "return_download_link", 400),
    "normalization_options": (
        {"normalization_options": {"normalize": True}},
        "normalization_options",
        400,
    ),
    "sample_rate": ({"sample_rate": 24_000}, "sample_rate", 400),
    "two of them": ({"stream": True, "user": "u"}, "stream, user", 400),
    "null for the speed": ({"speed": None}, None, 400),
    "null for the format of the stream": ({"stream_format": None}, None, 400),
    "null for the voice": ({"voice": None}, None, 400),
    "null for the model": ({"model": None}, None, 400),
    "null for what means nothing": ({"lang_code": None, "user": None}, None, 400),
    "PCM": ({"response_format": "PCM"}, None, 400),
    "AUDIO": ({"stream_format": "AUDIO"}, None, 400),
    "Alloy": ({"voice": "Alloy"}, None, 400),
    "HEART": ({"voice": "HEART"}, None, 400),
    "TTS-1": ({"model": "TTS-1"}, None, 404),
    "af_heart": ({"voice": "af_heart"}, None, 400),
    "af_bella": ({"voice": "af_bella"}, None, 400),
    "af_v0bella": ({"voice": "af_v0bella"}, None, 400),
    "af_heart+af_bella": ({"voice": "af_heart+af_bella"}, None, 400),
    "af_bella(2)+af_heart(1)": ({"voice": "af_bella(2)+af_heart(1)"}, None, 400),
    "kokoro": ({"model": "kokoro"}, None, 404),
    "hexgrad/Kokoro-82M": ({"model": "hexgrad/Kokoro-82M"}, None, 404),
    "tts-1-1106": ({"model": "tts-1-1106"}, None, 404),
    "gpt-4o-mini-tts-2025-03-20": ({"model": "gpt-4o-mini-tts-2025-03-20"}, None, 404),
}


class Listening(Scripted):
    """Remembers the texts that it was to speak."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.texts: list[str] = []
        self.emoji: list[str | None] = []

    def stream(self, text: Any, *, speed: float = 1.0, emoji: str | None = None) -> Any:
        if isinstance(text, str):
            self.texts.append(text)
            self.emoji.append(emoji)
        return super().stream(text, speed=speed, emoji=emoji)


@pytest.fixture(scope="module")
def listening() -> Listening:
    return Listening()


@pytest.fixture(scope="module")
def url(listening: Listening) -> Iterator[str]:
    config = ServerConfig(port=0, origins=(PAGE,))
    with served(config, lambda _: listening) as address:
        yield address


@pytest.fixture(scope="module")
def strict_url() -> Iterator[str]:
    config = ServerConfig(port=0, is_strict=True)
    with served(config, lambda _: Scripted()) as address:
        yield address


@pytest.fixture(scope="module")
def voice_url(cache_folder: Path) -> Iterator[str]:
    with served(ServerConfig(port=0)) as address:
        yield address


def post(url: str, **more: Any) -> httpx.Response:
    return httpx.post(f"{url}{SPEECH}", json=wish(**more), timeout=30)


def post_json(url: str, content: str | bytes) -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    return httpx.post(f"{url}{SPEECH}", content=content, headers=headers, timeout=30)


@pytest.mark.parametrize("name", LIBERTIES)
def test_what_other_servers_take_is_taken(url: str, name: str) -> None:
    body, ignored, _ = LIBERTIES[name]
    answer = post(url, **body)
    assert answer.status_code == 200
    assert len(answer.content) == 3 * 4800
    assert answer.headers.get("x-ignored") == ignored
    assert (answer.headers["x-voice"], answer.headers["x-model"]) == ("heart", "hibari")


@pytest.mark.parametrize("name", LIBERTIES)
def test_strict_refuses_what_openais_api_does_not_have(strict_url: str, name: str) -> None:
    body, _, code = LIBERTIES[name]
    answer = post(strict_url, **body)
    assert answer.status_code == code
    assert answer.json()["error"]["param"] in body


def test_strict_takes_openais_own_requests(strict_url: str) -> None:
    for body in ({}, {"voice": "alloy"}, {"voice": {"id": "heart"}}, {"speed": 2}):
        answer = post(strict_url, **body)
        assert answer.status_code == 200
        assert "x-ignored" not in answer.headers


def test_a_text_alone_is_enough(url: str, strict_url: str) -> None:
    assert post_json(url, '{"input": "Hello."}').headers["content-type"] == "audio/mpeg"
    assert post_json(strict_url, '{"input": "Hello."}').status_code == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"voice": "hart"}, "did you mean 'heart'"),
        ({"voice": "af_hart"}, "did you mean 'af_heart'"),
        ({"voice": "heart+nobody"}, "found voice 'heart+nobody'"),
        ({"voice": ["af_heart"]}, "found voice="),
        ({"model": "tts-9"}, "found model 'tts-9'"),
        ({"response_format": "OGG"}, "found response_format='ogg', wanted"),
        ({"speed": "fast"}, "found speed='fast', wanted"),
        ({"text": None}, "found no 'input'"),
        ({"text": ["Hello."]}, "found input="),
    ],
)
def test_a_slip_is_still_an_error(url: str, body: dict[str, Any], words: str) -> None:
    answer = post(url, **body)
    assert answer.status_code in (400, 404)
    assert words in answer.json()["error"]["message"]


def test_names_of_ignored_fields_are_no_lines_of_the_head(url: str) -> None:
    names = {"a\r\nSet-Cookie: b": 1, "Schrift, größer": 2, HALF: 3}
    answer = post_json(url, json.dumps({**wish(), **names}))
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-ignored"].startswith("a%0D%0ASet-Cookie%3A%20b, Schrift%2C%20gr")
    many = join_names([str(index) for index in range(MAX_NAMES + 1)])
    assert many.count(",") == MAX_NAMES
    assert many.endswith("19, ...")
    assert len(join_names(["n" * 1000])) < 100


def test_a_request_says_how_emoji_are_read(url: str, listening: Listening) -> None:
    assert post(url, emoji="Names").status_code == 200
    assert post(url).status_code == 200
    assert listening.emoji[-2:] == ["names", None]
    wrong = post(url, emoji="smile")
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "emoji")


def test_what_is_left_out_is_named_without_its_text() -> None:
    smiles = [Unreadable("😀", at, at + 1, "emoji") for at in range(MAX_NAMES + 1)]
    many = join_unreadable(smiles)
    assert many.startswith("emoji 0-1, emoji 1-2, ")
    assert many.endswith("emoji 19-20, ...")
    letters = Unreadable("Привет", 30, 36, "Cyrillic letters")
    assert count_unreadable([*smiles, letters]) == "21 emoji, 1 Cyrillic letters"
    assert count_unreadable([]) == "nothing"


def test_a_text_cut_inside_a_character_is_spoken(
    url: str, listening: Listening, strict_url: str
) -> None:
    content = json.dumps(wish(f"Well done {HALF}"))
    assert r"\ud83d" in content
    assert post_json(url, content).status_code == 200
    assert listening.texts[-1] == "Well done \ufffd"
    assert post_json(strict_url, content).status_code == 400
    # The same in bytes that are no UTF-8, as some encoders write it.
    in_bytes = json.dumps(wish(f"Well {HALF}"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert post_json(url, in_bytes).status_code == 200
    # A name with a half is wrong, and the answer can say so.
    answer = post_json(url, json.dumps(wish(voice=f"he{HALF}rt")))
    assert answer.json()["error"]["code"] == "voice_not_found"


def test_a_half_is_silent(voice_url: str, voice: Engine) -> None:
    answer = post_json(voice_url, json.dumps(wish(f"{TEXT} {HALF}")))
    assert answer.content == voice.synthesize(f"{TEXT} 😀").pcm16()


def test_over_a_websocket_a_character_may_come_in_halves(voice_url: str, voice: Engine) -> None:
    first, second = f"Hello there {HALF}", "\ude00 and goodbye."
    address = voice_url.replace("http://", "ws://") + SPEECH + "?voice=AF_HEART&lang_code=a"
    events: list[dict[str, Any]] = []
    sound = b""
    with connect(address, compression=None) as connection:
        for text in (first, None, second):
            connection.send(json.dumps({"type": "append", "text": text, "index": 3}))
        connection.send('{"type": "flush", "text": null}')
        while not events or events[-1]["type"] not in ("done", "error"):
            message = connection.recv(timeout=30)
            if isinstance(message, bytes):
                sound += message
            else:
                events.append(json.loads(message))
    assert events[-1]["type"] == "done"
    assert (events[0]["voice"], events[0]["model"]) == ("heart", "hibari")
    assert events[0]["ignored"] == ["lang_code"]
    assert sound == b"".join(
        chunk.pcm16() for chunk in voice.stream(["Hello there ", "😀 and goodbye."])
    )


@pytest.mark.parametrize("is_strict", [False, True])
def test_over_a_websocket_json_may_be_binary(is_strict: bool) -> None:
    config = ServerConfig(port=0, is_strict=is_strict)
    with served(config, lambda _: Scripted()) as url:
        with connect(url.replace("http://", "ws://") + SPEECH, compression=None) as connection:
            connection.send(b"\xff\xfe")
            error = json.loads(connection.recv(timeout=30))
            assert "found an unfit message" in error["error"]["message"]
            connection.send(b'{"type": "append", "text": "Hello."}')
            assert json.loads(connection.recv(timeout=30))["type"] == "started"
        until(lambda: status(url)["queue"]["speaking"] == 0)


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (f"a{HALF}", "a\ufffd"),
        (f"{HALF}a", "\ufffda"),
        ("\ude00", "\ufffd"),
        (f"{HALF}{HALF}\ude00", "\ufffd😀"),
        ("plain 😀", "plain 😀"),
    ],
)
def test_halves_are_replaced(text: str, repaired: str) -> None:
    assert replace_halves(text) == repaired
    assert read_json(json.dumps({text: [text]})) == {repaired: [repaired]}


def test_parts_are_joined() -> None:
    joiner = Joiner()
    assert [joiner.join(part) for part in (f"a{HALF}", "\ude00b", HALF, "c")] == [
        "a", "😀b", "", "\ufffdc",
    ]  # fmt: skip
    assert joiner.join(HALF) == ""
    joiner.clear()
    assert joiner.join("d") == "d"


@pytest.mark.parametrize("content", [b"[" * 50_000, b"\xff\xfe\xfd", b"9" * 5000, b"nothing"])
def test_what_is_no_json_is_an_error(url: str, content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        load_json(content)
    assert "no JSON object" in post_json(url, content).json()["error"]["message"]


def test_health_checks_ask_by_head(url: str) -> None:
    paths = ("/health", "/ready", "/v1/models", "/status", "/metrics", "/docs")
    for path in paths:
        head, whole = httpx.head(f"{url}{path}"), httpx.get(f"{url}{path}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
    assert httpx.head(f"{url}{SPEECH}").status_code == 405
    assert httpx.head(f"{url}/nowhere").status_code == 404


def test_head_says_when_it_is_not_ready() -> None:
    warm = threading.Event()

    def open_engine(_: str) -> Scripted:
        assert warm.wait(30)
        return Scripted()

    with served(ServerConfig(port=0), open_engine, ready=False) as url:
        assert httpx.head(f"{url}/health").status_code == 200
        assert httpx.head(f"{url}/ready").status_code == 503
        warm.set()
        until(lambda: httpx.head(f"{url}/ready").status_code == 200)


def test_models_are_listed_and_described(url: str) -> None:
    listed = httpx.get(f"{url}/v1/models").json()
    for_speech = httpx.get(f"{url}/v1/audio/models").json()
    assert for_speech["models"] == for_speech["data"] == listed["data"]
    for model in listed["data"]:
        assert httpx.get(f"{url}/v1/models/{model['id']}").json() == model
    assert httpx.get(f"{url}/v1/models/hexgrad/Kokoro-82M").json()["object"] == "model"
    missing = httpx.get(f"{url}/v1/models/whisper-1")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def ask_beforehand(url: str, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": STAINLESS,
    }
    return httpx.options(f"{url}{SPEECH}", headers=headers)


def test_a_page_may_use_openais_client(url: str) -> None:
    allowed = ask_beforehand(url, PAGE)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert set(STAINLESS.split(",")) <= set(
        re.split(", *", allowed.headers["access-control-allow-headers"])
    )
    answer = httpx.post(
        f"{url}{SPEECH}", json=wish(user="u"), headers={"Origin": PAGE, "X-Stainless-OS": "Linux"}
    )
    exposed = re.split(", *", answer.headers["access-control-expose-headers"].lower())
    wanted = {"x-request-id", "x-voice", "x-model", "x-ignored", "x-unreadable"}
    assert wanted <= set(exposed)
    wrong = httpx.post(f"{url}{SPEECH}", json={}, headers={"Origin": PAGE})
    assert wrong.status_code == 400
    assert wrong.headers["access-control-allow-origin"] == PAGE


def test_other_pages_may_not(url: str) -> None:
    refused = ask_beforehand(url, "https://example.com")
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer sécret", 200),
        ("bearer sécret", 200),
        ("BEARER  sécret ", 200),
        ("Bearer secret", 401),
        ("Bearer", 401),
        ("Basic sécret", 401),
        ("sécret", 401),
        (None, 401),
    ],
)
def test_the_case_of_bearer_does_not_matter(header: str | None, code: int) -> None:
    config = ServerConfig(port=0, token="sécret")
    headers = {} if header is None else {"Authorization": header.encode()}
    pool = VoicePool(["heart"], lambda _: Scripted())  # type: ignore[arg-type, return-value]
    client = TestClient(Server(config, pool).config.app)  # type: ignore[arg-type]
    answer = client.get("/v1/models", headers=headers)
    assert answer.status_code == code
    if code == 401:
        which = "no" if header is None else "another"
        assert f"found {which} token" in answer.json()["error"]["message"]


def old_client(url: str, request: bytes, *, in_pieces: bool = False) -> socket.socket:
    """A connection on which a request of HTTP/1.0 was sent."""
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    connection.settimeout(30)
    size = 3 if in_pieces else len(request)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(request), size):
        connection.sendall(request[start : start + size])
    return connection


def old_request(body: dict[str, Any], more: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {SPEECH} HTTP/1.0\r\nContent-Type: application/json\r\n{more}"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def read_all(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body; the server has to end the connection."""
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("more", ["", "Connection: keep-alive\r\n"])
def test_a_client_of_http_1_0_gets_sound_alone(url: str, more: str, in_pieces: bool) -> None:
    with old_client(url, old_request(wish(), more), in_pieces=in_pieces) as connection:
        head, body = read_all(connection)
    assert b" 200" in head.split(b"\r\n")[0]
    assert b"chunked" not in head.lower()
    assert body == post(url).content


def test_a_client_of_http_1_0_gets_errors_and_other_routes(url: str) -> None:
    with old_client(url, old_request({})) as connection:
        head, body = read_all(connection)
        assert b" 400" in head.split(b"\r\n")[0]
        assert json.loads(body)["error"]["param"] == "input"
    with old_client(url, b"GET /health HTTP/1.0\r\n\r\n") as connection:
        assert json.loads(read_all(connection)[1]) == {"status": "ok"}
    with old_client(url, b"HEAD /ready HTTP/1.0\r\n\r\n") as connection:
        head, body = read_all(connection)
        assert (b" 200" in head.split(b"\r\n")[0], body) == (True, b"")


def test_a_client_of_http_1_0_hears_it_while_it_is_made() -> None:
    engine = Scripted(gated=True)
    assert engine.gate is not None
    with served(ServerConfig(port=0), lambda _: engine) as url:
        with old_client(url, old_request(wish())) as connection:
            engine.gate.release(1)
            answer = b""
            while len(answer.partition(b"\r\n\r\n")[2]) < 4800:
                answer += connection.recv(65536)
            assert engine.made == 1
            engine.gate.release(2)
            assert len(read_all(connection)[0] + answer) > 2 * 4800
        idle(url, {"done": 1})


def test_a_client_of_http_1_0_that_leaves_or_stalls_is_noticed() -> None:
    engine = Scripted(100_000)
    limits = Limits(streams=1, stall_s=1.0)
    with served(ServerConfig(port=0, limits=limits), lambda _: engine) as url:
        with old_client(url, old_request(wish())) as connection:
            assert connection.recv(4096)
        idle(url, {"disconnected": 1})
        with old_client(url, old_request(wish())):
            idle(url, {"disconnected": 1, "stalled": 1})


def test_a_failure_ends_the_connection_of_a_client_of_http_1_0() -> None:
    engine = Scripted(fail_at=1)
    engine.error = ModelError("found smoke, wanted spectra; open a window")
    with served(ServerConfig(port=0), lambda _: engine) as url:
        with old_client(url, old_request(wish())) as connection:
            assert len(read_all(connection)[1]) == 4800
        until(lambda: status(url)["requests"] == {"failed": 1})


def test_a_line_without_an_end_is_refused(url: str) -> None:
    with old_client(url, b"GET /" + b"a" * 70_000) as connection:
        connection.shutdown(socket.SHUT_WR)
        head, _ = read_all(connection)
    assert not head or b" 400" in head or b" 404" in head
    assert httpx.get(f"{url}/health").status_code == 200


def test_docs_needs_no_other_server(url: str) -> None:
    for page in ("/docs", "/redoc"):
        html = httpx.get(f"{url}{page}").text
        addresses = re.findall(r"""(?:src|href)=["']([^"']+)["']""", html)
        assert addresses
        for address in addresses:
            assert address.startswith("/"), f"{page} needs {address}"
            assert httpx.get(f"{url}{address}").status_code == 200
    assert "swagger-ui-bundle.js" in httpx.get(f"{url}/docs").text


def test_docs_describes_what_is_there(url: str) -> None:
    description = httpx.get(f"{url}/openapi.json").json()
    speech = description["paths"][SPEECH]["post"]
    content = speech["requestBody"]["content"]["application/json"]
    assert "$ref" not in json.dumps(speech)
    assert "audio/mpeg" in speech["responses"]["200"]["content"]
    answer = httpx.post(f"{url}{SPEECH}", json=content["schema"]["example"])
    assert answer.status_code == 200
    assert "securitySchemes" not in description.get("components", {})


def test_docs_asks_for_the_token_where_there_is_one() -> None:
    config = ServerConfig(port=0, token="secret")
    with served(config, lambda _: Scripted()) as url:
        description = httpx.get(f"{url}/openapi.json").json()
        scheme = description["components"]["securitySchemes"]["HTTPBearer"]
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        assert description["paths"][SPEECH]["post"]["security"] == [{"HTTPBearer": []}]


def test_strict_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.__main__ import main
    from engine.server import lifecycle

    configs: list[ServerConfig] = []
    monkeypatch.setattr(lifecycle, "serve", lambda config, *_: configs.append(config))
    assert main(["serve"]) == main(["serve", "--strict"]) == 0
    assert [config.is_strict for config in configs] == [False, True]
