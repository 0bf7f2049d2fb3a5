"""Has the sessions of ONNX Runtime in this process write profiles, whoever opens them.

For processes in which no figure counts: a profiled session is slower. The target needs no option
for it, and so an old version of it has profiles, too. ONNX Runtime is not imported here: a finder
waits until the target does, and then puts itself before the constructor of its sessions.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from pytest_ttsperf import files
from pytest_ttsperf.records import SessionProfile

MODULE = "onnxruntime.capi.onnxruntime_inference_collection"
"""Where the class of sessions is defined, in all versions since 1.0."""
PREFIX = "session"
CLOCKS: tuple[Callable[[], int], ...] = (
    time.perf_counter_ns,
    time.monotonic_ns,
    time.time_ns,
)
"""A profile counts from an instant of the C++ library's finest clock: the wall clock with GNU's,
the monotonic one with others."""


class _OpenedSession(NamedTuple):
    """A session that writes a profile."""

    number: int
    session: weakref.ref[Any]
    origin_ns: int | None
    model: str | None
    """Name of the file that it was opened from."""


class SessionProfiles:
    """The profiles of this process: `install` before the target is imported, `finish` at the end.

    `folder` takes the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: list[_OpenedSession] = []
        self._finder = _SessionFinder(self._profile_all)

    def install(self) -> None:
        """From now on, sessions that are opened are profiled."""
        module = sys.modules.get(MODULE)
        if module is None:
            sys.meta_path.insert(0, self._finder)
        else:
            self._profile_all(module)

    def finish(self) -> tuple[SessionProfile, ...]:
        """End the profiles; what they are called, in the order in which sessions were opened.

        A second call gives the same files. Sessions that are gone have ended theirs by themselves.
        """
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        found = []
        for opened in self._opened:
            session = opened.session()
            if session is not None:
                session.end_profiling()
            for path in sorted(self._folder.glob(f"{PREFIX}{opened.number}_*.json")):
                found.append(
                    SessionProfile(file=path.name, origin_ns=opened.origin_ns, model=opened.model)
                )
        return tuple(found)

    def _profile_all(self, module: ModuleType) -> None:
        """Put ourselves before the constructor of the sessions of a module."""
        sessions: Any = module.InferenceSession
        new_options: Callable[[], Any] = module.C.SessionOptions
        construct = sessions.__init__
        profiles = self

        def construct_profiled(session: Any, *arguments: Any, **keywords: Any) -> None:
            number = len(profiles._opened)
            values = list(arguments)
            options = _take_options(values, keywords, new_options)
            options.enable_profiling = True
            options.profile_file_prefix = str(profiles._folder / f"{PREFIX}{number}")
            before_ns = _read_clocks()
            construct(session, *values, **keywords)
            after_ns = _read_clocks()
            origin_ns = _find_origin(session, before_ns, after_ns)
            model = _name_model(arguments, keywords)
            opened = _OpenedSession(number, weakref.ref(session), origin_ns, model)
            profiles._opened.append(opened)

        sessions.__init__ = construct_profiled


def _take_options(
    values: list[Any],
    keywords: dict[str, Any],
    new_options: Callable[[], Any],
) -> Any:
    """The options of a session, the second argument; where there are none, new ones are put in."""
    if len(values) > 1:
        if values[1] is None:
            values[1] = new_options()
        return values[1]
    if keywords.get("sess_options") is None:
        keywords["sess_options"] = new_options()
    return keywords["sess_options"]


def _name_model(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> str | None:
    """The name of the file that a session is opened from; None for one that is opened from bytes.

    As UTF-8 can carry it: not every file has a name that it could.
    """
    model = arguments[0] if arguments else keywords.get("path_or_bytes")
    if not isinstance(model, str | os.PathLike):
        return None
    return files.well_formed(Path(os.fsdecode(model)).name) or None


def _read_clocks() -> tuple[int, ...]:
    return tuple(clock() for clock in CLOCKS)


def _find_origin(
    session: Any,
    before_ns: Sequence[int],
    after_ns: Sequence[int],
) -> int | None:
    """When the profile of a session began, on the first of the clocks; None where nobody knows.

    It began while the session was opened: the clock that says so is the one it was read from.
    """
    read = getattr(session, "get_profiling_start_time_ns", None)
    if read is None:
        return None
    started_ns = int(read())
    for earliest_ns, latest_ns in zip(before_ns, after_ns, strict=True):
        if earliest_ns <= started_ns <= latest_ns:
            return before_ns[0] + started_ns - earliest_ns
    return None


class _SessionFinder(importlib.abc.MetaPathFinder):
    """Finds the module of sessions as usual, and hands it over once it is there."""

    def __init__(self, hand_over: Callable[[ModuleType], None]) -> None:
        self._hand_over = hand_over

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's spec with a loader of ours around its own; None for all other modules."""
        if fullname != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _SessionLoader(spec.loader, self._hand_over)
        return spec


class _SessionLoader(importlib.abc.Loader):
    """Loads a module by its own loader, then hands it over."""

    def __init__(
        self,
        loader: importlib.abc.Loader,
        hand_over: Callable[[ModuleType], None],
    ) -> None:
        self._loader = loader
        self._hand_over = hand_over

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As its own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """The same, and hand it over."""
        self._loader.exec_module(module)
        self._hand_over(module)
