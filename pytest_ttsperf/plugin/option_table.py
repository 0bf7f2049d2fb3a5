"""Every option and every ini line: its name, its form and its help, as `pytest --help` lists them.

A new one is a row here, a field of `options.Options`, a line of `options.read`, and a row of
docs/options.md.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import pytest

from pytest_ttsperf.targets import spec

PREFIX = "--ttsperf-"
INI_PREFIX = "ttsperf_"
INCONCLUSIVE = ("warn", "fail")
CONNECTIONS = ("keep", "fresh")
REPORT = ("yes", "no")


class Option(NamedTuple):
    """An option of the command line, and what argparse takes about it."""

    name: str
    """Without the prefix that all have."""
    help: str
    attributes: dict[str, Any]


class IniLine(NamedTuple):
    """A line of pytest's configuration, and the type it has there."""

    name: str
    """Without the prefix that all have."""
    help: str
    type: Literal["args", "linelist"] | None = None


def _value(name: str, metavar: str, text: str, convert: type | None = None) -> Option:
    attributes: dict[str, Any] = {"metavar": metavar}
    if convert is not None:
        attributes["type"] = convert
    return Option(name, text, attributes)


def _repeatable(name: str, metavar: str, text: str) -> Option:
    return Option(name, text, {"metavar": metavar, "action": "append", "default": []})


def _switch(name: str, text: str) -> Option:
    destination = f"ttsperf_{name}".replace("-", "_").replace("=", "_")
    return Option(name, text, {"action": "store_true", "dest": destination})


def _choice(name: str, choices: tuple[str, ...], text: str) -> Option:
    return Option(name, text, {"choices": choices})


OPTIONS = (
    _value("target", "SPEC", f"what to measure: {spec.FORMS}"),
    _repeatable(
        "target-option",
        "NAME=VALUE",
        "keyword option of the target, as voice=heart or threads=2; may be repeated",
    ),
    Option(
        "provider",
        "execution providers to measure, as cpu or coreml; a missing one is an error",
        # Unset is not empty here: only providers of the command line are requested.
        {"metavar": "NAME[,NAME]", "action": "append"},
    ),
    _repeatable(
        "python",
        "PROVIDER=PATH",
        "interpreter that opens the target for that provider, whose onnxruntime is in an "
        "environment of its own; may be repeated",
    ),
    _value("voice", "NAME", "voice the target is asked for"),
    _value(
        "suite",
        "NAME[,NAME]",
        "of the ready-made tests (pytest --pyargs pytest_ttsperf.suites): which suites, as "
        "ttfa,cold",
    ),
    _value("preset", "NAME[,NAME]", "of the ready-made tests: which texts, as short,long"),
    _value("trials", "N", "trials of each warm cell", int),
    _value("cold-trials", "N", "process starts of each cold cell", int),
    _value("processes", "N", "processes that the trials of a warm cell are spread over, or auto"),
    _value(
        "listeners",
        "N[,N]",
        "how many listen at once: each test once for every number, as 1,4,8",
    ),
    _value("windows", "N", "windows of each cell with many listeners (6)", int),
    _value(
        "window",
        "TIME",
        "how long requests are counted in a window, as 20s or 1min (20s, or until there are 60; "
        "@capacity of listeners: 10s, 24; 2 min at most)",
    ),
    _value(
        "texts-from",
        "N",
        "start with this text of each preset, as an earlier run did, and so repeat its texts",
        int,
    ),
    _value("timeout", "S", "longest wait for one answer (60 s)", float),
    _switch("inline", "run the target in pytest's own process (no memory, no cold starts)"),
    _switch("disable", "run each test once, unmeasured"),
    _switch("save", "store this run's cells as baselines"),
    _switch("compare", "assert against the stored baselines"),
    # With its value in the name: a folder may follow a bare `--ttsperf-compare`, and argparse would
    # take it for the value.
    _switch(
        "compare=measure",
        "the same, and what has no baselines of this machine is measured beside the revision that "
        "others were saved from",
    ),
    _value(
        "against",
        "REV",
        "compare with a git revision, a directory or a target, interleaved",
    ),
    _repeatable(
        "against-option",
        "NAME=VALUE",
        "keyword option of the target to compare with; may be repeated",
    ),
    Option(
        "against-install",
        "install that revision, with these extras, in an environment of its own",
        {"metavar": "EXTRAS", "nargs": "?", "const": ""},
    ),
    _repeatable(
        "against-copy",
        "PATTERN",
        "files that git does not track and both versions need, as models/*.onnx: copied "
        "from the running tree; may be repeated",
    ),
    _switch("fetch", "fetch the revision to compare with, where the clone does not have it"),
    _value(
        "budget",
        "TIME",
        "longest time for the comparison of one test, as 60s or 3min (60s; 15min where many "
        "listen); open: until all is decided",
    ),
    _repeatable(
        "compare-fail",
        "FIGURE:CHANGE",
        "smallest change that makes a comparison fail, as ttfa_p95:7.5%% (3%%)",
    ),
    _repeatable(
        "setting",
        "NAME=VALUE",
        "keyword option of the target that the suite `settings` compares with the target as it is, "
        "as threads=2; may be repeated",
    ),
    _value("storage", "DIR", "where baselines are kept (baselines/)"),
    _value("artifacts", "DIR", "where artifacts are written (artifacts/)"),
    _switch(
        "save-audio",
        "write the sound of each trial as WAV, and the arrivals of its chunks as CSV",
    ),
    _switch(
        "trace",
        "write what each trial spent its time with as a trace for ui.perfetto.dev, and name graph "
        "nodes that a regression is in",
    ),
    _value("json", "FILE", "write the run's artifact to this file as well"),
    _choice(
        "report",
        REPORT,
        "whether the run's pages, report_<HHMMSS>.html and .md, are written beside its artifact "
        "(yes)",
    ),
    _choice(
        "inconclusive",
        INCONCLUSIVE,
        "what an INCONCLUSIVE verdict does to its test (warn)",
    ),
    _repeatable(
        "limit",
        "KEY=NUMBER",
        "put another limit in a test's place, as ttfa_p95_ms=800",
    ),
    _value(
        "http-preset",
        "NAME",
        "how a server by http:// is asked: openai (default), kokoro-fastapi or piper",
    ),
    _value(
        "http-template",
        "JSON",
        "how another is: path, method, headers, body with {text} and {voice}, format, "
        "sample_rate; a file, or the object itself",
    ),
    _choice(
        "http-connection",
        CONNECTIONS,
        "keep one connection, or open a fresh one for each trial",
    ),
)
INI_LINES = (
    IniLine("target", f"what to measure: {spec.FORMS}"),
    IniLine(
        "target_options",
        "keyword options of ttsperf_target, one a line: voice=heart",
        "linelist",
    ),
    IniLine("provider", "execution providers; a missing one is skipped", "args"),
    IniLine(
        "python",
        "interpreters by provider, one a line: openvino=.venv-openvino/bin/python",
        "linelist",
    ),
    IniLine("voice", "voice the target is asked for"),
    IniLine("trials", "trials of each warm cell"),
    IniLine("processes", "processes that the trials of a warm cell are spread over, or auto"),
    IniLine("listeners", "how many listen at once, as 1,4,8"),
    IniLine("windows", "windows of each cell with many listeners"),
    IniLine("window", "how long requests are counted in a window, as 20s or 1min"),
    IniLine("timeout", "longest wait for one answer, in seconds"),
    IniLine("http_preset", "how a server by http:// is asked"),
    IniLine("http_template", "how another is: a JSON file, or the object itself"),
    IniLine("http_connection", "keep or fresh"),
    IniLine("storage", "where baselines are kept"),
    IniLine("artifacts", "where artifacts are written"),
    IniLine("inconclusive", "warn or fail"),
    IniLine("report", "whether the run's pages are written: yes or no"),
    IniLine(
        "budget",
        "longest time for the comparison of one test, as 60s or 3min; open: until all is decided",
    ),
    IniLine(
        "against_copy",
        "files that git does not track and both versions need, one pattern a line",
        "linelist",
    ),
    IniLine(
        "compare_fail",
        "smallest changes that make a comparison fail, one a line: ttfa_p95:7.5%",
        "linelist",
    ),
    IniLine(
        "limits",
        "limits in the place of the tests' own, one a line: ttfa_p95_ms=800; "
        "with 'FINGERPRINT: ' before it only there",
        "linelist",
    ),
)


def add(parser: pytest.Parser) -> None:
    """Declare all of them to pytest."""
    group = parser.getgroup("ttsperf", "performance of text-to-speech engines")
    for option in OPTIONS:
        group.addoption(PREFIX + option.name, help=option.help, **option.attributes)
    for line in INI_LINES:
        parser.addini(INI_PREFIX + line.name, line.help, type=line.type)
