"""The command as it is typed: what it prints, its exit codes, and what it does not import."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
from datetime import timedelta

import pytest
from msgspec import structs

from pytest_ttsperf import real
from pytest_ttsperf.baseline import person
from pytest_ttsperf.cli import _parser, compare, main
from pytest_ttsperf.compare import metrics as figures_of
from tests.unit.baseline.factories import BEGUN, PERSON, artifact, store
from tests.unit.judge.factories import CELL, figures, result


@pytest.fixture(autouse=True)
def _known_person_and_day(monkeypatch):
    monkeypatch.setattr(person, "find_name", lambda folder: PERSON)
    monkeypatch.setattr(real, "now", lambda: BEGUN + timedelta(days=1))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "baselines")
    store(tmp_path / "baselines", 2, cell=structs.replace(CELL, preset="long"))
    return tmp_path


def told(capsys, *arguments):
    """Exit code and output of a command."""
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out + err


def test_list(folder, capsys):
    code, text = told(capsys, "baseline", "list")
    assert code == 0
    heading, columns, _, long, short = text.splitlines()
    assert heading == "linux-1 (another machine)"
    assert columns.split()[:4] == ["cell", "runs", "newest", "revision"]
    assert long.startswith("test_reply long stream warm")
    assert short.split()[4:6] == ["6", "2025-10-30"]


def test_list_as_json(folder, capsys):
    code, text = told(capsys, "baseline", "list", "--json")
    assert code == 0
    assert [len(cell["runs"]) for cell in json.loads(text)["cells"]] == [2, 6]


def test_an_empty_storage_says_how_to_fill_it(tmp_path, capsys):
    code, text = told(capsys, "baseline", "list", "--storage", str(tmp_path))
    assert code == 0
    assert "--ttsperf-save" in text


def test_an_unreadable_file_is_something_bad(folder, capsys):
    (folder / "baselines" / "linux-1" / "x.json").write_text("{")
    code, text = told(capsys, "baseline", "list")
    assert code == 1
    assert "unreadable: cannot read the baseline" in text


def test_show(folder, capsys):
    code, text = told(capsys, "baseline", "show", "reply-short")
    assert code == 0
    rows = [line for line in text.splitlines() if line.startswith("2025-10-30 ")]
    assert len(rows) == 6
    assert rows[0].split()[2:] == ["abc", "60", "80.0", "96.0", "0.2", "yes"]
    code, text = told(capsys, "baseline", "show", "reply-short", "--json")
    assert json.loads(text)["cell"]["preset"] == "short"


def test_why(folder, capsys):
    artifact(folder / "artifacts", result(figures(300)))
    code, text = told(capsys, "baseline", "why", "reply-short")
    assert code == 1
    assert "6 runs are compared with, from 2025-10-30 08:20 to 2025-10-30 08:25." in text
    assert "ttfa_sound p50: earlier 80.0, 81.0, 82.0, 80.0, 81.0, 82.0 ms." in text
    assert "taken as 11%" in text
    assert "FAIL: ttfa_sound p50 is 300 ms" in text
    code, text = told(capsys, "baseline", "why", "reply-long")
    assert code == 0
    assert "too few for a limit, 5 are needed" in text
    assert "No recent artifact has this cell" in text


def test_accept(folder, capsys):
    file = artifact(folder / "artifacts", result(figures(160)))
    code, text = told(capsys, "baseline", "accept")
    assert code == 0
    assert f"accepted by {PERSON}: test_reply short stream warm: run 2025-10-30_100000" in text
    assert "6 earlier runs are history now" in text
    assert "1 of the 5 runs that the screen needs" in text
    assert "with the reason" in text
    assert told(capsys, "baseline", "accept", str(file), "reply")[0] == 0
    code, text = told(capsys, "baseline", "show", "reply-short")
    assert text.count("history") == 6
    assert text.count("accepted") == 2  # in its row, and who did it
    assert f"by {PERSON}" in text
    code, text = told(capsys, "baseline", "why", "reply-short")
    assert "6 older are history, as the run of 2025-10-30T10:00 was accepted" in text


def test_list_tells_who_accepted_what_and_when(folder, capsys):
    artifact(folder / "artifacts", result(figures(160)))
    told(capsys, "baseline", "accept")
    _, text = told(capsys, "baseline", "list")
    (line,) = [line for line in text.splitlines() if line.startswith("accepted")]
    assert "test_reply short stream warm: the run of 2025-10-30 10:00, on " in line
    assert line.endswith(f"by {PERSON}")
    _, text = told(capsys, "baseline", "list", "--json")
    runs = [run for cell in json.loads(text)["cells"] for run in cell["runs"]]
    (accepted,) = [run for run in runs if run["accepted"]]
    assert accepted["accepted_by"] == PERSON
    assert {run["accepted_by"] for run in runs if not run["accepted"]} == {None}


def test_list_tells_what_is_older_than_a_year(folder, capsys, monkeypatch):
    assert "year" not in told(capsys, "baseline", "list")[1]
    monkeypatch.setattr(real, "now", lambda: BEGUN + timedelta(days=366))
    _, text = told(capsys, "baseline", "list")
    assert text.count("its newest run is of 2025-10-30, more than a year ago") == 2
    _, text = told(capsys, "baseline", "list", "--json")
    assert [cell["is_old"] for cell in json.loads(text)["cells"]] == [True, True]


def test_list_tells_runs_of_other_texts(folder, capsys):
    store(folder / "baselines", corpus="0ld")
    _, text = told(capsys, "baseline", "list")
    (line,) = [line for line in text.splitlines() if line.startswith("note")]
    assert "6 of 6 runs spoke another version of the texts of short" in line
    assert "--ttsperf-save" in line
    _, text = told(capsys, "baseline", "why", "reply-short")
    assert "no stored run has it" in text
    assert "another version of the texts" in text
    _, text = told(capsys, "baseline", "list", "--json")
    assert [cell["other_texts"] for cell in json.loads(text)["cells"]] == [0, 6]


def test_what_is_refused_is_something_bad(folder, capsys):
    artifact(folder / "artifacts", structs.replace(result(), trials=()))
    code, text = told(capsys, "baseline", "accept")
    assert code == 1
    assert "refused: test_reply short stream warm" in text


def test_prune_deletes_nothing_unless_told_to(folder, capsys):
    paths = list(folder.glob("baselines/*/*.json"))
    for arguments in ([], ["--dry-run"], ["--yes", "--dry-run"]):
        code, text = told(capsys, "baseline", "prune", *arguments)
        assert code == 0
        assert text.count("would go") == 2
        assert "tests/perf/test_short.py does not exist" in text
    assert all(path.exists() for path in paths)
    code, text = told(capsys, "baseline", "prune", "--yes")
    assert code == 0
    assert text.count("deleted: ") == 2
    assert not any(path.exists() for path in paths)
    assert told(capsys, "baseline", "prune") == (0, "nothing to prune\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["baseline", "show", "reply"], "found 2 cells with 'reply'"),
        (["baseline", "why", "nothing"], "found no cell with 'nothing'"),
        (["baseline", "accept", "gone.json"], "cannot read the artifact gone.json"),
        (["baseline", "list", "--storage", "nowhere"], "found no folder nowhere"),
    ],
)
def test_what_is_not_understood_is_a_usage_error(folder, capsys, arguments, words):
    code, text = told(capsys, *arguments)
    assert code == 2
    assert words in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["baseline"],
        ["baseline", "accept", "--runs", "0"],
        ["doctor", "--seconds", "-1"],
        ["doctor", "--seconds", "long"],
    ],
)
def test_argparse_has_the_same_exit_code(arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def find_parsers(parser):
    """All parsers of commands, by the words that name them."""
    parsers = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                parsers[word] = command
                for below, deeper in find_parsers(command).items():
                    parsers[f"{word} {below}"] = deeper
    return parsers


COMMANDS = find_parsers(_parser())


def test_all_commands_are_found():
    assert {"baseline accept", "compare", "doctor", "load"} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_each_command_has_a_help(words):
    """A bare percent sign in a text of argparse raises when the help is printed."""
    assert "usage: ttsperf" in COMMANDS[words].format_help()


def test_help_says_what_accepting_means(capsys):
    with pytest.raises(SystemExit) as left:
        main(["baseline", "accept", "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert "Earlier runs stay in the file as history and no longer\ncount" in text


@pytest.mark.starts
def test_doctor_as_json(capsys):
    code, text = told(capsys, "doctor", "--seconds", "0.2", "--json")
    found = json.loads(text)
    worst = {finding["level"] for finding in found["findings"]}
    assert code == (1 if "bad" in worst else 0)
    missing = [name for name, value in found["weather"].items() if value is None]
    assert sorted(missing) == sorted(found["weather"]["unmeasured"])


@pytest.mark.starts
def test_pytest_is_not_imported(folder):
    script = (
        "import sys\nfrom pytest_ttsperf.cli import main\n"
        "assert main(['baseline', 'list']) == 0\nassert main(['baseline', 'why', 'y-short']) == 0\n"
        "assert main(['doctor', '--seconds', '0.1']) in (0, 1)\n"
        "print('pytest' in sys.modules, '_pytest' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "False False"


@pytest.mark.starts
def test_a_reader_that_has_read_enough_is_no_trouble(folder):
    command = f"{sys.executable} -m pytest_ttsperf baseline list --json | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


@pytest.mark.starts
def test_an_answer_that_ascii_lacks_is_printed_all_the_same(folder):
    store(folder / "baselines", cell=structs.replace(CELL, preset="grüße"))
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {**os.environ, **plain, "PYTHONIOENCODING": "ascii"}
    for arguments in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "pytest_ttsperf", "baseline", "list", *arguments],
            env=environment, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        if arguments:
            presets = {cell["cell"]["preset"] for cell in json.loads(done.stdout)["cells"]}
            assert "grüße" in presets
        else:
            assert b"gr\\xfc\\xdfe" in done.stdout


@pytest.mark.starts
def test_a_device_that_takes_nothing_is_told_in_one_line(folder):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pytest_ttsperf", "baseline", "list"],
            stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "ttsperf: [Errno 28] No space left on device\n"


def test_a_damaged_artifact_is_told_by_every_command_that_read_past_it(folder, capsys):
    artifact(folder / "artifacts", result(figures(80, 96, 0.2)))
    damaged = folder / "artifacts" / "bench" / "2025-10-30" / "run_999999.json"
    damaged.write_bytes(b'{"cells": ' + b"[" * 500_000)
    for arguments in (["list"], ["why", "short-stream"], ["accept"]):
        code, text = told(capsys, "baseline", *arguments)
        assert code == 0
        assert text.count(f"left aside: artifacts/bench/2025-10-30/{damaged.name}: ") == 1


def test_a_baseline_that_cannot_be_saved_is_told(folder, capsys):
    artifact(folder / "artifacts", result(figures(80, 96, 0.2), fingerprint="linux-2"))
    (folder / "baselines" / "linux-2").write_text("in the way")
    code, text = told(capsys, "baseline", "accept")
    assert code == 1
    assert "cannot be written: " in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("90s", 90), ("3min", 180), ("1.5 min", 90), ("1h", 3600)]
)
def test_a_budget_is_read_as_the_option_of_pytest_reads_it(text, seconds):
    assert figures_of.budget_s(text, "--budget") == seconds
    assert _parser().parse_args(["compare", "a:A", "b:B", f"--budget={text}"]).budget == seconds


@pytest.mark.parametrize("text", ["0", "-3min", "soon", "3 weeks", "1e999", "inf", ""])
def test_a_budget_that_is_no_time_says_what_is(text, capsys):
    with pytest.raises(SystemExit):
        main(["compare", "a:A", "b:B", f"--budget={text}"])
    assert f"--budget={text!r}; wanted a time above 0, as 60s or 3min" in capsys.readouterr().err


def test_modules_of_the_current_folder_come_behind_the_standard_library(tmp_path, monkeypatch):
    installed = sysconfig.get_paths()["purelib"]
    standard = sysconfig.get_paths()["stdlib"]
    path = ["/somewhere/bin", standard, installed]
    monkeypatch.setattr(sys, "path", list(path))
    with compare.modules_of(str(tmp_path)):
        assert sys.path == ["/somewhere/bin", standard, str(tmp_path), installed]
    assert sys.path == path


@pytest.mark.parametrize("is_named", [True, False])
def test_a_folder_that_is_searched_already_stays_where_it_is(tmp_path, monkeypatch, is_named):
    path = ["/first", str(tmp_path) if is_named else "", "/last"]
    monkeypatch.setattr(sys, "path", list(path))
    with compare.modules_of(str(tmp_path)):
        assert sys.path == path
