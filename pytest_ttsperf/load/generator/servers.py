"""Listeners of a server: each has a client of its own."""

from __future__ import annotations

from pytest_ttsperf.load.generator.channels import Answer, play_bytes, play_decoded
from pytest_ttsperf.records import Mode, Recording
from pytest_ttsperf.targets.server import adapter as server_adapter
from pytest_ttsperf.targets.server.client import Client, Unanswered
from pytest_ttsperf.targets.worker.protocol import ConnectRequest

AHEAD_NS = 1_000_000
"""So long before it is due a listener looks whether its connection is still there."""


class ServerChannel:
    """A client of its own; its connection stays open or not, as the target's option says.

    Servers end connections that are idle for some seconds, and a listener who listens to an answer
    is. Whether that has happened is looked up just before a request; where it happens in this very
    moment the request is sent once more, over a new connection, as HTTP clients do (RFC 9112,
    9.3.1). Its latency counts on from when it was due.
    """

    prepares_at_once = False
    ahead_ns = AHEAD_NS

    def __init__(self, client: Client, adapter: server_adapter.ServerAdapter, mode: Mode) -> None:
        """`adapter` is of the same server, and knows what its answers are like."""
        self._client = client
        self._adapter = adapter
        self._mode = mode
        self._has_answered = False
        self._is_aborted = False

    def prepare(self) -> None:
        """See `Channel`."""
        self._client.prepare()

    def ask(self, text: str, stop_after: int | None) -> Answer:
        """See `Channel`."""
        self._is_aborted = False
        try:
            raw = self._client.fetch(text, stop_after=stop_after)
        except Unanswered:
            if self._is_aborted or not self._has_answered:
                raise
            self._client.prepare()
            raw = self._client.fetch(text, stop_after=stop_after)
        self._has_answered = True
        return Answer(raw.end_ns, raw.over_ns, raw.is_cut, raw)

    def played_ns(self, answer: Answer) -> int | None:
        """See `Channel`."""
        bytes_per_s = self._adapter.bytes_per_s
        if bytes_per_s is None:
            return play_decoded(self, answer)
        return play_bytes(answer, answer.raw.reads, bytes_per_s, self._mode)

    def decode(self, answer: Answer) -> Recording:
        """See `Channel`."""
        return self._adapter.decode(answer.raw, self._mode)

    def abort(self) -> None:
        """See `Channel`."""
        self._is_aborted = True
        self._client.abort()

    def close(self) -> None:
        """See `Channel`."""
        self._client.close()


class Clients:
    """Makes a client for each listener of one server."""

    def __init__(
        self,
        request: ConnectRequest,
        adapter: server_adapter.ServerAdapter,
    ) -> None:
        self._request = request
        self._adapter = adapter

    def new_channel(self, mode: Mode) -> ServerChannel:
        """A further client; it is not connected yet."""
        request = self._request
        client = server_adapter.open_client(
            request.spec,
            request.options,
            request.available,
            request.requested,
        )
        return ServerChannel(client, self._adapter, mode)
