"""How other people's engines are called: which method, with which keywords, awaited or not.

Only names and signatures are looked at; nothing is called here but what the recorder times.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.measure.recorder import Stamped, record, record_async
from pytest_ttsperf.records import Json
from pytest_ttsperf.targets.python.samples import ACCEPTED, is_chunk

if TYPE_CHECKING:
    import asyncio


T = TypeVar("T")
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
METHODS = ("stream", "create_stream", "synthesize_stream", "synthesize")
"""What synthesizes, in the order in which it is looked for; last, calling the object itself."""
CALL = "__call__"
WHOLE = ("synthesize", "create")
TEXT_NAMES = ("text", "input", "sentence", "prompt")
"""What the first parameter of a callable is called that synthesizes by itself."""
WANTED = (
    f"an object with {', '.join(f'`{name}(text)`' for name in METHODS)}, or a callable whose first "
    f"parameter is called {' or '.join(TEXT_NAMES)}; it gives, or yields, or is awaited for, "
    f"{ACCEPTED}"
)


class Parameters(NamedTuple):
    """Which keywords a callable accepts."""

    names: frozenset[str]
    required: tuple[str, ...]
    takes_all: bool
    is_known: bool = True
    """False for what is written in C and has no signature to read."""

    def select_options(self, options: Mapping[str, Json]) -> dict[str, Json]:
        """Those of the options that it takes; all of them where that is not known."""
        return self.select_available(options) if self.is_known else dict(options)

    def select_available(self, available: Mapping[str, T]) -> dict[str, T]:
        """Those that it surely takes."""
        if self.takes_all:
            return dict(available)
        return {name: value for name, value in available.items() if name in self.names}


def parameters(function: Callable[..., Any], *, behind_text: bool = False) -> Parameters:
    """The parameters of a callable, with `behind_text` those behind the first."""
    listed = _read_signature(function)
    if listed is None:
        return Parameters(frozenset(), (), takes_all=False, is_known=False)
    if behind_text and listed and listed[0].kind not in _VARIABLE:
        listed = listed[1:]
    names = set()
    required = []
    for one in listed:
        if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD):
            names.add(one.name)
        if one.kind not in _VARIABLE and one.default is one.empty:
            required.append(one.name)
    return Parameters(
        names=frozenset(names),
        required=tuple(required),
        takes_all=any(one.kind is one.VAR_KEYWORD for one in listed),
    )


def _read_signature(function: Any) -> list[inspect.Parameter] | None:
    """The parameters in their order; None for what has no signature to read."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def method_of(target: object) -> str | None:
    """The name of the method that synthesizes; None when there is none."""
    for name in (*METHODS, CALL):
        if callable(getattr(target, name, None)):
            return name
    return None


def method(target: Any, name: str) -> Callable[..., Any]:
    """The method of that name; for a call, the object itself, which has the signature to read."""
    if name == CALL:
        return target  # type: ignore[no-any-return]
    return getattr(target, name)  # type: ignore[no-any-return]


def is_engine(found: object) -> bool:
    """Whether what a spec names synthesizes itself, and is not what makes an engine."""
    if isinstance(found, type):
        return False
    if any(callable(getattr(found, name, None)) for name in METHODS):
        return True
    listed = _read_signature(found)
    if not listed:
        return False
    first = listed[0]
    return first.name in TEXT_NAMES and first.default is first.empty


def require(accepted: Parameters, keywords: Iterable[str], called: str) -> None:
    """TargetShapeError when a required parameter is not among the keywords."""
    present = set(keywords)
    missing = [name for name in accepted.required if name not in present]
    if missing:
        raise TargetShapeError(
            f"{called} needs {', '.join(f'{name}=' for name in missing)}; give it with "
            f"--ttsperf-target-option {missing[0]}=VALUE (a callable that speaks by itself calls "
            f"its first parameter {' or '.join(TEXT_NAMES)})"
        )


class LazyEventLoop:
    """An event loop of the target's own, from the first moment that it is needed."""

    def __init__(self, new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        """`new_loop` makes it; without, it is asyncio's, and the current one of its thread."""
        self._runner: asyncio.Runner | None = None
        self._new_loop = new_loop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end; returns the result."""
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner(loop_factory=self._new_loop)
        return self._runner.run(work)

    def resolve(self, thing: Any) -> Any:
        """The thing itself, or what it gives when it is awaited, if it must be."""
        if not inspect.isawaitable(thing):
            return thing
        return self.run(_await_result(thing))

    def close(self) -> None:
        """End what still runs in it."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


class _IsAsyncError(Exception):
    """What was called has to be awaited."""


class SynthesisCall:
    """One way to synthesize: a method with its keywords, timed whether it is awaited or not."""

    def __init__(
        self,
        method: Callable[[str], Any],
        spec: str,
        loop: LazyEventLoop,
        *,
        whole: bool,
    ) -> None:
        """With `whole` all audio counts as one chunk, in parts, that arrives at the end."""
        self._method = method
        self._spec = spec
        self._loop = loop
        self._whole = whole
        function = inspect.unwrap(getattr(method, "func", method))
        is_generator = inspect.isasyncgenfunction(function)
        self._is_async = is_generator or inspect.iscoroutinefunction(function)

    @property
    def is_async(self) -> bool:
        """Whether it has to be awaited; sure only after a first call."""
        return self._is_async

    def record(self, text: str, *, stop_after: int | None = None) -> Stamped:
        """One timed synthesis; hung up after so many chunks, if a number is named.

        Several threads may call it at once, unless it `is_async`: see `record_async`.
        """
        if not self._is_async:
            try:
                synthesize = self._join if self._whole else self._stream
                return record(synthesize, text, stop_after=stop_after)
            except _IsAsyncError:
                self._is_async = True  # that call did not begin anything: call again, and await
        stamped: Stamped = self._loop.run(self.record_async(text, stop_after=stop_after))
        return stamped

    async def record_async(self, text: str, *, stop_after: int | None = None) -> Stamped:
        """The same in a running event loop, for several tasks at once."""
        begin = self._join_async if self._whole else self._stream_async
        return await record_async(begin, text, stop_after=stop_after)

    def _stream(self, text: str) -> Iterable[Any]:
        return self._chunks(self._method(text))

    def _join(self, text: str) -> Iterable[Any]:
        return ([*self._chunks(self._method(text))],)

    def _chunks(self, returned: Any) -> Iterable[Any]:
        """What the method returned, as chunks. _IsAsyncError where it must be awaited first."""
        if hasattr(returned, "__next__"):
            return returned  # type: ignore[no-any-return]
        if is_chunk(returned):
            return (returned,)
        if inspect.iscoroutine(returned):
            returned.close()
            raise _IsAsyncError
        if hasattr(returned, "__aiter__") or inspect.isawaitable(returned):
            raise _IsAsyncError
        if not hasattr(returned, "__iter__"):
            raise TargetShapeError(
                f"{self._spec} gave {type(returned).__name__} for a text; wanted {ACCEPTED}, or an "
                "iterator of such"
            )
        return returned  # type: ignore[no-any-return]

    async def _stream_async(self, text: str) -> AsyncIterator[Any]:
        returned = self._method(text)
        if inspect.isawaitable(returned):
            returned = await returned
        if hasattr(returned, "__aiter__"):
            return returned  # type: ignore[no-any-return]
        return _iterate_async(self._chunks(returned))

    async def _join_async(self, text: str) -> AsyncIterator[Any]:
        chunks = [chunk async for chunk in await self._stream_async(text)]
        return _iterate_async((chunks,))


async def _iterate_async(chunks: Iterable[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        yield chunk


async def _await_result(thing: Awaitable[Any]) -> Any:
    return await thing
