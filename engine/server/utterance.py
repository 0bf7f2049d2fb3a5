"""One utterance on a WebSocket: its text while it is written, its audio while it is played."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..audio import Word
from .admission import Slot
from .payloads import round_figure, to_word_times
from .synthesis import EncodedChunk


class TextBuffer:
    """The text of an utterance, written in the running event loop and read in a worker thread.

    The reader yields the slot to others for as long as it has to wait for text.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.slot: Slot | None = None  # to be set before the text is read
        self.text_chars = 0

    def append(self, text: str) -> None:
        """Add to the text."""
        self.text_chars += len(text)
        self._parts.put(text)

    def end(self) -> None:
        """Nothing is added any more."""
        self._parts.put(None)

    def __iter__(self) -> Iterator[str]:
        while (part := self._read()) is not None:
            yield part

    def _read(self) -> str | None:
        with suppress(queue.Empty):
            return self._parts.get_nowait()
        assert self.slot is not None, "the reader holds a slot"
        self._loop.call_soon_threadsafe(self.slot.yield_)
        part = self._parts.get()
        if part is not None:  # the end needs no slot, and may mean that the client has left
            asyncio.run_coroutine_threadsafe(self.slot.reacquire(), self._loop).result()
        return part


class PlayedAudio:
    """What has been sent of an utterance, and since when."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.audio_s = 0.0
        self.first_s: float | None = None  # when the first chunk was added, by perf_counter()

    def add(self, chunk: EncodedChunk) -> None:
        """Count a chunk as played from now on."""
        if self.first_s is None:
            self.first_s = time.perf_counter()
        self.words += chunk.words
        self.audio_s += chunk.audio_s

    def summarize(self, played_s: float | None) -> dict[str, Any]:
        """What the client had played at `played_s`, with the last word that had begun by then.

        None stands for now, if the client has played from the first chunk on without a pause.
        """
        is_estimated = played_s is None
        if played_s is None:
            played_s = 0.0
            if self.first_s is not None:
                played_s = time.perf_counter() - self.first_s
        played_s = min(played_s, self.audio_s)
        words = to_word_times(word for word in self.words if word.start_s < played_s)
        return {
            "played_s": round_figure(played_s, 4),
            "estimated": is_estimated,
            "last_word": words[-1] if words else None,
            "words_spoken": len(words),
            "audio_s": round_figure(self.audio_s, 4),
        }
