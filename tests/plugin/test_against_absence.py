"""An old version that does not run: new where that is provable, else an error that fails."""

from __future__ import annotations

import hashlib

import pytest

from tests.plugin.conftest import INLINE, Project
from tests.plugin.repository import TEST, commit, commit_all, git, slowdown

OPENS_A_MODEL = """
from pathlib import Path
WEIGHT = int((Path(__file__).parent / "models" / "voice.bin").read_text())
"""
VOICES = """
import os
VOICES = {voices}

class Voiced(Telling):
    def __init__(self, voice="hum"):
        if voice not in VOICES:
            raise KeyError(f"unknown voice {{voice}}; there are {{VOICES}}")
        super().__init__()
"""


def append(project: Project, source: str) -> None:
    engines = project.path / "engines.py"
    engines.write_text(engines.read_text() + source)


def write(project: Project, path: str, text: str) -> None:
    place = project.path / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def ignore(project: Project, pattern: str) -> None:
    lines = project.path / ".gitignore"
    lines.write_text(f"{lines.read_text()}{pattern}\n")


def reason(project: Project) -> str:
    (cell,) = project.cells()
    return str(cell["comparison"]["reason"])


def fails(project: Project, *arguments: str) -> str:
    """Compare with the commit before, which is an error; gives its words."""
    result = project.run("--ttsperf-against=HEAD~1", *arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID*does not run, so nothing was compared with it*"])
    (cell,) = project.cells()
    assert cell["comparison"]["outcome"] == "INVALID"
    return reason(project)


def is_new(project: Project, *arguments: str) -> str:
    """Compare with the commit before, which lacks what is measured; gives why."""
    result = project.run("--ttsperf-against=HEAD~1", *arguments)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["ttsperf: *; NOTHING WAS COMPARED with HEAD~1 (*)"])
    assert "new: HEAD~1" in reason(project)
    return reason(project)


@pytest.fixture
def modelled(repository: Project) -> Project:
    """Opens a model that git ignores, in its last two commits."""
    ignore(repository, "models/")
    write(repository, "models/voice.bin", "7")
    append(repository, OPENS_A_MODEL)
    commit_all(repository, "with a model")
    commit(repository, "chunk_s=0.0015", "chunk_s=0.0016")
    return repository


def test_a_model_that_git_ignores_is_named_with_its_remedy(modelled: Project) -> None:
    words = fails(modelled)
    assert "FileNotFoundError" in words
    assert "models/voice.bin is in the running tree and not in the old one" in words
    assert "git ignores it: --ttsperf-against-copy=models/voice.bin takes it over" in words


@pytest.mark.usefixtures("one_block")
def test_models_that_git_ignores_are_taken_over(modelled: Project) -> None:
    """One by the option and one by the ini; the engine opens both."""
    write(modelled, "others/voice.bin", "8")
    ignore(modelled, "others/")
    append(modelled, OPENS_A_MODEL.replace("models", "others"))
    commit_all(modelled, "with another")
    commit(modelled, "first_s=0.012", "first_s=0.036")
    ini = modelled.path / "tox.ini"
    ini.write_text(f"{ini.read_text()}\nttsperf_against_copy = others\n")
    result = modelled.run("--ttsperf-against=HEAD~1", "--ttsperf-against-copy=models/*.bin")
    result.assert_outcomes(passed=1)
    assert slowdown(modelled) > 1.5, "it was compared"
    (cell,) = modelled.cells()
    for model in ("models/voice.bin", "others/voice.bin"):
        result.stdout.fnmatch_lines([f"ttsperf: HEAD~1*copied from the running tree: *{model}*"])
        assert any(model in note for note in cell["comparison"]["notes"])


def test_a_pattern_that_matches_nothing_ends_the_run(modelled: Project) -> None:
    result = modelled.run("--ttsperf-against=HEAD~1", "--ttsperf-against-copy=modls/*")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "found nothing in" in "\n".join(result.errlines + result.outlines)


def test_a_large_file_that_is_only_a_pointer_is_named(repository: Project) -> None:
    name = hashlib.sha256(b"8").hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize 1\n"
    write(repository, "models/voice.bin", pointer)
    append(repository, OPENS_A_MODEL.replace(".read_text())", ".read_text(), 10)"))
    commit_all(repository, "a large file")
    commit(repository, "first_s=0.012", "first_s=0.013")
    write(repository, "models/voice.bin", "7")
    words = fails(repository)
    assert "ValueError" in words
    assert "models/voice.bin" in words
    assert "git lfs fetch origin" in words


def test_a_submodule_that_is_not_there_is_named(repository: Project) -> None:
    vendor = repository.path.parent / "vendor"
    repository.pytester.run("git", "init", "-q", str(vendor))
    (vendor / "pauses.py").write_text("FIRST_S = 0.012\n")
    for arguments in (("add", "-A"), ("commit", "-qm", "one")):
        git(repository, "-C", str(vendor), *arguments)
    allowed = ("-c", "protocol.file.allow=always")
    git(repository, *allowed, "submodule", "--quiet", "add", str(vendor), "vendor")
    append(repository, "\nfrom vendor.pauses import FIRST_S\n")
    commit_all(repository, "with a submodule")
    git(repository, "rm", "-rqf", "vendor")
    engines = repository.path / "engines.py"
    engines.write_text(engines.read_text().replace("from vendor.pauses import FIRST_S", ""))
    commit_all(repository, "without")
    repository.pytester.run("rm", "-rf", ".git/modules/vendor")
    words = fails(repository)
    assert "No module named 'vendor" in words
    assert "not in the old tree: vendor (submodules: git submodule update --init" in words


def test_a_built_extension_that_git_ignores_is_named(repository: Project) -> None:
    ignore(repository, "_fast.py")
    write(repository, "_fast.py", "GAIN = 1\n")
    append(repository, "\nimport _fast\n")
    commit_all(repository, "built")
    commit(repository, "first_s=0.012", "first_s=0.013")
    words = fails(repository)
    assert "_fast.py is in the running tree and not in the old one, as git ignores it" in words


def test_a_target_that_moved_is_not_new(repository: Project) -> None:
    (repository.path / "inner").mkdir()
    git(repository, "mv", "engines.py", "inner/engines.py")
    commit_all(repository, "moved away")
    git(repository, "mv", "inner/engines.py", "engines.py")
    commit_all(repository, "and back")
    assert "The module may be inner/engines.py there" in fails(repository)


def test_a_target_whose_module_git_ignores_is_not_new(repository: Project) -> None:
    ignore(repository, "generated.py")
    write(repository, "generated.py", "from engines import Telling\n")
    commit_all(repository, "generates code")
    commit(repository, "first_s=0.012", "first_s=0.013")
    repository.ini(ttsperf_target="generated:Telling")
    assert "generated.py is not in the old tree, as git ignores it" in fails(repository)


def test_a_class_that_the_old_module_has_not_is_new(repository: Project) -> None:
    append(repository, "\nclass Voice(Telling):\n    pass\n")
    commit_all(repository, "a new class")
    repository.ini(ttsperf_target="engines:Voice")
    assert "its engines.py has no Voice" in is_new(repository)


def test_a_class_that_the_old_module_should_have_is_not_new(repository: Project) -> None:
    """It is there only if something can be imported, and the old tree has not got that."""
    ignore(repository, "_fast.py")
    write(repository, "_fast.py", "")
    append(
        repository,
        "\ntry:\n    import _fast\n    class Voice(Telling):\n        pass\n"
        "except ImportError:\n    pass\n",
    )
    commit_all(repository, "only where it is built")
    commit(repository, "first_s=0.012", "first_s=0.013")
    repository.ini(ttsperf_target="engines:Voice")
    words = fails(repository)
    assert "has no 'Voice'" in words
    assert "If it needs what git ignores here (_fast.py)" in words


def test_an_option_that_the_old_target_does_not_take_is_new(repository: Project) -> None:
    commit(repository, "chunk_s=0.0015):", "chunk_s=0.0015, gain=1.0):")
    words = is_new(repository, "--ttsperf-target-option=gain=2")
    assert "option gain=" in words


def test_a_voice_that_the_old_code_does_not_know_is_new(repository: Project) -> None:
    append(repository, VOICES.format(voices=["hum"]))
    repository.ini(ttsperf_target="engines:Voiced")
    commit_all(repository, "voices")
    commit(repository, "VOICES = ['hum']", "VOICES = ['hum', 'amy']")
    assert "it knows no 'amy'" in is_new(repository, "--ttsperf-voice=amy")


def test_a_voice_of_files_that_git_ignores_is_not_new(repository: Project) -> None:
    """Its folder is not in the old tree, so the old code knows no voice at all."""
    ignore(repository, "voices/")
    write(repository, "voices/amy", "")
    folder = "os.listdir('voices') if os.path.isdir('voices') else []"
    append(repository, VOICES.format(voices=folder))
    repository.ini(ttsperf_target="engines:Voiced")
    repository.test("@voice('amy')" + TEST)
    commit_all(repository, "voices")
    commit(repository, "first_s=0.012", "first_s=0.013")
    git(repository, "rm", "-q", "--cached", "test_it.py")
    words = fails(repository)
    assert "unknown voice amy" in words
    assert "--ttsperf-against-copy" in words


def test_what_cannot_be_compared_is_said_in_the_last_line(repository: Project) -> None:
    repository.test("@ttfa(p50_ms=9000)" + TEST)
    result = repository.run("--ttsperf-against=HEAD", "--ttsperf-inline")
    result.stdout.fnmatch_lines(["ttsperf: *PASS*; NOTHING WAS COMPARED with HEAD (*)"])


@pytest.mark.parametrize(
    ("environment", "arguments", "is_advised"),
    [
        ("true", [], True),
        ("false", [], False),
        ("", [], False),
        ("true", ["--ttsperf-inconclusive=fail"], False),
        ("true", ["--ttsperf-inconclusive=warn"], False),
    ],
)
def test_the_first_line_advises_to_be_strict_in_ci(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    arguments: list[str],
    is_advised: bool,
) -> None:
    monkeypatch.setenv("CI", environment)
    project.test(TEST)
    result = project.run(INLINE, *arguments)
    (first, *_) = [line for line in result.outlines if line.startswith("ttsperf:")]
    assert first.startswith("ttsperf: 1 performance test, ")
    assert ("--ttsperf-inconclusive=fail" in first) is is_advised
