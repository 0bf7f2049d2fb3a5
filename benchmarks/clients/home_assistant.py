"""The requests of Home Assistant's integrations against a server; aiohttp and urllib, as they do.

    pip install aiohttp
    python benchmarks/clients/home_assistant.py http://127.0.0.1:8000

Home Assistant itself is not started. The shapes are those of three integrations: `openai_tts`
(sfortis), which reads the voices from the address beside the one for speech; its variant for Kokoro
(davidtorcivia), which names no model; and those that send all fields of a Kokoro server.
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import aiohttp

TEXT = "The washing machine has finished. It is 9:30 in the evening."
OPENAI = {"model": "tts-1", "input": TEXT, "voice": "shimmer", "speed": 1.0}
KOKORO = {"input": TEXT, "voice": "af_heart", "response_format": "mp3", "speed": 1.0}
EVERY_FIELD = {
    **KOKORO,
    "model": "kokoro",
    "stream": True,
    "download_format": "mp3",
    "return_download_link": False,
    "lang_code": None,
    "volume_multiplier": 1.0,
    "normalization_options": {"normalize": True, "unit_normalization": False},
}


async def post(url: str, body: dict[str, Any]) -> str:
    """By aiohttp, in parts as they arrive."""
    headers = {"Authorization": "Bearer none", "User-Agent": "HomeAssistant-OpenAI-TTS"}
    sizes = []
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/audio/speech", json=body, headers=headers) as answer,
    ):
        answer.raise_for_status()
        async for part in answer.content.iter_chunked(4096):
            sizes.append(len(part))
        ignored = answer.headers.get("x-ignored", "none")
    assert sum(sizes) > 1000, sizes
    return f"{sum(sizes)} bytes in {len(sizes)} parts; ignored: {ignored}"


async def speak_by_urllib(url: str) -> str:
    """Whole, with instructions."""
    body = {**OPENAI, "response_format": "mp3", "instructions": "Speak slowly."}
    request = urllib.request.Request(  # noqa: S310 - of the server under test
        f"{url}/v1/audio/speech",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )

    def read() -> bytes:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return bytes(answer.read())

    content = await asyncio.to_thread(read)
    return f"{len(content)} bytes"


async def stream_opus(url: str) -> str:
    """Streamed, as Opus, with an extra payload."""
    return await post(url, {**OPENAI, "response_format": "opus", "language": "en"})


async def speak_without_a_model(url: str) -> str:
    """The variant for Kokoro, with its size of chunks."""
    return await post(url, {**KOKORO, "chunk_size": 200})


async def send_every_field(url: str) -> str:
    """All that a Kokoro server takes."""
    return await post(url, EVERY_FIELD)


async def list_voices(url: str) -> str:
    """From the address beside the one for speech, a hundred at most."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/v1/audio/voices", params={"limit": 100}) as answer,
    ):
        voices = (await answer.json())["voices"]
    return ", ".join(f"{voice['id']} ({voice['name']})" for voice in voices)


TRIES: tuple[Callable[[str], Awaitable[str]], ...] = (
    speak_by_urllib,
    stream_opus,
    speak_without_a_model,
    send_every_field,
    list_voices,
)


async def main() -> int:
    """Try everything; 1 if something failed."""
    print(f"aiohttp {version('aiohttp')}")
    failures = 0
    for try_it in TRIES:
        try:
            print(f"passed  {try_it.__name__}: {await try_it(sys.argv[1])}")
        except Exception as error:
            failures += 1
            print(f"FAILED  {try_it.__name__}: {type(error).__name__} {error}"[:160])
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
