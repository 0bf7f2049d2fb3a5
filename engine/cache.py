"""What takes long to make and is the same every time, kept under the user's cache directory.

Nothing depends on it: an entry that is missing, damaged or of another making is made again, and
where nothing can be written the engine only starts later. Entries are written under another name
and moved into place, so that a reader, and a second writer, never sees half of one. What nobody
asked for in a season is thrown away when something else is written: an update leaves entries behind
that are never asked for again.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import platform
import stat
import struct
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable
from functools import cache
from os import PathLike
from pathlib import Path

from .errors import OptionError

VARIABLE = "TTS_ENGINE_CACHE"
FOLDER = "tts-engine"
PARTIAL = ".partial"  # what a file is called while it is written
MAGIC = b"TTSCACH1"
DAY_S = 86_400
KEPT_S = 90 * DAY_S  # after that long unused, an entry goes
HEADER = struct.Struct("<8sQI4x")  # magic, length and checksum of what follows

NO_FOLDER = (
    "found no home folder of this user, wanted a place for what is made once; set "
    f"{VARIABLE} to a folder"
)

_told: set[str] = set()  # folders that were said to be unwritable


class Cache:
    """A folder of entries, each a file that is named by all it was made from."""

    def __init__(self, folder: str | PathLike[str] | None = None) -> None:
        """A folder; None is that of $TTS_ENGINE_CACHE, else one in the user's cache directory.

        Without a home folder there may be neither: then everything is made anew each time.
        """
        chosen = folder if folder is not None else os.environ.get(VARIABLE)
        self.folder = _expand(chosen) if chosen else _of_user()

    def get(self, kind: str, key: tuple[str, ...], make: Callable[[], bytes]) -> memoryview:
        """The entry made from that key, from its file if there is a sound one.

        The bytes are mapped, not read: only what is looked at takes memory.
        """
        if self.folder is None:
            _warn_once("", f"{NO_FOLDER}; until then each engine takes seconds longer to open")
            return memoryview(make())
        path = self.path(kind, key)
        kept = _map_file(path)
        if kept is not None:
            _touch(path)
            return kept
        made = make()
        try:
            _write(path, made)
            _prune(self.folder)
        except OSError as error:
            _warn_once(
                str(self.folder),
                f"found that {self.folder} cannot be written ({error.strerror or error}); engines "
                f"work, but each takes seconds longer to open; set {VARIABLE} to another folder",
            )
            return memoryview(made)
        # Mapped, so that the second time is like the first; the one made can be forgotten.
        mapped = _map_file(path)
        return memoryview(made) if mapped is None else mapped

    def path(self, kind: str, key: tuple[str, ...]) -> Path:
        """Where the entry of that key lies, or would. OptionError where there is no folder."""
        if self.folder is None:
            raise OptionError(NO_FOLDER)
        digest = hashlib.sha256("\0".join(key).encode()).hexdigest()
        return self.folder / f"{kind}-{digest[:24]}.bin"


def _expand(folder: str | PathLike[str]) -> Path | None:
    """A folder, `~` replaced by the user's home; None where that is not to be found."""
    path = Path(os.path.expanduser(folder))
    return None if path.parts[:1] and path.parts[0].startswith("~") else path


def _of_user() -> Path | None:
    """The folder in the user's cache directory; None where the user has no home.

    There new versions of platformdirs raise, and old ones give a relative `~/.cache`.
    """
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path(FOLDER)
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None


def _warn_once(about: str, text: str) -> None:
    if about in _told:
        return
    _told.add(about)
    warnings.warn(text, RuntimeWarning, stacklevel=2)


def _map_file(path: Path) -> memoryview | None:
    """What a file holds, or None if there is none or it is damaged."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            return None
        with path.open("rb") as file:
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):  # ValueError: an empty file cannot be mapped
        return None
    if len(whole) < HEADER.size:
        return None
    magic, length, checksum = HEADER.unpack_from(whole)
    content = whole[HEADER.size :]
    sound = magic == MAGIC and length == len(content) and checksum == zlib.crc32(content)
    return content if sound else None


def _touch(path: Path) -> None:
    """Note that an entry is in use, once a day."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > DAY_S:
            os.utime(path)


def _prune(folder: Path) -> None:
    """Delete entries long unused, and what writers that were killed left behind."""
    for path in [*folder.glob("*.bin"), *folder.glob(f".*{PARTIAL}")]:
        with contextlib.suppress(OSError):
            kept_s = KEPT_S if path.suffix == ".bin" else DAY_S
            if time.time() - path.stat().st_mtime > kept_s:
                path.unlink()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=PARTIAL)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(HEADER.pack(MAGIC, len(content), zlib.crc32(content)))
            file.write(content)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@cache
def processor() -> str:
    """What tells one kind of processor from another: optimised graphs are made for one."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    telling = ("flags", "Features", "model name", "CPU part")
    found = dict.fromkeys(line for line in lines if line.startswith(telling))
    return "\n".join([platform.machine(), platform.processor(), *found])
