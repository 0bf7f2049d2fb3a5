"""`ttsperf report [RUN|latest]`: the pages of a run, drawn again from its artifact."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ttsperf import files
from pytest_ttsperf.cli import lazy
from pytest_ttsperf.cli.output import folded, print_text
from pytest_ttsperf.errors import ArtifactUnreadable, FileUnreadable

if TYPE_CHECKING:
    from pytest_ttsperf.records import Run

LATEST = "latest"
DEFAULT_ARTIFACTS = Path("artifacts")
WANTED = "wanted the run_<HHMMSS>.json of a run, the id of one, or latest"


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "report",
        help="the page of a run, for a browser and as Markdown",
        description="Draw the pages of a run again, report_<HHMMSS>.html and .md beside its "
        "artifact, and say in three lines what it came to. Both are files that need nothing else: "
        "no server, no network. Exit code 1 when a page cannot be written.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument(
        "which",
        nargs="?",
        default=LATEST,
        metavar="RUN",
        help="a run_*.json, the id of a run as 2026-11-30_101959, or latest (latest)",
    )
    parser.add_argument("--open", action="store_true", help="show it in a browser")
    parser.add_argument(
        "--artifacts",
        type=Path,
        default=DEFAULT_ARTIFACTS,
        metavar="DIR",
        help=f"where the runs are stored ({DEFAULT_ARTIFACTS}/)",
    )


def _run(arguments: argparse.Namespace) -> int:
    path, run = find_run(arguments.which, arguments.artifacts)
    written = lazy.pages.write_pages(run, path)
    if written.summary:
        print_text(folded("\n".join(written.summary)))
    for page in written.paths:
        print_text(str(page))
    for loss in written.losses:
        print(f"ttsperf: {loss.path} cannot be written: {loss.reason}", file=sys.stderr)
    if arguments.open and written.paths:
        _show(written.paths[0])
    return int(bool(written.losses))


def find_run(which: str, artifacts: Path) -> tuple[Path, Run]:
    """The artifact that is meant, and what it holds. ArtifactUnreadable where there is none."""
    if which == LATEST:
        return _find_latest(artifacts)
    path = Path(which)
    if path.suffix != ".json":
        path = _path_of(which, artifacts)
    return path, _read(path)


def _find_latest(artifacts: Path) -> tuple[Path, Run]:
    """The newest run that has measured anything; one that cannot be read is named."""
    for path, run in lazy.artifact.recent_run_files(artifacts, _leave_aside):
        if run.cells:
            return path, run
    raise ArtifactUnreadable(
        f"found no run that has measured anything below {artifacts}/; run pytest -m perf first, or "
        "say with --artifacts=DIR where runs are stored"
    )


def _leave_aside(file: str) -> None:
    """Say which run is passed over: it may be the one that was meant."""
    print(f"ttsperf: left aside: {file}; delete it, or restore it", file=sys.stderr)


def _path_of(run_id: str, artifacts: Path) -> Path:
    """Where the artifact of a run is, by its id: `2026-11-30_101959`."""
    date, _, stamp = run_id.partition("_")
    path = artifacts / "bench" / date / f"run_{stamp}.json"
    if not stamp or not path.exists():
        raise ArtifactUnreadable(f"found no run {run_id!r} below {artifacts}/; {WANTED}")
    return path


def _read(path: Path) -> Run:
    try:
        return files.read_json(path, lazy.records.Run)
    except FileNotFoundError as error:
        raise ArtifactUnreadable(f"there is no {path}; {WANTED}") from error
    except FileUnreadable as error:
        raise ArtifactUnreadable(f"{error}; {WANTED}") from error


def _show(page: Path) -> None:
    """Open a page in a browser; where there is none, its path has been printed."""
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        print("ttsperf: found no browser to show it in; open the file above", file=sys.stderr)
