"""The content of the files that `init` writes: a test file, and a workflow for CI."""

from __future__ import annotations

import shlex
import string
import sys
import textwrap
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Literal, NamedTuple

from pytest_ttsperf import real
from pytest_ttsperf.doctor.report import streaming_text
from pytest_ttsperf.init.first_measurement import PRESET, FirstMeasurement
from pytest_ttsperf.init.limits import FACTOR, MeasuredFigures, choose_marks
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.targets import spec as targets_spec

CiService = Literal["github", "gitlab"]
COMPARED: Mapping[str, str] = {
    "python": "origin/main",
    "http": "http://HOST:PORT",
    "wyoming": "wyoming://HOST:PORT",
    "command": "'cmd:OLD-PROGRAM ...'",
}
"""By kind of target, what another version of it is called."""
WIDTH = 96
"""Of lines in the docstring."""


class _FileTemplate(string.Template):
    """A template whose fields are written `@{name}`: files of CI services are full of dollars.

    A bare @ is one, as before a mark, and nothing has to be escaped.
    """

    pattern = r"@\{(?P<braced>[a-z]+)\}|(?P<named>(?!))|(?P<escaped>(?!))|(?P<invalid>(?!))"  # type: ignore[assignment]


class _TestFunction(NamedTuple):
    """A test that is to be written."""

    name: str
    fixtures: str
    figures: MeasuredFigures


def compose_test_file(measured: FirstMeasurement) -> str:
    """The test file: a docstring that says what the limits are of, and a test for each phase."""
    imports: set[str] = set()
    tests = []
    for test in _test_functions(measured):
        marks = choose_marks(test.figures)
        imports.update(mark.name for mark in marks)
        function = _fill(
            "test_function",
            measured="\n# ".join(_comment_lines(test.figures, measured)),
            marks="\n".join(mark.line for mark in marks),
            name=test.name,
            fixtures=test.fixtures,
            preset=PRESET,
        )
        tests.append(function)
    return _fill(
        "test_file",
        description=_description(measured),
        imports=", ".join(sorted(imports)),
        tests="\n".join(tests).rstrip("\n"),
    )


def _test_functions(measured: FirstMeasurement) -> Iterator[_TestFunction]:
    if measured.warm is not None:
        yield _TestFunction("test_short_reply", "perf", measured.warm)
    if measured.cold is not None:
        yield _TestFunction("test_cold_start", "perf, cold_engine", measured.cold)


def _comment_lines(figures: MeasuredFigures, measured: FirstMeasurement) -> Iterator[str]:
    """What was measured, and why a mark that might be expected is missing."""
    yield f"Measured: {figures.text}."
    if figures.rss_peak_mb is None and measured.memory_missing_because is not None:
        reason = f"Its memory was not measured: {_one_line(measured.memory_missing_because)}."
        yield from textwrap.wrap(reason, WIDTH)
    if figures.phase == "cold" or figures.prebuffer_ms is not None:
        return
    if measured.summary.is_streamed is False:
        yield "It sends all at once, so no mark limits how evenly its chunks come."
    else:
        yield "A player that buffers a second runs dry, so no mark limits underruns yet."


def _description(measured: FirstMeasurement) -> str:
    """The docstring: what was measured, what the limits are of, and what else there is."""
    summary = measured.summary
    machine = fingerprint.machine().cpu_model
    paragraphs = [
        f"How fast {summary.target} speaks.",
        f"It is {summary.kind}, {summary.sample_rate} Hz. {streaming_text(summary)}",
        f"Written by `ttsperf init` on {real.now():%Y-%m-%d}, on {machine}. Limits are {FACTOR:g} "
        "times what was measured there and then, rounded up, and find what got much slower. On "
        "another machine, as in CI, run this once and have `ttsperf suggest` print the marks that "
        "fit there. A smaller change is found by comparing with another version, on any machine:",
    ]
    wrapped = [textwrap.fill(_in_docstring(each), WIDTH) for each in paragraphs]
    command = textwrap.fill(
        compare_command(measured),
        WIDTH,
        initial_indent=" " * 4,
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n\n".join([*wrapped, command])


def compare_command(measured: FirstMeasurement) -> str:
    """How this target is compared with another version of it."""
    spec = measured.source.spec
    other = COMPARED[targets_spec.kind_of(spec.spec).name]
    if measured.source.lifecycle == "served":
        address = shlex.quote(spec.spec)
        other = f"{address} --ttsperf-against-option='start=OLD-SERVER {{port}}'"
    command = f"pytest -m perf --ttsperf-against={other}"
    if measured.budget_s is not None:
        command += f" --ttsperf-budget={measured.budget_s}s"
    return command


def _in_docstring(text: str) -> str:
    """A text that ends no docstring, and escapes nothing in it."""
    return _one_line(text).replace("\\", "/").replace('"', "'")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def compose_workflow(
    measured: FirstMeasurement,
    ci: CiService,
    *,
    branch: str,
    install: str,
) -> str:
    """What a CI service runs for each change that is proposed (docs/ci.md)."""
    kind = targets_spec.kind_of(measured.source.spec.spec).name
    body = _fill(
        ci,
        branch=branch,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        install=install,
        start=_start_lines(ci) if measured.source.lifecycle == "external" else "",
        inputs=_input_lines(kind, ci, measured.budget_s),
    )
    return body.rstrip("\n") + "\n"


def _start_lines(ci: CiService) -> str:
    """Where a server has to be started first; one with `start=` is started by each test."""
    comment = "# Start your server here, and wait until it answers:"
    if ci == "github":
        return f"      {comment}\n      # - run: my-server & sleep 5\n"
    return f"    {comment}\n    # - my-server & sleep 5\n"


def _input_lines(kind: str, ci: CiService, budget_s: int | None) -> str:
    """What the service is told beside its defaults: what to compare with, and for how long.

    Imported code is compared with the merge base; of anything else there is one version.
    """
    inputs = {}
    if kind != "python":
        comment = "# or another version that runs beside it, to be compared with"
        inputs["against"] = f"none  {comment}"
    if budget_s is not None:
        inputs["budget"] = f"{budget_s}s  # a minute, which is usual, decides nothing here"
    if not inputs:
        return ""
    if ci == "github":
        lines = ["        with:", *(f"          {name}: {text}" for name, text in inputs.items())]
    else:
        named = {f"TTSPERF_{name.upper()}": text for name, text in inputs.items()}
        lines = ["  variables:", *(f"    {name}: {text}" for name, text in named.items())]
    return "\n".join([*lines, ""])


def _fill(template: str, **fields: str) -> str:
    """A template with its fields. KeyError for a field that is not named."""
    page = resources.files(__package__).joinpath("templates", f"{template}.txt")
    return _FileTemplate(page.read_text(encoding="utf-8")).substitute(fields)
