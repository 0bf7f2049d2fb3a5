"""What a target is called: the forms of a spec, and keyword options as people write them.

A leaf that imports nothing slow, as every pytest run reads it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import LimitError, VariableUnset

Kind = Literal["python", "http", "wyoming", "command"]
PREFIXES: Mapping[str, Kind] = {
    "http://": "http",
    "https://": "http",
    "wyoming://": "wyoming",
    "cmd:": "command",
}
FORMS = (
    "module:callable (engine:Engine), http://host:port, wyoming://host:port or "
    "cmd:program arguments"
)
_PYTHON = re.compile(r"[\w.]+:[\w.]+")


def kind(spec: str) -> Kind:
    """Which form a spec has; what fits no other is taken for `module:callable`.

    VariableUnset where all of it comes by a variable, `{env:TTS_URL}`, that is not set.
    """
    if spec.startswith("{env:"):
        spec = resolve(spec)
    return next((named for prefix, named in PREFIXES.items() if spec.startswith(prefix)), "python")


def is_spec(text: str) -> bool:
    """Whether the text names a target in any form, and not a version of the code."""
    return kind(text) != "python" or is_python(text)


def is_python(text: str) -> bool:
    """Whether the text has the form `module:callable`, dots allowed on either side."""
    plain = resolve(text) if text.startswith("{env:") else text
    return kind(plain) == "python" and re.fullmatch(secrets.PYTHON, plain) is not None


def resolve(text: str, place: str = "the target") -> str:
    """The text with the value of each `{env:NAME}` in its place: for the target's eyes only.

    VariableUnset names the one that is not set, and the `place` that wants it.
    """

    def look_up(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise VariableUnset(
                f"{place} wants {{env:{found[1]}}}, which is not set; export {found[1]}"
            )
        return os.environ[found[1]]

    return re.sub(secrets.VARIABLE, look_up, text)


def resolve_value(value: Any, place: str) -> Any:
    """The same for texts at any depth of an option; names and numbers stay as they are."""
    if isinstance(value, str):
        return resolve(value, place)
    if isinstance(value, Mapping):
        return {name: resolve_value(each, place) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([resolve_value(each, place) for each in value])
    return value


def resolve_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a target, as the target gets them."""
    return {
        name: resolve_value(value, f"the target's option {name}") for name, value in options.items()
    }


def options_of(lines: Iterable[str], source: str) -> dict[str, Any]:
    """`NAME=VALUE` each -> keyword options. LimitError for what is no such pair, or comes twice.

    A value that reads as JSON is that (`2`, `0.5`, `true`, `null`, `"2"`), any other is text.
    """
    found: dict[str, Any] = {}
    for line in lines:
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name.isidentifier():
            raise LimitError(
                f"{source}: found {secrets.mask(line)!r}, wanted NAME=VALUE, as voice=heart"
            )
        if name in found:
            first, second = (secrets.mask_value(name, each) for each in (found[name], value))
            raise LimitError(f"{source}: found {name} twice ({first!r}, {second!r}); give it once")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def _no_number(text: str) -> Any:
    """NaN and Infinity are no JSON, though Python reads them: they stay text."""
    raise ValueError(text)


SERVERS: tuple[Kind, ...] = ("http", "wyoming")
"""Kinds that run already, somewhere, before they are measured."""
