"""A real server of speech with moods, which its texts name: for what a crowd meets.

`refuse`, `break` and `hang` concern one answer, `die` the server. Run by `python -m`, with a port
or without, it prints its port.
"""

from __future__ import annotations

import os
import sys
import time

from tests.plugin import speech_server

HANG_S = 60.0


class MoodyHandler(speech_server.Handler):
    """One connection."""

    def answer(self, way: str, text: str) -> None:
        """Speak a text, unless it names a mood."""
        mood = text.split()[0].lower()
        if mood == "refuse":
            return self._busy(text)
        if mood == "break":
            return self._break(text)
        if mood == "hang":
            time.sleep(HANG_S)
        if mood == "die":
            os._exit(1)
        return super().answer(way, text)

    def _break(self, text: str) -> None:
        self._head({"Content-Type": "audio/pcm", "Transfer-Encoding": "chunked"})
        self._chunk(speech_server.tone(text)[:2000])
        self.close_connection = True


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = speech_server.Server(("127.0.0.1", port), MoodyHandler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
