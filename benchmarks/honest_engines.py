"""How often honest engines are accused: measured once and again, and compared with themselves.

    python benchmarks/honest_engines.py --log honest.jsonl [--only heart ...] [--count 15]
    python benchmarks/honest_engines.py --log honest.jsonl --compare [--count 15]
    python benchmarks/honest_engines.py --log honest.jsonl --table
    python benchmarks/honest_engines.py --log honest.jsonl --replay

Each run is a pytest process of its own in a scratch project: one test, with limits of every kind
that no engine here breaks. A run has the default number of trials where that takes a few seconds,
and else as many as do: ENGINES says how many. An accusation is an INVALID verdict, or any other
verdict on whether the measurement can be trusted that is no PASS.

With `--compare` each of these is a comparison of an engine with itself: two revisions of a scratch
repository, of the same content, judged by `--ttsperf-against` in the shortest time that decides.
There an accusation is a FAIL of a figure of the work (speech, level ...), which the same code has
done; a FAIL of a time is counted by itself. The blocks are in the log.

Engines take turns, so that all see the same hours, and a campaign goes on where the last one ended.
`--replay` judges the stored blocks again: disjoint groups of five, with the arms in all roles. All
of them run the same code; the answers to a group are no experiments of their own. A FAIL is
confirmed by the blocks that follow the group.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from honest_table import (
    COMPARED,
    COMPARISON,
    ENGINES,
    RUN,
    HonestEngine,
    Line,
    comparison_table,
    is_counted,
    pack,
    read_lines,
    replay_table,
    run_table,
)

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "tests" / "honest_engines"
IDENTITY = ("-c", "user.name=honest", "-c", "user.email=honest@example.org")
TIMEOUT = "--ttsperf-timeout=600"
"""A voice may derive its graphs when it is opened for the first time."""
MOST_IN_VAIN = 3
"""Of an engine, in one call: then it is left alone, and its count stays short."""
TAIL = 2000
"""Characters of what pytest printed that stay in the log, where it has measured nothing."""
LIMITS = """
@ttfa(p50_ms=600000)
@rtf(p50=100)
@cadence(underruns=100000, prebuffer_needed_ms=600000, prebuffer_ms=100)
@memory(rss_peak_mb=100000)
"""
TEST = """
from pytest_ttsperf import cadence, memory, rtf, ttfa

{limits}
def test_honest(perf):
    perf.stream("short")
"""


class ScratchProject:
    """A folder with the honest engines and one test, under git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(SOURCES / "engines.py", folder / "honest.py")
        shutil.copy(SOURCES / "packages.py", folder / "packages.py")
        (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n", "utf-8")
        (folder / "test_measured.py").write_text(TEST.format(limits=LIMITS), "utf-8")
        (folder / "test_compared.py").write_text(TEST.format(limits=""), "utf-8")
        (folder / ".gitignore").write_text("__pycache__/\n", "utf-8")
        self._git("init", "-q", "-b", "main")
        self._git("add", "-A")
        self._git("commit", "-qm", "as it is")
        self._git("commit", "-q", "--allow-empty", "-m", "the same again")

    def _git(self, *arguments: str) -> None:
        command = ["git", *IDENTITY, *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def measure(self, test: str, *arguments: str) -> Line:
        """A run of one test: how it ended, how long it took, and its only cell, if there is one."""
        with tempfile.TemporaryDirectory() as folder:
            artifact = Path(folder) / "run.json"
            command = [
                sys.executable, "-m", "pytest", "-q", test, "-p", "no:randomly",
                "-p", "no:cacheprovider", f"--ttsperf-json={artifact}",
                f"--ttsperf-artifacts={folder}", TIMEOUT, *arguments,
            ]  # fmt: skip
            begun_s = time.monotonic()
            done = subprocess.run(
                command, cwd=self.folder, env=environment(), capture_output=True,
                encoding="utf-8", check=False,
            )  # fmt: skip
            line: Line = {"seconds": time.monotonic() - begun_s, "returncode": done.returncode}
            cells = []
            if artifact.exists():
                cells = json.loads(artifact.read_text("utf-8"))["cells"]
            if len(cells) == 1:
                return {**line, "cell": cells[0]}
            return {**line, "error": (done.stdout + done.stderr)[-TAIL:]}


def environment() -> dict[str, str]:
    """With this repository's packages, whether they are installed or not."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@contextlib.contextmanager
def served(engine: HonestEngine) -> Iterator[str]:
    """The engine's target; the server of one that has a server runs meanwhile."""
    if engine.server is None:
        yield engine.target
        return
    command = [sys.executable, "-m", engine.server]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield engine.target.format(port=port)
        finally:
            process.communicate()  # it ends with its standard input


def run_once(project: ScratchProject, engine: HonestEngine) -> Line:
    """One run, as a line of the log: its verdicts and what was noted."""
    with served(engine) as target:
        line = project.measure(
            "test_measured.py", f"--ttsperf-target={target}", f"--ttsperf-trials={engine.trials}"
        )
    cell = line.pop("cell", None)
    if cell is None:
        return line
    return {
        **line,
        "trials": cell["declared_trials"],
        "verdicts": [pick(verdict, VERDICT_FIELDS) for verdict in cell["verdicts"]],
        "notes": cell["notes"],
        "figures": {name: cell["summary"][name] for name in ("ttfa_sound_ms", "rtf", "speech_s")},
    }


VERDICT_FIELDS = ("subject", "outcome", "gate", "reason")
CHANGE_FIELDS = ("outcome", "effect", "low", "high", "blocks", "control_fired", "confirmed")


def pick(record: Line, fields: Sequence[str]) -> Line:
    """Some of its fields, as far as it has them."""
    return {field: record[field] for field in fields if field in record}


def compare_once(project: ScratchProject, engine: HonestEngine) -> Line:
    """One comparison of an engine with itself, as a line of the log."""
    line = project.measure(
        "test_compared.py", f"--ttsperf-target={engine.target}", "--ttsperf-trials=1",
        "--ttsperf-against=HEAD~1", f"--ttsperf-budget={engine.budget_s}s",
    )  # fmt: skip
    cell = line.pop("cell", None)
    if cell is None:
        return line
    comparison = cell["comparison"]
    return {
        **line,
        "verdicts": [pick(verdict, VERDICT_FIELDS) for verdict in cell["verdicts"]],
        "reason": comparison["reason"],
        "blocks": comparison["blocks"],
        "compared_s": comparison["seconds"],
        "gates": comparison["gates"],
        "changes": [pick(change, CHANGE_FIELDS) for change in comparison["changes"]],
        "measured": pack(comparison["measured"]),
    }


def run_campaign(project: ScratchProject, options: argparse.Namespace) -> None:
    """Engines in turns, until each has its count."""
    kind = RUN
    measure = run_once
    engines = named_engines(options.only, COMPARED if options.compare else ENGINES)
    if options.compare:
        kind = COMPARISON
        measure = compare_once
    end_s = time.monotonic() + 60 * options.minutes
    done = Counter(line["engine"] for line in read_lines(options.log, kind) if is_counted(line))
    in_vain: Counter[str] = Counter()
    for _ in range(options.most):
        waiting = [engine for engine in engines if is_waiting(engine, done, in_vain, options.count)]
        if not waiting or time.monotonic() > end_s:
            return
        engine = min(waiting, key=lambda each: done[each.name])
        if options.budget is not None:
            engine = replace(engine, budget_s=options.budget)
        line = {**heading_of(kind, engine), **measure(project, engine)}
        append_line(options.log, line)
        tally = done if is_counted(line) else in_vain
        tally[engine.name] += 1
        count = f"{done[engine.name]} of {options.count}"
        print(f"{engine.name}: {count}, {outcome_of(line)}", flush=True)


def is_waiting(
    engine: HonestEngine, done: Counter[str], in_vain: Counter[str], wanted: int
) -> bool:
    """Whether an engine lacks lines, and can be measured."""
    return done[engine.name] < wanted and in_vain[engine.name] < MOST_IN_VAIN


def heading_of(kind: str, engine: HonestEngine) -> Line:
    """What each line of the log begins with."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"kind": kind, "engine": engine.name, "started": started, "revision": revision()}


def append_line(log: Path, line: Line) -> None:
    """Add a line to the log."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def named_engines(
    names: Sequence[str] | None, engines: Sequence[HonestEngine]
) -> list[HonestEngine]:
    """Those of these names, or all; SystemExit for a name that none has."""
    if not names:
        return list(engines)
    unknown = set(names) - {engine.name for engine in engines}
    if unknown:
        raise SystemExit(f"found {unknown}, wanted some of {[each.name for each in engines]}")
    return [engine for engine in engines if engine.name in names]


def revision() -> str:
    """The commit of this repository."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    return done.stdout.strip()


def outcome_of(line: Line) -> str:
    """What came of it, in a few words."""
    if "error" in line:
        return f"nothing was measured: {line['error'][-200:]!r}"
    if line.get("reason"):
        return f"not judged: {line['reason']}"
    outcomes: dict[str, Any] = {each["subject"]: each["outcome"] for each in line["verdicts"]}
    return f"{line['seconds']:.1f} s, {outcomes}"


def main() -> int:
    """Run what is missing, or print what the log says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("honest_engines.jsonl"))
    parser.add_argument("--only", action="append", metavar="ENGINE", help="may be given again")
    parser.add_argument("--count", type=int, default=15, help="of each engine")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="of this call")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--compare", action="store_true", help="engines with themselves")
    parser.add_argument("--budget", type=int, help="seconds of each comparison, on a slow machine")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--replay", action="store_true")
    options = parser.parse_args()
    if options.replay:
        print("\n".join(replay_table(options.log)))
        return 0
    if not options.table:
        with tempfile.TemporaryDirectory() as folder:
            os.environ.setdefault("XDG_CACHE_HOME", f"{folder}/cache")
            run_campaign(ScratchProject(Path(folder) / "project"), options)
    tables = [run_table(options.log, options.count), comparison_table(options.log, options.count)]
    for table in filter(None, tables):
        print("\n".join([*table, ""]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
