"""Options and ini lines: the only place that reads pytest's configuration.

Unset is None; the defaults live in `read`. The command line wins over a mark, a mark over ini,
ini over the default; but a test's `@voice` wins over `--ttsperf-voice`, because it says which
voice the test is about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf import files, secrets
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import FileUnreadable, LimitError
from pytest_ttsperf.plugin import ini
from pytest_ttsperf.plugin.markers import Override, parse_override
from pytest_ttsperf.targets import spec

PREFIX = "--ttsperf-"
DEFAULT_TIMEOUT_S = 60.0
DEFAULT_STORAGE = "baselines"
DEFAULT_ARTIFACTS = "artifacts"
INCONCLUSIVE = ("warn", "fail")
CONNECTIONS = ("keep", "fresh")


@dataclass(frozen=True, slots=True)
class Options:
    """Everything a run was told, with defaults filled in."""

    target: str | None
    target_options: Mapping[str, Any]
    """Keyword options of that target: of ini, and over them those of the command line."""
    told_options: Mapping[str, Any]
    """Those of the command line alone, for a target that a fixture names."""
    providers: tuple[str | None, ...]
    provider_demanded: bool
    voice: str | None
    voice_demanded: bool
    trials: int | None
    trials_ini: int | None
    cold_trials: int | None
    timeout_s: float
    inline: bool
    disabled: bool
    save: bool
    compare: bool
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
    margins: Mapping[str, float]
    margins_ini: Mapping[str, float]
    inconclusive_fails: bool
    inconclusive_is_set: bool
    """Whether it was said what INCONCLUSIVE does, in whichever way."""
    storage: Path
    artifacts: Path
    json: Path | None
    http: Mapping[str, object]
    """How a target by http:// is asked: connection, and preset and template where given."""
    overrides: tuple[Override, ...]
    local_overrides: tuple[tuple[str, Override], ...]
    """Per machine: the beginning or end of a fingerprint, and the override it gets."""

    def overrides_for(self, fingerprint: str) -> tuple[Override, ...]:
        """Overrides in force on a fingerprint: ini, then its own, then the command line."""
        own = tuple(
            override for mark, override in self.local_overrides if _matches(mark, fingerprint)
        )
        general = tuple(o for o in self.overrides if o.source == "ini ttsperf_limits")
        told = tuple(o for o in self.overrides if o.source != "ini ttsperf_limits")
        return (*general, *own, *told)


def add(parser: pytest.Parser) -> None:
    """Declare options and ini lines."""
    group = parser.getgroup("ttsperf", "performance of text-to-speech engines")
    option = group.addoption
    option(f"{PREFIX}target", metavar="SPEC", help=f"what to measure: {spec.FORMS}")
    option(
        f"{PREFIX}target-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="keyword option of the target, as voice=heart or threads=2; may be repeated",
    )
    option(
        f"{PREFIX}provider",
        action="append",
        metavar="NAME[,NAME]",
        help="execution providers to measure, as cpu or coreml; a missing one is an error",
    )
    option(f"{PREFIX}voice", metavar="NAME", help="voice the target is asked for")
    option(f"{PREFIX}trials", type=int, metavar="N", help="trials of each warm cell")
    option(f"{PREFIX}cold-trials", type=int, metavar="N", help="process starts of each cold cell")
    option(f"{PREFIX}timeout", type=float, metavar="S", help="longest wait for one answer (60 s)")
    option(
        f"{PREFIX}inline",
        action="store_true",
        help="run the target in pytest's own process (no memory, no cold starts)",
    )
    option(f"{PREFIX}disable", action="store_true", help="run each test once, unmeasured")
    option(f"{PREFIX}save", action="store_true", help="store this run's cells as baselines")
    option(f"{PREFIX}compare", action="store_true", help="assert against the stored baselines")
    option(
        f"{PREFIX}against",
        metavar="REV",
        help="compare with a git revision, a directory or a target, interleaved",
    )
    option(
        f"{PREFIX}against-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="keyword option of the target to compare with; may be repeated",
    )
    option(
        f"{PREFIX}against-install",
        nargs="?",
        const="",
        metavar="EXTRAS",
        help="install that revision, with these extras, in an environment of its own",
    )
    option(
        f"{PREFIX}against-copy",
        action="append",
        default=[],
        metavar="PATTERN",
        help="files that git does not track and the old version needs, as models/*.onnx: copied "
        "from the running tree; may be repeated",
    )
    option(
        f"{PREFIX}fetch",
        action="store_true",
        help="fetch the revision to compare with, where the clone does not have it",
    )
    option(
        f"{PREFIX}budget",
        metavar="TIME",
        help="longest time for the comparison of one test, as 60s or 3min (60s)",
    )
    option(
        f"{PREFIX}compare-fail",
        action="append",
        default=[],
        metavar="FIGURE:CHANGE",
        help="smallest change that makes a comparison fail, as ttfa_p95:7.5%% (3%%)",
    )
    option(f"{PREFIX}storage", metavar="DIR", help="where baselines are kept (baselines/)")
    option(f"{PREFIX}artifacts", metavar="DIR", help="where artifacts are written (artifacts/)")
    option(f"{PREFIX}json", metavar="FILE", help="write the run's artifact to this file as well")
    option(
        f"{PREFIX}inconclusive",
        choices=INCONCLUSIVE,
        help="what an INCONCLUSIVE verdict does to its test (warn)",
    )
    option(
        f"{PREFIX}limit",
        action="append",
        default=[],
        metavar="KEY=NUMBER",
        help="put another limit in a test's place, as ttfa_p95_ms=800",
    )
    option(
        f"{PREFIX}http-preset",
        metavar="NAME",
        help="how a server by http:// is asked: openai (default), kokoro-fastapi or piper",
    )
    option(
        f"{PREFIX}http-template",
        metavar="JSON",
        help="how another is: path, method, headers, body with {text} and {voice}, format, "
        "sample_rate; a file, or the object itself",
    )
    option(
        f"{PREFIX}http-connection",
        choices=CONNECTIONS,
        help="keep one connection, or open a fresh one for each trial",
    )
    _add_ini(parser.addini)


def _add_ini(ini: Callable[..., None]) -> None:
    ini("ttsperf_target", f"what to measure: {spec.FORMS}")
    ini(
        "ttsperf_target_options",
        "keyword options of ttsperf_target, one a line: voice=heart",
        type="linelist",
    )
    ini("ttsperf_provider", "execution providers; a missing one is skipped", type="args")
    ini("ttsperf_voice", "voice the target is asked for")
    ini("ttsperf_trials", "trials of each warm cell")
    ini("ttsperf_timeout", "longest wait for one answer, in seconds")
    ini("ttsperf_http_preset", "how a server by http:// is asked")
    ini("ttsperf_http_template", "how another is: a JSON file, or the object itself")
    ini("ttsperf_http_connection", "keep or fresh")
    ini("ttsperf_storage", "where baselines are kept")
    ini("ttsperf_artifacts", "where artifacts are written")
    ini("ttsperf_inconclusive", "warn or fail")
    ini("ttsperf_budget", "longest time for the comparison of one test, as 60s or 3min")
    ini(
        "ttsperf_against_copy",
        "files that git does not track and an old version needs, one pattern a line",
        type="linelist",
    )
    ini(
        "ttsperf_compare_fail",
        "smallest changes that make a comparison fail, one a line: ttfa_p95:7.5%",
        type="linelist",
    )
    ini(
        "ttsperf_limits",
        "limits in the place of the tests' own, one a line: ttfa_p95_ms=800; "
        "with 'FINGERPRINT: ' before it only there",
        type="linelist",
    )


def read(config: pytest.Config) -> Options:
    """All options of this run. pytest.UsageError tells which one cannot be understood."""
    try:
        _remember_secrets(config)
        general, local = _overrides(config)
        told = spec.options_of(config.getoption(f"{PREFIX}target-option"), f"{PREFIX}target-option")
        return Options(
            target=_first(config, "target"),
            target_options={**_ini_options(config), **told},
            told_options=told,
            providers=_providers(config),
            provider_demanded=config.getoption(f"{PREFIX}provider") is not None,
            voice=_first(config, "voice"),
            voice_demanded=config.getoption(f"{PREFIX}voice") is not None,
            trials=_count(config.getoption(f"{PREFIX}trials"), f"{PREFIX}trials"),
            trials_ini=_count(ini.number(config, "trials"), "ini ttsperf_trials"),
            cold_trials=_count(config.getoption(f"{PREFIX}cold-trials"), f"{PREFIX}cold-trials"),
            timeout_s=_seconds(_number(config, "timeout")),
            inline=config.getoption(f"{PREFIX}inline"),
            disabled=config.getoption(f"{PREFIX}disable"),
            save=config.getoption(f"{PREFIX}save"),
            compare=config.getoption(f"{PREFIX}compare"),
            against=config.getoption(f"{PREFIX}against"),
            against_options=spec.options_of(
                config.getoption(f"{PREFIX}against-option"), f"{PREFIX}against-option"
            ),
            against_install=config.getoption(f"{PREFIX}against-install"),
            against_copy=(
                *ini.lines(config, "against_copy"),
                *config.getoption(f"{PREFIX}against-copy"),
            ),
            fetch=config.getoption(f"{PREFIX}fetch"),
            budget_s=_budget_s(_number(config, "budget")),
            margins=metrics.margins_of_lines(
                config.getoption(f"{PREFIX}compare-fail"), f"{PREFIX}compare-fail"
            ),
            margins_ini=metrics.margins_of_lines(
                ini.lines(config, "compare_fail", joint=":"), "ini ttsperf_compare_fail"
            ),
            inconclusive_fails=_inconclusive(config) == "fail",
            inconclusive_is_set=_first(config, "inconclusive") is not None,
            storage=_folder(config, "storage", DEFAULT_STORAGE),
            artifacts=_folder(config, "artifacts", DEFAULT_ARTIFACTS),
            json=_json(config),
            http=_http(config),
            overrides=general,
            local_overrides=local,
        )
    except LimitError as error:
        raise pytest.UsageError(str(error)) from error


def _remember_secrets(config: pytest.Config) -> None:
    """So that no message tells them, not even one about an option that is not understood."""
    written = [
        *config.getoption(f"{PREFIX}target-option"),
        *config.getoption(f"{PREFIX}against-option"),
        *ini.lines(config, "target_options", quoted=True),
    ]
    template = config.getoption(f"{PREFIX}http-template")
    if template is None:
        template = ini.text_or_table(config, "http_template")
    if isinstance(template, dict):
        template = json.dumps(template, default=str)
    texts = (_first(config, "target"), config.getoption(f"{PREFIX}against"), template)
    written += [text for text in texts if text is not None]
    secrets.remember_arguments(written)


def _first(config: pytest.Config, name: str) -> str | None:
    told: str | None = config.getoption(f"{PREFIX}{name.replace('_', '-')}")
    return told if told is not None else ini.text(config, name)


def _number(config: pytest.Config, name: str) -> str | int | float | None:
    chosen: str | float | None = config.getoption(f"{PREFIX}{name}")
    return chosen if chosen is not None else ini.number(config, name)


def _ini_options(config: pytest.Config) -> dict[str, Any]:
    """Options of ini, which are those of ini's target and of no other."""
    if config.getoption(f"{PREFIX}target") is not None:
        return {}
    return spec.options_of(
        ini.lines(config, "target_options", quoted=True), "ini ttsperf_target_options"
    )


def _folder(config: pytest.Config, name: str, default: str) -> Path:
    """A folder: of the command line from where it was given, of ini from the root."""
    told: str | None = config.getoption(f"{PREFIX}{name}")
    folder: Path
    if told is not None:
        folder = config.invocation_params.dir / told
    else:
        folder = config.rootpath / (ini.text(config, name) or default)
    if folder.exists() and not folder.is_dir():
        raise LimitError(f"{PREFIX}{name}: {folder} is a file; wanted a folder, or none yet")
    return folder


def _json(config: pytest.Config) -> Path | None:
    told: str | None = config.getoption(f"{PREFIX}json")
    if told is None:
        return None
    path: Path = config.invocation_params.dir / told
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
    told = {name: _first(config, f"http_{name}") for name in ("preset", "connection")}
    given: dict[str, object] = {name: value for name, value in told.items() if value is not None}
    if told["connection"] not in (None, *CONNECTIONS):
        raise LimitError(
            f"ini ttsperf_http_connection={told['connection']!r}; wanted keep or fresh"
        )
    template = config.getoption(f"{PREFIX}http-template")
    if template is None:
        template = ini.text_or_table(config, "http_template")
    if template is not None:
        given["template"] = _object(config, template)
    return given


def _object(config: pytest.Config, told: str | dict[str, Any]) -> object:
    """A JSON object, given as it is or as a file: from where the run was started, or the root."""
    if isinstance(told, dict):
        return told
    name, text = f"{PREFIX}http-template", told
    if not told.lstrip().startswith("{"):
        folders = (config.invocation_params.dir, config.rootpath)
        found = [folder / told for folder in folders if (folder / told).is_file()]
        if not found:
            shown = secrets.mask(told)
            raise LimitError(f"{name}: found no file {shown}; wanted one, or a JSON object")
        name = f"{name}: {found[0]}"
        text = _text_of(found[0], name)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LimitError(f"{name} is no JSON: {error}") from error


def _text_of(path: Path, name: str) -> str:
    try:
        return files.read_file(path).decode("utf-8-sig")
    except (OSError, FileUnreadable) as error:
        raise LimitError(f"{name} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise LimitError(f"{name} is no text in UTF-8: {error}") from error


def _providers(config: pytest.Config) -> tuple[str | None, ...]:
    told = config.getoption(f"{PREFIX}provider")
    names = ini.words(config, "provider") if told is None else told
    split = [name.strip() for entry in names for name in entry.split(",") if name.strip()]
    return tuple(dict.fromkeys(split)) or (None,)


def _inconclusive(config: pytest.Config) -> str:
    word = _first(config, "inconclusive") or "warn"
    if word not in INCONCLUSIVE:
        raise LimitError(f"ini ttsperf_inconclusive={word!r}; wanted warn or fail")
    return word


def _overrides(
    config: pytest.Config,
) -> tuple[tuple[Override, ...], tuple[tuple[str, Override], ...]]:
    source = "ini ttsperf_limits"
    general, local = [], []
    for line in ini.lines(config, "limits"):
        mark, colon, limit = line.rpartition(":")
        if colon:
            local.append((mark.strip(), parse_override(limit, f"{source} for {mark.strip()}")))
        else:
            general.append(parse_override(line, source))
    told = [parse_override(t, f"{PREFIX}limit") for t in config.getoption(f"{PREFIX}limit")]
    return (*general, *told), tuple(local)


def _matches(mark: str, fingerprint: str) -> bool:
    return bool(mark) and (fingerprint.startswith(mark) or fingerprint.endswith(mark))


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


def _budget_s(text: str | int | float | None) -> float:
    """The longest time for the comparison of one test."""
    if text is None:
        return metrics.DEFAULT_BUDGET_S
    return metrics.budget_s(text, f"{PREFIX}budget")


def _seconds(value: object) -> float:
    try:
        seconds = DEFAULT_TIMEOUT_S if value is None else float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise LimitError(f"{PREFIX}timeout={value!r}; wanted seconds above 0")
    return seconds
