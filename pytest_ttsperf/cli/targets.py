"""The targets that a command names: a spec, with options, a provider and a voice."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_ttsperf.cli import lazy
from pytest_ttsperf.errors import TargetError
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
    *,
    find_form: bool = False,
) -> lazy.plan.TargetFactory:
    """Where a target comes from, with the command's provider and voice.

    `source` is the name of the option that the lines are of. What is set and among `requested`, the
    target has to take. `find_form` asks a server whose form is not named in one after the other;
    where it answers in none, it is as if nobody had asked.
    """
    options = targets_spec.options_of(option_lines, source)
    target = lazy.records.TargetSpec(spec=spec, options=options)
    if find_form:
        with contextlib.suppress(TargetError):
            target = lazy.server_forms.find_form(target, arguments.voice)
    return lazy.plan.TargetFactory(
        spec=lazy.run_options.with_http_options(target, {}),
        provider=arguments.provider,
        voice=arguments.voice,
        requested=tuple(name for name in requested if getattr(arguments, name) is not None),
    )
