"""The cache: made once, never trusted, never needed; and the tables that are kept in it."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import cache as cache_module
from engine.cache import DAY_S, HEADER, PARTIAL, VARIABLE, Cache
from engine.engine import Engine
from engine.text.packed_dict import PackedDict, pack

ROOT = Path(__file__).parents[2]
KEY = ("one", "two")
TEXT = "A word or two."


class Maker:
    """Counts how often it was asked."""

    def __init__(self, content: bytes = b"content") -> None:
        self.content = content
        self.made = 0

    def __call__(self) -> bytes:
        self.made += 1
        return self.content


def test_what_was_made_once_is_read_from_then_on(tmp_path: Path) -> None:
    make = Maker()
    assert [bytes(Cache(tmp_path).get("kind", KEY, make)) for _ in range(3)] == [b"content"] * 3
    assert make.made == 1


def test_another_key_or_kind_is_another_entry(tmp_path: Path) -> None:
    make, cache = Maker(), Cache(tmp_path)
    for kind, key in (("a", KEY), ("b", KEY), ("a", ("one", "three")), ("a", ("onetwo",))):
        cache.get(kind, key, make)
    assert make.made == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:10],
        lambda whole: whole[:-1],
        lambda whole: whole + b"x",
        lambda whole: whole[:-1] + b"X",
        lambda whole: b"X" + whole[1:],
        lambda whole: b"\0" * len(whole),
    ],
)
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: object) -> None:
    make, cache = Maker(), Cache(tmp_path)
    cache.get("kind", KEY, make)
    path = cache.path("kind", KEY)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert bytes(cache.get("kind", KEY, make)) == b"content"
    assert bytes(cache.get("kind", KEY, make)) == b"content"
    assert make.made == 2
    assert path.stat().st_size == HEADER.size + len(b"content")


def test_an_entry_in_use_survives_its_replacement(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    held = cache.get("kind", KEY, Maker(b"first"))
    cache_module._write(cache.path("kind", KEY), b"other")
    assert bytes(held) == b"first"
    assert bytes(cache.get("kind", KEY, Maker())) == b"other"


def test_a_folder_that_cannot_be_written_is_said_once_and_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    make, cache = Maker(), Cache(tmp_path / "file" / "cache")
    with pytest.warns(RuntimeWarning, match=f"cannot be written.*set {VARIABLE}"):
        assert bytes(cache.get("kind", KEY, make)) == b"content"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bytes(cache.get("kind", KEY, make)) == b"content"
    assert make.made == 2


def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module.os, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        Cache(tmp_path).get("kind", KEY, Maker())
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_given_or_in_the_environment_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "environment"))
    assert Cache(tmp_path / "given").folder == tmp_path / "given"
    assert Cache().folder == tmp_path / "environment"
    monkeypatch.delenv(VARIABLE)
    assert ROOT not in [Cache().folder, *Cache().folder.parents]


# Engines -----------------------------------------------------------------------------------------

OPEN = f"""
import sys
import time
from engine import Engine
with Engine() as engine:
    sys.stdout.buffer.write(engine.synthesize({TEXT!r}).pcm16())
sys.stderr.write(" ".join(sorted({{"onnx", "scipy", "hibari"}} & set(sys.modules))))
"""


def open_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[bytes]:
    monkeypatch.setenv(VARIABLE, str(folder))
    return subprocess.Popen(
        [sys.executable, "-c", OPEN], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_two_processes_fill_one_cache_at_once_and_both_speak(
    voice: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [open_elsewhere(tmp_path, monkeypatch) for _ in range(2)]
    wanted = voice.synthesize(TEXT).pcm16()
    assert [process.communicate(timeout=60)[0] == wanted for process in both] == [True, True]
    assert not list(tmp_path.glob(".*"))


def test_a_filled_cache_opens_nothing_that_is_not_needed(
    voice: Engine, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, imported = open_elsewhere(cache_folder, monkeypatch).communicate(timeout=60)
    assert said == voice.synthesize(TEXT).pcm16()
    assert imported == b""


def test_an_engine_heals_a_cache_of_which_every_entry_is_damaged(
    voice: Engine, cache_folder: Path, tmp_path: Path
) -> None:
    for entry in cache_folder.glob("*.bin"):
        (tmp_path / entry.name).write_bytes(entry.read_bytes()[:-7])
    kinds = {path.name.partition("-")[0] for path in tmp_path.iterdir()}
    assert kinds >= {"hibari", "reading"}, "all that the voice needs"
    with Engine(cache=tmp_path) as engine:
        wanted = voice.synthesize(TEXT).samples
        np.testing.assert_array_equal(engine.synthesize(TEXT).samples, wanted)


def test_an_engine_without_a_place_for_a_cache_speaks(voice: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.warns(RuntimeWarning, match="cannot be written"),
        Engine(cache=tmp_path / "file") as engine,
    ):
        found = engine.synthesize(TEXT)
    np.testing.assert_array_equal(found.samples, voice.synthesize(TEXT).samples)


# Tables ------------------------------------------------------------------------------------------

VALUES = st.one_of(st.text(), st.integers(), st.dictionaries(st.text(), st.floats(-9, 9)))


@given(st.dictionaries(st.text(), VALUES), st.text())
def test_a_table_answers_like_the_dictionary_it_was_packed_from(
    entries: dict[str, object], other: str
) -> None:
    table = PackedDict(memoryview(pack(entries)))
    for key in [*entries, other]:
        assert table.get(key) == entries.get(key)
        assert (key in table) == (key in entries)
    assert table.get(other, "nothing") == entries.get(other, "nothing")
    assert 7 not in table


def test_a_table_holds_many_entries() -> None:
    entries = {f"word{n}": n for n in range(20_000)}
    table = PackedDict(memoryview(pack(entries)))
    assert all(table.get(key) == value for key, value in entries.items())
    assert "word20000" not in table


def aged(path: Path, days: float) -> None:
    when = time.time() - days * DAY_S
    os.utime(path, (when, when))


def test_what_was_long_unused_goes_when_something_is_written(tmp_path: Path) -> None:
    make, cache = Maker(), Cache(tmp_path)
    for kind in ("old", "used", "new"):
        cache.get(kind, KEY, make)
    abandoned = tmp_path / f".kind-x{PARTIAL}"
    abandoned.write_bytes(b"half")
    foreign = tmp_path / "notes.txt"
    foreign.write_text("mine")
    for path in (cache.path("old", KEY), cache.path("used", KEY), abandoned, foreign):
        aged(path, 100)
    cache.get("used", KEY, make)  # and so it is in use
    assert cache.path("old", KEY).exists()
    cache.get("another", KEY, make)
    left = {path.name.split("-")[0] for path in tmp_path.iterdir()}
    assert left == {"used", "new", "another", "notes.txt"}
    assert make.made == 4


def test_a_writer_at_work_is_left_alone(tmp_path: Path) -> None:
    partial = tmp_path / f".kind-x{PARTIAL}"
    partial.write_bytes(b"half")
    Cache(tmp_path).get("kind", KEY, Maker())
    assert partial.exists()


# Where there is no home, or something else lies there -----------------------------------------


@pytest.mark.parametrize("chosen", [None, "~/entries"])
def test_without_a_home_everything_is_made_anew_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None
) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(cache_module, "_warned", set())
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CACHE_HOME", VARIABLE):
        monkeypatch.delenv(name, raising=False)
    make, cache = Maker(), Cache(chosen)
    with pytest.warns(RuntimeWarning, match=f"no home folder.*set {VARIABLE}"):
        assert bytes(cache.get("kind", KEY, make)) == b"content"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bytes(cache.get("kind", KEY, make)) == b"content"
    assert make.made == 2
    assert list(tmp_path.iterdir()) == []


def test_an_old_platformdirs_that_gives_a_relative_folder_makes_none_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: Path("~/.cache") / name)
    assert Cache().folder is None


def test_a_pipe_in_the_place_of_an_entry_blocks_nobody(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    os.mkfifo(cache.path("kind", KEY))
    assert bytes(cache.get("kind", KEY, Maker())) == b"content"
    assert bytes(cache.get("kind", KEY, Maker(b"other"))) == b"content"
