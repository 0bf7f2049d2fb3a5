"""What servers answer to the requests that clients of other servers send: one row a request.

    python benchmarks/clients/requests_table.py http://127.0.0.1:8000 [http://127.0.0.1:8001 ...]

A server has to be started with `--cors-origin http://127.0.0.1:8900`, or the preflight is refused
rightly. Nothing is judged: the answers are printed, one column for each server.
"""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import connect

SPEECH = "/v1/audio/speech"
PAGE = "http://127.0.0.1:8900"
TEXT = "Hello there, this is a short sentence."
HALF = "\ud83d"
STAINLESS = "authorization,content-type,x-stainless-lang,x-stainless-os,x-stainless-runtime"
BODIES: dict[str, dict[str, Any]] = {
    "`instructions`": {"instructions": "Speak in a cheerful tone."},
    "`stream`": {"stream": True},
    "`user`": {"user": "user-1"},
    "`lang_code`": {"lang_code": "a"},
    "`language`": {"language": "en"},
    "`volume_multiplier`": {"volume_multiplier": 1.0},
    "`download_format`": {"download_format": "mp3"},
    "`return_download_link`": {"return_download_link": False},
    "`normalization_options`": {"normalization_options": {"normalize": True}},
    "`sample_rate`": {"sample_rate": 24_000},
    "null for `speed`": {"speed": None},
    "null for `response_format`": {"response_format": None},
    "null for `stream_format`": {"stream_format": None},
    "format `WAV`": {"response_format": "WAV"},
    "voice `Alloy`": {"voice": "Alloy"},
    "voice `HEART`": {"voice": "HEART"},
    "model `TTS-1`": {"model": "TTS-1"},
    "voice `af_heart`": {"voice": "af_heart"},
    "voice `af_heart+af_bella`": {"voice": "af_heart+af_bella"},
    "model `kokoro`": {"model": "kokoro"},
    "model `gpt-4o-mini-tts-2025-03-20`": {"model": "gpt-4o-mini-tts-2025-03-20"},
    "model `tts-1-1106`": {"model": "tts-1-1106"},
    "a text that ends in half an emoji": {"input": f"Well done {HALF}"},
}


def body_of(**more: Any) -> dict[str, Any]:
    """What every client sends, and more."""
    return {"model": "tts-1", "voice": "alloy", "input": TEXT, **more}


def ask_speech(more: dict[str, Any], url: str) -> str:
    """The status of a speech request with `more` fields, and what the head says about it."""
    headers = {"Content-Type": "application/json"}
    content = json.dumps(body_of(**more))
    answer = httpx.post(f"{url}{SPEECH}", content=content, headers=headers, timeout=60)
    if answer.status_code != httpx.codes.OK:
        return f"{answer.status_code} {answer.json()['error']['message'][:40]}..."
    notes = [f"{answer.status_code}"]
    for name in ("x-voice", "x-ignored"):
        if name in answer.headers:
            notes.append(f"{name}: {answer.headers[name]}")
    return ", ".join(notes)


def ask_websocket(url: str) -> str:
    """The last event of an utterance that was cut inside an emoji."""
    address = url.replace("http://", "ws://") + SPEECH
    with connect(address, compression=None) as connection:
        connection.send(json.dumps({"type": "append", "text": f"Well done {HALF}"}))
        connection.send(json.dumps({"type": "flush"}))
        while True:
            message = connection.recv(timeout=30)
            if isinstance(message, bytes):
                continue
            event = json.loads(message)
            if event["type"] == "done":
                return f"done, {event['audio_s']} s of audio"
            if event["type"] == "error":
                return f"error: {event['error']['message'][:40]}..."


def ask_old(url: str) -> str:
    """What a client of HTTP/1.0 finds after the head of its WAV."""
    content = json.dumps(body_of(response_format="wav")).encode()
    head = (
        f"POST {SPEECH} HTTP/1.0\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 80)) as connection:
        connection.sendall(head.encode() + content)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    body = answer.partition(b"\r\n\r\n")[2]
    whole = httpx.post(f"{url}{SPEECH}", json=body_of(response_format="wav"), timeout=60).content
    begin = body[:8].decode("latin-1").encode("unicode_escape").decode()
    if body == whole:
        return f"the same {len(whole)} bytes as over HTTP/1.1"
    return f"{len(body) - len(whole):+d} bytes against HTTP/1.1, beginning with {begin!r}"


def ask(method: str, path: str, **headers: str) -> Callable[[str], str]:
    """What asks a server for the status of a request without a body."""

    def ask_server(url: str) -> str:
        answer = httpx.request(method, f"{url}{path}", headers=headers)
        return str(answer.status_code)

    return ask_server


def find_foreign_files(url: str) -> str:
    """Which servers the page /docs needs besides its own."""
    html = httpx.get(f"{url}/docs").text
    foreign = [word for word in html.replace("'", '"').split('"') if word.startswith("https://")]
    return f"{len(foreign)} files from other servers"


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("urls", nargs="+")
    urls = parser.parse_args().urls
    rows: dict[str, Callable[[str], str]] = {}
    for name, more in BODIES.items():
        rows[name] = partial(ask_speech, more)
    rows["the same over the WebSocket"] = ask_websocket
    rows["`HEAD /health`"] = ask("HEAD", "/health")
    rows["`HEAD /ready`"] = ask("HEAD", "/ready")
    rows["`GET /v1/models/tts-1`"] = ask("GET", "/v1/models/tts-1")
    rows["`GET /v1/audio/models`"] = ask("GET", "/v1/audio/models")
    preflight = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": STAINLESS,
    }
    rows["preflight with `x-stainless-*`"] = ask("OPTIONS", SPEECH, **preflight)
    rows["WAV over HTTP/1.0"] = ask_old
    rows["`/docs`"] = find_foreign_files
    print("| request |" + "".join(f" {url} |" for url in urls))
    print("|---|" + "---|" * len(urls))
    for name, ask_server in rows.items():
        print(f"| {name} |" + "".join(f" {ask_server(url)} |" for url in urls), flush=True)


if __name__ == "__main__":
    main()
