"""Where results go: devices, pipes and links, full disks, damaged files, odd locales."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pytest_ttsperf.report import artifact
from tests.disks import small_disk
from tests.plugin.conftest import Project
from tests.unit.baseline.factories import run_of
from tests.unit.judge.factories import CELL, result

TEST = """
@trials(5)
@ttfa(p50_ms=5000)
def test_x(perf): perf.stream("short")
"""
LOST = "ttsperf: results of this run are lost, so it fails:"


@pytest.fixture
def inline(project: Project) -> Project:
    """Where files go has nothing to do with where the engine runs."""
    project.measure_inline()
    return project


@pytest.fixture
def measured(inline: Project) -> Project:
    inline.test(TEST)
    return inline


def in_process_of_its_own(project: Project, *arguments: str, **more: object) -> tuple[int, str]:
    """Exit code and standard output of a run that was started as a user starts it."""
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *arguments]
    done = subprocess.run(
        command, cwd=project.path, stdout=subprocess.PIPE, encoding="utf-8", check=False, **more
    )  # type: ignore[call-overload]
    return done.returncode, str(done.stdout)


def into_a_pipe(project: Project, *arguments: str) -> tuple[int, str]:
    """Exit code and standard output of a run whose standard output is a pipe."""
    pipe, read = project.path / "stdout", project.path / "read"
    os.mkfifo(pipe)
    with read.open("wb") as file, subprocess.Popen(["cat", pipe], stdout=file):
        code = project.forks.start(arguments, project.path).wait(timeout_s=90)
    return code, read.read_text()


# --ttsperf-json


@pytest.mark.parametrize("name", ["/dev/fd/1", "link"])
def test_json_onto_standard_output(measured: Project, name: str) -> None:
    if name == "link":  # never /dev/stdout itself: a writer that replaces it would do so for all
        (measured.path / name).symlink_to("/dev/stdout")
    code, out = into_a_pipe(measured, f"--ttsperf-json={name}")
    assert code == 0
    begin = out.index('\n{\n "schema"') + 1
    run, _ = json.JSONDecoder().raw_decode(out[begin:])
    assert run["finished"] is True
    assert out.count('"ttsperf-run/1"') == 1
    assert "1 passed" in out


def test_json_onto_a_descriptor_of_the_shell(measured: Project) -> None:
    with (measured.path / "run.json").open("wb") as file:
        told = measured.run(f"--ttsperf-json=/dev/fd/{file.fileno()}")
    assert told.ret == 0
    assert json.loads((measured.path / "run.json").read_text())["finished"] is True


def test_json_into_a_pipe(measured: Project) -> None:
    pipe = measured.path / "pipe"
    os.mkfifo(pipe)
    with (measured.path / "read").open("wb") as read, subprocess.Popen(["cat", pipe], stdout=read):
        held = os.open(pipe, os.O_WRONLY)
        measured.run("--ttsperf-json=pipe").assert_outcomes(passed=1)
        os.close(held)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert json.loads((measured.path / "read").read_text())["finished"] is True


def test_json_into_a_pipe_that_nobody_reads_fails_the_run(measured: Project) -> None:
    os.mkfifo(measured.path / "pipe")
    told = measured.run("--ttsperf-json=pipe")
    told.assert_outcomes(passed=1)
    assert told.ret == pytest.ExitCode.TESTS_FAILED
    told.stdout.fnmatch_lines(
        ["*ttfa p50*PASS*", LOST, "*pipe cannot be written: no process reads*--ttsperf-json*"]
    )


@pytest.mark.parametrize("name", ["link.json", "/dev/null", "/dev/full"])
def test_json_through_a_link(measured: Project, name: str) -> None:
    link = measured.path / "link.json"
    (measured.path / "collected").mkdir()
    link.symlink_to("collected/all.json" if name == link.name else name)
    told = measured.run("--ttsperf-json=link.json")
    told.assert_outcomes(passed=1)
    assert link.is_symlink()
    assert (told.ret == 0) == (name != "/dev/full")
    if name == link.name:
        assert json.loads((measured.path / "collected/all.json").read_text())["finished"] is True


def test_json_onto_what_is_not_open_is_refused_before_anything_runs(measured: Project) -> None:
    told = measured.run("--ttsperf-json=/dev/fd/987")
    assert told.ret == pytest.ExitCode.USAGE_ERROR
    told.stderr.fnmatch_lines(["*--ttsperf-json: /dev/fd/987 cannot be written: Bad file*"])


def test_json_onto_a_descriptor_is_refused_beside_workers(measured: Project) -> None:
    told = measured.run("--ttsperf-json=/dev/fd/1", "-n1")
    assert told.ret == pytest.ExitCode.USAGE_ERROR
    told.stderr.fnmatch_lines(["*worker of pytest-xdist*name a file, or leave out -n*"])


# Damaged files of earlier runs

DAMAGES = {
    "run_000001.json": lambda path: path.write_bytes(b'{"id": "\xff\xfe"}'),
    "run_000002.json": lambda path: path.write_bytes(b'{"cells": ' + b"[" * 500_000),
    "run_000003.json": lambda path: path.symlink_to("nowhere"),
    "run_000004.json": lambda path: path.mkdir(),
    "run_000005.json": os.mkfifo,
}


@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_damaged_artifacts_are_named_once_and_left_aside(
    measured: Project, workers: tuple[str, ...]
) -> None:
    folder = measured.path / "artifacts" / "bench" / "2025-10-30"
    folder.mkdir(parents=True)
    for name, damage in DAMAGES.items():
        damage(folder / name)  # type: ignore[operator]
    told = measured.run(*workers)
    told.assert_outcomes(passed=1)
    assert told.ret == 0
    text = told.stdout.str()
    for name in DAMAGES:
        assert text.count(f"{name}: ") == 1
    assert text.count("ttsperf: left aside: ") == len(DAMAGES)


def test_the_run_that_is_just_beginning_is_no_damage(tmp_path: Path) -> None:
    writer = artifact.ArtifactWriter(tmp_path, datetime_of_a_run())
    left_aside: list[str] = []
    assert list(artifact.recent_runs(tmp_path, left_aside.append)) == []
    assert left_aside == []
    os.utime(writer.run_path, (0, 0))
    assert list(artifact.recent_runs(tmp_path, left_aside.append)) == []
    assert left_aside == [f"{writer.run_path}: it is empty"]


def datetime_of_a_run():  # type: ignore[no-untyped-def]
    from datetime import datetime

    return datetime(2025, 10, 30, 10, 19, 59)


def damage(path: Path, how: str) -> None:
    path.unlink()
    if how == "dangling":
        path.symlink_to("nowhere")
    elif how == "deep":
        path.write_bytes(b'{"cell": ' + b"[" * 500_000)
    else:
        os.mkfifo(path)


def test_a_damaged_baseline_fails_its_test_without_a_traceback(measured: Project) -> None:
    measured.run("--ttsperf-save").assert_outcomes(passed=1)
    (path,) = measured.path.glob("baselines/*/*.json")
    for how in ("dangling", "deep", "pipe"):
        damage(path, how)
        for option in ("--ttsperf-compare", "--ttsperf-save"):
            told = measured.run(option)
            told.assert_outcomes(failed=1)
            told.stdout.fnmatch_lines([f"*cannot read the baseline {path}: *", "*ttfa p50*PASS*"])
            assert "Traceback" not in told.stdout.str()
            assert "baseline.py" not in told.stdout.str()
        assert not (path.parent / "nowhere").exists()


# Results that cannot be written

FILLING = """
def fill(disk):
    with open(disk / "ballast", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass

@trials(5)
@ttfa(p50_ms=5000)
def test_before(perf, request):
    perf.stream("short")
    fill(request.config.rootpath / "disk")

@trials(5)
@ttfa(p50_ms=5000)
def test_after(perf, request):
    perf.stream("medium")
    {body}
"""


def test_a_disk_that_gets_full_loses_files_and_no_verdicts(inline: Project) -> None:
    inline.test(FILLING.format(body="pass"))
    with small_disk(inline.path / "disk") as disk:
        told = inline.run("--ttsperf-artifacts=disk/artifacts", "--ttsperf-save")
        told.assert_outcomes(passed=2)
        assert told.ret == pytest.ExitCode.TESTS_FAILED
        told.stdout.fnmatch_lines(
            [
                "test_after*ttfa p50*PASS*",
                "test_before*ttfa p50*PASS*",
                LOST,
                "*disk/artifacts/bench/*/run_*.json cannot be written: No space left on device; "
                "*--ttsperf-artifacts*",
            ]
        )
        assert "Traceback" not in told.stdout.str()
        assert not list(disk.rglob(".*"))
    assert len(list(inline.path.glob("baselines/*/*.json"))) == 2


def test_a_disk_that_has_room_again_in_time_has_lost_nothing(inline: Project) -> None:
    inline.test(FILLING.format(body="(request.config.rootpath / 'disk/ballast').unlink()"))
    with small_disk(inline.path / "disk", 512) as disk:
        told = inline.run("--ttsperf-artifacts=disk/artifacts")
        assert told.ret == 0
        told.stdout.no_fnmatch_line(LOST)
        (path,) = disk.glob("artifacts/bench/*/run_*.json")
        assert len(json.loads(path.read_text())["cells"]) == 2


def test_a_baseline_that_finds_no_room_is_told(inline: Project) -> None:
    inline.test(FILLING.format(body="pass"))
    with small_disk(inline.path / "disk") as disk:
        told = inline.run("--ttsperf-storage=disk/baselines", "--ttsperf-save")
        told.assert_outcomes(passed=2)
        assert told.ret == pytest.ExitCode.TESTS_FAILED
        told.stdout.fnmatch_lines(
            ["*ttfa p50*PASS*", LOST, "*disk/baselines/*.json cannot be written: No space left*"]
        )
        assert "Traceback" not in told.stdout.str()
        assert not [path for path in disk.rglob(".*") if path.name != ".lock"]


LIMITED = """
import resource

@trials(5)
@ttfa(p50_ms=5000)
def test_x(perf):
    perf.stream("short")
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, resource.RLIM_INFINITY))
"""


def test_a_limit_on_the_size_of_files_is_told(inline: Project) -> None:
    inline.test(LIMITED)
    code, out = into_a_pipe(inline, "-p", "no:cacheprovider")
    assert code == pytest.ExitCode.TESTS_FAILED
    lines = pytest.LineMatcher(out.splitlines())
    lines.fnmatch_lines(["*ttfa p50*PASS*", LOST, "*cannot be written: File too large*"])
    assert "1 passed" in out
    assert "Traceback" not in out


TAKEN_AWAY = """
import os
@trials(5)
@ttfa(p50_ms=5000)
def test_x(perf):
    perf.stream("short")
    os.rename("artifacts/bench", "artifacts/gone")
    open("artifacts/bench", "w").close()
"""


@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_a_folder_taken_away_meanwhile_is_told(inline: Project, workers: tuple[str, ...]) -> None:
    inline.test(TAKEN_AWAY)
    told = inline.run(*workers)
    told.assert_outcomes(passed=1)
    assert told.ret == pytest.ExitCode.TESTS_FAILED
    told.stdout.fnmatch_lines(["*ttfa p50*PASS*", LOST, "*artifacts/bench/*cannot be written: *"])
    assert "Traceback" not in told.stdout.str()


def test_a_baseline_folder_that_cannot_be_used_is_told(measured: Project) -> None:
    measured.run("--ttsperf-save").assert_outcomes(passed=1)
    (path,) = measured.path.glob("baselines/*/*.json")
    folder = path.parent
    folder.rename(folder.with_name("elsewhere"))
    for in_the_way in ("folder", "lock"):
        if in_the_way == "folder":
            folder.write_text("")
        else:
            folder.unlink()
            (folder / ".lock").mkdir(parents=True)
        told = measured.run("--ttsperf-save")
        told.assert_outcomes(passed=1)
        assert told.ret == pytest.ExitCode.TESTS_FAILED
        told.stdout.fnmatch_lines(["*ttfa p50*PASS*", LOST, f"*{path} cannot be written: *"])
        assert "Traceback" not in told.stdout.str()


def test_a_run_that_cannot_begin_leaves_no_empty_file(measured: Project) -> None:
    (measured.path / "file").write_text("")
    told = measured.run("--ttsperf-json=file/run.json")
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(["*file/run.json cannot be written: *--ttsperf-json*"])
    assert measured.artifact_paths() == []


def test_names_that_are_too_long_for_a_file_are_shortened(tmp_path: Path) -> None:
    cells = [msgspec.structs.replace(CELL, voice="v" * 300 + tail) for tail in "ab"]
    run = run_of(*(result(cell=cell) for cell in cells))
    writer = artifact.ArtifactWriter(tmp_path, datetime_of_a_run())
    assert writer.write(run) == ()
    assert len(list(tmp_path.rglob("bench_*.json"))) == 2


def test_voices_that_differ_by_odd_characters_get_files_of_their_own(tmp_path: Path) -> None:
    cells = [msgspec.structs.replace(CELL, voice=voice) for voice in ("a/b", "a:b")]
    run = run_of(*(result(cell=cell) for cell in cells))
    writer = artifact.ArtifactWriter(tmp_path, datetime_of_a_run())
    assert writer.write(run) == ()
    assert len(list(tmp_path.rglob("bench_*.json"))) == 2


@pytest.mark.parametrize("mask", [0o077, 0o002])
def test_what_is_written_has_the_mode_of_the_umask(measured: Project, mask: int) -> None:
    before = os.umask(mask)
    try:
        measured.run("--ttsperf-save", "--ttsperf-json=run.json").assert_outcomes(passed=1)
    finally:
        os.umask(before)
    written = [*measured.path.glob("artifacts/bench/*/*.json"), measured.path / "run.json"]
    written += measured.path.glob("baselines/*/*.json")
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o666 & ~mask}


# Locales and homes


def test_a_locale_without_utf_8(inline: Project) -> None:
    inline.test(TEST.replace('"short"', '"Grüße aus Köln am Rhein."'))
    folder = inline.path / os.fsdecode("größe".encode("latin-1"))
    folder.mkdir()
    (inline.path / "test_it.py").rename(folder / "test_it.py")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {**os.environ, **plain, "PYTHONIOENCODING": "ascii"}
    options = ["-p", "no:cacheprovider", "--ttsperf-save", "--ttsperf-json=run.json"]
    for _ in range(2):
        code, out = in_process_of_its_own(inline, *options, env=environment)
        assert code == 0, out
    (cell,) = json.loads((inline.path / "run.json").read_text("utf-8"))["cells"]
    counted = {trial["text"] for trial in cell["trials"] if trial["kind"] == "trial"}
    assert counted == {"Grüße aus Köln am Rhein."}
    assert cell["cell"]["test"].startswith("gr")
    (path,) = inline.path.glob("baselines/*/*.json")
    assert len(json.loads(path.read_text("utf-8"))["runs"]) == 2


def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as a user whom the system does not know."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_home_a_revision_is_refused_with_the_remedy(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_home(monkeypatch)
    told = repository.run("--ttsperf-against=HEAD")
    assert told.ret == pytest.ExitCode.USAGE_ERROR
    told.stderr.fnmatch_lines(["*home*set XDG_CACHE_HOME*"])
    assert not (repository.path / "~").exists()


def test_without_a_home_everything_else_is_measured(
    measured: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_home(monkeypatch)
    measured.run("--ttsperf-save", "--ttsperf-compare").assert_outcomes(passed=1)
    assert not (measured.path / "~").exists()


def test_an_http_template_that_is_no_text_is_refused(measured: Project) -> None:
    (measured.path / "template.json").write_bytes(b'{"path": "\xff"}')
    told = measured.run(
        "--ttsperf-target=http://127.0.0.1:9", "--ttsperf-http-template=template.json"
    )
    assert told.ret == pytest.ExitCode.USAGE_ERROR
    told.stderr.fnmatch_lines(["*template.json is no text in UTF-8*"])
