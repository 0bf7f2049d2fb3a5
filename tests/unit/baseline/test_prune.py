"""Only what surely is of no use may go, and only when told so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from pytest_ttsperf.baseline import prune
from pytest_ttsperf.machine import fingerprint
from tests.unit.baseline.factories import BEGUN, store
from tests.unit.judge.factories import CELL


def cell(test):
    return structs.replace(CELL, test=test)


def reasons(tmp_path, **more):
    return [one.reason for one in prune.find_prunable(tmp_path / "b", tmp_path, **more)]


@pytest.mark.parametrize(
    ("source", "test", "gone"),
    [
        ("def test_a(): pass", "test_a[cpu-short]", False),
        ("async def test_a(): pass", "test_a", False),
        ("def test_b(): pass", "test_a[cpu]", True),
        ("class TestX:\n    def test_a(self): pass", "TestX::test_a", False),
        ("class TestX:\n    def test_b(self): pass", "TestX::test_a", True),
        ("class TestX(Base): pass", "TestX::test_a", False),
        ("from suites import test_a", "test_a", False),
        ("from suites import *", "test_a", False),
        ("from suites import test_b", "test_a", True),
        ("test_a = make()", "test_a", False),
        ("if x:\n    def test_a(): pass", "test_a", False),
        ("def test_b(", "test_a", False),
        (None, "test_a", True),
    ],
)
def test_a_test_is_gone_only_when_it_cannot_come_from_anywhere(tmp_path, source, test, gone):
    if source is not None:
        (tmp_path / "test_it.py").write_text(source)
    store(tmp_path / "b", 1, cell=cell(f"test_it.py::{test}"))
    assert bool(reasons(tmp_path)) == gone


@pytest.fixture
def present(tmp_path):
    (tmp_path / "t.py").write_text("def test_a(): pass")
    return cell("t.py::test_a")


def test_old_ones_go_on_request(tmp_path, present):
    store(tmp_path / "b", 1, cell=present)
    later = BEGUN + timedelta(days=40)
    assert reasons(tmp_path, now=later) == []
    assert reasons(tmp_path, older_than_days=50, now=later) == []
    (told,) = reasons(tmp_path, older_than_days=30, now=later)
    assert "2025-10-30, more than 30 days ago" in told


def test_superseded_fingerprints_of_one_machine_go_on_request(tmp_path, present):
    here = fingerprint.local_parts(fingerprint.machine())
    other = {**here, "cores": 999}
    store(
        tmp_path / "b",
        1,
        cell=present,
        fingerprint="f-old",
        fingerprint_parts={**here, "threads": 1},
    )
    store(
        tmp_path / "b",
        3,
        cell=present,
        fingerprint="f-new",
        fingerprint_parts={**here, "threads": 2},
    )
    store(tmp_path / "b", 1, cell=present, fingerprint="f-other", fingerprint_parts=other)
    store(tmp_path / "b", 1, cell=present, fingerprint="f-silent")
    assert reasons(tmp_path) == []
    (told,) = prune.find_prunable(tmp_path / "b", tmp_path, superseded=True)
    assert "f-old" in told.file
    assert "newer runs as f-new" in told.reason


def test_pruning_deletes_what_was_found_and_nothing_else(tmp_path, present):
    keep = store(tmp_path / "b", 1, cell=present)
    gone = store(tmp_path / "b", 1, cell=cell("gone.py::test_a"))
    found = prune.find_prunable(tmp_path / "b", tmp_path)
    assert gone.exists()
    assert [one.removed for one in prune.prune(found)] == [True]
    assert not gone.exists()
    assert keep.exists()
    assert [one.removed for one in prune.prune(found)] == [False]


def test_an_unreadable_file_is_never_pruned(tmp_path):
    path = store(tmp_path / "b", 1, cell=cell("gone.py::test_a"))
    path.write_text("{")
    assert reasons(tmp_path, superseded=True, older_than_days=1) == []
