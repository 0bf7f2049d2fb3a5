"""Who may import whom: the rooms of the design, held by reading every import, late ones included.

A room is a folder, and may import what its row names; leaves may be imported by all. What a row
does not allow is listed by itself, with its reason. Modules form no circle.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIGGEST_ROOM = 0.28
"""Of the lines of both packages, at most this share lies in one room."""

LEAVES = {"errors", "files", "git", "late", "nouns", "popen", "real", "secrets", "version"}
"""Modules of pytest_ttsperf that any room may import; they import one another alone."""

FEATURES = {"compare", "baseline", "load", "endurance", "doctor", "alternatives", "init"}
FEATURES_OVER_FEATURES = {"ci"}
PLUGIN_ROOMS = {
    "records": set(),
    "machine": {"records"},
    "measure": {"records"},
    "targets": {"records", "measure.recorder"},
    "metrics": {"records"},
    "judge": {"records"},
    "sound_quality": {"records", "metrics"},
    # Its page derives buffers and samples of trials from what was recorded.
    "report": {"records", "metrics"},
    "experiment": {"records", "targets", "measure", "metrics", "judge", "machine", "sound_quality"},
    "compare": {
        "records", "experiment", "targets", "measure", "metrics", "judge.statistics", "machine",
        "sound_quality", "report",
    },
    "alternatives": {
        "records", "compare", "experiment", "targets", "metrics", "judge.statistics", "machine",
    },
    "baseline": {"records", "judge.statistics", "machine", "report"},
    "load": {
        "records", "experiment", "targets", "measure", "metrics", "judge", "machine",
        "sound_quality", "report",
    },
    "doctor": {"records", "experiment", "targets", "metrics", "machine", "report"},
    # It says how long a comparison takes that decides something.
    "init": {
        "records", "experiment", "targets", "metrics", "judge.statistics", "machine", "report",
        "doctor", "compare.forecast",
    },
    # Over another feature, as several may listen to a soak: its slices are windows of a load then.
    "endurance": {"records", "experiment", "measure", "metrics", "judge", "report", "load"},
    "ci": {"records", "report", "compare.checkout"},
    "plugin": {"records", "experiment", "targets", "machine", "sound_quality", "report", *FEATURES},
    "suites": {""},
    "cli": {
        "records", "experiment", "targets", "machine", "report", "suites.table", "suites.limits",
        *FEATURES, *FEATURES_OVER_FEATURES,
    },
}  # fmt: skip
PLUGIN_ARROWS = {
    ("", "plugin"): "the marks and types that `from pytest_ttsperf import ...` gives, late",
    ("", "records"): "TargetSpec, which a user's fixture returns, late",
    ("__main__", "cli"): "python -m pytest_ttsperf is the command",
    ("targets", "measure.memory"): "a command starts anew for each text: its peak is read beside",
    (
        "baseline",
        "measure.corpus",
    ): "the list says which runs spoke other texts than those of today",
    ("doctor", "measure.memory"): "the doctor says whether a process tree can be read here",
}
ENGINE_ROOMS = {
    "errors": set(),
    "timing": set(),
    "audio": {"errors"},
    "cache": {"errors"},
    "voices": {"errors"},
    "encoders": {"audio", "errors"},
    "audio_files": {"audio", "encoders", "errors"},
    "utterance": {"audio", "audio_files"},
    "text": {"cache", "errors"},
    "runtime": {"errors"},
    "models": {"runtime", "text", "voices", "cache", "audio", "timing", "errors"},
    "warm_up": set(),
    "chunk_lengths": set(),
    "opening": {"errors", "timing", "voices", "runtime", "models", "cache"},
    "pauses": {"audio", "text"},
    "streaming": {"audio", "text", "timing", "errors"},
    "time_scale": {"audio", "timing", "errors", "streaming"},
    "engine": {
        "errors", "timing", "audio", "text", "voices", "runtime", "models", "cache", "pauses",
        "streaming", "time_scale", "utterance", "warm_up", "chunk_lengths", "opening",
    },
    "server": {
        "engine", "streaming", "audio", "text", "timing", "encoders", "voices", "errors",
    },
    "__main__": {
        "engine", "audio", "audio_files", "encoders", "errors", "text", "voices", "runtime",
        "server",
    },
}  # fmt: skip
ENGINE_ARROWS = {
    ("", name): "what `from engine import ...` gives, late"
    for name in ("audio", "engine", "errors", "runtime", "streaming", "utterance")
}
PACKAGES = [
    pytest.param("pytest_ttsperf", PLUGIN_ROOMS, PLUGIN_ARROWS, LEAVES, id="plugin"),
    pytest.param("engine", ENGINE_ROOMS, ENGINE_ARROWS, set(), id="engine"),
]


def module_name(path: Path) -> str:
    """The dotted name of a file below the root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def files_of(package: str) -> dict[str, Path]:
    return {module_name(path): path for path in sorted((ROOT / package).rglob("*.py"))}


def is_module(name: str) -> bool:
    file = ROOT / Path(*name.split("."))
    return file.with_suffix(".py").exists() or (file / "__init__.py").exists()


@functools.cache
def parse(path: Path) -> ast.Module:
    """A file's syntax, which several tests look at."""
    return ast.parse(path.read_text())


@functools.cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """Full names of the modules a file imports, and whether relatively."""
    return tuple(find_imports(path))


def find_imports(path: Path) -> Iterator[tuple[str, bool]]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(parts[: -node.level]) if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            for alias in node.names:
                longer = f"{module}.{alias.name}"
                yield (longer if is_module(longer) else module), bool(node.level)


def graph_of(package: str) -> dict[str, set[str]]:
    """Each module with those of its package that it imports."""
    files = files_of(package)
    return {
        name: {wanted for wanted, _ in imports(path) if wanted in files}
        for name, path in files.items()
    }


def is_in(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def room_of(name: str, package: str) -> str:
    """The room a module lies in: its folder, or itself; "" for the package."""
    return name.removeprefix(package).removeprefix(".").partition(".")[0]


def forbidden_arrows(
    package: str,
    rooms: dict[str, set[str]],
    arrows: dict[tuple[str, str], str],
    leaves: set[str],
) -> tuple[list[str], set[tuple[str, str]]]:
    """Imports that no row allows, and the listed exceptions that were met."""
    found: list[str] = []
    met: set[tuple[str, str]] = set()
    for name, wanted_names in graph_of(package).items():
        room = room_of(name, package)
        allowed = leaves if room in leaves else {*rooms.get(room, set()), *leaves, room}
        for wanted in sorted(wanted_names):
            inside = wanted.removeprefix(package).removeprefix(".")
            if any(is_in(inside, each) for each in allowed):
                continue
            excused = [arrow for arrow in arrows if arrow[0] == room and is_in(inside, arrow[1])]
            met.update(excused)
            if not excused:
                found.append(f"{name} (room {room or package}) imports {wanted}")
    return found, met


@pytest.mark.parametrize(("package", "rooms", "arrows", "leaves"), PACKAGES)
def test_rooms_import_only_what_they_may(package, rooms, arrows, leaves) -> None:
    found, met = forbidden_arrows(package, rooms, arrows, leaves)
    assert found == []
    assert met == set(arrows), "an arrow that is listed and gone is to be taken off the list"


@pytest.mark.parametrize("package", ["pytest_ttsperf", "engine"])
def test_modules_form_no_circle(package: str) -> None:
    graph = graph_of(package)
    for name, wanted in graph.items():
        assert name not in wanted, f"{name} imports itself"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}", pytrace=False)


@pytest.mark.parametrize(("package", "rooms", "arrows", "leaves"), PACKAGES)
def test_every_module_has_a_room(package, rooms, arrows, leaves) -> None:
    known = {*rooms, *leaves, "", "__main__"}
    assert {room_of(name, package) for name in files_of(package)} - known == set()


def test_no_room_holds_too_much() -> None:
    lines: Counter[tuple[str, str]] = Counter()
    for package in ("pytest_ttsperf", "engine"):
        for name, path in files_of(package).items():
            lines[package, room_of(name, package)] += len(path.read_text().splitlines())
    room, most = lines.most_common(1)[0]
    assert most <= BIGGEST_ROOM * lines.total(), f"{room} has {most / lines.total():.0%}"


def test_the_plugin_never_imports_an_engine() -> None:
    for path in files_of("pytest_ttsperf").values():
        for name, _ in imports(path):
            assert name.partition(".")[0] not in {"engine", "onnxruntime", "hibari"}, path


def test_only_the_plugin_knows_pytest() -> None:
    free = {"plugin", "suites", ""}  # the package gives marks, late
    for module, path in files_of("pytest_ttsperf").items():
        if room_of(module, "pytest_ttsperf") not in free:
            for name, _ in imports(path):
                assert name.partition(".")[0] not in {"pytest", "_pytest"}, path


def test_the_engine_is_relative_inside_and_has_one_door_to_onnxruntime() -> None:
    doors = {"onnxruntime": "engine/runtime/session.py", "onnx": "engine/runtime/graph.py"}
    for path in files_of("engine").values():
        for name, is_relative in imports(path):
            package = name.partition(".")[0]
            assert is_relative or package != "engine", path
            if package in doors:
                assert path.relative_to(ROOT).as_posix() == doors[package]


def test_clocks_that_a_test_may_have_stopped_are_read_in_no_process_of_tests() -> None:
    """`real` has them as they were. Free are commands, and what runs in a process of ours alone."""
    free = {
        "real.py",
        "doctor/checks.py",
        "targets/guardian.py",
        "targets/server/http.py",
        "targets/worker/child.py",
        "targets/worker/session_profiles.py",
        "targets/server/wyoming.py",
    }
    package = ROOT / "pytest_ttsperf"
    importing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(name == "time" for name, _ in imports(path))
    }
    assert importing - free == set()


def test_hooks_only_hand_over() -> None:
    assert len((ROOT / "pytest_ttsperf/plugin/hooks.py").read_text().splitlines()) <= 150


def test_git_is_started_in_one_place() -> None:
    """One that inherits a hook's variables writes into the index of the commit under way."""
    for path in files_of("pytest_ttsperf").values():
        if path.name != "git.py":
            tree = ast.walk(parse(path))
            texts = [node.value for node in tree if isinstance(node, ast.Constant)]
            assert "git" not in texts, path


BOUND_BY_LIBRARIES = {"close_connection", "should_exit", "sock"}
"""Attributes that base classes of http and uvicorn bind."""
BINDING = {"__init__", "__new__", "__post_init__"}


def bindings(function: ast.AST) -> set[tuple[str, int]]:
    """Attributes of `self` that a function binds, with their lines."""
    return {
        (node.attr, node.lineno)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def declared(body: list[ast.stmt]) -> Iterator[str]:
    """Names that a class itself binds or declares."""
    for statement in body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        yield from (target.id for target in targets if isinstance(target, ast.Name))
        if isinstance(statement, ast.FunctionDef):
            yield statement.name  # a property


def unbound(tree: ast.AST) -> Iterator[str]:
    """Attributes that some method binds and the beginning of an object does not."""
    for room in ast.walk(tree):
        if not isinstance(room, ast.ClassDef):
            continue
        methods = [
            one for one in room.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        bound = {*declared(room.body), *BOUND_BY_LIBRARIES}
        for method in methods:
            if method.name in BINDING:
                bound |= {name for name, _ in bindings(method)}
        for method in methods:
            late = sorted(pair for pair in bindings(method) if pair[0] not in bound)
            yield from (f"{line}: {room.name}.{name} in {method.name}()" for name, line in late)


def test_an_object_has_all_of_its_attributes_from_the_beginning() -> None:
    """What pylint calls W0201, and ruff does not know: else an odd order is an AttributeError."""
    found = []
    for folder in ("pytest_ttsperf", "engine", "benchmarks", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_text()
            if "self." in source:
                # Not cached: so many trees would be looked through at each collection of garbage.
                tree = ast.parse(source)
                found += [f"{path.relative_to(ROOT)}:{each}" for each in unbound(tree)]
    assert found == []


def test_an_attribute_that_is_bound_late_is_found() -> None:
    late = "class A:\n    def open(self):\n        self.x, self.y = 1, 2\n"
    assert list(unbound(ast.parse(late))) == ["3: A.x in open()", "3: A.y in open()"]
    early = "    def __init__(self):\n        self.x = self.y = 0\n"
    assert list(unbound(ast.parse(late + early))) == []
