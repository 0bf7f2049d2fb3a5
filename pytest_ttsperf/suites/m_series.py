"""What the suite of M-series Macs reads off the machine and off a placement; nothing is measured.

A placement is what a target says of itself: `nodes` by execution provider, `partitions` (in how
many pieces the provider has its nodes), `sessions`, and `cpu_operators`, which are left to the CPU.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psutil

PROVIDER = "coreml"
FULL_NAME = "CoreMLExecutionProvider"
COMPUTE_UNITS = ("ALL", "CPUAndNeuralEngine", "CPUAndGPU", "CPUOnly")
MODEL_FORMATS = ("MLProgram", "NeuralNetwork")
BUCKETS = "shapes=buckets"
"""Of an engine that offers graphs of a few fixed shapes."""
STATIC = "require_static_input_shapes"
ARENA = 'session={"arena": true}'
SPEED = ("ttfa p50", "ttfa p95", "rtf p50")
MEMORY = "rss peak"
FEW_OPERATORS = 4
GB = 1e9


class Host(NamedTuple):
    """The machine, as far as it matters here."""

    system: str
    machine: str
    memory_bytes: int

    @property
    def is_m_series(self) -> bool:
        """Whether it is a Mac with Apple's processor, and Python is not translated for it."""
        return (self.system, self.machine) == ("Darwin", "arm64")


def this_host() -> Host:
    """The machine that this runs on."""
    return Host(platform.system(), platform.machine(), psutil.virtual_memory().total)


def chosen_providers(option: Sequence[str] | None, configured: Sequence[str]) -> list[str]:
    """Providers of the command line, or else those of the configuration, in lower case.

    Each entry may name several, with commas between them.
    """
    entries = option or configured
    names = [name.strip().lower() for name in ",".join(entries).split(",")]
    return [name for name in names if name]


def why_skipped(host: Host, providers: Sequence[str]) -> str | None:
    """What is missing for a test of Core ML; None where nothing is."""
    if host.system == "Darwin" and not host.is_m_series:
        return (
            f"found macOS on {host.machine}, wanted an M-series Mac with a Python of its processor "
            "(arm64); an Intel Mac has none, and one that runs x86_64 under Rosetta hides it"
        )
    if not host.is_m_series:
        return f"found {host.system} on {host.machine}, wanted an M-series Mac (macOS on arm64)"
    if list(providers) not in ([PROVIDER], [FULL_NAME.lower()]):
        found = ", ".join(providers) or "the target's own"
        return f"found provider {found}, wanted {PROVIDER} alone; add --provider {PROVIDER}"
    return None


def provider_setting(**options: str | bool) -> str:
    """Options of the provider as a setting that a target takes: `provider_options={...}`."""
    return f"provider_options={json.dumps(options)}"


class Share(NamedTuple):
    """How much of the graphs Core ML runs."""

    nodes: int
    total: int
    pieces: int | None
    """None where the target does not say."""
    sessions: int
    left: Mapping[str, int]
    """Operators on the CPU, by name."""

    @property
    def percent(self) -> float:
        """Of all nodes."""
        return 100 * self.nodes / self.total

    @property
    def pieces_a_session(self) -> float | None:
        """Sessions of fixed shapes are several for a stage, so their pieces are more in all."""
        return None if self.pieces is None else self.pieces / self.sessions


def read_share(placement: Mapping[str, Any] | None) -> Share | None:
    """None where the target does not say what runs where."""
    nodes = (placement or {}).get("nodes")
    if placement is None or not nodes:
        return None
    return Share(
        nodes=nodes.get(FULL_NAME, 0),
        total=sum(nodes.values()),
        pieces=placement.get("partitions"),
        sessions=placement.get("sessions") or 1,
        left=placement.get("cpu_operators") or {},
    )


def share_line(share: Share) -> str:
    """`Core ML runs 949 of 2361 nodes (40 %) in 123 pieces; on the CPU: Gather 300, ...`."""
    line = f"Core ML runs {share.nodes} of {share.total} nodes ({share.percent:.0f} %)"
    if share.pieces is not None:
        of = "" if share.sessions == 1 else f" of {share.sessions} sessions"
        line += f" in {share.pieces} pieces{of}"
    if not share.left:
        return line
    counted = sorted(share.left.items(), key=lambda entry: -entry[1])
    shown = [f"{name} {count}" for name, count in counted[:FEW_OPERATORS]]
    further = sum(count for _, count in counted[FEW_OPERATORS:])
    if further:
        shown.append(f"{further} more")
    return f"{line}; on the CPU: {', '.join(shown)}"


def share_problem(share: Share | None) -> str | None:
    """Why figures of this target would say nothing of Core ML; None where they do."""
    if share is None:
        return (
            "the target does not say which provider runs how many nodes; give it a placement() "
            "that does (docs/targets.md), as whether Core ML ran at all is not seen from outside"
        )
    if share.nodes == 0:
        return (
            f"Core ML runs 0 of {share.total} nodes, so every figure is the CPU's; try graphs of "
            f"fixed shapes ({BUCKETS}), or the other model format"
        )
    return None


def shapes_problem(dynamic: Share | None, fixed: Share | None) -> str | None:
    """Why fixed shapes do not help Core ML here; None where they do, or change nothing."""
    for share in (dynamic, fixed):
        if share is None:
            return share_problem(share)
    assert dynamic is not None
    assert fixed is not None
    if fixed.percent < dynamic.percent:
        return (
            f"with fixed shapes Core ML runs {fixed.percent:.0f} % of the nodes, and "
            f"{dynamic.percent:.0f} % of those of graphs that take any length"
        )
    before, after = dynamic.pieces_a_session, fixed.pieces_a_session
    if before is not None and after is not None and after > before:
        return (
            f"with fixed shapes Core ML has {after:.3g} pieces a session, and {before:.3g} of "
            "graphs that take any length: each border between pieces costs a copy"
        )
    return None


class MemoryClass(NamedTuple):
    """Macs that have at most so much memory, and whether that leaves room to spare."""

    name: str
    most_gb: float
    has_room: bool


MEMORY_CLASSES = (
    MemoryClass("8 GB", 8.6, has_room=False),
    MemoryClass("16 GB", 17.2, has_room=True),
    MemoryClass("more than 16 GB", float("inf"), has_room=True),
)
"""Macs have their memory in powers of two: 8 GB are 8.59e9 bytes."""


def memory_class(memory_bytes: int) -> MemoryClass:
    """The smallest class that holds it."""
    gigabytes = memory_bytes / GB
    return next(each for each in MEMORY_CLASSES if gigabytes <= each.most_gb)


def arena_line(memory: MemoryClass, directions: Mapping[str, str]) -> str:
    """What follows for the memory arena on such a Mac, from what is proven of it.

    `directions` are better, worse, alike or open, by the label of a figure.
    """
    faster = [label for label in SPEED if directions.get(label) == "better"]
    slower = [label for label in SPEED if directions.get(label) == "worse"]
    costs_memory = directions.get(MEMORY) == "worse"
    where = f"a Mac with {memory.name}"
    if not faster:
        return f"arena on {where}: leave it off, nothing is proven to be faster with it"
    gain = f"{', '.join(faster)} proven better"
    if slower:
        return f"arena on {where}: your choice, {gain}, and {', '.join(slower)} worse"
    if costs_memory and not memory.has_room:
        return f"arena on {where}: leave it off, {gain}, but it takes more memory"
    return f"arena on {where}: turn it on, {gain}"
