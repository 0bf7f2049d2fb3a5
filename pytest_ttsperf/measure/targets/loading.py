"""From `module:callable` to something that can be recorded, and from its chunks to a Recording.

Used on both sides of the process border (`inline` and the worker's child), imports no engine by
name, and numpy only once there is a chunk to convert, so that a cold start pays for the target
alone.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

from pytest_ttsperf.errors import TargetNotFound, TargetShapeError
from pytest_ttsperf.measure.recorder import Stamped, record
from pytest_ttsperf.records import Json, Mode, Recording, Span

ACCEPTED = (
    "an object with `sample_rate` (Hz) and `stream(text)` yielding mono float32 or int16 numpy "
    "arrays, or chunks with `.samples` of that kind"
)
_TOLD_VERSIONS = ("onnxruntime", "numpy", "torch")


def find(spec: str) -> Callable[..., Any]:
    """Import `module:callable` (dots allowed after the colon); TargetNotFound says what is off."""
    module_name, _, path = spec.partition(":")
    if not re.fullmatch(r"[\w.]+:[\w.]+", spec):
        raise TargetNotFound(
            f"target {spec!r} is not of the form module:callable (for example engine:Engine); "
            "set ttsperf_target in the pytest configuration or --ttsperf-target"
        )
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise
        raise TargetNotFound(
            f"target {spec!r}: no module named {error.name!r}; it is looked for in {sys.path[:4]} "
            "and the environment (pytest's `pythonpath` ini adds folders)"
        ) from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise TargetNotFound(
                f"target {spec!r}: {found!r} has no {name!r}; it has "
                f"{', '.join(n for n in dir(found) if not n.startswith('_')) or 'nothing public'}"
            )
        found = getattr(found, name)
    if not callable(found):
        raise TargetNotFound(f"target {spec!r} is {type(found).__name__}, wanted a callable")
    return found  # type: ignore[no-any-return]


def accepted_options(
    factory: Callable[..., Any],
    options: Mapping[str, Json],
    offered: Mapping[str, str],
    demanded: Iterable[str],
) -> dict[str, Json]:
    """The keyword arguments to call the target with.

    `options` are always passed; of `offered` (provider, voice) what the callable accepts. What was
    demanded on the command line or by a mark and is not accepted is an error, not a silence.
    """
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    named = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    accepted = {k: v for k, v in offered.items() if takes_all or k in named}
    for name in demanded:
        if name in offered and name not in accepted:
            raise TargetShapeError(
                f"{name} {offered[name]!r} was asked for, but {factory!r} takes no `{name}=`; "
                f"add the parameter or leave out --ttsperf-{name}"
            )
    return {**accepted, **options}


class Speaker:
    """A target made uniform: what the recorder and the worker call."""

    def __init__(self, target: object, spec: str) -> None:
        self._target = target
        self._spec = spec
        rate = getattr(target, "sample_rate", None)
        stream = getattr(target, "stream", None)
        if inspect.isasyncgenfunction(stream) or inspect.iscoroutinefunction(stream):
            raise TargetShapeError(
                f"target {spec!r} streams asynchronously ({stream!r}); wanted {ACCEPTED}: wrap it "
                "in a synchronous generator that runs its event loop"
            )
        if not callable(stream) or not _is_rate(rate):
            raise TargetShapeError(
                f"target {spec!r} gave {type(target).__name__} with sample_rate={rate!r} and "
                f"stream={stream!r}; wanted {ACCEPTED}"
            )
        self.sample_rate = int(rate or 0)

    def warm(self) -> bool:
        """Run the target's own warm-up; False when it offers none."""
        return self._offer("warm")[0]

    def close(self) -> None:
        """Close the target, if it can be closed."""
        self._offer("close")

    def placement(self) -> dict[str, Json] | None:
        """Which provider runs which nodes, as the target tells; None when it does not."""
        offered, told = self._offer("placement")
        if not offered:
            return None
        plain = _plain(told, f"{self._spec}.placement()")
        nodes = plain.get("nodes") if isinstance(plain, dict) else None
        if not isinstance(plain, dict) or not _is_count_by_name(nodes):
            raise TargetShapeError(
                f"{self._spec}.placement() gave {told!r}; wanted a dict, in which `nodes`, if it "
                "is there, counts nodes by provider: {'CPUExecutionProvider': 12}"
            )
        return plain

    def spans(self) -> tuple[Span, ...]:
        """Stage spans of the last trial (after opening: of the opening); () when not told."""
        offered, told = self._offer("stages")
        if not offered:
            return ()
        if told is None or not hasattr(told, "__iter__"):
            raise TargetShapeError(f"{self._spec}.stages() gave {told!r}; wanted a list of spans")
        return tuple(_span(entry, self._spec) for entry in told)

    def opening_spans(self) -> tuple[tuple[Span, ...], tuple[str, ...]]:
        """Stages of the opening, if the target tells them, and what went wrong in asking.

        `stages()` is of the last trial; a target may well have none before its first.
        """
        try:
            return self.spans(), ()
        except TargetShapeError:
            raise
        except Exception as error:
            return (), (f"stages() raised {type(error).__name__} before the first trial: {error}",)

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis; converts and counts after the last chunk."""
        synthesize = self._target.stream if mode == "stream" else self._whole  # type: ignore[attr-defined]
        before_ns = time.process_time_ns()
        stamped = record(synthesize, text)
        return self._recording(stamped, cpu_ns=time.process_time_ns() - before_ns)

    def _whole(self, text: str) -> Iterator[Any]:
        if callable(getattr(self._target, "synthesize", None)):
            yield self._target.synthesize(text)  # type: ignore[attr-defined]
        else:
            yield list(self._target.stream(text))  # type: ignore[attr-defined]

    def _recording(self, stamped: Stamped, cpu_ns: int) -> Recording:
        import numpy as np

        chunks = [chunk for _, chunk in stamped.arrivals]
        pieces = [self._samples(chunk) for chunk in chunks]
        self._refuse_reused_buffers(chunks)
        return Recording(
            request_ns=stamped.request_ns,
            arrivals_ns=tuple(at for at, _ in stamped.arrivals),
            frame_counts=tuple(len(piece) for piece in pieces),
            end_ns=stamped.end_ns,
            sample_rate=self.sample_rate,
            spans=self.spans(),
            cpu_ns=cpu_ns,
            pcm=np.concatenate(pieces).astype("<f4", copy=False).tobytes() if pieces else b"",
        )

    def _samples(self, chunk: Any) -> Any:
        """One chunk as a float32 array, shape [frames]."""
        import numpy as np

        if isinstance(chunk, list):
            parts = [self._samples(part) for part in chunk]
            return np.concatenate(parts) if parts else np.zeros(0, np.float32)
        samples = getattr(chunk, "samples", chunk)
        rate = getattr(chunk, "sample_rate", self.sample_rate)
        if rate != self.sample_rate:
            raise TargetShapeError(
                f"{self._spec} says sample_rate={self.sample_rate}, a chunk says {rate}; "
                "they must agree, or every duration is wrong"
            )
        if not isinstance(samples, np.ndarray) or samples.ndim != 1:
            raise TargetShapeError(f"{self._spec} yielded {_seen(chunk)}; wanted {ACCEPTED}")
        if samples.dtype == np.int16:
            return samples.astype(np.float32) / np.float32(32768)
        if samples.dtype != np.float32:
            raise TargetShapeError(f"{self._spec} yielded {_seen(chunk)}; wanted {ACCEPTED}")
        return samples

    def _refuse_reused_buffers(self, chunks: list[Any]) -> None:
        """An engine that fills one buffer again and again would be heard wrongly: say so.

        Memory that is read-only, or two views that do not overlap, cannot have been overwritten.
        """
        import numpy as np

        arrays = [getattr(chunk, "samples", chunk) for chunk in chunks]
        ends = sorted(
            _addresses(array)
            for array in arrays
            if isinstance(array, np.ndarray) and array.size and array.flags.writeable
        )
        if any(start < end for (_, end), (start, _) in pairwise(ends)):
            raise TargetShapeError(
                f"{self._spec} yielded the same buffer twice, so an earlier chunk may have been "
                "overwritten; yield a copy of each chunk (or, if it is a constant, make it "
                "read-only: array.setflags(write=False))"
            )

    def _offer(self, name: str) -> tuple[bool, Any]:
        method = getattr(self._target, name, None)
        return (True, method()) if callable(method) else (False, None)


def library_versions() -> dict[str, str]:
    """Versions of the runtimes that the target has imported by now."""
    loaded = ((name, sys.modules.get(name)) for name in _TOLD_VERSIONS)
    return {name: str(module.__version__) for name, module in loaded if module is not None}


def _is_rate(rate: object) -> bool:
    try:
        return 1000 <= int(rate) <= 768_000  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError):
        return False


def _seen(chunk: Any) -> str:
    samples = getattr(chunk, "samples", chunk)
    shape, dtype = getattr(samples, "shape", None), getattr(samples, "dtype", None)
    return f"{type(chunk).__name__}" + (f" of {dtype}, shape {shape}" if dtype is not None else "")


def _plain(told: Any, source: str) -> Json:
    """What a target tells, as plain JSON: numpy's numbers become Python's, tuples lists."""
    if told is None or isinstance(told, bool | str):
        return told
    if isinstance(told, Mapping):
        return {str(key): _plain(value, source) for key, value in told.items()}
    if isinstance(told, Integral) and -(2**63) <= int(told) < 2**63:
        return int(told)
    if isinstance(told, Real):
        return float(told)
    if isinstance(told, list | tuple | set | frozenset):
        return [_plain(value, source) for value in told]
    raise TargetShapeError(f"{source} gave {told!r} in it; wanted numbers, texts, lists and dicts")


def _addresses(array: Any) -> tuple[int, int]:
    """First and last byte (exclusive) of a 1-D array's memory, also of a reversed view."""
    first = array.__array_interface__["data"][0]
    last = first + (array.size - 1) * array.strides[0]
    return min(first, last), max(first, last) + array.itemsize


def _is_count_by_name(nodes: Json) -> bool:
    counts = nodes.values() if isinstance(nodes, dict) else ()
    return nodes is None or (
        isinstance(nodes, dict)
        and all(isinstance(count, int) and not isinstance(count, bool) for count in counts)
    )


def _span(entry: Any, spec: str) -> Span:
    try:
        if isinstance(entry, tuple | list):
            stage, chunk, start_ns, end_ns = entry
        else:
            stage, chunk = entry.stage, entry.chunk
            start_ns, end_ns = entry.start_ns, entry.end_ns
        span = Span(
            stage=str(stage),
            chunk=None if chunk is None else int(chunk),
            start_ns=int(start_ns),
            end_ns=int(end_ns),
        )
        if not 0 <= span.start_ns <= span.end_ns < 2**63:
            raise ValueError("it ends before it starts, or is no instant")
        return span
    except (AttributeError, TypeError, ValueError) as error:
        raise TargetShapeError(
            f"{spec}.stages() gave {entry!r}; wanted (stage, chunk or None, start_ns, end_ns) "
            "on time.perf_counter_ns"
        ) from error
