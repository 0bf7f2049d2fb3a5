"""The wheel as users get it: what is in it, and what a type checker of theirs learns from it."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import pytest_ttsperf
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.plugin import markers, typed_marks

ROOT = Path(__file__).resolve().parents[1]
CONSUMER = """
from pytest_ttsperf import Perf, TargetSpec, cadence, memory, regression, rtf, trials, ttfa, voice

@ttfa(p95_ms=500, onset="sample")
@rtf(p95=0.6)
@cadence(underruns=0, prebuffer_ms=100)
@memory(rss_range_mb=300)
@regression(ttfa="5%", rtf=0.1)
@trials(20)
@voice("heart")
def test_right(perf: Perf) -> None:
    reveal_type(perf.stream("short"))
    reveal_type(perf.synthesize("short")["rtf"].p95)
    reveal_type(TargetSpec(spec="engine:Engine"))

@ttfa(p95_milliseconds=1)
def test_unknown(perf: Perf) -> None: ...

@ttfa(p95_ms="x")
def test_text(perf: Perf) -> None: ...

@ttfa(500)
def test_nameless(perf: Perf) -> None: ...

@ttfa(p95_ms=1, onset="heart")
def test_onset(perf: Perf) -> None: ...

@regression(ttfb="5%")
def test_figure(perf: Perf) -> None: ...

@trials("5")
def test_trials(perf: Perf) -> None: ...

def test_method(perf: Perf) -> None:
    perf.strem("short")
"""
WRONG = {
    "@ttfa(p95_milliseconds=1)": 'Unexpected keyword argument "p95_milliseconds"',
    '@ttfa(p95_ms="x")': 'incompatible type "str"; expected "float"',
    "@ttfa(500)": "Too many positional arguments",
    '@ttfa(p95_ms=1, onset="heart")': "expected \"Literal['heard', 'sample']\"",
    '@regression(ttfb="5%")': 'Unexpected keyword argument "ttfb"',
    '@trials("5")': 'incompatible type "str"; expected "int"',
    '    perf.strem("short")': '"Perf" has no attribute "strem"',
}
"""Line of CONSUMER -> what is wrong with it. All others are right."""
REVEALED = (
    "pytest_ttsperf.plugin.fixtures.Measurement",
    "float | None",
    "pytest_ttsperf.records.recording.TargetSpec",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (found,) = folder.glob("*.whl")
    return found


def clean_environment() -> Mapping[str, str]:
    """Without what would have another copy of the package found."""
    hidden = {"PYTHONPATH", "MYPYPATH", "MYPY_CONFIG_FILE_DIR"}
    return {name: value for name, value in os.environ.items() if name not in hidden}


@pytest.fixture(scope="module")
def users_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, and with ours behind it."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=120
    )
    paths = sysconfig.get_paths("venv", {"base": str(home), "platbase": str(home)})
    installed = Path(paths["purelib"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    (installed / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return Path(paths["scripts"]) / "python"


def checked(python: Path, folder: Path) -> dict[int, list[str]]:
    """What mypy says of each line of CONSUMER."""
    (folder / "test_theirs.py").write_text(CONSUMER)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python)),
            *("--config-file", os.devnull, "test_theirs.py"),
        ],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.stdout, ended.stderr
    said: dict[int, list[str]] = {}
    for line in ended.stdout.splitlines():
        if found := re.match(r"test_theirs\.py:(\d+): (.*)", line):
            said.setdefault(int(found[1]), []).append(found[2])
    return said


@pytest.mark.starts
def test_the_wheel_holds_the_package_alone_and_says_that_it_is_typed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "pytest_ttsperf/py.typed" in names
    assert "pytest_ttsperf/measure/texts/short.txt" in names
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"pytest_ttsperf"}


@pytest.mark.starts
def test_a_type_checker_of_users_knows_the_marks_and_the_fixture(
    users_python: Path, tmp_path: Path
) -> None:
    said = checked(users_python, tmp_path)
    lines = CONSUMER.splitlines()
    revealed = [
        text for notes in said.values() for text in notes if text.startswith("note: Revealed")
    ]
    assert [f'note: Revealed type is "{name}"' for name in REVEALED] == revealed
    wrong = {
        lines[number - 1]: text
        for number, notes in said.items()
        for text in notes
        if text.startswith("error:")
    }
    assert set(wrong) == set(WRONG)
    for line, part in WRONG.items():
        assert part in wrong[line]


@pytest.mark.parametrize("name", [*markers.LIMITS, "regression"])
def test_types_have_the_keywords_that_collection_accepts(name: str) -> None:
    accepted = {*markers.LIMITS.get(name, ()), *markers.SETTINGS.get(name, ())}
    if name == "regression":
        accepted = set(metrics.EITHER.names)
    protocol = getattr(typed_marks, f"_{name.title().replace('_', '')}")
    typed = set(inspect.signature(protocol.__call__).parameters) - {"self"}
    assert typed == accepted


def test_every_mark_has_a_type() -> None:
    assert set(pytest_ttsperf.MARKS) <= set(vars(typed_marks))
