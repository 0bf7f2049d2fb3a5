"""Execution providers: short names for people, full names for onnxruntime. Pure data."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from .errors import OptionError, OptionTypeError

# Measured with the hibari voice on two cores. A second thread ends a sentence up to a third sooner
# while nothing else runs; for that it takes twice the processor time, and as soon as one other
# process is busy the first chunk comes later than with one thread (medium: 110 ms, not 80).
DEFAULT_THREADS = 1
MAX_THREADS = 256


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
    """How a session runs. Unset is None; the defaults live here.

    threads: onnxruntime's intra-op threads, 1 to 256. Raises OptionError for anything else.
    """

    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is None:
            return
        if not isinstance(self.threads, int) or isinstance(self.threads, bool):
            raise OptionTypeError(
                f"found threads={self.threads!r}, wanted a whole number; "
                f"leave it out for {DEFAULT_THREADS}"
            )
        if not 1 <= self.threads <= MAX_THREADS:
            raise OptionError(
                f"found threads={self.threads}, wanted 1 to {MAX_THREADS}; "
                f"leave it out for {DEFAULT_THREADS}"
            )

    @property
    def intra_op_threads(self) -> int:
        """Threads that work on one operator."""
        return DEFAULT_THREADS if self.threads is None else self.threads


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
