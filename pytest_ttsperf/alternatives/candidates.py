"""One way to run the target: how it is opened, and what it is like once it is open."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import structs

from pytest_ttsperf.errors import MeasurementError, TargetError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import OpenTarget, open_target
from pytest_ttsperf.metrics import validity
from pytest_ttsperf.records import Alternative


class Candidate(NamedTuple):
    """A name that people read, and what is opened under it."""

    name: str
    source: TargetFactory
    options: dict[str, Any] | None = None
    """Those that it has beside the options of the reference."""


def refuse_unfit(source: TargetFactory) -> None:
    """MeasurementError for a target that is not started here, or not in a process of its own."""
    if source.lifecycle == "external":
        raise MeasurementError(
            f"{source.spec.shown} runs already, on the provider and the settings that it was "
            "started with; start it once for each, and compare two addresses: ttsperf compare A B"
        )
    if source.lifecycle == "served":
        raise MeasurementError(
            f"{source.spec.shown} runs on the provider and the settings that its command says; "
            "compare two commands: ttsperf compare A B --option-a start=... --option-b start=..."
        )
    if source.inline:
        raise MeasurementError(
            "alternatives are compared in processes of their own; leave out --ttsperf-inline"
        )


def probe(candidate: Candidate) -> Alternative:
    """Open it once, warm, and read what it says of itself; also why it does not open."""
    source = candidate.source
    draft = Alternative(
        name=candidate.name,
        provider=source.provider,
        python=source.python,
        options=candidate.options or {},
    )
    try:
        opened = open_target(source, warm=True)
    except TargetError as error:
        return structs.replace(draft, error=_first_line(error))
    try:
        return _describe(draft, opened)
    except TargetError as error:
        return structs.replace(draft, error=_first_line(error))
    finally:
        opened.close()


def _describe(draft: Alternative, opened: OpenTarget) -> Alternative:
    placement = opened.target.inspect().placement
    usage = opened.meter.usage() if opened.meter else None
    nodes = None
    if draft.provider is not None and placement is not None:
        nodes = validity.count_nodes(draft.provider, placement)
    return structs.replace(
        draft,
        placement=placement,
        nodes=nodes,
        rss_mb=None if usage is None else usage.rss_bytes / 1e6,
        opening_s=opened.opening_s,
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
