"""The targets that a command names: a spec, with options, a provider and a voice."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_ttsperf.cli import lazy
from pytest_ttsperf.targets import spec as targets_spec


def add_option(parser: Any, name: str, target: str) -> None:
    """Declare an option that takes keyword options of a target."""
    parser.add_argument(
        name,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"keyword option of {target}; may be repeated",
    )


def make_factory(
    spec: str,
    option_lines: Sequence[str],
    source: str,
    arguments: argparse.Namespace,
    requested: Iterable[str],
) -> lazy.plan.TargetFactory:
    """Where a target comes from, with the command's provider and voice.

    `source` is the name of the option that the lines are of. What is set and among `requested`, the
    target has to take.
    """
    options = targets_spec.options_of(option_lines, source)
    return lazy.plan.TargetFactory(
        spec=lazy.run_options.with_http_options(
            lazy.records.TargetSpec(spec=spec, options=options), {}
        ),
        provider=arguments.provider,
        voice=arguments.voice,
        requested=tuple(name for name in requested if getattr(arguments, name) is not None),
    )
