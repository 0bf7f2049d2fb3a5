"""What can be measured, behind one protocol; each kind has a folder, and a row in `spec.KINDS`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from msgspec import structs

from pytest_ttsperf import secrets
from pytest_ttsperf.records import (
    Json,
    Mode,
    RecorderCost,
    Recording,
    SessionProfile,
    TargetInfo,
    TargetSpec,
    Usage,
)
from pytest_ttsperf.targets.worker.source_tree import Tree

Lifecycle = Literal["kept", "per_text", "served", "external"]
"""How long the process of a target lives.

- `kept`: started by us, and synthesizes one text after the other.
- `per_text`: started by us for each text anew, so that nothing of it is ever warm.
- `served`: a server that is started by us, and is ready once it has answered: no cold start of it
  is measured.
- `external`: runs before it is measured and goes on afterwards, so that it has no cold start.
"""


class TargetRequest(NamedTuple):
    """Which target is wanted, and how it is to run."""

    spec: TargetSpec
    available: dict[str, str]
    """Provider and voice, where one is named: passed as far as the target takes them."""
    requested: tuple[str, ...] = ()
    """Which of these the target must take, as somebody has asked for them."""
    timeout_s: float = 60.0
    """For one answer."""
    is_inline: bool = False
    """In this process, if its code is imported at all."""
    tree: Tree | None = None
    """Another version of the code, to be imported in place of the running one."""
    python: str | None = None
    """Another interpreter, on whose packages it is opened."""
    profile_folder: Path | None = None
    """Takes profiles of its sessions of ONNX Runtime, if its code is imported; figures of such a
    process do not count. None for a process that is measured."""
    patience_s: float = 0.0
    """Of a server that was only just started: for so long it may answer that it is not ready."""


class Inspection(NamedTuple):
    """What an open target and its process look like after the trials."""

    placement: dict[str, Json] | None
    """Which provider runs how many nodes, under `nodes`; None where the target does not say."""
    cost: RecorderCost
    """What the recorder itself cost there."""
    tracers: tuple[str, ...] = ()
    """Debuggers, profilers and the like that are at work there."""
    profiles: tuple[SessionProfile, ...] = ()
    """Of its sessions of ONNX Runtime, where they were asked for; they end here."""


class ProcessUsage(NamedTuple):
    """What a process took that was started for one text."""

    phases_ms: dict[str, float]
    cpu_ns: int | None
    usage: Usage | None
    """None for a run so short that its memory was never seen."""


class Target(Protocol):
    """The thing under measurement, opened once per worker process.

    What somebody's engine has to offer, and what it may offer, is less: a method that speaks, and
    if it likes `warm()`, `close()`, `stages()` and `placement()`. The last says which execution
    provider runs how many nodes of its graphs, so that a silent fallback is found:

        {"CPUExecutionProvider": 12}

    or a dict with that under `nodes`, and beside it what belongs to a cell's identity (`provider`,
    `provider_version`, `runtime`, `runtime_version`, `threads`, `voice_hash`, `options`) and what
    is only stored (`requested`, `registered`, `share`, `voice`, anything else). None, or a dict
    without `nodes`, verifies no provider. Counts are whole numbers from 0 on; names are those of
    ONNX Runtime, or any that begin with the name that is asked for. Any other shape is an error.
    """

    @property
    def isolated(self) -> bool:
        """Whether it has a process of its own, so that memory and cold starts are its own."""

    @property
    def lifecycle(self) -> Lifecycle:
        """How long its process lives."""

    @property
    def can_swap_code(self) -> bool:
        """Whether it is imported code: then another version of it can be opened in its place.

        It can also be opened in pytest's own process.
        """

    @property
    def is_proven_by_opening(self) -> bool:
        """Whether it is known to work once it is open; else only its first trial shows that."""

    @property
    def placement_remedy(self) -> str:
        """What to do so that it says which provider runs it: an imperative clause."""

    @property
    def process_usage(self) -> ProcessUsage | None:
        """Of the last trial's own process, where each text has one; else None."""

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

        Returns what was wrong with the closing: it fails no measurement, but is worth showing.
        """


def without_secrets(ready: TargetInfo) -> TargetInfo:
    """What a target says of itself, fit to be stored."""
    return structs.replace(
        ready,
        placement=secrets.scrub_value("placement", ready.placement),
        target_warnings=tuple(secrets.scrub(warning) for warning in ready.target_warnings),
    )
