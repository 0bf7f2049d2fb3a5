"""A text arrives as it is, however the body is written."""

from __future__ import annotations

import json
from email.parser import BytesParser
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.server.request_template import (
    build_request,
    build_template,
    join_path,
    strip_version,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(
    lambda text: not {"\ufffe", "\uffff"} & set(text)
)
ODD = 'Salt & pepper, 50% off: 2 + 2 = four; "yes" <b> {voice} Grüße'


def sent(body: object, content_type: str, text: str, header: str = "Content-Type"):
    template = {"path": "/say", "body": body, "headers": {header: content_type}}
    return build_request(build_template(None, template, None), "", text, "joe")


@pytest.mark.parametrize("header", ["Content-Type", "content-type"])
@given(text=TEXTS)
def test_a_form_is_percent_encoded(header: str, text: str) -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    for body in ("voice={voice}&text={text}", {"voice": "{voice}", "text": "{text}"}):
        request = sent(body, kind, text, header)
        arrived = parse_qs((request.body or b"").decode(), strict_parsing=True)
        assert arrived == {"voice": ["joe"], "text": [text]}
        assert request.headers == {header: kind}


@given(text=TEXTS)
def test_json_given_as_a_text_stays_json(text: str) -> None:
    request = sent('{"input": {"text": "{text}"}, "speed": 1.0}', "application/json", text)
    assert json.loads(request.body or b"") == {"input": {"text": text}, "speed": 1.0}


@pytest.mark.parametrize("kind", ["application/ssml+xml", "text/xml; charset=utf-8"])
@given(text=TEXTS)
def test_markup_is_escaped(kind: str, text: str) -> None:
    request = sent('<speak><voice name="{voice}" say="{text}">{text}</voice></speak>', kind, text)
    voice = ElementTree.fromstring(request.body or b"").find("voice")
    assert voice is not None
    assert (voice.text, voice.get("say"), voice.get("name")) == (text, text, "joe")


def test_fields_may_be_sent_in_parts() -> None:
    request = sent({"text": "{text}", "speed": 1.5, "fast": True}, "multipart/form-data", ODD)
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + (request.body or b""))
    parts = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in message.get_payload()
    }
    assert parts == {"text": ODD.encode(), "speed": b"1.5", "fast": b"true"}


def test_other_texts_are_sent_as_they_are() -> None:
    assert sent("say: {text}", "text/plain", ODD).body == f"say: {ODD}".encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"a": {"b": "{text}"}}, "application/x-www-form-urlencoded"),
        ({"a": ["{text}"]}, "multipart/form-data"),
        (["{text}"], "multipart/form-data"),
        ({"speak": "{text}"}, "application/ssml+xml"),
    ],
)
def test_fields_that_a_type_cannot_carry_are_told(body: object, kind: str) -> None:
    with pytest.raises(TargetShapeError, match="wanted"):
        sent(body, kind, "A.")


@pytest.mark.parametrize(
    ("base", "path", "whole"),
    [
        ("", "/v1/audio/speech", "/v1/audio/speech"),
        ("/", "/v1/audio/speech", "/v1/audio/speech"),
        ("/v1", "/v1/audio/speech", "/v1/audio/speech"),
        ("/v1/", "/v1/audio/speech", "/v1/audio/speech"),
        ("/api/v1", "/v1/audio/speech", "/api/v1/audio/speech"),
        ("/v1/audio/speech", "/v1/audio/speech", "/v1/audio/speech"),
        ("/v2", "/v1/audio/speech", "/v2/v1/audio/speech"),
        ("/tts", "/synthesize", "/tts/synthesize"),
        ("/v1", "/v10/speak", "/v1/v10/speak"),
    ],
)
def test_a_version_in_the_base_is_not_doubled(base: str, path: str, whole: str) -> None:
    assert join_path(base, path) == whole


def test_what_is_not_versioned_stands_at_the_root() -> None:
    assert [strip_version(base) for base in ("", "/", "/v1/", "/api/v1", "/v1/x")] == [
        "", "", "", "/api", "/v1/x",
    ]  # fmt: skip
