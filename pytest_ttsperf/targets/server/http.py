"""Sends requests to a server over HTTP/1.1 and stamps each read of its answers.

The standard library's client and no other, because it opens a connection on command: one
that is kept before the request, a fresh one as a part of it. A read gives what has arrived,
never more than one delivery, and waits for no more.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from time import perf_counter_ns
from typing import Any, NamedTuple

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetFailed, TargetNotFound, TargetShapeError
from pytest_ttsperf.records import Json, Mode, Span
from pytest_ttsperf.targets import spec
from pytest_ttsperf.targets.placement import is_count_by_name
from pytest_ttsperf.targets.server import request_template, response_head
from pytest_ttsperf.targets.server.client import (
    READ_BYTES,
    RawResponse,
    TimedRead,
    TimedResponse,
    Unanswered,
    broken_connection,
    connect,
    is_readable,
    not_reachable,
    shut_down,
)
from pytest_ttsperf.targets.server.payload import Payload, identify_payload

MOST_STATUS_BYTES = 1 << 20
PROVIDER_HEADERS = ("X-Provider", "X-TTS-Provider", "X-Execution-Provider")
CONNECT = "http.connect"
TLS = "http.tls"
SEND = "http.send"
WAIT = "http.wait"
BODY = "http.body"
SERVER = "server."
"""Before the names of stages that the server reports of itself."""


class HttpClient:
    """See `client.Client`."""

    def __init__(
        self,
        url: str,
        *,
        voice: str | None = None,
        needs_voice: bool = False,
        preset: str | None = None,
        template: Mapping[str, Json] | str | None = None,
        connection: str | None = None,
    ) -> None:
        self._template = request_template.build_template(preset, template, connection)
        if needs_voice and not request_template.has_place_for_voice(self._template):
            raise TargetShapeError(
                f"voice {voice!r} was asked for, but the form of {secrets.mask(url)} has no "
                "place for it; put {voice} into --ttsperf-http-template, or leave out "
                "--ttsperf-voice"
            )
        self._url = secrets.mask(url)
        self._voice = voice
        address = request_template.parse_address(spec.resolve(url))
        self._path = address.path
        self._connection = _Connection(address)
        self._keeps_connection = self._template.connection == "keep"
        self._provider: str | None = None
        self._served_voice: str | None = None

    def prepare(self) -> None:
        """Open a connection that is to be reused; anew where the server has closed it."""
        if not self._keeps_connection or self._connection.is_stale():
            self._connection.close()
        if self._keeps_connection and self._connection.sock is None:
            self._connect()

    def ask(self, text: str, mode: Mode) -> TimedResponse:  # noqa: ARG002  (same for both)
        """Send one text, read the answer to its end."""
        return self.fetch(text).identify()

    def fetch(self, text: str, *, stop_after: int | None = None) -> RawResponse:
        """See `Client`. A hung up answer takes its connection along, as HTTP has no other way."""
        request = request_template.build_request(self._template, self._path, text, self._voice)
        request_ns = perf_counter_ns()
        if self._connection.sock is None:
            self._connect()
        exchange = self._exchange(request, stop_after)
        response = exchange.response
        if self._keeps_connection and response.will_close:
            self._connection.close()
            raise TargetShapeError(
                f"found that {self._url} closes the connection after each answer, wanted one that "
                "is kept; measure with --ttsperf-http-connection=fresh"
            )
        providers = filter(None, map(response.getheader, PROVIDER_HEADERS))
        self._provider = next(providers, self._provider)
        self._served_voice = response.getheader("X-Voice") or self._served_voice
        connect_spans: tuple[Span, ...] = ()
        if not self._keeps_connection:
            connect_spans = self._connection.spans
        return RawResponse(
            request_ns=request_ns,
            end_ns=exchange.end_ns,
            over_ns=exchange.end_ns,
            reads=exchange.reads,
            is_cut=exchange.is_cut,
            identify=partial(self._to_timed, request_ns, exchange, connect_spans),
        )

    def abort(self) -> None:
        """See `Client`."""
        shut_down(self._connection.sock)

    def _to_timed(
        self,
        request_ns: int,
        exchange: _Exchange,
        connect_spans: tuple[Span, ...],
    ) -> TimedResponse:
        sound = self._identify(exchange)
        return TimedResponse(
            request_ns=request_ns,
            end_ns=exchange.end_ns,
            reads=exchange.reads,
            decoder=sound.decoder,
            spans=(*connect_spans, *_spans(exchange)),
            notes=sound.notes,
            is_rate_supposed=sound.is_rate_supposed,
        )

    def placement(self) -> dict[str, Json] | None:
        """What /status says of the provider and its nodes, else the provider in a header."""
        placement = self._read_status()
        if placement is None and self._provider is not None:
            return {"provider": self._provider}
        return placement

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._connection.close()

    def _connect(self) -> None:
        try:
            self._connection.connect()
        except OSError as error:
            self._connection.close()
            if isinstance(error, ssl.SSLError):
                raise TargetNotFound(
                    f"target {self._url}: no TLS that is trusted here ({error}); correct the "
                    "address, or name a certificate of your own in SSL_CERT_FILE"
                ) from error
            raise not_reachable(self._url, error) from error

    def _exchange(
        self,
        request: request_template.HttpRequest,
        stop_after: int | None,
    ) -> _Exchange:
        """Send a request and read its answer, on a connection that is open.

        Unanswered where the server has ended it, and sent nothing. It may have done so just before
        the request came, as each server ends connections that were idle for long: then nothing is
        wrong with it (RFC 9112, 9.3.1).
        """
        connection = self._connection
        reads: list[TimedRead] = []
        try:
            begun_ns = perf_counter_ns()
            _send(connection, request, self._url)
            sent_ns = perf_counter_ns()
            response = _await_head(connection, self._url)
            head_ns = perf_counter_ns()
            response_head.refuse_errors(
                response, self._url, request.method, secrets.mask(request.path)
            )
            response_head.refuse_compressed(response, self._url)
            is_cut = _drain(response, reads, stop_after)
            end_ns = perf_counter_ns()
            if is_cut:
                connection.close()
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError | HTTPException):
                raise broken_connection(self._url, reads, error) from error
            raise
        return _Exchange(response, reads, begun_ns, sent_ns, head_ns, end_ns, is_cut)

    def _identify(self, exchange: _Exchange) -> Payload:
        """How the sound of an answer is read. TargetError for one that is no sound."""
        response = exchange.response
        body = b"".join(data for _, data in exchange.reads)
        if not body:
            raise TargetFailed(
                f"target {self._url} answered {response.status} and no byte; look into its log"
            )
        return identify_payload(self._url, response.headers, body, self._template)

    def _read_status(self) -> dict[str, Json] | None:
        """The placement under the status path, on a separate connection; None without one."""
        if not self._template.status:
            return None
        connection = _Connection(self._connection.address)
        path = request_template.strip_version(self._path) + self._template.status
        headers = request_template.build_request(self._template, "", "", None).headers
        headers.pop("Content-Type", None)
        try:
            connection.connect()
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                return None
            status = json.loads(response.read(MOST_STATUS_BYTES))
            return find_placement(status, self._served_voice or self._voice)
        except (OSError, HTTPException, ValueError):
            return None
        finally:
            connection.close()


class _Exchange(NamedTuple):
    """One request and its answer, with the instants of its stages."""

    response: HTTPResponse
    reads: list[TimedRead]
    begun_ns: int
    sent_ns: int
    head_ns: int
    end_ns: int
    is_cut: bool


def _send(connection: HTTPConnection, request: request_template.HttpRequest, url: str) -> None:
    """Send a request. Unanswered where the other end is closed."""
    try:
        connection.request(request.method, request.path, request.body, request.headers)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise _unanswered(url, error) from error


def _await_head(connection: HTTPConnection, url: str) -> HTTPResponse:
    """Wait for the head of an answer. Unanswered where the connection ends instead."""
    try:
        return connection.getresponse()
    except ConnectionResetError as error:  # http.client's own for an orderly end is one of these
        raise _unanswered(url, error) from error


def _unanswered(url: str, error: OSError) -> Unanswered:
    return Unanswered(str(broken_connection(url, (), error)))


def _spans(exchange: _Exchange) -> tuple[Span, ...]:
    """Stages as seen from here, and those that the server reports."""
    first_ns, _ = exchange.reads[0]
    sent_ns = exchange.sent_ns
    headers = exchange.response.headers.get_all("Server-Timing") or []
    return (
        Span(stage=SEND, start_ns=exchange.begun_ns, end_ns=sent_ns),
        Span(stage=WAIT, start_ns=sent_ns, end_ns=first_ns),
        Span(stage=BODY, start_ns=first_ns, end_ns=exchange.end_ns),
        *place_server_spans(headers, sent_ns, exchange.head_ns),
    )


class _Response(HTTPResponse):
    """Read through a buffer that cuts no delivery into pieces."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = sock.makefile("rb", READ_BYTES)  # type: ignore[assignment]


class _Connection(HTTPConnection):
    """One connection that says how long its opening took."""

    response_class = _Response

    def __init__(self, address: request_template.Address) -> None:
        super().__init__(address.host, address.port)
        self.address = address
        self.default_port = request_template.DEFAULT_PORTS[address.scheme]
        self.spans: tuple[Span, ...] = ()

    def connect(self) -> None:
        """Open it. OSError when that fails, TLS included."""
        begun_ns = perf_counter_ns()
        plain = connect(self.host, self.port)
        connected_ns = perf_counter_ns()
        self.spans = (Span(stage=CONNECT, start_ns=begun_ns, end_ns=connected_ns),)
        if self.address.scheme == "https":
            try:
                plain = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
            except BaseException:
                plain.close()
                raise
            handshake = Span(stage=TLS, start_ns=connected_ns, end_ns=perf_counter_ns())
            self.spans = (*self.spans, handshake)
        plain.settimeout(None)  # how long an answer may take is decided by the worker's parent
        self.sock = plain

    def is_stale(self) -> bool:
        """Whether a connection is there of which the server has closed its end."""
        sock: Any = self.sock
        return sock is not None and is_readable(sock, 0)


def place_server_spans(headers: list[str], sent_ns: int, head_ns: int) -> tuple[Span, ...]:
    """Stages of a Server-Timing header, which says how long each took and not when.

    One after the other from the moment the request was sent where that fits into the wait for the
    header, else all up to its arrival. `total` is no stage.
    """
    stages = _parse_server_timing(",".join(headers))
    is_sequence = sum(duration_ns for _, duration_ns in stages) <= head_ns - sent_ns
    spans = []
    at_ns = sent_ns
    for name, duration_ns in stages:
        start_ns = max(sent_ns, head_ns - duration_ns)
        end_ns = head_ns
        if is_sequence:
            start_ns = at_ns
            end_ns = at_ns + duration_ns
        spans.append(Span(stage=SERVER + name, start_ns=start_ns, end_ns=end_ns))
        at_ns = end_ns
    return tuple(spans)


def _parse_server_timing(header: str) -> list[tuple[str, int]]:
    """Name and duration in ns of each stage that has one."""
    stages = []
    for entry in _split_unquoted(header, ","):
        name, *parameters = _split_unquoted(entry, ";")
        duration_ns = _parse_duration(parameters)
        if name not in ("", "total") and duration_ns >= 0:
            stages.append((name, duration_ns))
    return stages


def _parse_duration(parameters: list[str]) -> int:
    """The first `dur`, in ns; -1 where there is none, or it is no number."""
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.lower() == "dur":
            try:
                return int(float(value.strip('" ')) * 1e6)
            except (ValueError, OverflowError):
                return -1
    return -1


def _split_unquoted(header: str, separator: str) -> list[str]:
    """What stands between separators, those within quotes excepted; at least one part."""
    parts = re.findall(rf'(?:[^{separator}"]|"[^"]*"?)+', header)
    return [part.strip() for part in parts] or [""]


def find_placement(status: Json, voice: str | None = None) -> dict[str, Json] | None:
    """The part of a status that is a placement: the one that counts nodes by provider.

    Looked for as `placement`, `provider`, under the voice's name in `voices`, and as all of it. A
    `placement` may be the counts themselves.
    """
    if not isinstance(status, dict):
        return None
    placement = status.get("placement")
    candidates = [placement, status.get("provider"), status]
    voices = status.get("voices")
    if isinstance(voices, dict):
        candidates.insert(2, voices.get(voice))
    for candidate in candidates:
        if isinstance(candidate, dict) and is_count_by_name(candidate.get("nodes")):
            return dict(candidate)
    if placement and is_count_by_name(placement):
        return {"nodes": placement}
    return None


def _drain(response: HTTPResponse, reads: list[TimedRead], stop_after: int | None) -> bool:
    """Stamp what arrives until the end, or so many reads; whether it was cut short by the latter.

    HTTPException or OSError when it ends too early.
    """
    bytes_left = response.length
    read = response.read1
    append = reads.append
    while bytes_left is None or bytes_left > 0:
        data = read(min(READ_BYTES, bytes_left or READ_BYTES))
        if not data:
            break
        append((perf_counter_ns(), data))
        if len(reads) == stop_after:
            return True
        if bytes_left is not None:
            bytes_left -= len(data)
    if bytes_left:
        raise IncompleteRead(b"", bytes_left)
    response.close()
    return False
