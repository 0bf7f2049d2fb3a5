"""What can be measured, one file each, behind one protocol."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from msgspec import structs

from pytest_ttsperf import secrets
from pytest_ttsperf.records import Json, Mode, RecorderCost, Recording, TargetInfo


class Inspection(NamedTuple):
    """What an open target and its process look like after the trials."""

    placement: dict[str, Json] | None
    """Which provider runs how many nodes, under `nodes`; None where the target does not tell."""
    cost: RecorderCost
    """What the recorder itself cost there."""
    tracers: tuple[str, ...] = ()
    """Debuggers, profilers and the like that are at work there."""


class Target(Protocol):
    """The thing under measurement, opened once per worker process.

    What somebody's engine has to offer, and what it may offer, is less: a method that speaks, and
    if it likes `warm()`, `close()`, `stages()` and `placement()`. The last says which execution
    provider runs how many nodes of its graphs, so that a silent fallback is found:

        {"CPUExecutionProvider": 12}

    or a dict with that under `nodes`, and beside it what belongs to a cell's identity (`provider`,
    `provider_version`, `runtime`, `runtime_version`, `threads`, `voice_hash`, `options`) and what
    is only kept (`requested`, `registered`, `share`, `voice`, anything else). None, or a dict
    without `nodes`, verifies no provider. Counts are whole numbers from 0 on; names are those of
    ONNX Runtime, or any that begin with the name that is asked for. Any other shape is an error.
    """

    isolated: bool
    """Whether it has a process of its own, so that memory and cold starts are its own."""

    def open(self) -> TargetInfo:
        """Open it. TargetError and its kinds when that fails."""

    def warm(self) -> None:
        """Run the target's own warm-up, if it offers one."""

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis, drained to its end."""

    def inspect(self) -> Inspection:
        """Look at it after the trials."""

    def close(self) -> str | None:
        """Close it and leave no process behind; safe to call twice.

        Gives what was wrong with the closing, which fails no measurement but is worth telling.
        """


def without_secrets(ready: TargetInfo) -> TargetInfo:
    """What a target says of itself, fit to be stored."""
    return structs.replace(
        ready,
        placement=secrets.scrub_value("placement", ready.placement),
        target_warnings=tuple(secrets.scrub(quirk) for quirk in ready.target_warnings),
    )
