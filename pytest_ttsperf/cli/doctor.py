"""`ttsperf doctor`: is this machine fit for gating?"""

from __future__ import annotations

import argparse
from typing import Any

from pytest_ttsperf import secrets
from pytest_ttsperf.cli.output import advise, paint, tell
from pytest_ttsperf.targets import spec

DEFAULT_SECONDS = 2.0


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "doctor",
        help="this machine: environment, weather, runtime, what keeps it from gating",
        description="Look whether this machine is fit for gating, and advise. Exit code 1 when "
        "something bad was found.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=DEFAULT_SECONDS,
        metavar="S",
        help=f"how long to watch the weather ({DEFAULT_SECONDS:g})",
    )
    parser.add_argument("--target", metavar="SPEC", help="also open this target, of any form")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="keyword option of the target; may be repeated",
    )
    parser.add_argument("--provider", metavar="NAME", help="with this execution provider")
    parser.add_argument("--voice", metavar="NAME", help="with this voice")


def _run(told: argparse.Namespace) -> int:
    from pytest_ttsperf.doctor import checks
    from pytest_ttsperf.doctor import report as report
    from pytest_ttsperf.experiment.plan import TargetFactory
    from pytest_ttsperf.records import TargetSpec
    from pytest_ttsperf.targets.server.run_options import with_http_options

    source = None
    if told.target is not None:
        source = TargetFactory(
            spec=with_http_options(
                TargetSpec(spec=told.target, options=spec.options_of(told.option, "--option")), {}
            ),
            provider=told.provider,
            voice=told.voice,
            demanded=("provider",) if told.provider else (),
        )
        advise(secrets.find(source.spec.spec, source.spec.options))
    found = checks.examine(told.seconds, source)
    tell(found, report.checkup(found, paint), as_json=told.json)
    return 1 if found.level == "bad" else 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted seconds from 0.1 to 3600")
    return seconds
