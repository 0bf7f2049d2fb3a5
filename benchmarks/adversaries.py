"""Whether a comparison calls fifteen patches by their names, each faster and worse than our engine.

    python benchmarks/adversaries.py --log patches.jsonl [--voice joe] [--only tail_cut ...]
    python benchmarks/adversaries.py --log patches.jsonl --table

Each comparison is `pytest --ttsperf-against=HEAD~1` in a scratch repository, whose last commit is
one of tests/adversarial/patches/. The default set is asked first; where it does not call the patch
by its name, the same comparison is made once more with the marks `quality` and `seams`. The honest
version is compared with itself in the same way, and nothing may be red there.

Every comparison is appended to the log, and a campaign goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.adversarial.patched_voices import (  # noqa: E402 - found only now
    HONEST,
    PATCHES,
    Answer,
    Judgement,
    Judges,
    Patch,
    compare,
    make_repository,
    patch_named,
)

VOICES = ("heart", "joe", "jf_alpha")
TIMES = ("ttfa p50", "rtf p50")
HEADS = ("voice", "patch", *TIMES, "red", "wanted", "by its name", "by")


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: a patch of a voice, and what judges its sound."""

    voice: str
    patch: Patch
    judges: Judges

    @property
    def key(self) -> tuple[str, str, str]:
        """What a line of the log is found by."""
        return (self.voice, self.patch.name, self.judges)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log."""

    case: Case
    answer: Answer

    @property
    def is_called(self) -> bool:
        """Whether the patch failed by its own name."""
        return self.answer.calls(self.case.patch)


def main() -> int:
    """Run what is missing, or print the table; 1 if the table has something wrong in it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("adversaries.jsonl"))
    parser.add_argument("--voice", action="append", choices=VOICES, help="may be given again")
    parser.add_argument("--only", action="append", metavar="PATCH", help="may be given again")
    parser.add_argument("--judges", choices=("default", "marks", "both"), default="both")
    parser.add_argument("--budget", default="60s", help="of each comparison")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        run_campaign(options)
    lines = read_log(options.log)
    print("\n".join(table(lines)))
    return int(not is_as_it_should_be(lines))


def run_campaign(options: argparse.Namespace) -> None:
    """The cases that the log does not have, one at a time."""
    end = time.monotonic() + 60 * options.minutes
    voices = options.voice or ["heart"]
    for voice in voices:
        for patch in chosen_patches(voice, options.only):
            for judges in ("default", "marks"):
                case = Case(voice, patch, judges)
                if options.judges not in (judges, "both") or is_settled(case, options):
                    continue
                if time.monotonic() > end:
                    return
                run_case(case, options)


def chosen_patches(voice: str, names: Sequence[str] | None) -> list[Patch]:
    """The patches of those names, or those of the voice, and the honest version first.

    SystemExit for a name that no patch has.
    """
    if names:
        wanted = [patch.name for patch in (HONEST, *PATCHES)]
        unknown = set(names) - set(wanted)
        if unknown:
            raise SystemExit(f"found {sorted(unknown)}, wanted some of {wanted}")
        return [patch_named(name) for name in names]
    if voice == "heart":
        return [HONEST, *PATCHES]
    return [HONEST, *(patch for patch in PATCHES if patch.is_for_all_voices)]


def is_settled(case: Case, options: argparse.Namespace) -> bool:
    """Whether the log has it, or the default set has called the patch by its name already."""
    for line in read_log(options.log):
        if line.case.key == case.key:
            return True
        is_same_patch = (line.case.voice, line.case.patch) == (case.voice, case.patch)
        if is_same_patch and line.is_called and options.judges == "both":
            return True
    return False


def run_case(case: Case, options: argparse.Namespace) -> None:
    """Make the repository, compare, and append to the log."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "repository"
        make_repository(folder, case.patch, case.judges)
        answer = compare(folder, voice=case.voice, budget=options.budget)
    line = {
        "voice": case.voice,
        "patch": case.patch.name,
        "judges": case.judges,
        "started": started,
        "budget": options.budget,
        "answer": asdict(answer),
    }
    with options.log.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    red = red_labels(answer) or "nothing red"
    print(f"{case.voice} {case.patch.name} ({case.judges}): {red}", flush=True)


def read_log(log: Path) -> list[Line]:
    """Its lines, in their order; none where there is no log yet."""
    if not log.exists():
        return []
    return [parse_line(json.loads(text)) for text in log.read_text("utf-8").splitlines()]


def parse_line(line: Mapping[str, Any]) -> Line:
    """KeyError for a patch that is no longer there."""
    case = Case(line["voice"], patch_named(line["patch"]), line["judges"])
    fields = dict(line["answer"])
    judgements = [Judgement(**each) for each in fields.pop("judgements")]
    return Line(case, Answer(judgements=tuple(judgements), **fields))


def is_as_it_should_be(lines: Iterable[Line]) -> bool:
    """Whether each patch was called by its name at last, and the honest version by none."""
    called: dict[tuple[str, str], bool] = {}
    for line in lines:
        key = (line.case.voice, line.case.patch.name)
        if line.case.patch == HONEST:
            called[key] = called.get(key, True) and not line.answer.red
        else:
            called[key] = called.get(key, False) or line.is_called
    return all(called.values())


def table(lines: Iterable[Line]) -> Iterator[str]:
    """A row for each comparison, as Markdown."""
    for row in (HEADS, ["---"] * len(HEADS), *map(table_row, lines)):
        yield f"| {' | '.join(row)} |"


def table_row(line: Line) -> tuple[str, ...]:
    """What stands below HEADS."""
    patch = line.case.patch
    wanted = " or ".join(patch.labels) or "nothing red"
    if patch.reason:
        wanted = f"{wanted} ({patch.reason})"
    times = [percent(line.answer.effects.get(label)) for label in TIMES]
    red = red_labels(line.answer) or "-"
    return (
        line.case.voice,
        patch.name.replace("_", " "),
        *times,
        red,
        wanted,
        verdict_on(line),
        "the default set" if line.case.judges == "default" else "the marks",
    )


def verdict_on(line: Line) -> str:
    """`yes` or `no`; for a comparison that could not be made, why."""
    if line.case.patch == HONEST:
        return "no: ACCUSED" if line.answer.red else "nothing red, as it should be"
    if line.is_called:
        return "yes"
    if line.answer.reason:
        return f"not judged: {line.answer.reason}"
    return "no"


def red_labels(answer: Answer) -> str:
    """`speech FAIL, level FAIL`; empty where nothing is red."""
    return ", ".join(f"{each.label} {each.outcome}" for each in answer.red)


def percent(effect: float | None) -> str:
    """`+1.2 %`, or a dash."""
    return "-" if effect is None else f"{effect:+.1%}".replace("%", " %")


if __name__ == "__main__":
    raise SystemExit(main())
