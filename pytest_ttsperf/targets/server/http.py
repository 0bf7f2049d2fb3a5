"""Asks a server over HTTP/1.1 and stamps each read of its answer.

The standard library's client and no other, because it opens a connection when told to: with a kept
connection that is before the request, with a fresh one it is a part of it. A read gives what has
arrived, never more than one delivery, and waits for no more.
"""

from __future__ import annotations

import http.client
import json
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetFailed, TargetNotFound, TargetShapeError
from pytest_ttsperf.records import Json, Mode, Span
from pytest_ttsperf.targets import placement as targets_placement
from pytest_ttsperf.targets import spec
from pytest_ttsperf.targets.decoders import base, signatures
from pytest_ttsperf.targets.decoders.factory import open_decoder
from pytest_ttsperf.targets.decoders.pcm import open_pcm
from pytest_ttsperf.targets.server import request_template, response_head, sse
from pytest_ttsperf.targets.server.client import TimedResponse

READ_BYTES = 1 << 16
CONNECT_S = 10.0
MOST_STATUS_BYTES = 1 << 20
EVENTS = "text/event-stream"
PROVIDER_HEADERS = ("X-Provider", "X-TTS-Provider", "X-Execution-Provider")
CONNECT, TLS, SEND, WAIT, BODY = "http.connect", "http.tls", "http.send", "http.wait", "http.body"
SERVER = "server."
"""Before the names of stages that the server tells of itself."""

Now = Callable[[], int]


class HttpClient:
    """See `remote.Client`."""

    def __init__(
        self,
        url: str,
        *,
        voice: str | None = None,
        needs_voice: bool = False,
        preset: str | None = None,
        template: Mapping[str, Json] | str | None = None,
        connection: str | None = None,
        now_ns: Now = time.perf_counter_ns,
    ) -> None:
        self._form = request_template.form_of(preset, template, connection)
        if needs_voice and not request_template.has_place_for_voice(self._form):
            raise TargetShapeError(
                f"voice {voice!r} was asked for, but the form of {secrets.mask(url)} has no "
                "place for it; put {voice} into --ttsperf-http-template, or leave out "
                "--ttsperf-voice"
            )
        self._url, self._voice, self._now_ns = secrets.mask(url), voice, now_ns
        scheme, host, port, self._path = request_template.address(spec.resolve(url))
        self._connection = _Connection(host, port, is_tls=scheme == "https", now_ns=now_ns)
        self._keeps = self._form.connection == "keep"
        self._provider: str | None = None
        self._voice_told: str | None = None

    def prepare(self) -> None:
        """With a kept connection: see that it is there, and open it anew where it was closed."""
        if not self._keeps:
            self._connection.close()
            return
        if self._connection.is_stale():
            self._connection.close()
        if self._connection.sock is None:
            self._connect()

    def ask(self, text: str, mode: Mode) -> TimedResponse:  # noqa: ARG002  (one form for both)
        """Send one text, read the answer to its end."""
        request = request_template.request(self._form, self._path, text, self._voice)
        connection, now_ns = self._connection, self._now_ns
        reads: list[tuple[int, bytes]] = []
        request_ns = now_ns()
        if connection.sock is None:
            self._connect()
        try:
            begun_ns = now_ns()
            connection.request(request.method, request.path, request.body, request.headers)
            sent_ns = now_ns()
            response = connection.getresponse()
            head_ns = now_ns()
            response_head.refuse_errors(
                response, self._url, request.method, secrets.mask(request.path)
            )
            response_head.refuse_compressed(response, self._url)
            _drain(response, reads, now_ns)
            end_ns = now_ns()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise TargetFailed(
                f"target {self._url}: the connection broke after {sum(len(d) for _, d in reads)} "
                f"bytes of sound ({type(error).__name__}: {error})"
            ) from error
        except BaseException:
            connection.close()
            raise
        self._refuse_closing(response)
        self._provider = _provider(response) or self._provider
        self._voice_told = response.getheader("X-Voice") or self._voice_told
        first_ns = reads[0][0] if reads else end_ns
        own = [
            *(connection.spans if not self._keeps else ()),
            Span(stage=SEND, start_ns=begun_ns, end_ns=sent_ns),
            Span(stage=WAIT, start_ns=sent_ns, end_ns=first_ns),
            Span(stage=BODY, start_ns=first_ns, end_ns=end_ns),
        ]
        told = server_spans(response.headers.get_all("Server-Timing") or [], sent_ns, head_ns)
        found = self._found(response, b"".join(data for _, data in reads))
        return TimedResponse(
            request_ns,
            end_ns,
            reads,
            found.container,
            (*own, *told),
            notes=found.notes,
            is_rate_supposed=found.is_rate_supposed,
        )

    def placement(self) -> dict[str, Json] | None:
        """What /status tells of the provider and its nodes, else the provider in a header."""
        told = self._status() if self._form.status else None
        if told is not None:
            return told
        return None if self._provider is None else {"provider": self._provider}

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._connection.close()

    def _connect(self) -> None:
        try:
            self._connection.connect()
        except ssl.SSLError as error:
            self._connection.close()
            raise TargetNotFound(
                f"target {self._url}: no TLS that is trusted here ({error}); correct the address, "
                "or name a certificate of your own in SSL_CERT_FILE"
            ) from error
        except OSError as error:
            self._connection.close()
            raise TargetNotFound(
                f"target {self._url}: nothing answers there ({error}); start the server, or "
                "correct the address"
            ) from error

    def _refuse_closing(self, response: http.client.HTTPResponse) -> None:
        if self._keeps and response.will_close:
            self._connection.close()
            raise TargetShapeError(
                f"found that {self._url} closes the connection after each answer, wanted one that "
                "is kept; measure with --ttsperf-http-connection=fresh"
            )

    def _found(self, response: http.client.HTTPResponse, body: bytes) -> _Payload:
        """The parser of an answer, by its bytes first. TargetError for one that is no sound."""
        if not body:
            raise TargetFailed(
                f"target {self._url} answered {response.status} and no byte; look into its log"
            )
        content_type = response.getheader("Content-Type")
        is_events = signatures.plain_type(content_type) == EVENTS
        sound = sse.sound_at_begin(body) if is_events else body
        if is_events:
            content_type = None
        shape = response_head.pcm_shape(response.headers, self._form.sample_rate)
        try:
            kind = signatures.detect_format(sound, content_type, self._form.format)
            parser = open_pcm(shape) if kind == "pcm" else open_decoder(kind, None)
        except TargetShapeError as error:
            said = response_head.describe_head(body[:READ_BYTES], content_type, str(len(body)))
            raise TargetShapeError(f"target {self._url}: {error} ({said})") from error
        misnamed = signatures.describe_mismatch(kind, content_type, self._form.format)
        return _Payload(
            container=sse.Events(parser) if is_events else parser,
            notes=(
                *((misnamed,) if misnamed else ()),
                *(shape.notes if kind == "pcm" else ()),
            ),
            is_rate_supposed=kind == "pcm" and shape.is_rate_supposed,
        )

    def _status(self) -> dict[str, Json] | None:
        """The placement under the status path, on a connection of its own; None if not told."""
        there = self._connection
        asking = _Connection(there.host, there.port, is_tls=there.is_tls, now_ns=self._now_ns)
        try:
            asking.connect()
            headers = request_template.request(self._form, "", "", None).headers
            headers.pop("Content-Type", None)
            status_path = request_template.root(self._path) + str(self._form.status)
            asking.request("GET", status_path, headers=headers)
            response = asking.getresponse()
            body = response.read(MOST_STATUS_BYTES) if response.status == http.client.OK else b""
            return placement_in(json.loads(body), self._voice_told or self._voice)
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            asking.close()


class _Response(http.client.HTTPResponse):
    """Read through a buffer that cuts no delivery into pieces."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = sock.makefile("rb", READ_BYTES)  # type: ignore[assignment]


class _Connection(http.client.HTTPConnection):
    """One connection that tells how long its opening took."""

    response_class = _Response

    def __init__(self, host: str, port: int, *, is_tls: bool, now_ns: Now) -> None:
        super().__init__(host, port)
        self.is_tls = is_tls
        self.default_port = 443 if is_tls else 80
        self.spans: tuple[Span, ...] = ()
        self._now_ns = now_ns

    def connect(self) -> None:
        """Open it. OSError when that fails, TLS included."""
        begun_ns = self._now_ns()
        plain = socket.create_connection((self.host, self.port), CONNECT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected_ns = self._now_ns()
        self.spans = (Span(stage=CONNECT, start_ns=begun_ns, end_ns=connected_ns),)
        if self.is_tls:
            try:
                plain = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
            except BaseException:
                plain.close()
                raise
            secured = Span(stage=TLS, start_ns=connected_ns, end_ns=self._now_ns())
            self.spans = (*self.spans, secured)
        plain.settimeout(None)  # how long an answer may take is the worker's parent's to say
        self.sock = plain

    def is_stale(self) -> bool:
        """Whether a connection is there of which the server has closed its end."""
        sock: Any = self.sock
        return sock is not None and bool(select.select([sock], [], [], 0)[0])


class _Payload(NamedTuple):
    """How the sound of an answer is read."""

    container: base.Container
    notes: tuple[str, ...]
    is_rate_supposed: bool


def server_spans(headers: list[str], sent_ns: int, head_ns: int) -> tuple[Span, ...]:
    """Stages of a Server-Timing header, which tells how long each took and not when.

    One after the other from the moment the request was sent where that fits into the wait for the
    header, else all up to its arrival. `total` is no stage.
    """
    told = []
    for entry in _parts(",".join(headers), ","):
        name, *parameters = (part.strip() for part in _parts(entry, ";"))
        lasted = [p[4:].strip('" ') for p in parameters if p.lower().startswith("dur=")]
        try:
            dur_ns = int(float(lasted[0]) * 1e6) if lasted else -1
        except (ValueError, OverflowError):
            continue
        if name and name != "total" and dur_ns >= 0:
            told.append((SERVER + name, dur_ns))
    fits = sum(dur_ns for _, dur_ns in told) <= head_ns - sent_ns
    spans, at_ns = [], sent_ns
    for name, dur_ns in told:
        start_ns = at_ns if fits else max(sent_ns, head_ns - dur_ns)
        end_ns = at_ns + dur_ns if fits else head_ns
        spans.append(Span(stage=name, start_ns=start_ns, end_ns=end_ns))
        at_ns = end_ns
    return tuple(spans)


def _parts(header: str, separator: str) -> list[str]:
    """What stands between separators, those within quotes excepted; at least one part."""
    return re.findall(rf'(?:[^{separator}"]|"[^"]*"?)+', header) or [""]


def placement_in(told: Json, voice: str | None = None) -> dict[str, Json] | None:
    """The part of a status that is a placement: the one that counts nodes by provider.

    Looked for as `placement`, `provider`, under the voice's name in `voices`, and as all of it. A
    `placement` may be the counts themselves.
    """
    if not isinstance(told, dict):
        return None
    voices = told.get("voices")
    own = voices.get(voice) if isinstance(voices, dict) else None
    for found in (told.get("placement"), told.get("provider"), own, told):
        if not isinstance(found, dict):
            continue
        nodes = found.get("nodes")
        if isinstance(nodes, dict) and targets_placement.is_count_by_name(nodes):
            return dict(found)
    bare = told.get("placement")
    return {"nodes": bare} if bare and targets_placement.is_count_by_name(bare) else None


def _drain(response: http.client.HTTPResponse, reads: list[tuple[int, bytes]], now_ns: Now) -> None:
    """Stamp what arrives until the end. HTTPException or OSError when it ends too early."""
    left = response.length
    read, keep = response.read1, reads.append
    while left is None or left > 0:
        data = read(READ_BYTES if left is None else min(READ_BYTES, left))
        if not data:
            break
        keep((now_ns(), data))
        if left is not None:
            left -= len(data)
    if left:
        raise http.client.IncompleteRead(b"", left)
    response.close()


def _provider(response: http.client.HTTPResponse) -> str | None:
    told = (response.getheader(name) for name in PROVIDER_HEADERS)
    return next((value for value in told if value), None)
