"""What in Python files speaks, by its looks: nothing of them is run."""

from __future__ import annotations

import textwrap

import pytest

from pytest_ttsperf.init.python_source import find_speakers

ENGINE = """
class Engine:
    sample_rate = 24000
    def stream(self, text, *, speed=1.0):
        yield b""
"""


@pytest.fixture
def write(tmp_path):
    def write_file(name, source=ENGINE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))

    return write_file


def specs(project, module=None):
    return [speaker.spec for speaker in find_speakers(project, module)]


def test_a_class_that_streams_is_found(write, tmp_path):
    write("my_engine.py")
    (speaker,) = find_speakers(tmp_path)
    assert speaker.spec == "my_engine:Engine"
    assert (speaker.method, speaker.has_rate, speaker.required) == ("stream", True, ())
    assert speaker.folder == "."


def test_packages_are_looked_into_also_below_src(write, tmp_path):
    write("src/voice/__init__.py", "")
    write("src/voice/core.py")
    (speaker,) = find_speakers(tmp_path)
    assert (speaker.spec, speaker.folder) == ("voice.core:Engine", "src")


@pytest.mark.parametrize(
    "name",
    [
        "test_engine.py",
        "conftest.py",
        "setup.py",
        "tests/__init__.py",
        "no_package/engine.py",
        ".venv/__init__.py",
        "with-hyphen.py",
        "notes.txt",
    ],
)
def test_what_is_no_module_of_the_project_is_left_out(write, tmp_path, name):
    write(name)
    assert specs(tmp_path) == []


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    def stream(self): yield 1",
        "class A:\n    def stream(self, text, voice): yield 1",
        "class _A:\n    def stream(self, text): yield 1",
        "class A(Protocol):\n    def stream(self, text): ...",
        "class A(abc.ABC):\n    def stream(self, text): ...",
        "class A:\n    def play(self, text): yield 1",
        "def say(words): yield 1",
        "def say(text): return 1",
        "def _say(text): yield 1",
        "def say(text):\n    yield 1\nthis is no Python",
        "\0",
    ],
)
def test_what_does_not_speak_by_its_looks_is_left_out(write, tmp_path, source):
    write("a.py", source)
    assert specs(tmp_path) == []


@pytest.mark.parametrize(
    ("source", "spec"),
    [
        ("SAMPLE_RATE = 8000\nasync def say(text): yield 1", "a:say"),
        ("class A:\n    def synthesize(self, text): return 1", "a:A"),
        ("class A:\n    async def create_stream(self, text): yield 1", "a:A"),
        ("class A:\n    @property\n    def sample_rate(self): return 1\n"
         "    def stream(self, text): yield 1", "a:A"),
        ("class A(Base[int]):\n    def stream(self, text): yield 1", "a:A"),
    ],
)  # fmt: skip
def test_what_speaks_is_found(write, tmp_path, source, spec):
    write("a.py", source)
    assert specs(tmp_path) == [spec]


def test_the_likeliest_comes_first(write, tmp_path):
    write("a.py", "class NoRate:\n    def stream(self, text): yield 1")
    write("b.py", "class Needs:\n    sample_rate = 1\n    def __init__(self, model): ...\n"
          "    def stream(self, text): yield 1")  # fmt: skip
    write("c.py", "class Whole:\n    sample_rate = 1\n    def synthesize(self, text): return 1")
    write("d.py")
    write("deep/__init__.py", "")
    write("deep/e.py")
    assert specs(tmp_path) == ["d:Engine", "deep.e:Engine", "c:Whole", "b:Needs", "a:NoRate"]
    needs = find_speakers(tmp_path)[3]
    assert needs.required == ("model",)


def test_one_module_may_be_named(write, tmp_path):
    write("one.py")
    write("other.py")
    write("pack/__init__.py", "")
    write("pack/inner.py")
    assert specs(tmp_path, "other") == ["other:Engine"]
    assert specs(tmp_path, "pack") == ["pack.inner:Engine"]
    assert specs(tmp_path, "oth") == []


def test_an_empty_folder_has_nothing(tmp_path):
    assert specs(tmp_path) == []
