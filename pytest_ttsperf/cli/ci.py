"""`ttsperf ci base | run | summary | comment`: what a job in CI does, on whichever system."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from pytest_ttsperf import files
from pytest_ttsperf.cli import lazy
from pytest_ttsperf.cli.actions import add_action
from pytest_ttsperf.cli.output import print_text
from pytest_ttsperf.errors import LimitError

DEFAULT_FOLDER = Path("artifacts/ci")
DEFAULT_NAME = "ttsperf"
BRANCH = "the branch that changes go into (the target of the request, or the default branch)"
RUN = """\
Run the performance tests and compare with the version that the change begins from, interleaved in
the same minutes. Writes run.json, summary.md, junit.xml and artifacts/ into one folder. On GitHub
the summary is added to that of the job, too. A clone that is too shallow is fetched deeper.

The exit code is pytest's. Options of pytest follow behind `--`, in the place of `-m perf`."""
COMMENT = """\
Put a summary into a comment at the pull request or merge request of this job; the next run updates
that comment. Without a request it says so and does nothing; neither does it at a request from a
fork, whose jobs may not write. GitHub: GITHUB_TOKEN with the right pull-requests: write. GitLab:
TTSPERF_GITLAB_TOKEN, a project access token with the scope api."""


def add(commands: Any) -> None:
    """Declare the command and its actions."""
    command = commands.add_parser(
        "ci", help="a job in CI: the version to compare with, the run, its summary, a comment"
    )
    actions = command.add_subparsers(required=True, metavar="ACTION")
    base = add_action(actions, "base", _base, "print the commit that the change begins from")
    base.add_argument("--branch", type=_unless_empty, metavar="NAME", help=BRANCH)
    _add_run(actions)
    summary = add_action(
        actions, "summary", _summary, "print a run's artifact as Markdown, for any page"
    )
    summary.add_argument("run_file", type=Path, metavar="RUN-ARTIFACT", help="a run_*.json")
    comment = add_action(
        actions, "comment", _comment, "comment on the request, or update the comment", COMMENT
    )
    comment.add_argument("summary_file", type=Path, metavar="FILE", help="the text, Markdown")
    comment.add_argument(
        "--name",
        default=DEFAULT_NAME,
        help=f"of the comment: each name has one at a request ({DEFAULT_NAME})",
    )


def _add_run(actions: Any) -> None:
    run = add_action(actions, "run", _run, "measure, compare and summarise", RUN)
    run.add_argument(
        "--against",
        type=_unless_empty,
        metavar="WHAT",
        help="what to compare with: a revision, a directory or a target, or none for no comparison "
        "(the commit that the change begins from)",
    )
    run.add_argument("--branch", type=_unless_empty, metavar="NAME", help=BRANCH)
    run.add_argument(
        "--folder",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help=f"where everything is written ({DEFAULT_FOLDER}/)",
    )
    run.add_argument(
        "--baselines",
        type=_path_unless_empty,
        metavar="DIR",
        help="stored baselines: a run of the default branch is stored there, any other is compared "
        "with them, where there are any (none)",
    )
    run.add_argument(
        "--save",
        action="store_true",
        help="store this run as a baseline, on whichever branch it is",
    )
    run.add_argument(
        "--budget",
        type=_unless_empty,
        metavar="TIME",
        help="longest time for the comparison of one test, as 60s or 3min",
    )
    run.add_argument(
        "--inconclusive",
        type=_unless_empty,
        metavar="warn|fail",
        help="what an INCONCLUSIVE verdict does to its test (what ini says, or warn)",
    )
    run.add_argument(
        "--pytest",
        type=_split,
        default=(),
        metavar="OPTIONS",
        help="options of pytest in one text, as a shell has them; those behind -- follow them",
    )
    run.add_argument("arguments", nargs="*", metavar="-- OPTIONS", help="options of pytest")


def _base(arguments: argparse.Namespace) -> int:
    pipeline = lazy.ci_pipeline.read_pipeline(os.environ)
    base = lazy.ci_base.find_base(Path(), pipeline, arguments.branch)
    for note in base.notes:
        _say(f"note: {note}")
    _say(base.label)
    print_text(base.commit)
    return 0


def _run(arguments: argparse.Namespace) -> int:
    pipeline = lazy.ci_pipeline.read_pipeline(os.environ)
    base = None
    against = arguments.against
    if against is None:
        base = lazy.ci_base.find_base(Path(), pipeline, arguments.branch)
        against = base.commit
        for note in base.notes:
            _say(f"note: {note}")
        _say(f"compared with {base.label}")
    elif against == lazy.ci_run.NO_COMPARISON:
        against = None
    if arguments.save and arguments.baselines is None:
        raise LimitError("--save stores a baseline; say where with --baselines=DIR")
    settings = lazy.ci_run.RunSettings(
        folder=arguments.folder.absolute(),
        against=against,
        base=base,
        baselines=None if arguments.baselines is None else arguments.baselines.absolute(),
        saves_baselines=arguments.save or pipeline.is_on_default_branch,
        budget=arguments.budget,
        inconclusive=arguments.inconclusive,
        arguments=(*arguments.pytest, *arguments.arguments),
    )
    report = lazy.ci_run.measure(settings)
    lazy.ci_run.publish(report, settings, os.environ)
    _say(f"{report.conclusion.sentence}; {settings.summary_file}")
    return report.code


def _summary(arguments: argparse.Namespace) -> int:
    print_text(lazy.ci_run.summarise(arguments.run_file).rstrip("\n"))
    return 0


def _comment(arguments: argparse.Namespace) -> int:
    pipeline = lazy.ci_pipeline.read_pipeline(os.environ)
    comment = lazy.ci_comment
    if pipeline.request is not None and pipeline.request.is_from_fork:
        _say(
            "this request comes from a fork, whose jobs may not comment; the summary is that of "
            "the job"
        )
        return 0
    place = comment.find_place(pipeline, os.environ)
    if place is None:
        _say("this job is of no pull or merge request, so there is nothing to comment on")
        return 0
    text = files.read_file(arguments.summary_file).decode()
    done = comment.write_comment(place, arguments.name, text, comment.send_over_http)
    _say(f"the comment {arguments.name!r} is {done}")
    return 0


def _say(text: str) -> None:
    """Beside the answer, which standard output is for."""
    print(f"ttsperf: {text}", file=sys.stderr, flush=True)


def _unless_empty(text: str) -> str | None:
    """A text; None for an empty one, which is how YAML hands on what is not set."""
    return text or None


def _path_unless_empty(text: str) -> Path | None:
    return Path(text) if text else None


def _split(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {text!r}: {error}") from None
