"""The limits of the suites, and the table `[tool.ttsperf]` that changes them.

A key is a mark and its keyword, as in `--ttsperf-limit` and ini `ttsperf_limits`: `ttfa_p95_ms` is
`@ttfa(p95_ms=...)`. In pyproject.toml a key holds for every suite that has it, and in a table of a
suite's name for that suite alone:

    [tool.ttsperf]
    ttfa_p95_ms = 300

    [tool.ttsperf.nonstream]
    rtf_p95 = 0.8

`--ttsperf-limit=ttfa_p95_ms=800` on the command line overrides both.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_ttsperf.errors import LimitError

Default = float | str | bool
DEFAULTS: Mapping[str, Mapping[str, Default]] = {
    "ttfa": {"ttfa_p95_ms": 500},
    "streaming": {
        "rtf_p95": 0.6,
        "cadence_underruns": 0,
        "cadence_prebuffer_ms": 100,
        "cadence_streamed": True,
    },
    "nonstream": {"rtf_p95": 1.0},
    "cold": {"ttfa_p50_ms": 8000},
    "memory": {"memory_rss_range_mb": 300, "memory_leak_mb_per_1000": 20},
    "quick": {
        "ttfa_p95_ms": 500,
        "ttfa_p50_ms": 8000,
        "rtf_p95": 0.6,
        "cadence_underruns": 0,
        "cadence_prebuffer_ms": 100,
        "memory_rss_range_mb": 300,
    },
    "load": {
        "ttfa_p95_ms": 500,
        "cadence_underruns": 0,
        "cadence_prebuffer_ms": 100,
        "capacity_min_listeners": 4,
        "capacity_ttfa_p95_ms": 500,
        "capacity_stall": 0,
    },
    "soak": {
        "soak_minutes": 20,
        "soak_drift": "5%",
        "soak_underruns_per_10min": 1,
        "soak_leak_mb_per_1000": 10,
        "soak_handles": 10,
    },
    "m_series": {"ttfa_p95_ms": 10},
}
"""Suite -> key -> limit."""
FILE = "pyproject.toml"
TABLE = "ttsperf"


def limits_of(suite: str, folder: Path | None = None) -> dict[str, Any]:
    """The limits of a suite by key: its defaults, and over them those of the project.

    The project is that of `folder`, or of the working folder. LimitError names what in its table
    cannot be understood, of whichever suite.
    """
    path = find_project_file(Path.cwd() if folder is None else folder)
    table = {} if path is None else _read_table(path)
    _check_table(table, path)
    limits: dict[str, Any] = dict(DEFAULTS.get(suite, {}))
    for values in (table, table.get(suite, {})):
        for key, value in values.items():
            if key in limits:
                limits[key] = value
    return limits


def find_project_file(folder: Path) -> Path | None:
    """The nearest pyproject.toml in a folder or above it."""
    resolved = folder.resolve()
    for each in (resolved, *resolved.parents):
        path = each / FILE
        if path.is_file():
            return path
    return None


def _read_table(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LimitError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LimitError(f"{path} is no TOML: {error}") from error
    tool = content.get("tool", {})
    table = tool.get(TABLE, {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise LimitError(
            f"{path}: tool.{TABLE} is {table!r}; wanted a table of limits, [tool.{TABLE}]"
        )
    return table


def _check_table(table: Mapping[str, Any], path: Path | None) -> None:
    """LimitError for a key that no suite has, and for a value that is no limit."""
    for key, value in table.items():
        place = f"{path}, [tool.{TABLE}]"
        if key not in DEFAULTS:
            _check_key(key, value, _all_defaults(), place, more=DEFAULTS)
            continue
        place = f"{path}, [tool.{TABLE}.{key}]"
        if not isinstance(value, dict):
            raise LimitError(f"{place}: found {value!r}; wanted a table with limits of that suite")
        for each, limit in value.items():
            _check_key(each, limit, DEFAULTS[key], place)


def _all_defaults() -> dict[str, Default]:
    """Every key there is, with the default that some suite has for it."""
    merged: dict[str, Default] = {}
    for defaults in DEFAULTS.values():
        merged |= defaults
    return merged


def _check_key(
    key: str,
    value: object,
    defaults: Mapping[str, Default],
    place: str,
    more: Iterable[str] = (),
) -> None:
    if key not in defaults:
        accepted = [*defaults, *more]
        near = difflib.get_close_matches(key, accepted, n=1)
        suggestion = f" (did you mean {near[0]!r}?)" if near else ""
        raise LimitError(
            f"{place}: there is no key {key!r}{suggestion}; wanted one of {', '.join(accepted)}"
        )
    # A mark may take a limit for each preset or provider, as a table.
    values = value.values() if isinstance(value, dict) else [value]
    for each in values:
        if not _is_limit(each, defaults[key]):
            raise LimitError(f"{place}: {key} = {each!r}; wanted {_wanted_value(defaults[key])}")


def _is_limit(value: Any, default: Default) -> bool:
    """Whether a value may stand in the place of a default."""
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(value, str):
        return isinstance(default, str)
    if not is_number(value):
        return False
    return value >= 0 or is_below_0(default)


def _wanted_value(default: Default) -> str:
    """What may stand in the place of a default."""
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, str):
        return f"a number, or a text such as {default!r}"
    if is_below_0(default):
        return "a finite number, in the unit that the key names"
    return "a number of at least 0, in the unit that the key names"


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; true and false are none."""
    is_numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return is_numeric and math.isfinite(value)


def is_below_0(value: Any) -> bool:
    """Whether a value is a number below 0, as a level in dB is."""
    return is_number(value) and value < 0
