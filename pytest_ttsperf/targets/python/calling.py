"""How other people's objects are spoken with: which method, with which keywords, awaited or not.

Only names and signatures are looked at; nothing is called here but what the recorder times.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.measure.recorder import Stamped, record, record_async
from pytest_ttsperf.records import Json
from pytest_ttsperf.targets.python.samples import ACCEPTED, is_chunk

if TYPE_CHECKING:
    import asyncio


METHODS = ("stream", "create_stream", "synthesize_stream", "synthesize")
"""What speaks, in the order in which it is looked for; behind them, calling the object itself."""
CALL = "__call__"
WHOLE = ("synthesize", "create")
TEXT_NAMES = ("text", "input", "sentence", "prompt")
"""What the first parameter of a callable is called that speaks by itself."""
WANTED = (
    f"an object with {', '.join(f'`{name}(text)`' for name in METHODS)}, or a callable whose first "
    f"parameter is called {' or '.join(TEXT_NAMES)}; it gives, or yields, or is awaited for, "
    f"{ACCEPTED}"
)


class Parameters(NamedTuple):
    """What a callable can be given by keyword."""

    named: frozenset[str]
    required: tuple[str, ...]
    takes_all: bool
    is_known: bool = True
    """False for what is written in C and tells no signature."""

    def options(self, options: Mapping[str, Json]) -> dict[str, Json]:
        """Those of the given that it takes; all where it cannot be told."""
        takes_all = self.takes_all or not self.is_known
        return {name: value for name, value in options.items() if takes_all or name in self.named}

    def offered(self, offered: Mapping[str, str]) -> dict[str, str]:
        """Those that it surely takes."""
        return {n: value for n, value in offered.items() if self.takes_all or n in self.named}


def parameters(called: Callable[..., Any], *, behind_text: bool = False) -> Parameters:
    """The parameters of a callable, with `behind_text` those behind the first."""
    try:
        found = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        return Parameters(frozenset(), (), takes_all=False, is_known=False)
    own = found[1:] if behind_text and found and found[0].kind not in _VARIABLE else found
    by_name = [p for p in own if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return Parameters(
        named=frozenset(p.name for p in by_name),
        required=tuple(p.name for p in own if p.kind not in _VARIABLE and p.default is p.empty),
        takes_all=any(p.kind is p.VAR_KEYWORD for p in own),
    )


_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def method_of(target: object) -> str | None:
    """The name of the method that speaks; None when there is none."""
    for name in (*METHODS, CALL):
        if callable(getattr(target, name, None)):
            return name
    return None


def method(target: Any, name: str) -> Callable[..., Any]:
    """The method of that name; for a call, what is called, which tells its parameters."""
    return target if name == CALL else getattr(target, name)  # type: ignore[no-any-return]


def speaks_itself(found: object) -> bool:
    """Whether what a spec names is the speaker, and not what makes one."""
    if isinstance(found, type):
        return False
    if any(callable(getattr(found, name, None)) for name in METHODS):
        return True
    try:
        first = next(iter(inspect.signature(found).parameters.values()), None)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return first is not None and first.name in TEXT_NAMES and first.default is first.empty


def require(wants: Parameters, given: Iterable[str], called: str) -> None:
    """TargetShapeError when something is needed that is not given."""
    missing = [name for name in wants.required if name not in set(given)]
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
        """Run to the end, and give the result."""
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner(loop_factory=self._new_loop)
        return self._runner.run(work)

    def settled(self, thing: Any) -> Any:
        """What it is, awaited if it must be."""
        return self.run(_await_result(thing)) if inspect.isawaitable(thing) else thing

    def close(self) -> None:
        """End what still runs in it."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


class _IsAsyncError(Exception):
    """What was called has to be awaited."""


class SynthesisCall:
    """One way to speak: a method with its keywords, stamped whether it is awaited or not."""

    def __init__(
        self, method: Callable[[str], Any], spec: str, loop: LazyEventLoop, *, whole: bool
    ) -> None:
        self._method = method
        self._spec = spec
        self._loop = loop
        self._whole = whole
        told = inspect.unwrap(getattr(method, "func", method))
        self._is_async = inspect.isasyncgenfunction(told) or inspect.iscoroutinefunction(told)

    def stamped(self, text: str) -> Stamped:
        """One timed synthesis. With `whole` it is one chunk, in parts, when all is there."""
        if not self._is_async:
            try:
                return record(self._joined if self._whole else self._begun, text)
            except _IsAsyncError:
                self._is_async = True  # a call made nothing yet: it is made anew, awaited
        begun = self._joined_async if self._whole else self._begun_async
        stamped: Stamped = self._loop.run(record_async(begun, text))
        return stamped

    def _begun(self, text: str) -> Iterable[Any]:
        return self._chunks(self._method(text))

    def _joined(self, text: str) -> Iterable[Any]:
        return ([*self._chunks(self._method(text))],)

    def _chunks(self, spoken: Any) -> Iterable[Any]:
        if hasattr(spoken, "__next__"):
            return spoken  # type: ignore[no-any-return]
        if is_chunk(spoken):
            return (spoken,)
        if inspect.iscoroutine(spoken):
            spoken.close()
            raise _IsAsyncError
        if hasattr(spoken, "__aiter__") or inspect.isawaitable(spoken):
            raise _IsAsyncError
        if not hasattr(spoken, "__iter__"):
            raise TargetShapeError(
                f"{self._spec} gave {type(spoken).__name__} for a text; wanted {ACCEPTED}, or an "
                "iterator of such"
            )
        return spoken  # type: ignore[no-any-return]

    async def _begun_async(self, text: str) -> AsyncIterator[Any]:
        spoken = self._method(text)
        if inspect.isawaitable(spoken):
            spoken = await spoken
        return spoken if hasattr(spoken, "__aiter__") else _each(self._chunks(spoken))

    async def _joined_async(self, text: str) -> AsyncIterator[Any]:
        return _each(([chunk async for chunk in await self._begun_async(text)],))


async def _each(chunks: Iterable[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        yield chunk


async def _await_result(thing: Awaitable[Any]) -> Any:
    return await thing
