"""What the tools for pictures do without a browser: which pictures there are, and of what run."""

from __future__ import annotations

import ast
import json
import os
import zlib
from pathlib import Path

import pytest

from tools import failing_run, screenshots


def test_there_is_a_picture_for_each_width_and_theme() -> None:
    names = [shot.file_name for shot in screenshots.SHOTS]
    assert len(set(names)) == len(names) == 8
    assert "report-narrow-dark.png" in names
    assert [name for name in names if "cells" in name] == [
        "report-cells-medium-light.png",
        "report-cells-medium-dark.png",
    ]
    assert screenshots.SHOTS[0].viewport.width == 390


def test_a_picture_that_is_too_large_for_git_is_named(tmp_path: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    small.write_bytes(bytes(100))
    large.write_bytes(bytes(101))
    [sentence] = screenshots.too_large([small, large], most_bytes=100)
    assert "found 101 bytes in large.png, wanted at most 100" in sentence


def test_the_project_is_written_once_and_slowed_beside_what_is_committed(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    failing_run.write_project(folder)
    assert not (folder / "gate_slow.json").exists()
    compile((folder / "test_assistant.py").read_text("utf-8"), "test_assistant.py", "exec")
    assert "gate_target:Slowed" in (folder / "pytest.ini").read_text("utf-8")
    assert "gate_slow.json" in (folder / "gate_target.py").read_text("utf-8")
    failing_run.slow_down(folder)
    instruction = json.loads((folder / "gate_slow.json").read_text("utf-8"))
    assert instruction["first_ms"] > 300
    assert instruction["by_text"], "only some cells fail"
    with pytest.raises(FileExistsError, match="wanted a new or empty folder"):
        failing_run.write_project(folder)


def text_of(test: ast.FunctionDef) -> str:
    """What a test has the voice say: its only text."""
    constants = [node.value for node in ast.walk(test) if isinstance(node, ast.Constant)]
    [text] = [value for value in constants if isinstance(value, str)]
    return text


def test_one_test_is_slowed_and_two_are_not(tmp_path: Path) -> None:
    """By the checksums of their texts, as benchmarks/gate_target.py has it."""
    failing_run.write_project(tmp_path)
    tree = ast.parse((tmp_path / "test_assistant.py").read_text("utf-8"))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    is_slowed = {}
    for test in tests:
        checksum = zlib.crc32(text_of(test).encode())
        is_slowed[test.name] = checksum % failing_run.CHANGE["one_in"] == 0
    assert is_slowed == {
        "test_short_reply": True, "test_first_reply": False, "test_announcement": False
    }  # fmt: skip


def test_the_newest_page_is_the_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="found no page below"):
        failing_run.find_page(tmp_path)
    folder = tmp_path / "artifacts" / "bench" / "2026-11-30"
    folder.mkdir(parents=True)
    for number, name in enumerate(("b.html", "a.html")):
        (folder / name).write_text("")
        os.utime(folder / name, (number, number))
    assert failing_run.find_page(tmp_path).name == "a.html"
