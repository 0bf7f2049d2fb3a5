"""Clients of HTTP/1.0, which do not know the chunked encoding.

uvicorn has two readers of HTTP. `httptools` is quick, and answers everybody in chunks: a client of
HTTP/1.0 would find their sizes inside the sound. `h11` ends such an answer by closing the
connection, as HTTP/1.0 has it. So the first line of a connection decides which of them reads.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_LINE_BYTES = 65_536  # a longer line is no request: let the usual reader refuse it
OLD_VERSION = b"HTTP/1.0"


def find_http_protocol() -> type[asyncio.Protocol]:
    """What reads HTTP from a connection, for uvicorn's Config."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ModuleNotFoundError:
        return H11Protocol

    class VersionedProtocol(HttpToolsProtocol):
        """httptools, until the first line says HTTP/1.0."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._first: bytes | None = b""  # what has come of the first line; None once it is read

        def data_received(self, data: bytes) -> None:
            if self._first is None:
                super().data_received(data)
                return
            self._first += data
            line, newline, _ = self._first.partition(b"\n")
            if not newline and len(line) < MAX_LINE_BYTES:
                return
            content, self._first = self._first, None
            if line.rstrip().endswith(OLD_VERSION):
                self._hand_over(content)
            else:
                super().data_received(content)

        def _hand_over(self, content: bytes) -> None:
            """As uvicorn hands a connection over to the reader of a WebSocket."""
            self.connections.discard(self)
            protocol = H11Protocol(
                config=self.config,
                server_state=self.server_state,
                app_state=self.app_state,
            )
            protocol.connection_made(self.transport)
            self.transport.set_protocol(protocol)
            protocol.data_received(content)

    return VersionedProtocol
