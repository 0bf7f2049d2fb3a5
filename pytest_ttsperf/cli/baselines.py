"""`ttsperf baseline list | show | accept | prune | why`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_ttsperf.cli import lazy
from pytest_ttsperf.cli.actions import add_action
from pytest_ttsperf.cli.output import folded, print_answer

DEFAULT_STORAGE = "baselines"
DEFAULT_ARTIFACTS = "artifacts"
A_CELL = "a part of its name that fits no other: of the file, the test id, or fingerprint/file"
ACCEPT = """\
Make a run the new ground of its cells: from now on the screen (--ttsperf-compare) compares with
this run and with those saved after it. Earlier runs stay in the file as history and no longer
count, so the screen is INCONCLUSIVE until five runs count again: save more with --ttsperf-save, or
accept several at once with --runs=5 (the oldest of them is the ground).

Without arguments it takes the newest run in the artifacts, with all its cells. A run that breached
the old baseline may be accepted: that is what this is for. One that is INVALID, or over a limit in
its test, may not."""
PRUNE = """\
Find baselines that nothing will be compared with again and say why. Without --yes nothing is
deleted. One that holds a key or password in plain text goes as well. A test counts as gone when its
file does not exist, or has no such function; parameters are
not looked at."""


def add(commands: Any) -> None:
    """Declare the command and its actions."""
    command = commands.add_parser("baseline", help="stored baselines: list, show, accept, ...")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    _add_stored_action(actions, "list", _list, "all cells with their runs and newest figures")
    show = _add_stored_action(actions, "show", _show, "the runs of one cell")
    show.add_argument("cell", metavar="CELL", help=A_CELL)
    why = _add_stored_action(
        actions, "why", _why, "what the screen compares a cell with, in sentences"
    )
    why.add_argument("cell", metavar="CELL", help=A_CELL)
    accept = _add_stored_action(
        actions, "accept", _accept, "make a run the new ground of its cells", ACCEPT
    )
    accept.add_argument(
        "what",
        nargs="*",
        metavar="RUN-ARTIFACT|CELL",
        help="run_*.json to take in the newest's place; cells to accept, not all",
    )
    accept.add_argument(
        "--runs", type=_count, default=1, metavar="N", help="take the N newest runs (1)"
    )
    prune = _add_stored_action(
        actions, "prune", _prune, "find baselines that are of no use any more", PRUNE
    )
    prune.add_argument("--yes", action="store_true", help="delete them")
    prune.add_argument("--dry-run", action="store_true", help="only say which (the default)")
    prune.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="where test ids begin (here)"
    )
    prune.add_argument(
        "--superseded",
        action="store_true",
        help="also those of a machine whose runtime, threads or voice have changed since",
    )
    prune.add_argument(
        "--older-than", type=_count, metavar="DAYS", help="also those with no run for so long"
    )


def _add_stored_action(
    actions: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    description: str = "",
) -> argparse.ArgumentParser:
    parser = add_action(actions, name, run, summary, description)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--storage",
        type=Path,
        default=Path(DEFAULT_STORAGE),
        metavar="DIR",
        help=f"where baselines are kept ({DEFAULT_STORAGE}/; ini lines are not read here)",
    )
    parser.add_argument(
        "--artifacts",
        type=Path,
        default=Path(DEFAULT_ARTIFACTS),
        metavar="DIR",
        help=f"where artifacts are ({DEFAULT_ARTIFACTS}/)",
    )
    return parser


def _list(arguments: argparse.Namespace) -> int:
    stored = lazy.listing.list_baselines(arguments.storage, arguments.artifacts)
    print_answer(stored, folded(lazy.baseline_report.listing(stored)), as_json=arguments.json)
    return 1 if stored.unreadable else 0


def _show(arguments: argparse.Namespace) -> int:
    stored = lazy.listing.list_baselines(arguments.storage, arguments.artifacts)
    cell = lazy.listing.find(stored, arguments.cell)
    print_answer(cell, folded(lazy.baseline_report.cell(cell)), as_json=arguments.json)
    return 0


def _why(arguments: argparse.Namespace) -> int:
    reasons = lazy.listing.why(arguments.storage, arguments.artifacts, arguments.cell)
    print_answer(reasons, folded(lazy.baseline_report.why(reasons)), as_json=arguments.json)
    return int(any(gate.outcome == "FAIL" for gate in reasons.gates))


def _accept(arguments: argparse.Namespace) -> int:
    files = [Path(what) for what in arguments.what if what.endswith(".json")]
    cells = [what for what in arguments.what if not what.endswith(".json")]
    done = lazy.accept.accept(
        arguments.storage,
        arguments.artifacts,
        files,
        cells,
        arguments.runs,
    )
    print_answer(done, folded(lazy.baseline_report.acceptance(done)), as_json=arguments.json)
    return 1 if done.refused else 0


def _prune(arguments: argparse.Namespace) -> int:
    removals = lazy.prune.find_prunable(
        arguments.storage,
        arguments.root,
        superseded=arguments.superseded,
        older_than_days=arguments.older_than,
    )
    is_deleting = arguments.yes and not arguments.dry_run
    if is_deleting:
        removals = lazy.prune.prune(removals)
    text = folded(lazy.baseline_report.removals(removals, is_deleting))
    print_answer(removals, text, as_json=arguments.json)
    return int(is_deleting and not all(removal.removed for removal in removals))


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a whole number from 1 on")
    return count
