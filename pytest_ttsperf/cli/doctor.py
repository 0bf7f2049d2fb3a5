"""`ttsperf doctor [TARGET]`: what is the target, and is this machine fit for gating?"""

from __future__ import annotations

import argparse
import os
from typing import Any

from pytest_ttsperf import secrets
from pytest_ttsperf.cli import lazy, targets
from pytest_ttsperf.cli.compare import modules_of
from pytest_ttsperf.cli.output import advise, folded, paint, print_answer
from pytest_ttsperf.errors import LimitError

DEFAULT_SECONDS = 2.0


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "doctor",
        help="this machine: environment, disturbances, runtime, what keeps it from gating",
        description="Say what a target is and whether it streams, look whether this machine is fit "
        "for gating, and advise. Exit code 1 when something bad was found.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument(
        "spec",
        nargs="?",
        metavar="TARGET",
        help="also open this target, of any form, and have it speak",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=DEFAULT_SECONDS,
        metavar="S",
        help=f"how long to watch for disturbances ({DEFAULT_SECONDS:g})",
    )
    parser.add_argument("--target", metavar="SPEC", help="the same as TARGET")
    targets.add_option(parser, "--option", "the target")
    parser.add_argument("--provider", metavar="NAME", help="with this execution provider")
    parser.add_argument("--voice", metavar="NAME", help="with this voice")


def _run(arguments: argparse.Namespace) -> int:
    with modules_of(os.getcwd()):
        checkup = lazy.checks.examine(arguments.seconds, _source(arguments))
    text = folded(lazy.doctor_report.checkup(checkup, paint))
    print_answer(checkup, text, as_json=arguments.json)
    return int(checkup.level == "bad")


def _source(arguments: argparse.Namespace) -> lazy.plan.TargetFactory | None:
    """Where the target comes from; None where none is named. LimitError where two are."""
    if arguments.spec is not None and arguments.target is not None:
        raise LimitError(
            f"found two targets, {secrets.mask(arguments.spec)} and --target "
            f"{secrets.mask(arguments.target)}; name one of them"
        )
    spec = arguments.spec or arguments.target
    if spec is None:
        return None
    requested = ["provider"] if arguments.provider else []
    source = targets.make_factory(
        spec, arguments.option, "--option", arguments, requested, find_form=True
    )
    advise(secrets.find(source.spec.spec, source.spec.options))
    return source


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted seconds from 0.1 to 3600")
    return seconds
