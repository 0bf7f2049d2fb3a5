"""The package itself: what it exports, how cheap it is, which errors are which."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import engine
from engine import errors, timing

ROOT = Path(__file__).parents[2]


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, engine; "
        "sys.exit({'numpy', 'scipy', 'onnxruntime', 'hibari'} & set(sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_naming_the_engine_leaves_onnxruntime_to_the_opening() -> None:
    code = (
        "import sys; from engine import Engine, Chunk; "
        "sys.exit({'onnxruntime', 'scipy.fft', 'hibari'} & set(sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", engine.__all__)
def test_every_export_is_there(name: str) -> None:
    assert getattr(engine, name).__name__ == name
    assert name in dir(engine)


def test_every_error_is_exported() -> None:
    raised = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert raised <= set(engine.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Engines'"):
        _ = engine.Engines


@pytest.mark.parametrize(
    ("error", "parents"),
    [
        (errors.OptionError, (errors.EngineError, ValueError)),
        (errors.OptionTypeError, (errors.OptionError, TypeError)),
        (errors.VoiceNotFound, (errors.OptionError,)),
        (errors.TextEmpty, (errors.TextError, ValueError)),
        (errors.TextUnspeakable, (errors.TextError,)),
        (errors.AudioError, (errors.EngineError, ValueError)),
        (errors.EngineClosed, (errors.EngineError,)),
    ],
)
def test_the_error_tree_is_the_one_in_the_docstring(
    error: type[Exception], parents: tuple[type[Exception], ...]
) -> None:
    assert issubclass(error, parents)
    assert error.__name__ in (errors.__doc__ or "")


def test_spans_are_stamped_by_the_clock_given() -> None:
    instants = iter([10, 25, 40, 90])
    recorder = timing.SpanRecorder(now_ns=lambda: next(instants))
    with recorder.span("text"):
        pass
    with recorder.span("vocode", 3):
        pass
    assert recorder.spans() == [("text", None, 10, 25), ("vocode", 3, 40, 90)]


def test_a_stage_that_raises_leaves_no_span() -> None:
    recorder = timing.SpanRecorder()
    with pytest.raises(ZeroDivisionError), recorder.span("decode", 0):
        _ = 1 / 0
    assert recorder.spans() == []


def test_close_gives_the_model_back() -> None:
    program = (
        "import psutil\n"
        "from engine import Engine\n"
        "def used():\n"
        "    return psutil.Process().memory_full_info().uss\n"
        "def speak():\n"
        "    with Engine() as engine:\n"
        "        engine.warm()\n"
        "        return used()\n"
        "speak()\n"
        "before = used()\n"
        "print(speak() - before, used() - before)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    open_bytes, left_bytes = map(int, told.stdout.split())
    assert open_bytes > 10e6
    assert left_bytes < 0.25 * open_bytes
