"""What a target is called: the forms of a spec, and keyword options as people write them.

A leaf that imports nothing slow, as every pytest run reads it.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import LimitError, VariableUnset

if TYPE_CHECKING:
    from pytest_ttsperf.targets.base import Target, TargetRequest

PYTHON = "python"


class TargetKind(NamedTuple):
    """One kind of target: how its specs begin, and what makes one."""

    name: str
    prefixes: tuple[str, ...]
    factory: str
    """`module:callable`, imported once such a target is wanted.

    It takes a `base.TargetRequest` and returns a `base.Target` that is not yet open.
    """


KINDS: list[TargetKind] = [
    TargetKind(
        "http", ("http://", "https://"), "pytest_ttsperf.targets.server.target:ServerTarget"
    ),
    TargetKind("wyoming", ("wyoming://",), "pytest_ttsperf.targets.server.target:ServerTarget"),
    TargetKind("command", ("cmd:",), "pytest_ttsperf.targets.command.target:CommandTarget"),
    TargetKind(PYTHON, ("",), "pytest_ttsperf.targets.python.target:new_target"),
]
"""The first whose prefix fits is it; what fits no other is taken for `module:callable`.

A new kind of target is one row here, before the last, and the module that it names.
"""
FORMS = (
    "module:callable (engine:Engine), http://host:port, wyoming://host:port or "
    "cmd:program arguments"
)


def kind_of(spec: str) -> TargetKind:
    """The kind that a spec is of.

    VariableUnset where all of it comes by a variable, `{env:TTS_URL}`, that is not set.
    """
    if spec.startswith("{env:"):
        spec = resolve(spec)
    return next(kind for kind in KINDS if spec.startswith(kind.prefixes))


def new_target(request: TargetRequest) -> Target:
    """A target of the kind that its spec has, not yet open."""
    module, _, name = kind_of(request.spec.spec).factory.partition(":")
    make: Callable[[TargetRequest], Target] = getattr(importlib.import_module(module), name)
    return make(request)


def load_kinds() -> None:
    """Import what makes targets, of every kind, before a test stops time or closes the network."""
    for kind in KINDS:
        importlib.import_module(kind.factory.partition(":")[0])


def is_url_scheme(word: str) -> bool:
    """Whether a kind of target has specs that begin with the word and a colon."""
    return kind_of(f"{word}://").name != PYTHON


def is_spec(text: str) -> bool:
    """Whether the text names a target in any form, and not a version of the code."""
    return kind_of(text).name != PYTHON or is_python(text)


def is_python(text: str) -> bool:
    """Whether the text has the form `module:callable`, dots allowed on either side."""
    if text.startswith("{env:"):
        text = resolve(text)
    has_form = re.fullmatch(secrets.PYTHON, text) is not None
    return has_form and kind_of(text).name == PYTHON


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
        name, equals, value = line.partition("=")
        name = name.strip()
        value = value.strip()
        if not equals or not name.isidentifier():
            raise LimitError(
                f"{source}: found {secrets.mask(line)!r}, wanted NAME=VALUE, as voice=heart"
            )
        if name in found:
            first = secrets.mask_value(name, found[name])
            second = secrets.mask_value(name, value)
            raise LimitError(f"{source}: found {name} twice ({first!r}, {second!r}); give it once")
        found[name] = _parse_value(value)
    return found


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def _refuse_constant(text: str) -> Any:
    """NaN and Infinity are no JSON, though Python reads them: they stay text."""
    raise ValueError(text)
