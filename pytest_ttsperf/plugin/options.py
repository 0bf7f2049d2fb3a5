"""The options of a run: the only place that reads pytest's configuration.

Unset is None; the defaults live in `read`. The command line wins over a mark, a mark over ini,
ini over the default; but a test's `@voice` wins over `--ttsperf-voice`, because it says which
voice the test is about.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from pytest_ttsperf import files, secrets
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import FileUnreadable, LimitError
from pytest_ttsperf.plugin import ini
from pytest_ttsperf.plugin.markers import Override, parse_override
from pytest_ttsperf.plugin.option_table import CONNECTIONS, INCONCLUSIVE, PREFIX, REPORT
from pytest_ttsperf.targets import spec
from pytest_ttsperf.targets.worker import interpreter

DEFAULT_TIMEOUT_S = 60.0
DEFAULT_STORAGE = "baselines"
DEFAULT_ARTIFACTS = "artifacts"
AUTO: Literal["auto"] = "auto"
ProcessCount = int | Literal["auto"]


@dataclass(frozen=True, slots=True)
class LimitOverrides:
    """Limits that stand in the place of the tests' own, by where they were set."""

    ini: tuple[Override, ...]
    machine: tuple[tuple[str, Override], ...]
    """Of ini for one machine: the beginning or end of a fingerprint, and the override it gets."""
    command_line: tuple[Override, ...]

    def on(self, fingerprint: str) -> tuple[Override, ...]:
        """Those in force on a fingerprint, the strongest last."""
        machine = [override for mark, override in self.machine if _matches(mark, fingerprint)]
        return (*self.ini, *machine, *self.command_line)


def _matches(mark: str, fingerprint: str) -> bool:
    return bool(mark) and (fingerprint.startswith(mark) or fingerprint.endswith(mark))


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that was set for a run, with defaults filled in."""

    target: str | None
    target_options: Mapping[str, Any]
    """Keyword options of that target: of ini, and over them those of the command line."""
    cli_target_options: Mapping[str, Any]
    """Those of the command line alone, for a target that a fixture names."""
    providers: tuple[str | None, ...]
    """At least one; None for the target's default."""
    provider_requested: bool
    """Whether the command line names it, so that a missing one is an error."""
    pythons: Mapping[str, str]
    """Interpreters that open the target, by provider; none for the running one."""
    voice: str | None
    voice_requested: bool
    trials: int | None
    trials_ini: int | None
    cold_trials: int | None
    processes: ProcessCount | None
    """Over how many the trials of a warm cell are spread."""
    processes_ini: ProcessCount | None
    listeners: tuple[int, ...]
    """How many listen at once, a test for each number; none where nobody says it."""
    listeners_ini: tuple[int, ...]
    windows: int | None
    """Of each cell with many listeners."""
    windows_ini: int | None
    window_s: float | None
    """How long requests are counted in one."""
    texts_from: int | None
    """The number of the text at which a run starts in each preset; None for one that is drawn."""
    timeout_s: float
    inline: bool
    disabled: bool
    save: bool
    compare: bool
    measure: bool
    """Whether what has no baseline to be judged by is compared with the revision of one."""
    against: str | None
    """A version, directory or target to compare with."""
    against_options: Mapping[str, Any]
    """Keyword options of the target to compare with."""
    against_install: str | None
    """Extras with which that version gets an environment of its own; None for none."""
    against_copy: tuple[str, ...]
    """Patterns of files that git does not track and that version gets from the running tree."""
    fetch: bool
    """Whether a revision that is not there may be fetched."""
    budget_s: float
    """Infinite where it is open."""
    load_budget_s: float
    """The same where many listen."""
    budget_set_s: float | None
    """The same where somebody has said it; None where nobody has."""
    settings: tuple[str, ...]
    """Keyword options of the target, each of which is compared with the target as it is."""
    margins: Mapping[str, float]
    margins_ini: Mapping[str, float]
    inconclusive_fails: bool
    inconclusive_is_set: bool
    """Whether it was said what INCONCLUSIVE does, in whichever way."""
    storage: Path
    artifacts: Path
    save_audio: bool
    """Whether the sound of each trial is written, with when its chunks came."""
    trace: bool
    """Whether traces of the trials are written, and graph nodes looked at."""
    json: Path | None
    writes_report: bool
    """Whether the run's pages are written beside its artifact."""
    http: Mapping[str, object]
    """How a target by http:// is asked: connection, preset and template, those that are set."""
    overrides: LimitOverrides


def read(config: pytest.Config) -> Options:
    """All options of this run. pytest.UsageError names the one that cannot be understood."""
    try:
        return _read(config)
    except LimitError as error:
        raise pytest.UsageError(str(error)) from error


def _read(config: pytest.Config) -> Options:
    # First of all, so that no message shows a secret, not even one about another option.
    _remember_secrets(config)
    overrides = _overrides(config)
    cli_target_options = _keyword_options(config, "target-option")
    return Options(
        target=_option_or_ini(config, "target"),
        target_options={**_ini_target_options(config), **cli_target_options},
        cli_target_options=cli_target_options,
        providers=_providers(config),
        provider_requested=_option(config, "provider") is not None,
        pythons=_pythons(config),
        voice=_option_or_ini(config, "voice"),
        voice_requested=_option(config, "voice") is not None,
        trials=_count(_option(config, "trials"), f"{PREFIX}trials"),
        trials_ini=_count(ini.number(config, "trials"), "ini ttsperf_trials"),
        cold_trials=_count(_option(config, "cold-trials"), f"{PREFIX}cold-trials"),
        processes=_process_count(_option(config, "processes"), f"{PREFIX}processes"),
        processes_ini=_process_count(ini.number(config, "processes"), "ini ttsperf_processes"),
        listeners=_listeners(_option(config, "listeners"), f"{PREFIX}listeners"),
        listeners_ini=_listeners(ini.number(config, "listeners"), "ini ttsperf_listeners"),
        windows=_count(_option(config, "windows"), f"{PREFIX}windows"),
        windows_ini=_count(ini.number(config, "windows"), "ini ttsperf_windows"),
        window_s=_window_s(_number(config, "window")),
        texts_from=_start_of_texts(_option(config, "texts-from")),
        timeout_s=_timeout_s(_number(config, "timeout")),
        inline=_option(config, "inline"),
        disabled=_option(config, "disable"),
        save=_option(config, "save"),
        compare=_option(config, "compare") or _option(config, "compare=measure"),
        measure=_option(config, "compare=measure"),
        against=_option(config, "against"),
        against_options=_keyword_options(config, "against-option"),
        against_install=_option(config, "against-install"),
        against_copy=(*ini.lines(config, "against_copy"), *_option(config, "against-copy")),
        fetch=_option(config, "fetch"),
        budget_s=_budget_s(_number(config, "budget"), metrics.DEFAULT_BUDGET_S),
        load_budget_s=_budget_s(_number(config, "budget"), metrics.DEFAULT_LOAD_BUDGET_S),
        budget_set_s=_budget_set_s(_number(config, "budget")),
        settings=tuple(_option(config, "setting")),
        margins=metrics.margins_of_lines(
            _option(config, "compare-fail"),
            f"{PREFIX}compare-fail",
        ),
        margins_ini=metrics.margins_of_lines(
            ini.lines(config, "compare_fail", joint=":"),
            "ini ttsperf_compare_fail",
        ),
        inconclusive_fails=_inconclusive(config) == "fail",
        inconclusive_is_set=_option_or_ini(config, "inconclusive") is not None,
        storage=_folder(config, "storage", DEFAULT_STORAGE),
        artifacts=_folder(config, "artifacts", DEFAULT_ARTIFACTS),
        save_audio=_option(config, "save-audio"),
        trace=_option(config, "trace"),
        json=_json(config),
        writes_report=_report(config) == "yes",
        http=_http(config),
        overrides=overrides,
    )


def _option(config: pytest.Config, name: str) -> Any:
    """An option of the command line, as argparse has it."""
    return config.getoption(PREFIX + name)


def _option_or_ini(config: pytest.Config, name: str) -> str | None:
    """A text that has the same name in both."""
    value: str | None = _option(config, name)
    return ini.text(config, name.replace("-", "_")) if value is None else value


def _number(config: pytest.Config, name: str) -> str | int | float | None:
    value: str | float | None = _option(config, name)
    return ini.number(config, name) if value is None else value


def _keyword_options(config: pytest.Config, name: str) -> dict[str, Any]:
    return spec.options_of(_option(config, name), PREFIX + name)


def _ini_target_options(config: pytest.Config) -> dict[str, Any]:
    """Options of ini, which are those of ini's target and of no other."""
    if _option(config, "target") is not None:
        return {}
    lines = ini.lines(config, "target_options", quoted=True)
    return spec.options_of(lines, "ini ttsperf_target_options")


def _remember_secrets(config: pytest.Config) -> None:
    template = _http_template(config)
    if isinstance(template, dict):
        template = json.dumps(template, default=str)
    texts = [
        *_option(config, "target-option"),
        *_option(config, "against-option"),
        *ini.lines(config, "target_options", quoted=True),
        _option_or_ini(config, "target"),
        _option(config, "against"),
        template,
    ]
    secrets.remember_arguments([text for text in texts if text is not None])


def _folder(config: pytest.Config, name: str, default: str) -> Path:
    """A folder: one of the command line from where pytest was started, one of ini from the root."""
    folder: Path
    path: str | None = _option(config, name)
    if path is None:
        folder = config.rootpath / (ini.text(config, name) or default)
    else:
        folder = config.invocation_params.dir / path
    if folder.exists() and not folder.is_dir():
        raise LimitError(f"{PREFIX}{name}: {folder} is a file; wanted a folder, or none yet")
    return folder


def _json(config: pytest.Config) -> Path | None:
    name: str | None = _option(config, "json")
    if name is None:
        return None
    path: Path = config.invocation_params.dir / name
    if path.is_dir():
        raise LimitError(f"{PREFIX}json: {path} is a folder; wanted a file, or none yet")
    try:
        if files.is_descriptor(path) and _has_workers(config):
            raise LimitError(
                f"{PREFIX}json: {path} is open in this process, and the run is written by a worker "
                "of pytest-xdist, where it is not; name a file, or leave out -n"
            )
        if files.is_stream(path):
            files.check_stream(path)
    except OSError as error:
        raise LimitError(
            f"{PREFIX}json: {path} cannot be written: {files.reason_of(error)}; wanted a file, a "
            "device, a pipe or a descriptor that can"
        ) from error
    return path


def _has_workers(config: pytest.Config) -> bool:
    """Whether pytest-xdist hands the tests to processes of their own."""
    return bool(config.getoption("numprocesses", None) or config.getoption("tx", None))


def _http(config: pytest.Config) -> dict[str, object]:
    connection = _option_or_ini(config, "http-connection")
    if connection not in (None, *CONNECTIONS):
        raise LimitError(f"ini ttsperf_http_connection={connection!r}; wanted keep or fresh")
    preset = _option_or_ini(config, "http-preset")
    http: dict[str, object] = {}
    for name, text in (("preset", preset), ("connection", connection)):
        if text is not None:
            http[name] = text
    template = _http_template(config)
    if template is not None:
        http["template"] = _to_object(config, template)
    return http


def _http_template(config: pytest.Config) -> str | dict[str, Any] | None:
    """A JSON object, the text of one, or the name of a file with one."""
    template: str | None = _option(config, "http-template")
    return ini.text_or_table(config, "http_template") if template is None else template


def _to_object(config: pytest.Config, template: str | dict[str, Any]) -> object:
    """The object of a template; a file is looked for where pytest was started, then in the root."""
    if isinstance(template, dict):
        return template
    name = f"{PREFIX}http-template"
    text = template
    if not template.lstrip().startswith("{"):
        path = _find_file(config, template)
        name = f"{name}: {path}"
        text = _text_of(path, name)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LimitError(f"{name} is no JSON: {error}") from error


def _find_file(config: pytest.Config, name: str) -> Path:
    for folder in (config.invocation_params.dir, config.rootpath):
        path: Path = folder / name
        if path.is_file():
            return path
    raise LimitError(
        f"{PREFIX}http-template: found no file {secrets.mask(name)}; wanted one, or a JSON object"
    )


def _text_of(path: Path, name: str) -> str:
    try:
        return files.read_file(path).decode("utf-8-sig")
    except (OSError, FileUnreadable) as error:
        raise LimitError(f"{name} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise LimitError(f"{name} is no text in UTF-8: {error}") from error


def _providers(config: pytest.Config) -> tuple[str | None, ...]:
    """Each once, in their order; one option may name several, with commas between them."""
    entries = _option(config, "provider")
    if entries is None:
        entries = ini.words(config, "provider")
    names = [name.strip() for name in ",".join(entries).split(",")]
    named = dict.fromkeys(filter(None, names))
    return tuple(named) or (None,)


def _pythons(config: pytest.Config) -> dict[str, str]:
    """Interpreters by provider: those of ini, and over them those of the command line.

    Relative paths start at the root in ini, and where pytest was started on the command line.
    """
    places = (
        ("ini ttsperf_python", ini.lines(config, "python"), config.rootpath),
        (f"{PREFIX}python", _option(config, "python"), config.invocation_params.dir),
    )
    found = {}
    for source, lines, folder in places:
        for line in lines:
            provider, equals, path = (part.strip() for part in line.partition("="))
            if not equals or not provider or not path:
                raise LimitError(
                    f"{source}: found {line!r}, wanted PROVIDER=PATH, as "
                    "openvino=.venv-openvino/bin/python"
                )
            found[provider] = interpreter.find_python(folder / Path(path).expanduser(), source)
    return found


def _inconclusive(config: pytest.Config) -> str:
    word = _option_or_ini(config, "inconclusive") or "warn"
    if word not in INCONCLUSIVE:
        raise LimitError(f"ini ttsperf_inconclusive={word!r}; wanted warn or fail")
    return word


def _report(config: pytest.Config) -> str:
    word = _option_or_ini(config, "report") or "yes"
    if word not in REPORT:
        raise LimitError(f"ini ttsperf_report={word!r}; wanted yes or no")
    return word


def _overrides(config: pytest.Config) -> LimitOverrides:
    source = "ini ttsperf_limits"
    general: list[Override] = []
    machine: list[tuple[str, Override]] = []
    for line in ini.lines(config, "limits"):
        mark, colon, limit = line.rpartition(":")
        mark = mark.strip()
        if colon:
            machine.append((mark, parse_override(limit, f"{source} for {mark}")))
        else:
            general.append(parse_override(line, source))
    option = f"{PREFIX}limit"
    command_line = [parse_override(text, option) for text in _option(config, "limit")]
    return LimitOverrides(tuple(general), tuple(machine), tuple(command_line))


def _count(value: object, name: str) -> int | None:
    if value is None:
        return None
    try:
        count = int(str(value))
    except ValueError:
        count = 0
    if count < 1:
        raise LimitError(f"{name}={value!r}; wanted a whole number of at least 1")
    return count


def _process_count(value: object, name: str) -> ProcessCount | None:
    """A count, or as many as cost little."""
    if value == AUTO:
        return AUTO
    try:
        return _count(value, name)
    except LimitError as error:
        raise LimitError(f"{error}, or {AUTO}") from error


def _listeners(text: object, name: str) -> tuple[int, ...]:
    """`1,4,8`: each number once, in their order; none where it is not set."""
    if text is None:
        return ()
    counts = []
    for part in str(text).split(","):
        word = part.strip()
        if not word.isascii() or not word.isdigit() or int(word) < 1:
            raise LimitError(
                f"{name}={text!r}; wanted whole numbers of at least 1, with commas between them, "
                "as 1,4,8"
            )
        counts.append(int(word))
    return tuple(dict.fromkeys(counts))


def _window_s(text: object) -> float | None:
    """How long requests are counted; None where nobody says it."""
    if text is None:
        return None
    try:
        seconds = metrics.budget_s(text, f"{PREFIX}window")
    except LimitError:
        seconds = math.inf
    if math.isinf(seconds):
        raise LimitError(f"{PREFIX}window={text!r}; wanted a time above 0, as 20s or 1min")
    return seconds


def _start_of_texts(number: int | None) -> int | None:
    if number is not None and number < 0:
        raise LimitError(f"{PREFIX}texts-from={number}; wanted a whole number of at least 0")
    return number


def _budget_s(text: str | int | float | None, default_s: float) -> float:
    """The longest time for the comparison of one test."""
    if text is None:
        return default_s
    return metrics.budget_s(text, f"{PREFIX}budget")


def _budget_set_s(text: str | int | float | None) -> float | None:
    return None if text is None else metrics.budget_s(text, f"{PREFIX}budget")


def _timeout_s(value: object) -> float:
    if value is None:
        return DEFAULT_TIMEOUT_S
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise LimitError(f"{PREFIX}timeout={value!r}; wanted seconds above 0")
    return seconds
