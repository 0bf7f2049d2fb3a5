"""Fifteen patches of our own engine, the word that each has to be called by, and how to compare it.

A scratch repository commits the honest version of `patches/`, then one patch of it, and pytest
compares the two with `--ttsperf-against=HEAD~1`: as a user's own change would be.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[2]
PATCHES_FOLDER = Path(__file__).with_name("patches")
PACKAGE = "patched"
SPEAKING = "speaking.py"
"""The file that a patch stands in the place of."""
GIT = ("git", "-c", "user.name=patches", "-c", "user.email=patches@example.org")
RED = ("FAIL", "INVALID")
REFUSED = "refused"
"""The label of sound that cannot be measured at all."""

Judges = Literal["default", "marks"]
"""What judges the sound: the default set alone, or the marks `quality` and `seams` as well."""
MARKS = """@quality(max_wer=0.5, worst_run=5, timbre_db=0.5)
@seams(max_flagged=0)
"""
"""The first two are what no voice of ours comes near: beside them, the versions are compared."""
WORDS = (
    "word error rate",
    "texts with a run of wrong words",
    "quality max_wer",
    "quality worst_run",
)
SEAMS = ("seams", "seams max_flagged")
CONFIGURATION = f"""[pytest]
pythonpath = .
asyncio_default_fixture_loop_scope = function
ttsperf_target = {PACKAGE}.voice:Voice
"""
TEST = """{imports}
{marks}def test_voice(perf):
    perf.stream({preset!r})
"""


@dataclass(frozen=True, slots=True)
class Patch:
    """One change of the engine, by the name of its file, and the labels that call it by its name.

    `reason` is for what is refused before it can be compared: a word that the reason must have.
    """

    name: str
    labels: tuple[str, ...]
    preset: str = "short"
    reason: str = ""
    is_for_all_voices: bool = False
    """Whether it is tried on joe and jf_alpha too, and not on heart alone."""


HONEST = Patch("speaking", ())
PATCHES = (
    Patch("word_dropped", ("speech", *WORDS), is_for_all_voices=True),
    Patch("tail_cut", ("speech",), is_for_all_voices=True),
    Patch("narrow_band", ("bandwidth",), is_for_all_voices=True),
    Patch("half_level", ("level",), is_for_all_voices=True),
    Patch("faster_speech", ("speech",)),
    Patch("padding", ("silence share", "texts of another silence")),
    Patch("seam_click", SEAMS, is_for_all_voices=True),
    Patch("other_voice", ("timbre",)),
    Patch("cached_answer", ("floor", *WORDS)),
    Patch("noise_tail", (*WORDS, "timbre")),
    Patch("one_in_fifty_truncated", ("texts of another length",)),
    Patch("normalization_skipped", ("speech", *WORDS), preset="long"),
    Patch("last_chunk_lost", ("speech",)),
    Patch("foreign_start", ("speech", *WORDS, "timbre", *SEAMS)),
    Patch("stereo_halves", (REFUSED,), reason="channels"),
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One verdict of a comparison: its label, as `speech`, and what was decided and why."""

    label: str
    outcome: str
    reason: str

    @property
    def is_red(self) -> bool:
        """Whether it fails the test."""
        return self.outcome in RED


@dataclass(frozen=True, slots=True)
class Answer:
    """What a comparison said of a patch."""

    judgements: tuple[Judgement, ...]
    effects: Mapping[str, float | None] = field(default_factory=dict)
    """By label, as shares: how much more the patch has or takes."""
    blocks: int = 0
    seconds: float = 0.0
    reason: str = ""
    """Why there was no comparison; empty where there was one."""
    exit_code: int = 0

    @property
    def red(self) -> list[Judgement]:
        """The verdicts that fail the test."""
        return [judgement for judgement in self.judgements if judgement.is_red]

    def calls(self, patch: Patch) -> bool:
        """Whether the patch fails, and by its own name."""
        return any(_is_name_of(patch, judgement) for judgement in self.red)


def _is_name_of(patch: Patch, judgement: Judgement) -> bool:
    if patch.reason:
        return patch.reason in judgement.reason
    return judgement.label in patch.labels


def patch_named(name: str) -> Patch:
    """The patch, or the honest version; KeyError for another name."""
    by_name = {patch.name: patch for patch in (HONEST, *PATCHES)}
    return by_name[name]


def make_repository(folder: Path, patch: Patch, judges: Judges = "default") -> None:
    """Commit the honest version there, and then the patch."""
    package = folder / PACKAGE
    package.mkdir(parents=True)
    for name in ("__init__.py", "voice.py", "tails.py", SPEAKING):
        shutil.copy(PATCHES_FOLDER / name, package)
    write_project(folder, patch, judges)
    run_git(folder, "init", "-q", "-b", "main")
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-qm", "honest")
    shutil.copy(PATCHES_FOLDER / f"{patch.name}.py", package / SPEAKING)
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "--allow-empty", "-m", patch.name)


def write_project(folder: Path, patch: Patch, judges: Judges) -> None:
    """Its configuration, and its one test."""
    imports = marks = ""
    if judges == "marks":
        imports = "from pytest_ttsperf import quality, seams\n\n"
        marks = MARKS
    test = TEST.format(imports=imports, marks=marks, preset=patch.preset)
    (folder / "test_voice.py").write_text(test, "utf-8")
    (folder / "pytest.ini").write_text(CONFIGURATION, "utf-8")
    (folder / ".gitignore").write_text("artifacts/\n__pycache__/\n.pytest_cache/\n", "utf-8")


def run_git(folder: Path, *arguments: str) -> None:
    """CalledProcessError where git refuses."""
    subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True)


def compare(
    folder: Path,
    *,
    voice: str = "heart",
    budget: str = "60s",
    options: Sequence[str] = (),
) -> Answer:
    """Compare the working tree there with the commit before.

    RuntimeError, with what pytest printed, where it wrote no artifact.
    """
    artifact = folder / "artifacts" / "run.json"
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--ttsperf-against=HEAD~1",
        f"--ttsperf-budget={budget}", "--ttsperf-trials=5", f"--ttsperf-voice={voice}",
        f"--ttsperf-json={artifact}", *options,
    ]  # fmt: skip
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if not artifact.exists():
        raise RuntimeError(f"pytest wrote no artifact:\n{done.stdout}\n{done.stderr}")
    return read_answer(json.loads(artifact.read_text("utf-8")), done.returncode, done.stdout)


def read_answer(artifact: Mapping[str, Any], exit_code: int, printed: str) -> Answer:
    """What the artifact of a run with one test says.

    Sound that is refused has no cell there: then what pytest printed is the reason.
    """
    if not artifact["cells"]:
        return Answer((Judgement(REFUSED, "FAIL", printed),), exit_code=exit_code)
    (cell,) = artifact["cells"]
    judgements: list[Judgement] = []
    for verdict in cell["verdicts"]:
        label = verdict["subject"].partition("against ")[0].strip()
        judgements.append(Judgement(label, verdict["outcome"], verdict["reason"]))
    comparison = cell["comparison"]
    if comparison is None:
        return Answer(tuple(judgements), exit_code=exit_code)
    return Answer(
        tuple(judgements),
        effects_of(comparison),
        comparison["blocks"],
        comparison["seconds"],
        comparison["reason"] or "",
        exit_code,
    )


def effects_of(comparison: Mapping[str, Any]) -> dict[str, float | None]:
    """By label, how much more the patch has or takes; empty where nothing could be judged."""
    if not comparison["changes"]:
        return {}
    effects: dict[str, float | None] = {}
    for gate, change in zip(comparison["gates"], comparison["changes"], strict=True):
        effects[gate["label"]] = change["effect"]
    return effects
