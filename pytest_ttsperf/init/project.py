"""The project that gets a first test: what pytest reads there, and what is written into it."""

from __future__ import annotations

import configparser
import contextlib
import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pytest_ttsperf import files, git, secrets
from pytest_ttsperf.errors import GitError, LimitError
from pytest_ttsperf.init import first_files
from pytest_ttsperf.init.first_files import CiService
from pytest_ttsperf.init.first_measurement import FirstMeasurement
from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.records.commands import FileOfInit
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.server import request_template

TEST_FILE = "test_speech_performance.py"
NEW_CONFIG = "pytest.ini"
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
LISTS = ("ttsperf_provider", "pythonpath")
"""Lines whose values are lists in TOML."""
OPTIONS = "ttsperf_target_options"
NATIVE_TABLE = "[tool.pytest]"
"""Of pyproject.toml, since pytest 9; it cannot stand beside the older one."""
GIT_TIMEOUT_S = 10.0


class PytestConfig(NamedTuple):
    """What pytest reads in a folder."""

    path: Path | None
    """The file; None where there is none."""
    target: str | None = None
    """What its line `ttsperf_target` says."""
    option_lines: tuple[str, ...] = ()
    """The options of that target, NAME=VALUE each."""
    has_pythonpath: bool = False
    """Whether it says itself from which folders modules are imported."""


# What is there


def read_config(folder: Path) -> PytestConfig:
    """The configuration that pytest takes in this folder, its own or that of a folder above."""
    for place in (folder, *folder.parents):
        for name in CONFIG_FILES:
            table = _read_table(place / name)
            if table is not None:
                return _to_config(place / name, table)
    return PytestConfig(None)


def _to_config(path: Path, table: Mapping[str, Any]) -> PytestConfig:
    target = table.get("ttsperf_target")
    if not isinstance(target, str) or not target.strip():
        target = None
    return PytestConfig(
        path=path,
        target=target,
        option_lines=tuple(_option_lines(table)),
        has_pythonpath=bool(table.get("pythonpath")),
    )


def _option_lines(table: Mapping[str, Any]) -> list[str]:
    """The options of the target, also those that say how a server is asked."""
    lines: list[str] = []
    for name in ("preset", "template"):
        value = table.get(f"ttsperf_http_{name}")
        is_inline = not isinstance(value, str) or name == "preset" or value.startswith("{")
        if value and is_inline:
            lines.append(f"{name}={_ini_value(value)}")
    options = table.get(OPTIONS) or ""
    if isinstance(options, str):
        lines += [line.strip() for line in options.splitlines()]
    elif isinstance(options, Mapping):
        lines += [f"{name}={_ini_value(value)}" for name, value in options.items()]
    else:
        lines += [str(line) for line in options]
    return [line for line in lines if line]


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


def _read_toml(text: str, tables: Sequence[Sequence[str]]) -> Mapping[str, Any] | None:
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
    if not parser.has_section(section):
        return None
    return dict(parser[section])


def find_ci_service(folder: Path) -> CiService:
    """The service that the project is built by: by its files, else by its remote, else GitHub."""
    if (folder / WORKFLOWS["gitlab"]).exists():
        return "gitlab"
    if (folder / ".github").exists():
        return "github"
    if "gitlab" in _ask_git(folder, "remote", "get-url", "origin"):
        return "gitlab"
    return "github"


def _find_branch(folder: Path) -> str:
    """The branch that is checked out, on which the first workflow is written."""
    return _ask_git(folder, "symbolic-ref", "--short", "HEAD") or "main"


def _ask_git(folder: Path, *arguments: str) -> str:
    """What git prints; nothing where there is no git, or it has nothing to say."""
    with contextlib.suppress(GitError):
        done = git.run(folder, *arguments, timeout_s=GIT_TIMEOUT_S)
        if done.code == 0:
            return done.output.strip()
    return ""


def _install_arguments(folder: Path) -> str:
    """What pip is to install: the project where it is a package, else what it lists."""
    words = []
    if _is_package(folder):
        words.append("-e .")
    elif (folder / "requirements.txt").exists():
        words.append("-r requirements.txt")
    words.append("pytest-ttsperf")
    return " ".join(words)


def _is_package(folder: Path) -> bool:
    if (folder / "setup.py").exists():
        return True
    try:
        content = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "project" in content or "build-system" in content


# What is to be written


def refuse_secrets(spec: TargetSpec) -> None:
    """LimitError where a secret is written out that would have to be written into a file."""
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
    drafts = [_draft(folder, _test_path(folder), first_files.compose_test_file(measured))]
    config = read_config(folder)
    if config.target is None:
        lines = ini_lines(measured, None if config.has_pythonpath else import_folder)
        drafts.append(_draft_config(folder, config, lines))
    if ci is not None:
        body = first_files.compose_workflow(
            measured,
            ci,
            branch=_find_branch(folder),
            install=_install_arguments(folder),
        )
        drafts.append(_draft(folder, WORKFLOWS[ci], body))
    return drafts


def write_drafts(drafts: Sequence[FileOfInit], folder: Path) -> list[FileOfInit]:
    """Write what is to be written, each into a file that was not there; gives what came of it."""
    written = []
    for draft in drafts:
        if draft.is_written:
            try:
                files.create_file(folder / draft.path, draft.body.encode())
            except FileExistsError:
                draft = _leave(draft.path, draft.body)
        written.append(draft)
    return written


def _draft(folder: Path, path: str, body: str) -> FileOfInit:
    place = folder / path
    if place.exists() or place.is_symlink():
        return _leave(path, body)
    return FileOfInit(path=path, body=body, is_written=True)


def _leave(path: str, body: str) -> FileOfInit:
    """For a file that is there: what would have been written is shown."""
    remark = f"{path} is there already and stays as it is; this would have been written"
    return FileOfInit(path=path, body=body, is_written=False, remark=remark)


def _test_path(folder: Path) -> str:
    if (folder / "tests").is_dir():
        return f"tests/{TEST_FILE}"
    return TEST_FILE


# Pytest's configuration


def ini_lines(measured: FirstMeasurement, import_folder: str | None) -> list[str]:
    """The lines that name the target in pytest's configuration, as an ini file has them."""
    source = measured.source
    lines = [f"ttsperf_target = {source.spec.spec}"]
    options = dict(source.spec.options)
    if targets_spec.kind_of(source.spec.spec).name in ("http", "wyoming"):
        lines += _take_server_lines(options)
    if options:
        lines.append(f"{OPTIONS} =")
        lines += [f"    {name}={_ini_value(value)}" for name, value in sorted(options.items())]
    if source.provider is not None:
        lines.append(f"ttsperf_provider = {source.provider}")
    if source.voice is not None:
        lines.append(f"ttsperf_voice = {source.voice}")
    if import_folder is not None:
        lines.append(f"pythonpath = {import_folder}")
    return lines


def _take_server_lines(options: dict[str, Any]) -> list[str]:
    """Take out of the options how a server is asked, as lines; what is usual needs none."""
    if options.get("connection") == _usual_connection(options):
        options.pop("connection")
    lines = []
    for name in ("preset", "template", "connection"):
        if name in options:
            lines.append(f"ttsperf_http_{name} = {_ini_value(options.pop(name))}")
    return lines


def _usual_connection(options: Mapping[str, Any]) -> str:
    """How long a connection lives in the form that these options name."""
    preset = options.get("preset")
    template = options.get("template")
    return request_template.build_template(preset, template, None).connection


def _ini_value(value: object) -> str:
    """A value as an option has it: a text as it is, unless it would be read as something else."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)


def _draft_config(folder: Path, config: PytestConfig, lines: Sequence[str]) -> FileOfInit:
    """A pytest.ini where pytest has no configuration; else lines to be added by hand.

    A second file would take the place of the first, as pytest reads one only.
    """
    if config.path is None:
        return _draft(folder, NEW_CONFIG, "\n".join(["[pytest]", *lines, ""]))
    shown = str(config.path)
    if config.path.is_relative_to(folder):
        shown = config.path.relative_to(folder).as_posix()
    if config.path.suffix == ".toml":
        body = _toml_text(config.path, lines)
    else:
        section = INI_SECTIONS[config.path.name]
        body = "\n".join([f"[{section}]", *lines, ""])
    return FileOfInit(path=shown, body=body, is_written=False, remark=f"add to {shown}")


def _toml_text(path: Path, lines: Sequence[str]) -> str:
    """The same lines in TOML: each value a text, or a list of texts."""
    table = "[pytest]"
    if path.name == "pyproject.toml":
        is_native = NATIVE_TABLE in path.read_text(encoding="utf-8")
        table = NATIVE_TABLE if is_native else "[tool.pytest.ini_options]"
    written = [table]
    options = [line.strip() for line in lines if line.startswith(" ")]
    for line in lines:
        if line.startswith(" "):
            continue
        key, _, text = line.partition(" =")
        value: object = text.strip()
        if key == OPTIONS:
            value = options
        elif key in LISTS:
            value = [text.strip()]
        written.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join([*written, ""])


# What comes next


def next_command(
    folder: Path,
    measured: FirstMeasurement,
    import_folder: str | None = None,
) -> str:
    """The command that runs the first test; it says itself what no file says."""
    config = read_config(folder)
    if config.target is not None:
        return "pytest -m perf"
    spec = measured.source.spec
    words = ["pytest", "-m", "perf", f"--ttsperf-target={spec.spec}"]
    for name, value in spec.options.items():
        words.append(f"--ttsperf-target-option={name}={_ini_value(value)}")
    if import_folder is not None and not config.has_pythonpath:
        words += ["-o", f"pythonpath={import_folder}"]
    return shlex.join(words)
