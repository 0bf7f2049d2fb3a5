"""What takes long to make and is the same every time, stored under the user's cache directory.

Nothing depends on it: an entry that is missing, damaged or made from something else is made again,
and where nothing can be written the engine merely starts later. Entries are written under another
name and moved into place, so that neither a reader nor a second writer ever sees half of one.
Entries that were not used for three months are deleted when another one is written: an update
leaves some behind that are never needed again.
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
from collections.abc import Callable, Iterable
from functools import cache
from os import PathLike
from pathlib import Path

from .errors import OptionError

VARIABLE = "TTS_ENGINE_CACHE"
FOLDER = "tts-engine"
PARTIAL = ".partial"  # what a file is called while it is written
MAGIC = b"TTSCACH1"
DAY_S = 86_400
UNUSED_S = 90 * DAY_S  # an entry that was not used for so long is deleted
HEADER = struct.Struct("<8sQI4x")  # magic, length and checksum of what follows

NO_FOLDER = (
    "found no home folder of this user, wanted a place for what is made once; set "
    f"{VARIABLE} to a folder"
)

_warned: set[str] = set()  # folders that were reported as unwritable


class Cache:
    """A folder of entries, each a file that is named by all it was made from."""

    def __init__(self, folder: str | PathLike[str] | None = None) -> None:
        """A folder; None is that of $TTS_ENGINE_CACHE, else one in the user's cache directory.

        Without a home folder there may be neither: then everything is made anew each time.
        """
        if folder is None:
            folder = os.environ.get(VARIABLE)
        self.folder = _expand(folder) if folder else _find_user_folder()

    def get(
        self,
        kind: str,
        key: tuple[str, ...],
        make: Callable[[], bytes],
    ) -> memoryview:
        """The entry made from that key, from its file if there is an intact one.

        The bytes are mapped, not read: only what is looked at takes memory.
        """
        if self.folder is None:
            _warn_once("", f"{NO_FOLDER}; until then each engine takes seconds longer to open")
            return memoryview(make())
        path = self.path(kind, key)
        entry = _map_file(path)
        if entry is not None:
            _touch(path)
            return entry
        content = make()
        try:
            _write(path, content)
            _prune(self.folder)
        except OSError as error:
            _warn_once(
                str(self.folder),
                f"found that {self.folder} cannot be written ({error.strerror or error}); engines "
                f"work, but each takes seconds longer to open; set {VARIABLE} to another folder",
            )
            return memoryview(content)
        # Mapped, so that the first time is like the second, and the content can be freed.
        entry = _map_file(path)
        if entry is None:
            return memoryview(content)
        return entry

    def path(self, kind: str, key: tuple[str, ...]) -> Path:
        """Where the entry of that key is, or would be. OptionError where there is no folder."""
        if self.folder is None:
            raise OptionError(NO_FOLDER)
        digest = hashlib.sha256("\0".join(key).encode()).hexdigest()
        return self.folder / f"{kind}-{digest[:24]}.bin"


def _expand(folder: str | PathLike[str]) -> Path | None:
    """A folder, `~` replaced by the user's home; None where that is not to be found."""
    path = Path(os.path.expanduser(folder))
    if path.parts and path.parts[0].startswith("~"):
        return None
    return path


def _find_user_folder() -> Path | None:
    """The folder in the user's cache directory; None where the user has no home.

    There new versions of platformdirs raise, and old ones give a relative `~/.cache`.
    """
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path(FOLDER)
    except RuntimeError:
        return None
    if folder.is_absolute():
        return folder
    return None


def _warn_once(about: str, text: str) -> None:
    if about in _warned:
        return
    _warned.add(about)
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
    if magic != MAGIC or length != len(content) or checksum != zlib.crc32(content):
        return None
    return content


def _touch(path: Path) -> None:
    """Note that an entry is in use, once a day."""
    with contextlib.suppress(OSError):
        if _age_s(path) > DAY_S:
            os.utime(path)


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _prune(folder: Path) -> None:
    """Delete entries long unused, and what writers that were killed left behind."""
    _delete_older(folder.glob("*.bin"), UNUSED_S)
    _delete_older(folder.glob(f".*{PARTIAL}"), DAY_S)


def _delete_older(paths: Iterable[Path], age_s: float) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            if _age_s(path) > age_s:
                path.unlink()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = HEADER.pack(MAGIC, len(content), zlib.crc32(content))
    descriptor, name = tempfile.mkstemp(
        dir=path.parent,
        prefix=f".{path.stem}-",
        suffix=PARTIAL,
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(header)
            file.write(content)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@cache
def processor() -> str:
    """What distinguishes one kind of processor from another: optimised graphs are made for one."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    fields = ("flags", "Features", "model name", "CPU part")
    distinct = dict.fromkeys(line for line in lines if line.startswith(fields))
    return "\n".join([platform.machine(), platform.processor(), *distinct])
