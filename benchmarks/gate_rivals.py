"""What others say of the same two trees, in the same hours: slower or not?

    make rivals
    python benchmarks/gate_rivals.py --log LOG [--only pytest-perf] [--case 'ttfa p50 +5 %']
    python benchmarks/gate_quality.py --log LOG --table

Each is asked once about each case, as its own documentation has it, with the voice's time to its
first chunk (none of them knows streams) and, where it can, the time of the whole text:

- pytest-benchmark: 20 rounds on each tree, --benchmark-compare-fail=mean:10% and min:5%;
- benchmatrix: `collect-paired`, pairs of runs in turns, and `compare --paired` by its defaults;
- pytest-perf: installs both trees and times them by `timeit`; red above its tolerance.

benchmatrix and pytest-perf live in an environment of their own, .venv-rivals. What one of them
cannot do is a line of the log, too, with what it printed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from campaign import Line, append_line
from gate_cases import CASES, HEART, Case
from gate_quality import instruction_for, medians
from gate_table import RIVAL, RIVAL_HEADS, rival_lines, rival_rows
from gate_trees import IDENTITY, ROOT, SLOW, Trees, run
from tables import to_table

from pytest_ttsperf.compare import cells

PYTHON = ROOT / ".venv-rivals" / "bin" / "python"
BENCHMARK_RULES = {"mean:10%": "pytest-benchmark mean:10%", "min:5%": "pytest-benchmark min:5%"}
BENCHMATRIX = "benchmatrix"
PYTEST_PERF = "pytest-perf"
TAIL = 2000
PACKAGE = "gate-heart"
PROJECT = f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{PACKAGE}"
version = "1"

[tool.hatch.build.targets.wheel]
only-include = ["engine", "gate_target.py", "gate_slow.json"]
"""
EXERCISES = '''
"""For pytest_perf."""


def first_chunk_perf():
    "first chunk"
    from gate_target import Slowed
    engine = Slowed()
    engine.warm()  # end warmup

    stream = engine.stream("The quick brown fox jumps over the lazy dog.")
    next(stream)
    stream.close()


def whole_text_perf():
    "whole text"
    from gate_target import Slowed
    engine = Slowed()
    engine.warm()  # end warmup

    engine.synthesize("The quick brown fox jumps over the lazy dog.")
'''


class Pair(NamedTuple):
    """The two trees of a case."""

    old: Path
    new: Path


class Said(NamedTuple):
    """What a rival came to; None where it could not say whether the new tree is slower."""

    slower: bool | None
    said: str
    printed: str


def printed_by(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code and everything that a command printed."""
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def ask_pytest_benchmark(pair: Pair) -> dict[str, Said]:
    """By each of its rules, from one comparison."""
    with tempfile.TemporaryDirectory() as storage:
        command = [
            sys.executable, "-m", "pytest", "-q", "benchmarks/gate_test.py::test_ttfa",
            "-p", "no:randomly", f"--benchmark-storage=file://{storage}",
        ]  # fmt: skip
        run([*command, "--benchmark-save=old"], pair.old)
        rules = [f"--benchmark-compare-fail={rule}" for rule in BENCHMARK_RULES]
        code, printed = printed_by([*command, "--benchmark-compare", *rules], pair.new)
    said = {}
    for rule, name in BENCHMARK_RULES.items():
        field = rule.partition(":")[0]
        found = re.search(rf"Field '{field}'[^\n]*", printed)
        said[name] = Said(found is not None, found[0] if found else "-", printed[-TAIL:])
    if any(each.slower for each in said.values()) != (code != 0):
        return {name: Said(None, "not understood", printed[-TAIL:]) for name in said}
    return said


def ask_benchmatrix(pair: Pair) -> dict[str, Said]:
    """By its paired design and its own policy."""
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/pairs"
        test = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:randomly", "benchmarks/gate_matrix.py"]
        collect = [
            str(PYTHON), "-m", "benchmatrix", "collect-paired", "--output", output,
            "--baseline-cwd", str(pair.old), "--candidate-cwd", str(pair.new), "--", *test,
            ":::", *test,
        ]  # fmt: skip
        code, printed = printed_by(collect, pair.new)
        if code != 0:
            return {BENCHMATRIX: Said(None, f"collect-paired ended with {code}", printed[-TAIL:])}
        compare = [
            str(PYTHON), "-m", "benchmatrix", "compare", "--paired", output, "--format", "json",
            "--no-config",
        ]  # fmt: skip
        code, printed = printed_by(compare, pair.new)
    if code != 0:
        return {BENCHMATRIX: Said(None, f"compare ended with {code}", printed[-TAIL:])}
    return {BENCHMATRIX: read_benchmatrix(printed)}


def read_benchmatrix(printed: str) -> Said:
    """Its word on each cell of its matrix; slower where it calls one of them regressed."""
    words = []
    for cell in json.loads(printed)["comparisons"]:
        name = f"{cell['implementation_name']} {cell['statistic']}"
        words.append(f"{name} {cell['percent_change']:+.0f} % {cell['regression']}")
    said = ", ".join(words)
    return Said("regressed" in said, said, printed[-TAIL:])


def ask_pytest_perf(pair: Pair) -> dict[str, Said]:
    """With both trees as packages: it installs the old one from a git address, the new one here."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        origin = folder / "origin" / PACKAGE
        project = folder / "project"
        write_package(pair.old, project)
        git = ["git", *IDENTITY]
        run([*git, "init", "-q", "-b", "main"], project)
        run([*git, "add", "-Af"], project)
        run([*git, "commit", "-qm", "old"], project)
        run([*git, "clone", "-q", "--bare", str(project), str(origin)], folder)
        run([*git, "remote", "add", "origin", origin.as_uri()], project)
        write_package(pair.new, project)
        command = [str(PYTHON), "-m", "pytest", "-q", "exercises.py", "-p", "no:cacheprovider"]
        environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
        environment["PATH"] = os.pathsep.join([str(PYTHON.parent), environment["PATH"]])
        code, printed = printed_by(command, project, environment)
    found = re.findall(r"\(\+?-?[^,()]*, (-?\d+)%\)", printed)
    said = ", ".join(f"{percent} %" for percent in found)
    slower = code != 0 if found else None
    return {PYTEST_PERF: Said(slower, said or f"ended with {code}", printed[-TAIL:])}


def write_package(tree: Path, project: Path) -> None:
    """The engine of a tree as a package that can be installed."""
    project.mkdir(exist_ok=True)
    shutil.rmtree(project / "engine", ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(tree / "engine", project / "engine", ignore=ignored)
    shutil.copy(tree / "benchmarks" / "gate_target.py", project)
    slow = tree / SLOW
    unchanged = {"first_ms": 0.0, "one_in": 1, "per_audio_s": 0.0}
    text = slow.read_text("utf-8") if slow.exists() else json.dumps(unchanged)
    (project / SLOW.name).write_text(text, "utf-8")
    (project / "pyproject.toml").write_text(PROJECT, "utf-8")
    (project / "exercises.py").write_text(EXERCISES, "utf-8")


RIVALS: Mapping[str, Callable[[Pair], dict[str, Said]]] = {
    "pytest-benchmark": ask_pytest_benchmark,
    BENCHMATRIX: ask_benchmatrix,
    PYTEST_PERF: ask_pytest_perf,
}


def rival_cases() -> list[Case]:
    """One of each kind of change of the default voice."""
    chosen: dict[tuple[float, str, int, bool], Case] = {}
    for case in CASES:
        if case.engine == HEART:
            kind = (case.percent, case.slows, case.one_in, case.by_text)
            chosen.setdefault(kind, case)
    return list(chosen.values())


def ask(trees: Trees, case: Case, rival: str) -> list[Line]:
    """What one rival says of one case, as lines of the log."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    instruction = None if case.is_unchanged else instruction_for(case, medians())
    with trees.slow_down(instruction, old=case.percent < 0) as revision:
        tree = cells.prepare_version(revision, trees.folder).tree
        assert tree is not None
        begun_s = time.monotonic()
        said = RIVALS[rival](Pair(tree.folder, trees.folder))
        seconds = time.monotonic() - begun_s
    lines = []
    for name, answer in said.items():
        lines.append(
            {
                RIVAL: name, "case": case.name, "started": started, "revision": trees.revision,
                "seconds": seconds, **answer._asdict(),
            }
        )  # fmt: skip
    return lines


def ask_rivals(trees: Trees, case: Case, options: argparse.Namespace, end_s: float) -> None:
    """Ask each of one case, unless the log has its answer or the time is over."""
    for rival in options.only or RIVALS:
        if is_answered(options.log, case, rival) or time.monotonic() > end_s:
            continue
        for line in ask(trees, case, rival):
            append_line(options.log, line)
            print(f"{case.name}: {line[RIVAL]} {line['slower']}, {line['said']}")


def is_answered(log: Path, case: Case, rival: str) -> bool:
    """Whether the log has what a rival says of a case."""
    lines = rival_lines(log)
    return any(line["case"] == case.name and line[RIVAL].startswith(rival) for line in lines)


def main() -> int:
    """Ask what was not asked yet, and print what was said."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("gate_quality.jsonl"))
    parser.add_argument("--only", action="append", choices=list(RIVALS), help="may be repeated")
    parser.add_argument("--case", action="append", help="may be repeated")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    options = parser.parse_args()
    if not PYTHON.exists():
        raise SystemExit(f"{PYTHON} is not there; `make rivals` makes it")
    end_s = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_CACHE_HOME", f"{folder}/cache")
        trees = Trees(Path(folder) / "clone")
        for case in rival_cases():
            if options.case is None or case.name in options.case:
                ask_rivals(trees, case, options, end_s)
    print("\n".join(to_table(RIVAL_HEADS, rival_rows(rival_lines(options.log)))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
