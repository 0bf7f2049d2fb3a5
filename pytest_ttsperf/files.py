"""One writer and one reader for every file of ours.

A regular file is either whole or not there. Anything else (a device, a pipe, a socket, an open
descriptor) is written to and stays what it is. A file that cannot be read raises an error that says
why; none blocks.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import select
import socket
import stat
import sys
from pathlib import Path
from typing import Any, Literal, TypeVar

from pytest_ttsperf import real
from pytest_ttsperf.errors import FileUnreadable

T = TypeVar("T")

PARTIAL = ".ttsperf-*.partial"
"""What a file is called while it is written, with a random word for the star."""
ABANDONED_S = 86_400.0
LONGEST_NAME = 200
"""Bytes of a file's name: most file systems take 255, some that encrypt take fewer."""
LARGEST_BYTES = 256 * 2**20
READER_TIMEOUT_S = 30.0
"""How long a pipe may stay full before its reader counts as gone."""
MOST_LINKS = 40
PIECE_BYTES = select.PIPE_BUF
"""A pipe that is ready takes this many without blocking."""
IRREPLACEABLE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS)
"""How a file that may be written refuses to be replaced, as one mounted by itself does."""
DESCRIPTOR = re.compile(r"/dev/fd/(\d+)|/proc/(\d+)(?:/task/\d+)?/fd/(\d+)")
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a disk",
}


# Writing


def write_file(path: Path, body: bytes, *, in_place: bool = False) -> None:
    """Put `body` where `path` leads. OSError says why it cannot be.

    A regular file is replaced in one step: a reader sees the old one or the new one, never a part.
    It keeps its mode and, where this process may set it, its owner; a new one has what the umask
    leaves. Of a link the target is replaced, and the link stays. What `is_stream` is written to:
    it is given up when nobody reads from it. `in_place` allows to write into a file that cannot be
    replaced; a reader may then see a part.
    """
    place = destination(path)
    if is_stream(place):
        _write_stream(place, body)
        return
    try:
        _replace(place, body)
    except OSError as error:
        if not in_place or error.errno not in IRREPLACEABLE or not place.is_file():
            raise
        place.write_bytes(body)


def create_file(path: Path, body: bytes) -> None:
    """Put `body` where nothing is, in folders that are made. FileExistsError where something is.

    A link that leads nowhere is something. No other process can put a file there in between.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def destination(path: Path) -> Path:
    """Where links lead; a descriptor, which is a link in Linux, stands for itself."""
    for _ in range(MOST_LINKS):
        path = Path(os.path.realpath(path.parent)) / path.name
        if DESCRIPTOR.fullmatch(str(path)) or not path.is_symlink():
            return path
        path = path.parent / os.readlink(path)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def is_stream(path: Path) -> bool:
    """Whether it is written to, once, instead of replaced: a device, pipe, socket or descriptor."""
    place = destination(path)
    if DESCRIPTOR.fullmatch(str(place)):
        return True
    try:
        kind = stat.S_IFMT(place.lstat().st_mode)
    except OSError:
        return False
    return kind not in (stat.S_IFREG, stat.S_IFDIR)


def is_descriptor(path: Path) -> bool:
    """Whether it names what this process has open, as `/dev/stdout` and `/dev/fd/3` do."""
    return _descriptor_of(destination(path)) is not None


def check_stream(path: Path) -> None:
    """Find out beforehand what can be known of a stream. OSError when it cannot be written to."""
    place = destination(path)
    number = _descriptor_of(place)
    if number is not None:
        access = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
        if access == os.O_RDONLY:
            raise OSError(errno.EBADF, "the descriptor is open for reading only", str(path))
        return
    if stat.S_ISBLK(place.stat().st_mode):
        raise OSError(errno.EINVAL, "it is a disk, whose content would be destroyed", str(path))
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def remove_abandoned(folder: Path, older_than_s: float = ABANDONED_S) -> None:
    """Remove what writers that were killed have left in a folder."""
    for path in folder.glob(PARTIAL):
        with contextlib.suppress(OSError):
            if real.now().timestamp() - path.lstat().st_mtime >= older_than_s:
                path.unlink()


def encode_json(record: object, *, is_ordered: bool = False) -> bytes:
    """A record as it is stored: UTF-8, indented, and on request in an order that git can merge."""
    import msgspec

    order: Literal["deterministic"] | None = "deterministic" if is_ordered else None
    try:
        body = msgspec.json.encode(record, order=order)
    except UnicodeEncodeError:
        record = _to_well_formed(msgspec.to_builtins(record))
        body = msgspec.json.encode(record, order=order)
    return msgspec.json.format(body, indent=1) + b"\n"


def well_formed(text: str) -> str:
    """Text that UTF-8 can carry.

    What Python could not decode, as arguments and file names in another locale, is decoded, or
    replaced by question marks.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")


def _to_well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list | tuple):
        return [_to_well_formed(item) for item in value]
    if isinstance(value, dict):
        return {_to_well_formed(key): _to_well_formed(item) for key, item in value.items()}
    return value


def fitting_name(stem: str, suffix: str) -> str:
    """A file's name that every file system takes; one that had to be changed ends in a digest."""
    encoding = sys.getfilesystemencoding()
    body = stem.encode(encoding, "replace").replace(b"?", b"-")[: LONGEST_NAME - len(suffix)]
    fitting = body.decode(encoding, "ignore")
    if fitting == stem:
        return f"{stem}{suffix}"
    digest = hashlib.sha256(stem.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{fitting[: -len(digest) - 1]}-{digest}{suffix}"


def reason_of(error: Exception) -> str:
    """Why a file could not be written or read, without the number and the file's name."""
    strerror = getattr(error, "strerror", None)
    return str(strerror or error)


def _replace(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(PARTIAL.replace("*", secrets.token_hex(6)))
    # Opened by hand, as `tempfile` does not heed the umask.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            _take_over(path, file.fileno())
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _take_over(path: Path, descriptor: int) -> None:
    """Give a new file the owner and the mode of the one that it replaces."""
    try:
        old = path.stat()
    except OSError:
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with contextlib.suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    with contextlib.suppress(OSError):  # file systems without modes refuse
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _descriptor_of(place: Path) -> int | None:
    """The number of a descriptor of this process; None for all else."""
    found = DESCRIPTOR.fullmatch(str(place))
    if found is None:
        return None
    by_device, process, by_process = found.groups()
    if by_device is not None:
        return int(by_device)
    if int(process) != os.getpid():
        return None
    return int(by_process)


def _write_stream(place: Path, body: bytes) -> None:
    descriptor = _open_stream(place)
    try:
        rest = memoryview(body)
        while rest:
            _wait_for_reader(descriptor)
            with contextlib.suppress(BlockingIOError):  # another writer was faster
                rest = rest[os.write(descriptor, rest[:PIECE_BYTES]) :]
    finally:
        os.close(descriptor)


def _open_stream(place: Path) -> int:
    check_stream(place)
    number = _descriptor_of(place)
    if number is not None:
        # Opened anew, a file that standard output goes to would be written from its beginning.
        return os.dup(number)
    if stat.S_ISSOCK(place.stat().st_mode):
        connection = socket.socket(socket.AF_UNIX)
        with connection:
            connection.settimeout(READER_TIMEOUT_S)
            connection.connect(str(place))
            return connection.detach()
    flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(place, flags)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "no process reads from this pipe", str(place)) from error
        raise


def _wait_for_reader(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    if not poll.poll(READER_TIMEOUT_S * 1000):
        raise TimeoutError(errno.ETIMEDOUT, f"nobody has read from it for {READER_TIMEOUT_S:g} s")


# Reading


def read_file(path: Path) -> bytes:
    """The content of a stored file. FileNotFoundError when there is nothing of that name.

    FileUnreadable when there is something else than a regular file, a link that leads nowhere, a
    file that is too large to be one of ours, or one that may not be read.
    """
    try:
        status = path.stat()
        kind = stat.S_IFMT(status.st_mode)
        if kind != stat.S_IFREG:
            raise FileUnreadable(path, f"it is {KINDS.get(kind, 'no regular file')}")
        if status.st_size > LARGEST_BYTES:
            most = f"at most {LARGEST_BYTES / 2**20:.0f} MiB are read"
            raise FileUnreadable(path, f"it has {status.st_size / 2**20:.0f} MiB, {most}")
        return path.read_bytes()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise FileUnreadable(
                path, f"it is a link to {_link(path)}, which is not there"
            ) from error
        raise
    except (OSError, MemoryError) as error:
        raise FileUnreadable(path, reason_of(error) or "there is not enough memory") from error


def read_json(path: Path, kind: type[T]) -> T:
    """A record as it was stored. FileNotFoundError, or FileUnreadable for one that is damaged."""
    import msgspec

    body = read_file(path)
    if not body.strip():
        raise FileUnreadable(path, "it is empty")
    try:
        return msgspec.json.decode(body, type=kind)
    except RecursionError as error:
        raise FileUnreadable(path, "it is nested too deeply") from error
    except MemoryError as error:
        raise FileUnreadable(path, "there is not enough memory for it") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FileUnreadable(path, str(error)) from error


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return "somewhere"
