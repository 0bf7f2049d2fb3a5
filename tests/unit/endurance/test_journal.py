"""A soak's journal: whole lines count, a cut one is cut off, and only the same soak goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from pytest_ttsperf.endurance import journal as journals
from pytest_ttsperf.endurance.journal import open_journal
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.records import SoakHead, SoakLine, SoakSpec, Trial
from tests.unit.endurance.factories import one_slice
from tests.unit.metrics.factories import recording, sound, trial

HEAD = SoakHead(
    cell="t | engine:Engine | cpu",
    fingerprint="f",
    spec=SoakSpec(minutes=20.0),
    revision="abc",
    plugin_version="1",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "soak" / "cell.jsonl"


def answer(index: int) -> Trial:
    return trial(recording([(10, 100)]), index=index, heard=sound())


def begin(path: Path, slices: int = 3, *, pending: int = 0, finish: bool = False) -> list[Trial]:
    """Write slices of two trials each, and trials of one that is not whole.

    Gives those of whole slices.
    """
    trials = []
    with open_journal(path, HEAD) as journal:
        session = journal.begin_session()
        for index in range(slices):
            for number in (2 * index, 2 * index + 1):
                trials.append(answer(number))
                journal.add_trial(trials[-1])
            journal.add_slice(one_slice(index, session=session))
        for number in range(pending):
            journal.add_trial(answer(100 + number))
        if finish:
            journal.finish()
    return trials


def test_a_new_journal_is_empty_and_says_nothing(path: Path) -> None:
    with open_journal(path, HEAD) as journal:
        assert journal.earlier.slices == []
        assert journal.remark is None
        assert journal.begin_session() == 0


def test_what_was_broken_off_is_gone_on_with_behind_its_last_whole_slice(path: Path) -> None:
    trials = begin(path, pending=5)
    with open_journal(path, HEAD) as journal:
        earlier = journal.earlier
        assert earlier.trials == trials
        assert [each.index for each in earlier.slices] == [0, 1, 2]
        assert earlier.left_out == 5
        assert journal.begin_session() == 1
        assert journal.remark is not None
        for said in ("goes on", "3 slices", "1,200 requests", "5 requests", str(path)):
            assert said in journal.remark
        journal.add_slice(one_slice(3, session=1))
    with open_journal(path, HEAD) as journal:
        assert [each.session for each in journal.earlier.slices] == [0, 0, 0, 1]
        assert journal.earlier.trials == trials
        assert journal.begin_session() == 2


def test_a_line_that_a_kill_has_cut_is_cut_off(path: Path) -> None:
    trials = begin(path)
    whole = path.read_bytes()
    for cut in range(1, 40, 7):
        line = msgspec.json.encode(SoakLine(trial=answer(7)))
        path.write_bytes(whole + line[:-cut])
        with open_journal(path, HEAD) as journal:
            assert journal.earlier.trials == trials
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"revision": "def"}, "the commit is another now"),
        ({"fingerprint": "g"}, "the machine"),
        ({"spec": SoakSpec(minutes=5.0)}, "how long it is"),
        ({"cell": "u"}, "the cell"),
        ({"plugin_version": "2"}, "version of pytest-ttsperf"),
    ],
)
def test_another_soak_begins_anew_and_says_why(
    path: Path, changes: dict[str, Any], said: str
) -> None:
    begin(path)
    head = structs.replace(HEAD, **changes)
    with open_journal(path, head) as journal:
        assert journal.earlier.slices == []
        assert journal.remark is not None
        assert said in journal.remark
        assert "begins anew" in journal.remark
    with open_journal(path, head) as journal:
        assert journal.earlier.head == head


@pytest.mark.parametrize("slices", [0, 3])
def test_a_soak_that_came_to_its_end_or_never_began_is_not_gone_on_with(
    path: Path, slices: int
) -> None:
    begin(path, slices, finish=bool(slices), pending=1 - bool(slices))
    with open_journal(path, HEAD) as journal:
        assert journal.earlier.slices == []
        assert journal.remark is None
    assert path.read_bytes().count(b"\n") == 1


def test_a_journal_that_is_damaged_in_its_midst_says_what_to_do(path: Path) -> None:
    begin(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"{]\n", *lines[2:]]))
    with pytest.raises(MeasurementError, match=r"line 3: .*Delete it"), open_journal(path, HEAD):
        pass


def test_two_runs_do_not_write_into_one_journal(path: Path) -> None:
    with (
        open_journal(path, HEAD),
        pytest.raises(MeasurementError, match="another run soaks this cell"),
        open_journal(path, HEAD),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "soak").write_text("in the way")
    path = tmp_path / "soak" / "cell.jsonl"
    with (
        pytest.raises(MeasurementError, match="--ttsperf-artifacts"),
        open_journal(path, HEAD),
    ):
        pass


def test_a_finished_journal_gets_the_name_of_its_run(path: Path) -> None:
    begin(path, finish=True)
    named = journals.name_after_run(path, "2025-10-30_101959")
    assert named.name == "cell_2025-10-30_101959.jsonl"
    assert named.exists()
    assert not path.exists()
    assert journals.name_after_run(path, "again") == path
