"""`ttsperf init [TARGET]`: a first test for whatever speaks here."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_ttsperf.cli import lazy, targets
from pytest_ttsperf.cli.compare import modules_of
from pytest_ttsperf.cli.output import folded, print_answer, terminal_width
from pytest_ttsperf.targets import spec as targets_spec

if TYPE_CHECKING:
    from pytest_ttsperf.init.first_files import CiService

DEFAULT_SECONDS = 60.0
SHORTEST_S, LONGEST_S = 1.0, 3600.0
OPTION = "--option"
CI = ("auto", "github", "gitlab", "none")


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "init",
        help="a first test for what speaks here, with limits that were measured",
        description="Find what speaks here, measure it for a minute, and write a test file, lines "
        "for pytest.ini and a CI workflow. No file is ever replaced. A target is "
        f"{targets_spec.FORMS}; also a module, a host with a port, or a command.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument(
        "target", nargs="?", metavar="TARGET", help="what to measure (what is found here)"
    )
    targets.add_option(parser, OPTION, "the target")
    parser.add_argument("--provider", metavar="NAME", help="execution provider")
    parser.add_argument("--voice", metavar="NAME", help="voice")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=DEFAULT_SECONDS,
        metavar="S",
        help=f"about how long to measure, at most ({DEFAULT_SECONDS:g})",
    )
    parser.add_argument(
        "--ci",
        choices=CI,
        default=CI[0],
        help="for which service a workflow is written; auto: by the files and the remote (auto)",
    )


def _run(arguments: argparse.Namespace) -> int:
    folder = Path.cwd()
    found = _find(arguments, folder)
    chosen = found.chosen
    lazy.project.refuse_secrets(chosen.spec)
    print_answer(None, folded(lazy.init_report.found_text(found)), as_json=False)
    with modules_of(os.path.normpath(folder / (chosen.folder or "."))):
        try:
            measured = lazy.first_measurement.measure_first(
                _source(arguments, chosen.spec), arguments.seconds, _show
            )
        finally:
            _show_nothing()
    summary = "\n".join(lazy.doctor_report.target_lines(measured.summary))
    print_answer(None, folded(summary), as_json=False)
    drafts = lazy.project.draft_files(
        measured, folder, _service(arguments.ci, folder), chosen.folder
    )
    text = lazy.init_report.written_text(
        measured,
        lazy.project.write_drafts(drafts, folder),
        lazy.project.next_command(folder, measured, chosen.folder),
        lazy.first_files.compare_command(measured),
        width=terminal_width(),
    )
    print_answer(None, text, as_json=False)
    return 0


def _find(arguments: argparse.Namespace, folder: Path) -> lazy.candidates.FoundTargets:
    """What is to be measured: as it was named, or as pytest's configuration or a look has it."""
    name = arguments.target
    lines = list(arguments.option)
    if name is None:
        config = lazy.project.read_config(folder)
        name = config.target
        lines = [*config.option_lines, *lines]
    options = targets_spec.options_of(lines, OPTION)
    if name is None:
        return lazy.candidates.look_around(options, arguments.voice, folder)
    return lazy.candidates.look_up(name, options, arguments.voice, folder)


def _source(
    arguments: argparse.Namespace,
    spec: lazy.records.TargetSpec,
) -> lazy.plan.TargetFactory:
    """Where the target comes from; what is named on the command line, it has to take."""
    requested = []
    for name in ("provider", "voice"):
        if getattr(arguments, name) is not None:
            requested.append(name)
    return lazy.plan.TargetFactory(
        spec=lazy.run_options.with_http_options(spec, {}),
        provider=arguments.provider,
        voice=arguments.voice,
        requested=tuple(requested),
    )


def _service(name: str, folder: Path) -> CiService | None:
    """The CI service that a workflow is for; None for none."""
    if name == "none":
        return None
    if name == "auto":
        return lazy.project.find_ci_service(folder)
    return cast("CiService", name)


def _show(progress: lazy.plan.Progress) -> None:
    """How far the measurement is, on a terminal's standard error; nothing ends the line."""
    if sys.stderr.isatty():
        text = f"{progress.plan.phase} trials: {progress.done} of {progress.of}"
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _show_nothing() -> None:
    """Leave an empty line for what comes."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, wanted seconds from {SHORTEST_S:g} to {LONGEST_S:g}"
        )
    return seconds
