"""`ttsperf run [TARGET]`: ready-made tests on a target, as pytest runs them."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from pytest_ttsperf import secrets
from pytest_ttsperf.cli import targets
from pytest_ttsperf.cli.output import folded, terminal_width
from pytest_ttsperf.report import layout
from pytest_ttsperf.suites import limits, table
from pytest_ttsperf.targets import spec as targets_spec

COMMAND = "run"
PACKAGE = "pytest_ttsperf.suites"
SEPARATOR = "--"
PYTEST = (
    *("--pyargs", PACKAGE),
    # Its folder would come first on the path of imports, before the project's own.
    "--import-mode=importlib",
    # A project may collect only performance tests that are asked for, or by other names.
    *("-m", "perf"),
    *("-o", "python_files=test_*.py"),
    *("-o", "python_functions=test_*"),
    # Why a test was skipped is a part of the answer, beside what failed.
    "-rfEs",
)


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        COMMAND,
        help="ready-made tests on a target: time to first audio, streaming, memory, ...",
        usage="ttsperf run [TARGET] [OPTION ...] [-- PYTEST-OPTION ...]",
        description="Run ready-made tests on a target, in pytest: its options are taken after "
        "--, its artifacts are written and its exit codes given. A target is "
        f"{targets_spec.FORMS}; without one, it is that of pytest's configuration. Limits stand "
        "in [tool.ttsperf] of pyproject.toml.",
        epilog=_suites_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run, pytest_options=())
    parser.add_argument("target", nargs="?", metavar="TARGET", help="what is measured")
    parser.add_argument(
        "--suite", metavar="NAMES", help=f"which suites ({','.join(table.DEFAULT_NAMES)})"
    )
    parser.add_argument(
        "--preset", metavar="NAMES", help=f"which texts ({','.join(table.PRESETS)})"
    )
    targets.add_option(parser, "--option", "the target")
    parser.add_argument("--provider", metavar="NAMES", help="execution providers")
    parser.add_argument("--voice", metavar="NAME", help="voice")
    parser.add_argument(
        "--save-audio",
        action="store_true",
        help="write the sound of each trial as WAV, and the arrivals of its chunks as CSV",
    )


def split_arguments(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is typed for `ttsperf run`, and what comes behind its `--`, for pytest.

    argparse cannot tell the two apart, as the target may be left out. Other commands get all.
    """
    if not words or words[0] != COMMAND or SEPARATOR not in words:
        return list(words), []
    place = list(words).index(SEPARATOR)
    return list(words[:place]), list(words[place + 1 :])


def _run(arguments: argparse.Namespace) -> int:
    """Become pytest, so that signals, the terminal and the exit code are its own.

    LimitError for a suite, a preset or a limit that there is not.
    """
    suites = table.choose_suites(arguments.suite)
    table.choose_presets(arguments.preset)
    limits.limits_of(suites[0].name)
    command = ["-m", "pytest", *pytest_arguments(arguments)]
    print(folded(f"ttsperf: {announcement(suites)}"), flush=True)
    print("\n".join(_command_lines(["python", *command])), flush=True)
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606  (no shell is wanted)


def _command_lines(words: Sequence[str]) -> list[str]:
    """The command as a shell takes it, without secrets, in lines that fit into the terminal."""
    quoted = [secrets.mask(shlex.quote(word)) for word in secrets.mask_arguments(words)]
    return layout.fold_command(["ttsperf:", *quoted], terminal_width())


def pytest_arguments(arguments: argparse.Namespace) -> list[str]:
    """What pytest gets: the suites, what the command says, and at last what comes behind `--`."""
    words = list(PYTEST)
    named = {
        "target": arguments.target,
        "suite": arguments.suite,
        "preset": arguments.preset,
        "provider": arguments.provider,
        "voice": arguments.voice,
    }
    words += [f"--ttsperf-{name}={value}" for name, value in named.items() if value is not None]
    words += [f"--ttsperf-target-option={line}" for line in arguments.option]
    if arguments.save_audio:
        words.append("--ttsperf-save-audio")
    return [*words, *arguments.pytest_options]


def announcement(suites: Sequence[table.Suite]) -> str:
    """How long it will take, beforehand."""
    parts = [f"{suite.name} ({table.duration_text(suite)})" for suite in suites]
    return (
        f"{', '.join(parts)}: about {table.total_text(suites)} with a fast voice on two cores; "
        "a slow engine takes longer, and says so after its warm-up"
    )


def _suites_text() -> str:
    """The suites, a line each."""
    width = max(map(len, table.NAMES))
    lines = ["suites:"]
    for suite in table.SUITES:
        mark = "" if suite.is_default else " (by name only)"
        lines.append(
            f"  {suite.name.ljust(width)}  {table.duration_text(suite).rjust(6)}  "
            f"{suite.about}{mark}"
        )
    return "\n".join(lines)
