"""The targets that a command names: a spec, with options, a provider and a voice."""

from __future__ import annotations

from collections.abc import Sequence
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
    *,
    provider: str | None,
    voice: str | None,
    demanded: tuple[str, ...],
) -> TargetFactory:
    """Where a target comes from; `source` is the name of the option that the lines are of."""
    from pytest_ttsperf.experiment.plan import TargetFactory, with_http_options
    from pytest_ttsperf.records import TargetSpec

    options = targets_spec.options_of(option_lines, source)
    return TargetFactory(
        spec=with_http_options(TargetSpec(spec=spec, options=options), {}),
        provider=provider,
        voice=voice,
        demanded=demanded,
    )
