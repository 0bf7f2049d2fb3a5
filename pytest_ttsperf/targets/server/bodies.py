"""A request's body: values put into it as its content type writes them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.records import Json

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_QUOTES = {'"': "&quot;", "'": "&apos;"}


def escaping(content_type: str) -> Callable[[str], str]:
    """How a text is written in a body of this type, so that it arrives as it is."""
    kind = plain(content_type)
    if kind == URLENCODED:
        return lambda value: quote(value, safe="")
    if kind.endswith(("/xml", "+xml", "/ssml")):
        return lambda value: escape(value, _QUOTES)
    if kind.endswith(("/json", "+json")):
        return lambda value: json.dumps(value, ensure_ascii=False)[1:-1]
    return lambda value: value


def encode_value(fields: Json, content_type: str) -> tuple[bytes, str]:
    """A body of fields that are filled in, and its content type; JSON unless the type says else.

    TargetShapeError for fields that the type cannot carry.
    """
    kind = plain(content_type)
    if kind == URLENCODED:
        return urlencode(_flat(fields, kind)).encode(), content_type
    if kind == MULTIPART:
        return _multipart(_flat(fields, kind))
    if kind.endswith(("/xml", "+xml", "/ssml")):
        raise TargetShapeError(
            f"found a body of fields for {kind} in the HTTP template; wanted the text of it, with "
            "{text} in its place"
        )
    return json.dumps(fields, ensure_ascii=False).encode(), content_type


def plain(content_type: str) -> str:
    """The type without its parameters, in small letters."""
    return content_type.partition(";")[0].strip().lower()


def _flat(fields: Json, kind: str) -> dict[str, str]:
    """Fields as texts: numbers and truths as JSON writes them."""
    if not isinstance(fields, Mapping):
        raise TargetShapeError(f"found the body {fields!r} for {kind}; wanted fields by name")
    found = {}
    for name, value in fields.items():
        if isinstance(value, Mapping | list):
            raise TargetShapeError(
                f"found {name}={value!r} in a body for {kind}; wanted a text or a number"
            )
        found[name] = value if isinstance(value, str) else json.dumps(value)
    return found


def _multipart(fields: Mapping[str, str]) -> tuple[bytes, str]:
    boundary = f"ttsperf-{uuid.uuid4().hex}"
    parts = []
    for name, value in fields.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(f"{head}{value}\r\n")
    body = "".join(parts) + f"--{boundary}--\r\n"
    return body.encode(), f"{MULTIPART}; boundary={boundary}"
