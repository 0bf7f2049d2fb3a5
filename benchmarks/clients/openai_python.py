"""OpenAI's client for Python against a server: whole, streamed, by events, async, and in error.

    python benchmarks/clients/openai_python.py http://127.0.0.1:8000

Prints a line for each thing that was tried; ends with 1 if one of them failed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Callable

import openai

TEXT = "Today is a wonderful day to build something people love!"
FORMATS = {
    "mp3": (b"ID3", b"\xff"),
    "opus": (b"OggS",),
    "aac": (b"\xff\xf1", b"\xff\xf9"),
    "flac": (b"fLaC",),
    "wav": (b"RIFF",),
}


def speak_first_example(client: openai.OpenAI) -> str:
    """The example of OpenAI's guide, instructions and all."""
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts",
        voice="coral",
        input=TEXT,
        instructions="Speak in a cheerful and positive tone.",
    ) as answer:
        parts = list(answer.iter_bytes())
        ignored = answer.headers["x-ignored"]
    assert ignored == "instructions", ignored
    return f"{sum(map(len, parts))} bytes of MP3 in {len(parts)} parts"


def speak_every_format(client: openai.OpenAI) -> str:
    """Each format begins as it has to; PCM is whole samples."""
    for name, beginnings in FORMATS.items():
        content = client.audio.speech.create(
            model="tts-1",
            voice="alloy",
            input=TEXT,
            response_format=name,  # type: ignore[arg-type]
        ).content
        assert content.startswith(beginnings), (name, content[:8])
    content = client.audio.speech.create(
        model="tts-1", voice="alloy", input=TEXT, response_format="pcm"
    ).content
    assert len(content) % 2 == 0
    return f"{', '.join(FORMATS)}, pcm"


def speak_events(client: openai.OpenAI) -> str:
    """Server-sent events, as far as the client reads them: line by line."""
    kinds = []
    sound = b""
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts",
        voice="alloy",
        input=TEXT,
        response_format="pcm",
        stream_format="sse",
    ) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line[6:])
                kinds.append(event["type"])
                sound += base64.b64decode(event.get("audio", ""))
    assert kinds[-1] == "speech.audio.done"
    return f"{len(kinds)} events, {len(sound)} bytes of PCM"


def send_more(client: openai.OpenAI) -> str:
    """What applications add for other servers."""
    more = {"lang_code": "a", "normalization_options": {"normalize": True}, "user": None}
    answer = client.audio.speech.create(
        model="kokoro", voice="af_heart+af_bella", input=TEXT, extra_body=more
    )
    headers = answer.response.headers
    assert headers["x-ignored"] == "lang_code, normalization_options", headers["x-ignored"]
    return f"x-voice: {headers['x-voice']}, x-ignored: {headers['x-ignored']}"


def list_models(client: openai.OpenAI) -> str:
    """The list, and one model of it."""
    names = [model.id for model in client.models.list()]
    assert client.models.retrieve("tts-1").id == "tts-1"
    assert client.models.retrieve(names[0]).id == names[0]
    return ", ".join(names)


def see_errors(client: openai.OpenAI) -> str:
    """An error has the class, the code and the parameter that OpenAI's would have."""
    try:
        client.audio.speech.create(model="tts-1", voice="nobody", input=TEXT)
    except openai.BadRequestError as error:
        return f"{type(error).__name__}, {error.code}, {error.param}"
    raise AssertionError("found no error, wanted one")


def speak_by_async(client: openai.OpenAI) -> str:
    """Eight at once, all the same."""

    async def speak_all() -> list[bytes]:
        async with openai.AsyncOpenAI(base_url=client.base_url, api_key="none") as other:
            answers = []
            for _ in range(8):
                answer = other.audio.speech.create(
                    model="tts-1", voice="alloy", input=TEXT, response_format="pcm"
                )
                answers.append(answer)
            return [answer.content for answer in await asyncio.gather(*answers)]

    contents = asyncio.run(speak_all())
    assert len(set(contents)) == 1
    return f"{len(contents)} answers of {len(contents[0])} bytes"


TRIES: tuple[Callable[[openai.OpenAI], str], ...] = (
    speak_first_example,
    speak_every_format,
    speak_events,
    send_more,
    list_models,
    see_errors,
    speak_by_async,
)


def main() -> int:
    """Try everything; how many failed."""
    print(f"openai {openai.__version__}")
    failures = 0
    with openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0) as client:
        for try_it in TRIES:
            try:
                print(f"passed  {try_it.__name__}: {try_it(client)}")
            except Exception as error:
                failures += 1
                print(f"FAILED  {try_it.__name__}: {type(error).__name__} {error}"[:160])
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
