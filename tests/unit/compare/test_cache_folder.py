"""Without a home folder there is no cache, and none is made where the user works."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from pytest_ttsperf.compare import cache_folder as module
from pytest_ttsperf.compare.cache_folder import cache_folder
from pytest_ttsperf.errors import RevisionError

REMEDY = "set XDG_CACHE_HOME to the full path"


def test_no_home_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RevisionError, match=REMEDY):
        cache_folder()


def test_a_relative_folder_of_an_old_platformdirs_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "user_cache_path", lambda name: Path("~/.cache") / name)
    with pytest.raises(RevisionError, match=REMEDY):
        cache_folder()


def test_a_folder_of_the_users_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pytest-ttsperf"
