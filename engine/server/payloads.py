"""Pieces that HTTP responses and WebSocket messages are put together from."""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import JSONResponse

from ..audio import Word
from ..timing import StageSpan
from .errors import ApiError
from .synthesis import EncodedChunk

if TYPE_CHECKING:  # compiling the rules takes a while, and the server is to listen at once
    from ..text.normalise import Unreadable

MAX_NAMES = 20
MAX_NAME_CHARS = 40


def new_request_id() -> str:
    """A unique id to quote when something went wrong."""
    return f"req_{uuid.uuid4().hex}"


def make_error_response(error: ApiError, request_id: str) -> JSONResponse:
    """The HTTP response to a request that failed before its response had begun."""
    headers = {**error.headers, "X-Request-Id": request_id}
    if error.status in (408, 413):  # the rest of the body is not waited for
        headers["Connection"] = "close"
    return JSONResponse(error.body, error.status, headers)


def join_names(names: Sequence[str]) -> str:
    """A client's names for the value of a header: encoded as in an address, and not too many."""
    shown = [quote(name[:MAX_NAME_CHARS], safe="") for name in names[:MAX_NAMES]]
    if len(names) > MAX_NAMES:
        shown.append("...")
    return ", ".join(shown)


def to_unreadable_list(found: Iterable[Unreadable]) -> list[dict[str, Any]]:
    """What no voice can say, and its characters in the text as it was sent."""
    return [
        {
            "text": left_out.text,
            "kind": left_out.kind,
            "start_char": left_out.start,
            "end_char": left_out.end,
        }
        for left_out in found
    ]


def join_unreadable(found: Sequence[Unreadable]) -> str:
    """The same for the value of a header, where it stands rather than what: emoji 6-7.

    Not too many; characters are counted from 0, from the first to before the last number.
    """
    shown = [f"{left_out.kind} {left_out.start}-{left_out.end}" for left_out in found[:MAX_NAMES]]
    if len(found) > MAX_NAMES:
        shown.append("...")
    return ", ".join(shown)


def count_unreadable(found: Iterable[Unreadable]) -> str:
    """The same for a log, without a word of the text: 2 emoji, 1 Thai letters."""
    kinds = Counter(left_out.kind for left_out in found)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"


def round_figure(value: float | None, digits: int = 2) -> float | None:
    """Rounded, where it was measured."""
    return None if value is None else round(value, digits)


def to_word_times(words: Iterable[Word]) -> list[dict[str, Any]]:
    """Words with their times, in seconds from the start of the audio, and their characters."""
    return [
        {
            "word": word.text,
            "start": round(word.start_s, 4),
            "end": round(word.end_s, 4),
            "start_char": word.start_char,
            "end_char": word.end_char,
        }
        for word in words
    ]


def sum_stages_ms(spans: Iterable[StageSpan]) -> dict[str, float]:
    """Milliseconds by stage, in the order in which the stages began."""
    durations: dict[str, float] = {}
    for span in spans:
        duration_ms = (span.end_ns - span.start_ns) / 1e6
        durations[span.stage] = durations.get(span.stage, 0.0) + duration_ms
    return durations


def encode_delta_event(chunk: EncodedChunk, unreadable: Iterable[Unreadable] = ()) -> bytes:
    """The server-sent event for one chunk, with what was left out since the event before."""
    return _encode_event(
        {
            "type": "speech.audio.delta",
            "audio": base64.b64encode(chunk.content).decode(),
            "words": to_word_times(chunk.words),
            "unreadable": to_unreadable_list(unreadable),
        }
    )


def encode_done_event(
    words: Sequence[Word], unreadable: Iterable[Unreadable], totals: dict[str, Any]
) -> bytes:
    """The last server-sent event."""
    return _encode_event(
        {
            "type": "speech.audio.done",
            # OpenAI's clients expect the field, but this engine does not count tokens.
            "usage": {
                "input_tokens": None,
                "output_tokens": None,
                "total_tokens": None,
            },
            "words": to_word_times(words),
            "unreadable": to_unreadable_list(unreadable),
            "totals": totals,
        }
    )


def _encode_event(event: dict[str, Any]) -> bytes:
    content = json.dumps(event, separators=(",", ":"))
    return f"data: {content}\n\n".encode()
