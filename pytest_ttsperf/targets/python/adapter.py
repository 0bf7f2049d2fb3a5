"""From `module:callable` to something that can be recorded, and from its chunks to a Recording.

Used on both sides of the process border (`inline` and the worker's child), imports no engine by
name, and numpy only once there is a chunk to convert, so that a cold start pays for the target
alone.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import ModuleMissing, OptionUntaken, TargetNotFound, TargetShapeError
from pytest_ttsperf.measure.recorder import Stamped
from pytest_ttsperf.real import REAL
from pytest_ttsperf.records import Json, Mode, Recording, Span
from pytest_ttsperf.targets import placement as targets_placement
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.python import calling, samples

_REPORTED_VERSIONS = ("onnxruntime", "numpy", "torch")


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
                f"target {spec!r}: {found!r} has no {name!r}; it has "
                f"{', '.join(n for n in dir(found) if not n.startswith('_')) or 'nothing public'}"
            )
        found = getattr(found, name)
    if not callable(found) and not calling.speaks_itself(found):
        raise TargetNotFound(
            f"target {spec!r} is {type(found).__name__}, wanted a callable, or {calling.WANTED}"
        )
    return found


def open_adapter(
    found: Any,
    spec: str,
    options: Mapping[str, Json],
    offered: Mapping[str, str],
    demanded: Iterable[str],
    loop: calling.LazyEventLoop | None = None,
) -> PythonAdapter:
    """Call what `find` has found, unless it speaks itself, and make it uniform.

    `options` go to it or, those that it does not take, to the method that speaks; so do those of
    `offered` (provider, voice) that are taken at all. What nothing takes is an error, offered
    things only where they were demanded on the command line or by a mark.
    """
    loop = loop or calling.LazyEventLoop()
    given: dict[str, Json] = {}
    target = found
    try:
        if not calling.speaks_itself(found):
            wants = calling.parameters(found)
            given = {**wants.offered(offered), **wants.options(options)}
            calling.require(wants, given, f"target {spec!r}")
            target = loop.settled(found(**given))
        return PythonAdapter(
            target,
            spec,
            options={name: value for name, value in options.items() if name not in given},
            offered={name: value for name, value in offered.items() if name not in given},
            demanded=demanded,
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
        offered: Mapping[str, str],
        demanded: Iterable[str],
        loop: calling.LazyEventLoop,
    ) -> None:
        """`options` and `offered` are what is left for the method that speaks."""
        self._target = target
        self._spec = spec
        self._loop = loop
        name = calling.method_of(target)
        if name is None:
            raise TargetShapeError(
                f"target {spec!r} gave {type(target).__name__}, which has "
                f"{', '.join(n for n in dir(target) if not n.startswith('_')) or 'nothing public'}"
                f"; wanted {calling.WANTED}"
            )
        wants = calling.parameters(calling.method(target, name), behind_text=True)
        named = {n: v for n, v in options.items() if n != "sample_rate" or n in wants.named}
        keywords = {**wants.offered(offered), **wants.options(named)}
        own_rate = options.get("sample_rate") if "sample_rate" not in keywords else None
        method = spec if name == calling.CALL else f"{spec}: {name}(text)"
        self._refuse_untaken(method, named, offered, demanded, keywords)
        calling.require(wants, keywords, f"target {method}")
        self._stream = self._voicing(name, keywords, whole=False)
        self._nonstream = self._voicing(self._whole_name(name, keywords), keywords, whole=True)
        self._told_rate = self._rate(own_rate)
        self.sample_rate = self._told_rate or self._rate_of_module()
        """In Hz; None where only the chunks tell it."""

    def _refuse_untaken(
        self,
        method: str,
        options: Mapping[str, Json],
        offered: Mapping[str, str],
        demanded: Iterable[str],
        keywords: Mapping[str, Json],
    ) -> None:
        for name in demanded:
            if name in offered and name not in keywords:
                raise OptionUntaken(
                    f"{name} {offered[name]!r} was asked for, but neither {self._spec} nor the "
                    f"method that speaks takes `{name}=`; add the parameter or leave out "
                    f"--ttsperf-{name}"
                )
        for name in options:
            if name not in keywords:
                value = secrets.mask_value(name, options[name])
                raise OptionUntaken(
                    f"option {name}={value!r} was given, but neither {self._spec} nor "
                    f"{method} takes `{name}=`; correct the name, or leave it out"
                )

    def _voicing(
        self, name: str, keywords: Mapping[str, Json], *, whole: bool
    ) -> calling.SynthesisCall:
        method = calling.method(self._target, name)
        wants = calling.parameters(method, behind_text=True)
        taken = wants.options(keywords)
        spoken = partial(method, **taken) if taken else method
        return calling.SynthesisCall(spoken, self._spec, self._loop, whole=whole)

    def _whole_name(self, streaming: str, keywords: Mapping[str, Json]) -> str:
        """The method that gives all at once, else the one that streams."""
        for name in calling.WHOLE:
            method = getattr(self._target, name, None)
            if name != streaming and callable(method):
                wants = calling.parameters(method, behind_text=True)
                if set(wants.required) <= set(keywords):
                    return name
        return streaming

    def _rate(self, told: Json) -> int | None:
        config = getattr(self._target, "config", None)
        for rate in (
            told,
            getattr(self._target, "sample_rate", None),
            getattr(config, "sample_rate", None),
        ):
            if rate is None:
                continue
            if not samples.is_rate(rate):
                raise TargetShapeError(
                    f"target {self._spec!r} gave {type(self._target).__name__} with "
                    f"sample_rate={rate!r}; wanted the rate of its samples in Hz, as 24000"
                )
            return int(rate)
        return None

    def _rate_of_module(self) -> int | None:
        """`SAMPLE_RATE` of the module that the spec names."""
        module = sys.modules.get(self._spec.partition(":")[0])
        rate = getattr(module, "SAMPLE_RATE", None)
        return int(rate) if rate is not None and samples.is_rate(rate) else None

    def warm(self) -> bool:
        """Run the target's own warm-up; False when it offers none."""
        return self._offer("warm")[0]

    def close(self) -> None:
        """Close the target, if it can be closed."""
        try:
            self._offer("close")
        finally:
            self._loop.close()

    def placement(self) -> dict[str, Json] | None:
        """Which provider runs how many nodes, as the target tells; None when it does not.

        TargetShapeError for what is none of `placement.FORMS`.
        """
        offered, told = self._offer("placement")
        if not offered:
            return None
        source = f"{self._spec}.placement()"
        try:
            return targets_placement.understood(_plain(told, source))
        except ValueError as error:
            raise TargetShapeError(f"{source}: {error}") from None

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
        voicing = self._stream if mode == "stream" else self._nonstream
        before_ns = REAL.process_time_ns()
        stamped = voicing.stamped(text)
        return self._recording(stamped, cpu_ns=REAL.process_time_ns() - before_ns)

    def _recording(self, stamped: Stamped, cpu_ns: int) -> Recording:
        import numpy as np

        pieces, rate = samples.decode_chunks(
            [chunk for _, chunk in stamped.arrivals],
            self._spec,
            told_rate=self._told_rate,
            fallback=self.sample_rate,
        )
        return Recording(
            request_ns=stamped.request_ns,
            arrivals_ns=tuple(at for at, _ in stamped.arrivals),
            frame_counts=tuple(len(piece) for piece in pieces),
            end_ns=stamped.end_ns,
            sample_rate=rate,
            spans=self.spans(),
            cpu_ns=cpu_ns,
            pcm=np.concatenate(pieces).astype("<f4", copy=False).tobytes() if pieces else b"",
        )

    def _offer(self, name: str) -> tuple[bool, Any]:
        method = getattr(self._target, name, None)
        return (True, self._loop.settled(method())) if callable(method) else (False, None)


def _folders() -> list[str]:
    """The first of the folders that are searched, without the interpreter's own."""
    library = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    own = tuple(os.path.join(prefix, "lib") for prefix in library)
    return [entry for entry in sys.path if not entry.startswith(own)][:4]


def library_versions() -> dict[str, str]:
    """Versions of the runtimes that the target has imported by now."""
    loaded = ((name, sys.modules.get(name)) for name in _REPORTED_VERSIONS)
    return {name: str(module.__version__) for name, module in loaded if module is not None}


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
