"""What benchmarks/adversaries.py makes of its log; nothing is compared here."""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.adversarial.patched_voices import HONEST, Answer, Judgement

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def adversaries(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("adversaries")


def logged(patch: str, judges: str, *red: str) -> dict[str, Any]:
    """A line of the log, of a comparison in which those labels failed."""
    judgements = [Judgement("rtf p50", "PASS", "as before")]
    judgements += [Judgement(label, "FAIL", "it changed") for label in red]
    answer = Answer(tuple(judgements), {"rtf p50": -0.2}, blocks=5, exit_code=len(red))
    return {"voice": "heart", "patch": patch, "judges": judges, "answer": asdict(answer)}


def write_log(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_a_patch_that_any_comparison_called_by_its_name_is_called(
    adversaries: Any, tmp_path: Path
) -> None:
    default = logged("seam_click", "default")
    marks = logged("seam_click", "marks", "seams")
    log = write_log(tmp_path / "log", default, marks)
    assert adversaries.is_as_it_should_be(adversaries.read_log(log))
    log = write_log(tmp_path / "log", default, logged("seam_click", "marks", "level"))
    assert not adversaries.is_as_it_should_be(adversaries.read_log(log))


def test_the_honest_version_may_not_be_red(adversaries: Any, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", logged(HONEST.name, "default"))
    assert adversaries.is_as_it_should_be(adversaries.read_log(log))
    log = write_log(tmp_path / "log", logged(HONEST.name, "default", "level"))
    assert not adversaries.is_as_it_should_be(adversaries.read_log(log))


def test_a_campaign_goes_on_where_the_log_ends(adversaries: Any, tmp_path: Path) -> None:
    called = logged("half_level", "default", "level")
    log = write_log(tmp_path / "log", called, logged("seam_click", "default"))
    options = argparse.Namespace(log=log, judges="both")
    settled = {
        (name, judges): adversaries.is_settled(
            adversaries.Case("heart", adversaries.patch_named(name), judges), options
        )
        for name in ("half_level", "seam_click", "padding")
        for judges in ("default", "marks")
    }
    waiting = [case for case, is_settled in settled.items() if not is_settled]
    assert waiting == [("seam_click", "marks"), ("padding", "default"), ("padding", "marks")]


def test_the_table_says_who_called_it_and_what_its_times_did(
    adversaries: Any, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "log", logged("half_level", "default", "level"))
    *_, row = adversaries.table(adversaries.read_log(log))
    assert row == (
        "| heart | half level | - | -20.0 % | level FAIL | level | yes | the default set |"
    )


def test_joe_gets_the_five_patches_that_are_for_all_voices(adversaries: Any) -> None:
    assert len(adversaries.chosen_patches("heart", None)) == 16
    assert len(adversaries.chosen_patches("joe", None)) == 6
    with pytest.raises(SystemExit, match="no_such_patch"):
        adversaries.chosen_patches("joe", ["no_such_patch"])
