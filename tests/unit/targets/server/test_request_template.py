"""What is sent: presets, templates and what is wrong with them."""

from __future__ import annotations

import json

import pytest

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.server.request_template import (
    build_request,
    build_template,
    has_place_for_voice,
    parse_address,
)
from pytest_ttsperf.targets.spec import kind_of


def test_openais_form_is_the_default() -> None:
    sent = build_request(build_template(None, None, None), "", 'He said "no".', None)
    assert (sent.method, sent.path) == ("POST", "/v1/audio/speech")
    assert json.loads(sent.body or b"") == {
        "model": "tts-1",
        "input": 'He said "no".',
        "voice": "alloy",
        "response_format": "pcm",
    }
    assert sent.headers == {"Content-Type": "application/json"}


def test_a_template_is_laid_over_a_preset() -> None:
    form = build_template(None, '{"body": {"response_format": "wav", "voice": "{voice}"}}', "fresh")
    body = json.loads(build_request(form, "/api/", "Hi.", "echo").body or b"")
    assert (body["input"], body["voice"], body["response_format"]) == ("Hi.", "echo", "wav")
    assert build_request(form, "/api/", "Hi.", None).path == "/api/v1/audio/speech"
    assert form.connection == "fresh"
    assert build_template(None, {"preset": "piper"}, None).path == "/synthesize"
    assert build_template("piper", None, None).connection == "fresh"


def test_text_is_quoted_where_it_goes_into_the_path() -> None:
    form = build_template(None, {"path": "/say/{voice}?text={text}", "method": "GET"}, None)
    sent = build_request(form, "", "a&b c/d {voice}", "x")
    assert sent.path == "/say/x?text=a%26b%20c%2Fd%20%7Bvoice%7D"
    assert (sent.method, sent.body) == ("GET", None)


def test_a_body_may_be_text_as_it_is() -> None:
    sent = build_request(
        build_template(None, {"path": "/", "body": "{text}"}, None), "", "Grüß {dich}", None
    )
    assert sent.body == "Grüß {dich}".encode()
    assert sent.headers["Content-Type"].startswith("text/plain")


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    form = build_template(None, {"headers": {"Authorization": "Bearer {env:VOICE_KEY}"}}, None)
    monkeypatch.setenv("VOICE_KEY", "s3cret")
    assert build_request(form, "", "a", None).headers["Authorization"] == "Bearer s3cret"
    monkeypatch.delenv("VOICE_KEY")
    with pytest.raises(TargetShapeError, match="export VOICE_KEY"):
        build_request(form, "", "a", None)


def test_not_every_form_has_a_place_for_a_voice() -> None:
    assert has_place_for_voice(build_template("kokoro-fastapi", None, None))
    assert not has_place_for_voice(build_template("piper", None, None))


@pytest.mark.parametrize(
    ("preset", "template", "connection", "told"),
    [
        ("nobody", None, None, "openai, kokoro-fastapi, piper"),
        (None, "{", None, "no JSON"),
        (None, "[1]", None, "wanted a JSON object"),
        (None, {"path": "/x", "colour": 1}, None, "unknown field `colour`"),
        (None, {"path": "/x", "body": {"a": "{text}"}, "format": "m4a"}, None, "'m4a'"),
        (None, {"path": "/x", "body": {"a": "{text}"}, "format": "pcm"}, None, "without sample_r"),
        (None, {"path": "/x"}, None, "without {text}"),
        (None, {"path": "x", "body": "{text}"}, None, "begins with /"),
        (None, None, "sometimes", "Invalid enum value 'sometimes'"),
    ],
)
def test_what_is_wrong_is_told(
    preset: str | None, template: object, connection: str | None, told: str
) -> None:
    with pytest.raises(TargetShapeError, match=told):
        build_template(preset, template, connection)  # type: ignore[arg-type]


def test_addresses() -> None:
    assert parse_address("http://localhost:8000") == ("http", "localhost", 8000, "")
    assert parse_address("https://a.example/tts") == ("https", "a.example", 443, "/tts")
    assert parse_address("wyoming://[::1]") == ("wyoming", "::1", 10200, "")
    for wrong in ("http://", "http://a:99999", "http://a:x", "http://a/b?c=d", "http://u:p@a"):
        with pytest.raises(TargetShapeError, match="wanted http://host:port"):
            parse_address(wrong)


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("http://a:1", "http"),
        ("https://a", "http"),
        ("wyoming://a:1", "wyoming"),
        ("cmd:piper --model x", "command"),
        ("engine:Engine", "python"),
        ("http:Client", "python"),
    ],
)
def test_a_spec_names_its_kind(spec: str, named: str) -> None:
    assert kind_of(spec).name == named
