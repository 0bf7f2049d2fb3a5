"""The project that gets a first test: what pytest reads there, and what is written into it."""

from __future__ import annotations

import configparser
import contextlib
import json
import shlex
import string
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pytest_ttsperf import files, git, real
from pytest_ttsperf.errors import GitError, LimitError
from pytest_ttsperf.init.first_measurement import PRESET, FirstMeasurement
from pytest_ttsperf.init.limits import FACTOR, MarkKeywords, MeasuredFigures, choose_marks
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.records.commands import FileOfInit
from pytest_ttsperf.targets import spec as targets_spec

CiService = Literal["github", "gitlab"]
TEST_FILE = "test_speech_performance.py"
WORKFLOWS: Mapping[CiService, str] = {
    "github": ".github/workflows/speech-performance.yml",
    "gitlab": ".gitlab-ci.yml",
}
INI_SECTIONS: Mapping[str, str] = {
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}
TOML_TABLES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "pytest.toml": (("pytest",),),
    ".pytest.toml": (("pytest",),),
    "pyproject.toml": (("tool", "pytest", "ini_options"), ("tool", "pytest")),
}
CONFIG_FILES = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini",
    "setup.cfg",
)  # fmt: skip
"""In the order in which pytest looks for them, in a folder and then in those above it."""
ALWAYS_READ = {"pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"}
"""Taken by pytest even where they say nothing."""
COMPARE_FORMS = {
    "python": "`pytest -m perf --ttsperf-against=origin/main`.",
    "http": "`pytest -m perf --ttsperf-against=http://OTHER:PORT`, with both running.",
    "wyoming": "`pytest -m perf --ttsperf-against=wyoming://OTHER:PORT`, with both running.",
    "command": "`pytest -m perf --ttsperf-against=cmd:...`, the old program.",
}


class PytestConfig(NamedTuple):
    """What pytest reads in a folder."""

    path: Path | None
    """The file; None where there is none."""
    target: str | None = None
    """What its line `ttsperf_target` says."""


class _Page(string.Template):
    """A template whose fields are written `@{name}`: files of CI services are full of dollars."""

    delimiter = "@"
    braceidpattern = r"[a-z]+"
    idpattern = r"(?!)"  # a bare @ is the beginning of a mark


def read_config(folder: Path) -> PytestConfig:
    """The configuration that pytest takes in this folder, its own or that of a folder above."""
    for place in (folder, *folder.parents):
        for name in CONFIG_FILES:
            table = _read_table(place / name)
            if table is not None:
                target = table.get("ttsperf_target")
                return PytestConfig(place / name, target if isinstance(target, str) else None)
    return PytestConfig(None)


def _read_table(path: Path) -> Mapping[str, Any] | None:
    """Pytest's part of a file; None where there is none, or the file cannot be read."""
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            found = _read_toml(text, TOML_TABLES[path.name])
        else:
            found = _read_ini(text, INI_SECTIONS[path.name])
    except (OSError, ValueError, configparser.Error):
        found = None
    if found is None and path.name in ALWAYS_READ:
        return {}
    return found


def _read_toml(text: str, tables: tuple[tuple[str, ...], ...]) -> Mapping[str, Any] | None:
    content = tomllib.loads(text)
    for keys in tables:
        table: Any = content
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):
            return table
    return None


def _read_ini(text: str, section: str) -> Mapping[str, Any] | None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read_string(text)
    return dict(parser[section]) if parser.has_section(section) else None


def find_ci_service(folder: Path) -> CiService:
    """The service that the project is built by: by its files, else by its remote, else GitHub."""
    if (folder / ".gitlab-ci.yml").exists():
        return "gitlab"
    if (folder / ".github").exists():
        return "github"
    with contextlib.suppress(GitError):
        remote = git.run(folder, "remote", "get-url", "origin", timeout_s=10.0)
        if remote.code == 0 and "gitlab" in remote.output:
            return "gitlab"
    return "github"


def ini_lines(measured: FirstMeasurement, import_folder: str | None) -> list[str]:
    """The lines that name the target in pytest's configuration, as an ini file has them."""
    source = measured.source
    lines = [f"ttsperf_target = {source.spec.spec}"]
    options = dict(source.spec.options)
    kind = targets_spec.kind_of(source.spec.spec).name
    if kind in ("http", "wyoming"):
        for name in ("preset", "template", "connection"):
            if name in options:
                lines.append(f"ttsperf_http_{name} = {_ini_value(options.pop(name))}")
    if options:
        lines.append("ttsperf_target_options =")
        lines += [f"    {name}={_ini_value(value)}" for name, value in sorted(options.items())]
    if source.provider is not None:
        lines.append(f"ttsperf_provider = {source.provider}")
    if source.voice is not None:
        lines.append(f"ttsperf_voice = {source.voice}")
    if import_folder is not None:
        lines.append(f"pythonpath = {import_folder}")
    return lines


def _ini_value(value: object) -> str:
    """A value as an option has it: a text as it is, unless it would be read as something else."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)


def refuse_secrets(spec: TargetSpec) -> None:
    """LimitError where a secret is written out that would have to be written into a file."""
    from pytest_ttsperf import secrets

    names = [secret.name for secret in secrets.find(spec.spec, spec.options)]
    if names:
        raise LimitError(
            f"found {', '.join(names)} written out; wanted {{env:NAME}} in its place, as what is "
            "named here is written into a file: export NAME, and name the target anew"
        )


def draft_files(
    measured: FirstMeasurement,
    folder: Path,
    ci: CiService | None,
    import_folder: str | None,
) -> list[FileOfInit]:
    """What `init` writes, with its content; nothing is written yet, and nothing is replaced."""
    config = read_config(folder)
    drafts = [_draft(folder, _test_path(folder), test_file(measured))]
    lines = ini_lines(measured, import_folder)
    if config.path is None:
        drafts.append(_draft(folder, "pytest.ini", "\n".join(["[pytest]", *lines, ""])))
    elif config.target is None:
        section = INI_SECTIONS.get(config.path.name, "pytest")
        body = "\n".join([f"[{section}]", *lines, ""])
        if config.path.suffix == ".toml":
            body = _toml_lines(config.path.name, lines)
        remark = f"add these lines to {_shown(config.path, folder)}"
        drafts.append(
            FileOfInit(path=_shown(config.path, folder), body=body, is_written=False, remark=remark)
        )
    if ci is not None:
        drafts.append(_draft(folder, WORKFLOWS[ci], workflow(measured, folder, ci)))
    return drafts


def write_drafts(drafts: list[FileOfInit], folder: Path) -> list[FileOfInit]:
    """Write what is to be written, each into a file that was not there; gives what came of it."""
    written = []
    for draft in drafts:
        if draft.is_written:
            try:
                files.create_file(folder / draft.path, draft.body.encode())
            except FileExistsError:
                draft = _keep(draft.path, draft.body)
        written.append(draft)
    return written


def _draft(folder: Path, path: str, body: str) -> FileOfInit:
    if (folder / path).exists() or (folder / path).is_symlink():
        return _keep(path, body)
    return FileOfInit(path=path, body=body, is_written=True)


def _keep(path: str, body: str) -> FileOfInit:
    remark = f"{path} is there already and stays as it is; what would have been written"
    return FileOfInit(path=path, body=body, is_written=False, remark=remark)


def _test_path(folder: Path) -> str:
    if (folder / "tests").is_dir():
        return f"tests/{TEST_FILE}"
    return TEST_FILE


def _shown(path: Path, folder: Path) -> str:
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return str(path)


def _toml_lines(name: str, lines: list[str]) -> str:
    """The same lines for a file in TOML: each value a text, options below one another."""
    table = "[tool.pytest.ini_options]" if name == "pyproject.toml" else "[pytest]"
    written = [table]
    options = [line.strip() for line in lines if line.startswith(" ")]
    for line in lines:
        if line.startswith(" "):
            continue
        key, _, value = line.partition(" =")
        shown: object = value.strip()
        if key == "ttsperf_target_options":
            shown = options
        elif key in ("ttsperf_provider", "pythonpath"):
            shown = [value.strip()]
        written.append(f"{key} = {json.dumps(shown, ensure_ascii=False)}")
    return "\n".join([*written, ""])


# The test file


def test_file(measured: FirstMeasurement) -> str:
    """The test file: a docstring that says what the limits are of, and a test for each phase."""
    from pytest_ttsperf.doctor.report import streaming_text

    summary = measured.summary
    marks: dict[str, None] = {}
    tests = []
    for name, fixtures, figures in _tests_of(measured):
        chosen = choose_marks(figures)
        marks.update(dict.fromkeys(mark.name for mark in chosen))
        tests.append(_test_function(name, fixtures, figures, chosen, measured))
    kind = targets_spec.kind_of(measured.source.spec.spec).name
    streaming = streaming_text(summary)
    return _fill(
        "test_file",
        target=_in_docstring(summary.target),
        kind=summary.kind,
        streaming=_in_docstring(streaming[0].lower() + streaming[1:]),
        date=f"{real.now():%Y-%m-%d}",
        machine=_in_docstring(fingerprint.machine().cpu_model),
        factor=f"{FACTOR:g}",
        compare=COMPARE_FORMS[kind],
        imports=", ".join(sorted(marks)),
        tests="\n".join(tests).rstrip("\n"),
    )


def _tests_of(measured: FirstMeasurement) -> Iterator[tuple[str, str, MeasuredFigures]]:
    """Name, fixtures and figures of each test."""
    if measured.warm is not None:
        yield "test_short_reply", "perf", measured.warm
    if measured.cold is not None:
        yield "test_cold_start", "perf, cold_engine", measured.cold


def _test_function(
    name: str,
    fixtures: str,
    figures: MeasuredFigures,
    marks: list[MarkKeywords],
    measured: FirstMeasurement,
) -> str:
    text = f"{figures.text}."
    if figures.rss_peak_mb is None and measured.memory_missing_because:
        text += f"\n# Its memory was not measured: {_one_line(measured.memory_missing_because)}."
    if figures.phase == "warm" and measured.summary.is_streamed is False:
        text += "\n# It sends all at once, so no mark limits how evenly its chunks come."
    elif figures.phase == "warm" and figures.prebuffer_ms is None:
        text += "\n# It stalls in players that buffer a second, so no mark limits underruns yet."
    return _fill(
        "test_function",
        measured=text,
        marks="\n".join(mark.line for mark in marks),
        name=name,
        fixtures=fixtures,
        preset=PRESET,
    )


def _in_docstring(text: str) -> str:
    """A text that ends no docstring and escapes nothing in it."""
    return _one_line(text).replace("\\", "/").replace('"', "'")


def _one_line(text: str) -> str:
    return " ".join(text.split())


# The workflow


def workflow(measured: FirstMeasurement, folder: Path, ci: CiService) -> str:
    """What a CI service runs for each change that is proposed."""
    kind = targets_spec.kind_of(measured.source.spec.spec).name
    install = "pytest-ttsperf"
    if (folder / "pyproject.toml").exists() or (folder / "setup.py").exists():
        install = "-e . pytest-ttsperf"
    elif (folder / "requirements.txt").exists():
        install = "-r requirements.txt pytest-ttsperf"
    return _fill(
        ci,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        install=install,
        start=_start_lines(kind, ci),
        pytest=_ci_command(kind, ci),
    )


def _ci_command(kind: str, ci: CiService) -> str:
    """Imported code is compared with the merge base; of a server there is one version only."""
    command = "python -m pytest -m perf"
    if kind != "python":
        return command
    base = "${{ github.event.pull_request.base.sha || 'HEAD^' }}"
    if ci == "gitlab":
        base = "$CI_MERGE_REQUEST_DIFF_BASE_SHA"
    return f"{command} --ttsperf-against={base}"


def _start_lines(kind: str, ci: CiService) -> str:
    """Where a server has to be started first."""
    if kind not in ("http", "wyoming"):
        return ""
    indent = "      " if ci == "github" else "    "
    step = "- run: " if ci == "github" else "- "
    return (
        f"{indent}# Start your server here, and wait until it answers:\n"
        f"{indent}# {step}my-server & sleep 5\n"
    )


# What comes next


def next_command(folder: Path, measured: FirstMeasurement) -> str:
    """The command that runs the first test; it names the target where no file does."""
    if read_config(folder).target is not None:
        return "pytest -m perf"
    words = ["pytest", "-m", "perf", f"--ttsperf-target={measured.source.spec.spec}"]
    for name, value in measured.source.spec.options.items():
        words.append(f"--ttsperf-target-option={name}={_ini_value(value)}")
    return shlex.join(words)


def _fill(page_name: str, **fields: str) -> str:
    page = resources.files(__package__).joinpath("templates", f"{page_name}.txt")
    return _Page(page.read_text(encoding="utf-8")).substitute(fields)
