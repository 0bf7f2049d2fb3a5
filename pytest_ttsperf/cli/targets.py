"""The targets that a command names: a spec, with options, a provider and a voice."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_ttsperf.targets import spec as targets_spec

if TYPE_CHECKING:
    from pytest_ttsperf.experiment.plan import TargetFactory


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
    demanded: Iterable[str],
) -> TargetFactory:
    """Where a target comes from, with the command's provider and voice.

    `source` is the name of the option that the lines are of. What is set and among `demanded`, the
    target has to take.
    """
    from pytest_ttsperf.experiment.plan import TargetFactory, with_http_options
    from pytest_ttsperf.records import TargetSpec

    options = targets_spec.options_of(option_lines, source)
    return TargetFactory(
        spec=with_http_options(TargetSpec(spec=spec, options=options), {}),
        provider=arguments.provider,
        voice=arguments.voice,
        demanded=tuple(name for name in demanded if getattr(arguments, name) is not None),
    )
