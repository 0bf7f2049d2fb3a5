"""Settings of a runtime, each by itself against the default: one factor at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from msgspec import structs

from pytest_ttsperf.alternatives.candidates import Candidate
from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.records import Json
from pytest_ttsperf.targets import spec as targets_spec

DEFAULT = "default"
"""The name of the target as it is."""
MORE_THREADS = 2
USUAL: tuple[tuple[str, dict[str, Json]], ...] = (
    ("arena=true", {"session": {"arena": True}}),
    ("memory_pattern=true", {"session": {"memory_pattern": True}}),
    ("spinning=false", {"session": {"spinning": False}}),
    ("optimisation=extended", {"session": {"optimisation": "extended"}}),
    ("optimisation=basic", {"session": {"optimisation": "basic"}}),
    ("optimisation=none", {"session": {"optimisation": "none"}}),
    (f"threads={MORE_THREADS}", {"threads": MORE_THREADS}),
)
"""Of an engine that takes `session` and `threads`, as the one of this repository does."""


class Setting(NamedTuple):
    """Keyword options that differ from the target's, and how people call them."""

    name: str
    options: dict[str, Json]


def usual_settings(placement: Mapping[str, Json] | None) -> list[Setting]:
    """Those that are tried where nobody names any; threads also for each stage by itself.

    `placement` is what the target says of itself; under `stages` it may name its sessions.
    """
    settings = [Setting(name, options) for name, options in USUAL]
    stages = (placement or {}).get("stages") or ()
    if len(stages) > 1:
        for stage in stages:
            options: dict[str, Json] = {"threads": {stage: MORE_THREADS}}
            settings.append(Setting(f"threads={MORE_THREADS} in {stage}", options))
    return settings


def settings_of(lines: Iterable[str], source: str) -> list[Setting]:
    """One setting a line, `NAME=VALUE` as options of a target are written.

    `threads=2`, `session={"arena": true}`. LimitError names the `source` of what is no such pair,
    and of one that comes twice.
    """
    settings: dict[str, Setting] = {}
    for line in lines:
        options = targets_spec.options_of([line], source)
        name = line.strip()
        if name in settings:
            raise LimitError(f"{source}: found {name!r} twice; give it once")
        settings[name] = Setting(name, options)
    return list(settings.values())


def choose_candidates(
    source: TargetFactory,
    settings: Iterable[Setting],
) -> list[Candidate]:
    """The target as it is, and with each setting; one that it has already is left out."""
    candidates = [Candidate(DEFAULT, source)]
    for setting in settings:
        options = merge(source.spec.options, setting.options)
        if options != dict(source.spec.options):
            changed = replace(source, spec=structs.replace(source.spec, options=options))
            candidates.append(Candidate(setting.name, changed, setting.options))
    return candidates


def merge(options: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Options with changes over them; of two mappings under one name, entry by entry."""
    merged = dict(options)
    for name, value in changes.items():
        before = merged.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = {**before, **value}
        else:
            merged[name] = value
    return merged
