"""LiveKit's plugin for OpenAI against a server, in every form that its options have.

pip install livekit-agents livekit-plugins-openai
python benchmarks/clients/livekit_plugin.py http://127.0.0.1:8000
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from typing import Any

import httpx2
import openai as openai_client
from livekit.plugins import openai

TEXT = "Today is a wonderful day to build something people love!"
FORMS: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "instructions": {"instructions": "Speak cheerfully."},
    "speed": {"speed": 1.5},
    "tts-1, by audio instead of events": {"model": "tts-1"},
    "a voice of Kokoro's": {"model": "kokoro", "voice": "af_heart"},
    "a mix": {"model": "kokoro", "voice": "af_bella+af_sky"},
    "a name in capitals": {"voice": "Alloy", "model": "TTS-1"},
}
for name in ("pcm", "wav", "flac", "opus", "aac"):
    FORMS[name] = {"response_format": name}
    FORMS[f"{name}, by audio"] = {"response_format": name, "model": "tts-1"}


async def speak(url: str, options: dict[str, Any]) -> float:
    """Seconds of audio that the plugin hands on."""
    client = openai_client.AsyncOpenAI(
        base_url=f"{url}/v1", api_key="none", max_retries=0, http_client=httpx2.AsyncClient()
    )
    tts = openai.TTS(client=client, **options)
    seconds = 0.0
    try:
        async with tts.synthesize(TEXT) as stream:
            async for event in stream:
                seconds += event.frame.samples_per_channel / event.frame.sample_rate
    finally:
        await tts.aclose()
        await client.close()
    return seconds


async def main() -> int:
    """Try every form; 1 if one failed."""
    url = sys.argv[1]
    print(f"livekit-agents {version('livekit-agents')}, ", end="")
    print(f"livekit-plugins-openai {version('livekit-plugins-openai')}")
    failures = 0
    for name, options in FORMS.items():
        try:
            seconds = await speak(url, options)
            assert seconds > 1, f"found {seconds:.2f} s of audio"
            print(f"passed  {name}: {seconds:.2f} s")
        except Exception as error:
            failures += 1
            print(f"FAILED  {name}: {type(error).__name__} {error}"[:160])
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
