"""In which form a server answers: real servers are asked, one after the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from pytest_ttsperf.doctor.server_forms import find_form
from pytest_ttsperf.errors import TargetNotFound, TargetShapeError
from pytest_ttsperf.records import TargetSpec
from tests.plugin import speech_server

pytestmark = pytest.mark.starts


class PiperHandler(speech_server.Handler):
    """Answers as piper's HTTP server: its own path, a whole WAV, a connection for each text."""

    def do_POST(self) -> None:  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/synthesize":
            self._whole(404, "")
            return
        self.close_connection = True
        sound = speech_server.tone(body["text"])
        extra = {"Connection": "close"}
        header = speech_server.wav_header(len(sound))
        self._stream(body["text"], "audio/wav", header, extra, sound=sound)


class BoundHandler(speech_server.Handler):
    """Speaks only with the model and voice of Kokoro-FastAPI."""

    def do_POST(self) -> None:  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("model") != "kokoro":
            self._whole(400, json.dumps({"detail": "no such model"}))
            return
        self._pcm(body["input"])


class DeafHandler(speech_server.Handler):
    """Knows no form at all."""

    def do_POST(self) -> None:  # noqa: N802
        self.rfile.read(int(self.headers["Content-Length"]))
        self._whole(404, json.dumps({"detail": "nothing here"}))


@pytest.fixture
def serve() -> Iterator[object]:
    servers = []

    def start(handler: type[speech_server.Handler]) -> str:
        server = speech_server.Server(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("handler", "path", "options"),
    [
        (speech_server.Handler, "", {}),
        (BoundHandler, "", {"preset": "kokoro-fastapi"}),
        (PiperHandler, "", {"preset": "piper"}),
        (speech_server.Handler, "/closes", {"connection": "fresh"}),
    ],
)
def test_the_first_form_with_sound_is_taken(serve, handler, path, options):
    url = serve(handler) + path
    assert find_form(TargetSpec(spec=url)) == TargetSpec(spec=url, options=options)


def test_a_server_without_a_form_is_refused_with_what_it_said(serve):
    with pytest.raises(TargetShapeError) as refusal:
        find_form(TargetSpec(spec=serve(DeafHandler)))
    text = str(refusal.value)
    assert "in OpenAI's form: target" in text
    assert "in the form of piper's HTTP server: target" in text
    assert "nothing here" in text
    assert "--option template=" in text


def test_an_address_where_nothing_answers_is_asked_once():
    with pytest.raises(TargetNotFound, match="nothing answers there"):
        find_form(TargetSpec(spec="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    "spec",
    [
        TargetSpec(spec="http://127.0.0.1:9", options={"preset": "piper"}),
        TargetSpec(spec="http://127.0.0.1:9", options={"template": {"path": "/x"}}),
        TargetSpec(spec="wyoming://127.0.0.1:9"),
        TargetSpec(spec="a:A"),
        TargetSpec(spec="cmd:x"),
    ],
)
def test_what_needs_no_asking_is_not_asked(spec):
    assert find_form(spec) == spec
