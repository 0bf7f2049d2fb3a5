"""Execution providers: short names for people, full names for onnxruntime. Pure data."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from .errors import OptionError, OptionTypeError

# Measured with the hibari voice on two cores. A second thread ends a sentence up to a third sooner
# while nothing else runs; for that it takes twice the processor time, and as soon as one other
# process is busy the first chunk comes later than with one thread (medium: 110 ms, not 80).
DEFAULT_THREADS = 1
MAX_THREADS = 256

# any: nodes may run on the CPU, all of them; some: the provider has to run at least one;
# all: no node may be left to the CPU.
Require = Literal["any", "some", "all"]
REQUIRE: tuple[Require, ...] = ("any", "some", "all")


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider: `name` on the command line, `full_name` in data."""

    name: str
    full_name: str
    wheel: str  # the package whose onnxruntime has it


PROVIDERS = (
    Provider("cpu", "CPUExecutionProvider", "onnxruntime"),
    Provider("coreml", "CoreMLExecutionProvider", "onnxruntime (macOS)"),
    Provider("cuda", "CUDAExecutionProvider", "onnxruntime-gpu"),
    Provider("openvino", "OpenVINOExecutionProvider", "onnxruntime-openvino"),
)
CPU = PROVIDERS[0]


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How sessions run. Unset is None; the defaults live here.

    threads: onnxruntime's intra-op threads, 1 to 256.
    arena: whether freed memory is kept for the next run.
    spinning: whether idle threads burn processor time in order to wake up sooner.
    memory_pattern: whether memory is planned by the lengths seen before.
    profile: where each session writes its profile when the engine closes; a path without suffix.
    Raises OptionError for a value out of range, OptionTypeError for one of another type.
    """

    threads: int | None = None
    arena: bool | None = None
    spinning: bool | None = None
    memory_pattern: bool | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        for name in ("arena", "spinning", "memory_pattern"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, bool):
                raise OptionTypeError(f"found {name}={value!r}, wanted True or False")
        if self.profile is not None and not isinstance(self.profile, str):
            raise OptionTypeError(f"found profile={self.profile!r}, wanted a path as str")
        if self.threads is not None:
            _check_threads(self.threads)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> SessionOptions:
        """Options by name. Raises OptionError for a name that is none, with the nearest one."""
        names = [field.name for field in fields(cls)]
        for name in options:
            if name not in names:
                near = difflib.get_close_matches(str(name), names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else "leave it out"
                raise OptionError(
                    f"found session option {name!r}, wanted one of {', '.join(names)}; {hint}"
                )
        return cls(**options)

    @property
    def intra_op_threads(self) -> int:
        """Threads that work on one operator."""
        return DEFAULT_THREADS if self.threads is None else self.threads


def _check_threads(threads: int) -> None:
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise OptionTypeError(
            f"found threads={threads!r}, wanted a whole number; leave it out for {DEFAULT_THREADS}"
        )
    if not 1 <= threads <= MAX_THREADS:
        raise OptionError(
            f"found threads={threads}, wanted 1 to {MAX_THREADS}; "
            f"leave it out for {DEFAULT_THREADS}"
        )


def check_require(require: str) -> Require:
    """How much of the graph has to run on the provider asked for. Raises OptionError."""
    for known in REQUIRE:
        if require == known:
            return known
    raise OptionError(f"found require={require!r}, wanted one of {', '.join(REQUIRE)}")


def find_provider(name: str) -> Provider:
    """The provider of that short or full name. Raises OptionError for any other."""
    if not isinstance(name, str):
        raise OptionTypeError(f"found provider={name!r}, wanted a name such as {CPU.name!r}")
    for provider in PROVIDERS:
        if name.lower() in (provider.name, provider.full_name.lower()):
            return provider
    names = [provider.name for provider in PROVIDERS]
    near = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose {CPU.name!r}, which is always there"
    raise OptionError(f"found provider {name!r}, wanted one of {', '.join(names)}; {hint}")
