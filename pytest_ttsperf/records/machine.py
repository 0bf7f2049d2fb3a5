"""The machine of a run and the state of its sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    pass


class Machine(Struct, frozen=True, kw_only=True):
    """What identifies a machine; live clock rates and host names do not."""

    cpu_model: str
    cores: int
    affinity: int
    memory_gib: int | None
    """A class, not an amount; None where the system does not tell."""
    system: str
    architecture: str
    python: str
    cpu_quota: float | None = None
    """How many cores a container may use on average; None where it has no quota."""


class SystemLoad(Struct, frozen=True, kw_only=True):
    """What else was going on over `seconds`; told beside verdicts, identity of nothing."""

    load_1m: float | None
    steal_share: float | None
    """CPU time that other tenants of the host took, of all CPU time."""
    swap_used_share: float | None
    governor: str | None
    seconds: float | None = None
    others_cores: float | None = None
    """Cores kept busy by processes that are neither ours nor the target's; 0.5 is half of one."""
    swapped_mb: float | None = None
    memory_stall_share: float | None = None
    """Share of the time in which some process waited for memory."""
    clock_mhz: float | None = None
    thermal_throttles: int | None = None
    quota_wait_s: float | None = None
    """How long a container's CPU quota held its processes back."""
    unmeasured: Mapping[str, str] = {}
    """Field -> why it is None."""


class Git(Struct, frozen=True, kw_only=True):
    """State of the working tree that was measured."""

    revision: str
    branch: str | None
    dirty: bool


class Environment(Struct, frozen=True, kw_only=True):
    """The machine of a run and its state."""

    machine: Machine
    machine_load_before: SystemLoad = field(name="weather_before")
    machine_load_after: SystemLoad | None = field(name="weather_after")
    git: Git | None
    plugin_version: str
    pytest_version: str
    arguments: tuple[str, ...]
    host: str | None = None
    kernel: str | None = None
