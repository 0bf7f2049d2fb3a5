"""Ini lines as people write them: as texts, or with TOML's own types in pytest.toml (pytest 9).

pytest itself takes one type for each line. Here a number may be written as a number or as a text,
and keyword options as a list of NAME=VALUE or as a table; an error names any other line.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

import pytest

from pytest_ttsperf.errors import LimitError

PREFIX = "ttsperf_"


def text(config: pytest.Config, name: str) -> str | None:
    """A line that is a text; None where it is not set."""
    return _value_of(config, name, (str,), 'a text, as "..."') or None


def number(config: pytest.Config, name: str) -> str | int | float | None:
    """A line that is a number, or a text that has one; None where it is not set."""
    wanted = "a number, or a text that has one"
    value = _value_of(config, name, (str, int, float), wanted)
    if isinstance(value, bool):
        raise _wrong_type(name, value, wanted)
    return None if value == "" else value


def text_or_table(config: pytest.Config, name: str) -> str | dict[str, Any] | None:
    """A line that is a text or a table; None where it is not set."""
    return _value_of(config, name, (str, dict), "a text or a table") or None


def words(config: pytest.Config, name: str) -> list[str]:
    """A line that is a list of words, or a text of words with blanks between them."""
    value = _value(config, name)
    wanted = 'a list of texts, as ["cpu"]'
    if not isinstance(value, str):
        return _check_texts(name, value, wanted)
    try:
        return shlex.split(value)
    except ValueError as error:  # a quotation that is not closed
        raise _wrong_type(name, value, wanted) from error


def lines(
    config: pytest.Config,
    name: str,
    *,
    joint: str = "=",
    quoted: bool = False,
) -> list[str]:
    """A line that is a list of `NAME=VALUE` (or with another joint), a table, or a text of lines.

    With `quoted` a text in a table stays one behind the joint, also where it reads as a number.
    """
    value = _value(config, name)
    if isinstance(value, Mapping):
        return [f"{key}{joint}{_as_text(name, each, quoted)}" for key, each in value.items()]
    if isinstance(value, str):
        stripped = [line.strip() for line in value.split("\n")]
        return [line for line in stripped if line]
    wanted = f"a list of texts such as NAME{joint}VALUE, or a table of such"
    return _check_texts(name, value, wanted)


def _value_of(config: pytest.Config, name: str, types: tuple[type, ...], wanted: str) -> Any:
    """The value of a line, which is of one of the types."""
    value = _value(config, name)
    if not isinstance(value, types):
        raise _wrong_type(name, value, wanted)
    return value


def _value(config: pytest.Config, name: str) -> Any:
    """What pytest makes of the line, or, where that is an error, what is written there."""
    try:
        return config.getini(PREFIX + name)
    except (pytest.UsageError, TypeError, ValueError):
        written = _toml_table(config)
        if PREFIX + name not in written:
            raise
        return written[PREFIX + name]


def _toml_table(config: pytest.Config) -> Mapping[str, Any]:
    """The configuration as TOML has it; empty where it is in another format."""
    path = config.inipath
    if path is None or path.suffix != ".toml":
        return {}
    import tomllib

    with path.open("rb") as file:
        content = tomllib.load(file)
    table = content.get("tool", content).get("pytest", {})
    return table if isinstance(table, dict) else {}


def _check_texts(name: str, value: Any, wanted: str) -> list[str]:
    if not isinstance(value, list):
        raise _wrong_type(name, value, wanted)
    for each in value:
        if not isinstance(each, str):
            raise _wrong_type(name, each, wanted)
    return value


def _as_text(name: str, value: object, quoted: bool) -> str:
    """A value of a table as it would be written behind a joint."""
    if isinstance(value, str) and not quoted:
        return value
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise _wrong_type(name, value, "texts, numbers, true and false in the table") from error


def _wrong_type(name: str, value: object, wanted: str) -> LimitError:
    return LimitError(
        f"ini {PREFIX}{name}: found {value!r} ({type(value).__name__}), wanted {wanted}"
    )
