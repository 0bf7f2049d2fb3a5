"""Where this user's caches are, if there is such a place."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path

from pytest_ttsperf.errors import RevisionError


def cache_folder() -> Path:
    """The folder in which other versions are prepared. RevisionError when there is none.

    Without a home folder new versions of platformdirs raise, and old ones give a relative
    `~/.cache`, which would be made in the user's project.
    """
    remedy = "set XDG_CACHE_HOME to the full path of a folder that can be written"
    try:
        folder = user_cache_path("pytest-ttsperf")
    except RuntimeError as error:
        raise RevisionError(
            f"found no home folder of this user ({error}), wanted a place to lay another version "
            f"ready in; {remedy}"
        ) from error
    if not folder.is_absolute():
        raise RevisionError(
            f"found {folder} as this user's cache folder, wanted a full path to lay another "
            f"version ready in; {remedy}"
        )
    return folder
