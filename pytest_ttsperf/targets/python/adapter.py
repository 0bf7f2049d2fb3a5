"""From `module:callable` to something that can be recorded, and from its chunks to a Recording.

Used on both sides of the process border: by `inline` and by the worker's child. It imports no
engine by name, and numpy only once there is a chunk to convert, so that a cold start is the
target's alone.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from numbers import Integral, Real
from operator import attrgetter
from typing import Any

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import ModuleMissing, OptionUntaken, TargetNotFound, TargetShapeError
from pytest_ttsperf.measure.recorder import Stamped
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Json, Mode, Recording, Span, TargetInfo
from pytest_ttsperf.targets import placement as targets_placement
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets import tracing
from pytest_ttsperf.targets.python import calling, samples

_REPORTED_VERSIONS = ("onnxruntime", "numpy", "torch")
_SPAN_FIELDS = attrgetter("stage", "chunk", "start_ns", "end_ns")
SHOWN_FOLDERS = 4


def find_callable(spec: str) -> Any:
    """Import `module:callable` (dots allowed after the colon); TargetNotFound says what is off."""
    module_name, _, path = spec.partition(":")
    if not targets_spec.is_python(spec):
        raise TargetNotFound(
            f"target {secrets.mask(spec)!r} is not of the form {targets_spec.FORMS}; "
            "set ttsperf_target in the pytest configuration or --ttsperf-target"
        )
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise
        raise ModuleMissing(
            f"target {spec!r}: no module named {error.name!r}; it is looked for in {_folders()} "
            "and the environment (pytest's `pythonpath` ini adds folders)"
        ) from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise TargetNotFound(
                f"target {spec!r}: {found!r} has no {name!r}; it has {_public_names(found)}"
            )
        found = getattr(found, name)
    if not callable(found) and not calling.is_engine(found):
        raise TargetNotFound(
            f"target {spec!r} is {type(found).__name__}, wanted a callable, or {calling.WANTED}"
        )
    return found


def _public_names(found: object) -> str:
    names = [name for name in dir(found) if not name.startswith("_")]
    return ", ".join(names) or "nothing public"


def open_adapter(
    found: Any,
    spec: str,
    options: Mapping[str, Json],
    available: Mapping[str, str],
    requested: Iterable[str],
    loop: calling.LazyEventLoop | None = None,
) -> PythonAdapter:
    """Call what `find_callable` has found, unless it is an engine itself, and make it uniform.

    `options` go to it or, those that it does not take, to the method that synthesizes; so do those
    of `available` (provider, voice) that are taken at all. What nothing takes is an error, the
    provider and the voice only where they were `requested` on the command line or by a mark.
    """
    loop = loop or calling.LazyEventLoop()
    keywords: dict[str, Json] = {}
    target = found
    try:
        if not calling.is_engine(found):
            accepted = calling.parameters(found)
            keywords.update(accepted.select_available(available))
            keywords.update(accepted.select_options(options))
            calling.require(accepted, keywords, f"target {spec!r}")
            target = loop.resolve(found(**keywords))
        return PythonAdapter(
            target,
            spec,
            options={name: value for name, value in options.items() if name not in keywords},
            available={name: value for name, value in available.items() if name not in keywords},
            requested=requested,
            loop=loop,
        )
    except BaseException:
        loop.close()
        raise


class PythonAdapter:
    """A target made uniform: what the recorder and the worker call."""

    def __init__(
        self,
        target: object,
        spec: str,
        *,
        options: Mapping[str, Json],
        available: Mapping[str, str],
        requested: Iterable[str],
        loop: calling.LazyEventLoop,
    ) -> None:
        """`options` and `available` are what is left for the method that synthesizes."""
        self._target = target
        self._spec = spec
        self._loop = loop
        name = calling.method_of(target)
        if name is None:
            raise TargetShapeError(
                f"target {spec!r} gave {type(target).__name__}, which has "
                f"{_public_names(target)}; wanted {calling.WANTED}"
            )
        accepted = calling.parameters(calling.method(target, name), behind_text=True)
        options = dict(options)
        rate = None
        if "sample_rate" not in accepted.names:  # then it is for us: no engine need take it
            rate = options.pop("sample_rate", None)
        keywords = {**accepted.select_available(available), **accepted.select_options(options)}
        described = spec if name == calling.CALL else f"{spec}: {name}(text)"
        self._refuse_untaken_requests(available, requested, keywords)
        self._refuse_untaken_options(described, options, keywords)
        calling.require(accepted, keywords, f"target {described}")
        self._stream = self._synthesis_call(name, keywords, whole=False)
        whole_name = self._whole_name(name, keywords)
        self._nonstream = self._synthesis_call(whole_name, keywords, whole=True)
        self._declared_rate = self._find_declared_rate(rate)
        self.sample_rate = self._declared_rate or self._rate_of_module()
        """In Hz; None where only the chunks have it."""

    def _refuse_untaken_requests(
        self,
        available: Mapping[str, str],
        requested: Iterable[str],
        keywords: Mapping[str, Json],
    ) -> None:
        for name in requested:
            if name in available and name not in keywords:
                raise OptionUntaken(
                    f"{name} {available[name]!r} was asked for, but neither {self._spec} nor the "
                    f"method that speaks takes `{name}=`; add the parameter or leave out "
                    f"--ttsperf-{name}"
                )

    def _refuse_untaken_options(
        self,
        method: str,
        options: Mapping[str, Json],
        keywords: Mapping[str, Json],
    ) -> None:
        for name in options:
            if name not in keywords:
                value = secrets.mask_value(name, options[name])
                raise OptionUntaken(
                    f"option {name}={value!r} was given, but neither {self._spec} nor "
                    f"{method} takes `{name}=`; correct the name, or leave it out"
                )

    def _synthesis_call(
        self,
        name: str,
        keywords: Mapping[str, Json],
        *,
        whole: bool,
    ) -> calling.SynthesisCall:
        method = calling.method(self._target, name)
        accepted = calling.parameters(method, behind_text=True).select_options(keywords)
        if accepted:
            method = partial(method, **accepted)
        return calling.SynthesisCall(method, self._spec, self._loop, whole=whole)

    def _whole_name(self, streaming: str, keywords: Mapping[str, Json]) -> str:
        """The method that gives all at once, else the one that streams."""
        for name in calling.WHOLE:
            method = getattr(self._target, name, None)
            if name == streaming or not callable(method):
                continue
            accepted = calling.parameters(method, behind_text=True)
            if set(accepted.required) <= set(keywords):
                return name
        return streaming

    def _find_declared_rate(self, option: Json) -> int | None:
        """The rate by the option, else by the target or its config; None where none has it."""
        rate = option
        for holder in (self._target, getattr(self._target, "config", None)):
            if rate is None:
                rate = getattr(holder, "sample_rate", None)
        if rate is None:
            return None
        if not samples.is_rate(rate):
            raise TargetShapeError(
                f"target {self._spec!r} gave {type(self._target).__name__} with "
                f"sample_rate={rate!r}; wanted the rate of its samples in Hz, as 24000"
            )
        return int(rate)

    def _rate_of_module(self) -> int | None:
        """`SAMPLE_RATE` of the module that the spec names."""
        module = sys.modules.get(self._spec.partition(":")[0])
        rate = getattr(module, "SAMPLE_RATE", None)
        if rate is None or not samples.is_rate(rate):
            return None
        return int(rate)

    def describe_opening(self, **more: Any) -> TargetInfo:
        """What the target says of itself once it is open, and `more` fields of that."""
        spans, target_warnings = self.opening_spans()
        return TargetInfo(
            pid=os.getpid(),
            sample_rate=self.sample_rate,
            placement=self.placement(),
            versions=library_versions(),
            spans=spans,
            target_warnings=target_warnings,
            tracers=tracing.tracers(),
            **more,
        )

    def warm(self) -> bool:
        """Run the target's own warm-up; False when it offers none."""
        is_defined, _ = self._call_if_defined("warm")
        return is_defined

    def close(self) -> None:
        """Close the target, if it can be closed."""
        try:
            self._call_if_defined("close")
        finally:
            self._loop.close()

    def placement(self) -> dict[str, Json] | None:
        """Which provider runs how many nodes, as the target says; None when it does not.

        TargetShapeError for what is none of `placement.FORMS`.
        """
        is_defined, placement = self._call_if_defined("placement")
        if not is_defined:
            return None
        source = f"{self._spec}.placement()"
        try:
            return targets_placement.normalize(_to_json(placement, source))
        except ValueError as error:
            raise TargetShapeError(f"{source}: {error}") from None

    def spans(self) -> tuple[Span, ...]:
        """Stage spans of the last trial (after opening: of the opening); () without `stages()`."""
        is_defined, stages = self._call_if_defined("stages")
        if not is_defined:
            return ()
        return self._to_spans(stages)

    def _to_spans(self, stages: Any) -> tuple[Span, ...]:
        if stages is None or not hasattr(stages, "__iter__"):
            raise TargetShapeError(f"{self._spec}.stages() gave {stages!r}; wanted a list of spans")
        return tuple(_to_span(entry, self._spec) for entry in stages)

    def opening_spans(self) -> tuple[tuple[Span, ...], tuple[str, ...]]:
        """Stages of the opening, if the target has them, and what went wrong with `stages()`.

        That is of the last trial; a target may well have none before its first.
        """
        try:
            return self.spans(), ()
        except TargetShapeError:
            raise
        except Exception as error:
            return (), (f"stages() raised {type(error).__name__} before the first trial: {error}",)

    def record(self, text: str, mode: Mode) -> Recording:
        """One timed synthesis; converts and counts after the last chunk."""
        before_ns = REAL.process_time_ns()
        stamped = self.call_of(mode).record(text)
        cpu_ns = REAL.process_time_ns() - before_ns
        return self._to_recording(stamped, spans=self.spans(), cpu_ns=cpu_ns)

    def call_of(self, mode: Mode) -> calling.SynthesisCall:
        """What synthesizes in that mode, to be called by several threads or tasks at once."""
        if mode == "stream":
            return self._stream
        return self._nonstream

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end in the target's event loop, which is this thread's; returns the result."""
        return self._loop.run(work)

    def decode(self, stamped: Stamped) -> Recording:
        """The recording of one of several answers at once.

        Its stages are those that the stream itself tells, by a method `stages()`: the target's own
        are of whichever stream began last. The CPU time is that of all together, and left out.
        """
        stages = getattr(stamped.source, "stages", None)
        spans: tuple[Span, ...] = ()
        if callable(stages):
            spans = self._to_spans(stages())
        return self._to_recording(stamped, spans=spans, cpu_ns=None)

    def duration_ns(self, chunk: Any) -> int:
        """How long a chunk sounds; 0 for what is no sound, of which `decode` complains."""
        rate = samples.rate_of(chunk) or self.sample_rate
        if not rate:
            return 0
        return samples.count_frames(chunk) * 1_000_000_000 // rate

    def _to_recording(
        self,
        stamped: Stamped,
        *,
        spans: tuple[Span, ...],
        cpu_ns: int | None,
    ) -> Recording:
        import numpy as np

        pieces, rate = samples.decode_chunks(
            [chunk for _, chunk in stamped.arrivals],
            self._spec,
            declared_rate=self._declared_rate,
            fallback=self.sample_rate,
        )
        pcm = np.concatenate([np.zeros(0, "<f4"), *pieces])
        return Recording(
            request_ns=stamped.request_ns,
            arrivals_ns=tuple(at_ns for at_ns, _ in stamped.arrivals),
            frame_counts=tuple(map(len, pieces)),
            end_ns=stamped.end_ns,
            sample_rate=rate,
            spans=spans,
            cpu_ns=cpu_ns,
            pcm=pcm.astype("<f4", copy=False).tobytes(),
        )

    def _call_if_defined(self, name: str) -> tuple[bool, Any]:
        """Whether the target has that method, and what it returned."""
        method = getattr(self._target, name, None)
        if not callable(method):
            return False, None
        return True, self._loop.resolve(method())


def _folders() -> list[str]:
    """The first of the folders that are searched, each once, without the interpreter's own."""
    prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    libraries = tuple(os.path.join(prefix, "lib") for prefix in prefixes)
    folders = [entry for entry in sys.path if not entry.startswith(libraries)]
    return list(dict.fromkeys(folders))[:SHOWN_FOLDERS]


def library_versions() -> dict[str, str]:
    """Versions of the runtimes that the target has imported by now."""
    modules = {name: sys.modules.get(name) for name in _REPORTED_VERSIONS}
    return {name: str(module.__version__) for name, module in modules.items() if module is not None}


def _to_json(value: Any, source: str) -> Json:
    """What a target says, as plain JSON: numpy's numbers become Python's, tuples lists."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _to_json(each, source) for key, each in value.items()}
    if isinstance(value, Integral) and -(2**63) <= int(value) < 2**63:
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_json(each, source) for each in value]
    raise TargetShapeError(f"{source} gave {value!r} in it; wanted numbers, texts, lists and dicts")


def _to_span(entry: Any, spec: str) -> Span:
    try:
        fields = entry if isinstance(entry, tuple | list) else _SPAN_FIELDS(entry)
        stage, chunk, start_ns, end_ns = fields
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
