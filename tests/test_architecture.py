"""Who may import whom: the tables of the design, held by reading the imports.

A room is a module or a folder; the longest matching name counts. Data flows one way, so there are
no cycles, and the plugin never knows an engine by name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

EVERYWHERE = {"errors", "figures", "files", "git", "popen", "real", "secrets", "specs", ""}
"""Leaves that any room of pytest_ttsperf may import; "" is the package with its version."""

PLUGIN_ROOMS = {
    "": {"plugin.fixtures", "plugin.typed_marks", "records"},  # lazily, or for type checkers
    "errors": set(),
    "files": set(),
    "git": {"popen"},
    "figures": {"records"},  # for type checkers, and late
    "popen": set(),
    "real": set(),
    "records": set(),
    "secrets": set(),
    "specs": set(),
    "cgroups": set(),
    "processor": {"popen"},
    "environment": {"records", "cgroups", "processor"},
    "weather": {"records", "cgroups"},
    "measure.corpus": set(),
    "measure.recorder": {"records"},
    "measure.ports": set(),
    "measure.awake": set(),
    "measure.targets": {"records", "measure.recorder", "measure.ports"},
    "measure.cache_folder": set(),
    "measure.checkout": set(),
    "measure.revisions": {"measure.checkout", "measure.cache_folder"},
    "measure.resources": {"records", "measure.targets.footprint"},
    "measure.interleave": {"records", "measure.targets", "measure.corpus"},
    "metrics.definitions": {"records", "metrics.player"},
    "metrics.player": {"records"},
    "metrics.quality": {"records"},
    "metrics.trust": {"records"},
    "judge.stats": set(),
    "judge.limits": {"records", "judge.stats"},
    "judge.blocks": {"records"},
    "judge.attribution": {"records", "judge.blocks"},
    "judge.change": {"records", "judge.blocks", "judge.attribution"},
    "judge.baseline": {"records", "judge.stats"},
    "answers": {"records"},
    "report": {"records", "answers"},
    "experiment": {
        "records", "answers", "environment", "weather", "measure", "metrics", "judge", "report",
    },
    "plugin": {"experiment", "records", "report"},
    "cli": {"experiment", "records", "answers", "report"},
    "__main__": {"cli"},
}  # fmt: skip
ENGINE_ROOMS = {
    "": {"audio", "errors", "flow", "providers", "stream"},
    "errors": set(),
    "timing": set(),
    "audio": {"errors"},
    "text": {"errors"},
    "cache": {"errors"},
    "table": set(),
    "abbreviations": set(),
    "reading": {"abbreviations", "cache", "table"},
    "phonemes": {"cache", "errors", "reading"},
    "espeak": set(),
    "espeak_process": {"espeak", "errors"},
    "piper_phonemes": {"phonemes", "errors", "espeak_process"},
    "voices": {"errors"},
    "providers": {"errors"},
    "session": {"providers", "errors"},
    "models": {
        "session", "providers", "voices", "cache", "phonemes", "piper_phonemes", "audio", "timing",
        "errors",
    },
    "flow": {"audio", "timing", "errors"},
    "stream": {
        "errors", "timing", "audio", "text", "phonemes", "voices", "providers", "session", "models",
        "cache", "flow",
    },
    "encoders": {"audio", "errors"},
    "server": {"stream", "flow", "audio", "timing", "encoders", "voices", "errors"},
    "__main__": {"stream", "audio", "errors", "voices", "providers", "server"},
}  # fmt: skip


def imports(path: Path, package: str) -> Iterator[tuple[str, bool]]:
    """Full names of the modules a file imports, and whether relatively."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    inside = parts if parts[-1] != "__init__" else (*parts[:-1], "__init__")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*inside[: -node.level]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                longer = f"{module}.{alias.name}"
                file = ROOT / Path(*longer.split("."))
                is_module = file.with_suffix(".py").exists() or (file / "__init__.py").exists()
                yield (longer if is_module else module), bool(node.level)


def room_of(module: str, rooms: dict[str, set[str]]) -> str:
    """The room a dotted name inside the package lies in."""
    names = [room for room in rooms if module == room or module.startswith(f"{room}.") or not room]
    return max(names, key=len)


def breaches(package: str, rooms: dict[str, set[str]], shared: set[str]) -> list[str]:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT / package).with_suffix("").parts
        own = ".".join(part for part in parts if part != "__init__")
        room = room_of(own, rooms)
        for name, _ in imports(path, package):
            if name != package and not name.startswith(f"{package}."):
                continue
            wanted = name.removeprefix(package).removeprefix(".")
            allowed = rooms[room] | shared | {room}
            if not any(wanted == a or (a and wanted.startswith(f"{a}.")) for a in allowed):
                found.append(f"{path.relative_to(ROOT)} (room {room or package}) imports {name}")
    return found


@pytest.mark.parametrize(
    ("package", "rooms", "shared"),
    [("pytest_ttsperf", PLUGIN_ROOMS, EVERYWHERE), ("engine", ENGINE_ROOMS, {"errors"})],
)
def test_rooms_import_only_what_they_may(
    package: str, rooms: dict[str, set[str]], shared: set[str]
) -> None:
    assert breaches(package, rooms, shared) == []


@pytest.mark.parametrize(
    ("package", "rooms"), [("pytest_ttsperf", PLUGIN_ROOMS), ("engine", ENGINE_ROOMS)]
)
def test_every_module_has_a_room(package: str, rooms: dict[str, set[str]]) -> None:
    homeless = []
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT / package).with_suffix("").parts
        own = ".".join(part for part in parts if part != "__init__")
        if path.name != "__init__.py" and room_of(own, rooms) == "":
            homeless.append(own)
    assert homeless == []


def test_the_plugin_never_imports_an_engine() -> None:
    for path in (ROOT / "pytest_ttsperf").rglob("*.py"):
        for name, _ in imports(path, "pytest_ttsperf"):
            assert name.partition(".")[0] not in {"engine", "onnxruntime", "hibari"}, path


def test_the_four_stages_know_nothing_of_pytest() -> None:
    stages = ("measure", "metrics", "judge", "report")
    files = [path for stage in stages for path in (ROOT / "pytest_ttsperf" / stage).rglob("*.py")]
    for path in [*files, *(ROOT / "pytest_ttsperf" / "experiment").glob("*.py")]:
        for name, _ in imports(path, "pytest_ttsperf"):
            assert name.partition(".")[0] not in {"pytest", "_pytest"}, path


def test_the_engine_is_relative_inside_and_has_one_door_to_onnxruntime() -> None:
    for path in (ROOT / "engine").rglob("*.py"):
        for name, relative in imports(path, "engine"):
            assert relative or name.partition(".")[0] != "engine", path
            if name.partition(".")[0] == "onnxruntime":
                assert path.name == "session.py"
            if name.partition(".")[0] == "onnx":
                assert path.name == "cut.py"


def test_clocks_that_a_test_may_have_stopped_are_read_in_no_process_of_tests() -> None:
    """`real` has them as they were. Free are commands, and what runs in a process of ours alone."""
    free = {
        "real.py",
        "experiment/checkup.py",
        "measure/targets/guardian.py",
        "measure/targets/http_client.py",
        "measure/targets/worker_child.py",
        "measure/targets/wyoming.py",
    }
    package = ROOT / "pytest_ttsperf"
    importing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(name == "time" for name, _ in imports(path, "pytest_ttsperf"))
    }
    assert importing - free == set()


def test_hooks_only_hand_over() -> None:
    assert len((ROOT / "pytest_ttsperf/plugin/hooks.py").read_text().splitlines()) <= 150


def test_git_is_started_in_one_place() -> None:
    """One that inherits a hook's variables writes into the index of the commit under way."""
    for path in (ROOT / "pytest_ttsperf").rglob("*.py"):
        if path.name != "git.py":
            strings = (node.value for node in ast.walk(ast.parse(path.read_text()))
                       if isinstance(node, ast.Constant))  # fmt: skip
            assert "git" not in strings, path


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
            tree = ast.parse(path.read_text())
            found += [f"{path.relative_to(ROOT)}:{each}" for each in unbound(tree)]
    assert found == []


def test_an_attribute_that_is_bound_late_is_found() -> None:
    late = "class A:\n    def open(self):\n        self.x, self.y = 1, 2\n"
    assert list(unbound(ast.parse(late))) == ["3: A.x in open()", "3: A.y in open()"]
    early = "    def __init__(self):\n        self.x = self.y = 0\n"
    assert list(unbound(ast.parse(late + early))) == []
