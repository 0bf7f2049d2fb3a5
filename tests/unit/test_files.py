"""Files are whole or not there, what is no file is written to, and what is damaged is told."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pytest_ttsperf import files
from pytest_ttsperf.errors import FileUnreadable
from tests.disks import small_disk

BODY = b'{"a": 1}\n' * 40_000  # more than a pipe holds


class Record(msgspec.Struct):
    name: str
    inside: object = None


def is_kind(path: Path, kind: int) -> bool:
    return stat.S_IFMT(path.lstat().st_mode) == kind


def partial_files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


# Devices, pipes, sockets and descriptors


def test_a_device_is_written_to_and_stays(tmp_path: Path) -> None:
    link = tmp_path / "device"
    link.symlink_to("/dev/null")
    files.write_file(link, BODY)
    assert link.is_symlink()
    assert is_kind(Path("/dev/null"), stat.S_IFCHR)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_node_stays_a_device(tmp_path: Path) -> None:
    node = tmp_path / "null"
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    files.write_file(node, BODY)
    assert is_kind(node, stat.S_IFCHR)


def test_a_device_that_takes_nothing_is_told(tmp_path: Path) -> None:
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_file(link, BODY)
    assert caught.value.errno == errno.ENOSPC
    assert link.is_symlink()


@pytest.mark.starts
def test_a_pipe_gets_everything_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with (tmp_path / "read").open("wb") as read, subprocess.Popen(["cat", pipe], stdout=read):
        # Opening it by hand waits until the reader is there.
        held = os.open(pipe, os.O_WRONLY)
        files.write_file(pipe, BODY)
        os.close(held)
    assert (tmp_path / "read").read_bytes() == BODY
    assert is_kind(pipe, stat.S_IFIFO)


def test_a_pipe_without_a_reader_is_told_and_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no process reads from this pipe"):
        files.write_file(pipe, BODY)
    assert is_kind(pipe, stat.S_IFIFO)


def test_a_reader_that_does_not_read_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "READER_TIMEOUT_S", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(TimeoutError, match="nobody has read from it for"):
            files.write_file(pipe, BODY)
    finally:
        os.close(reader)


@pytest.mark.starts
def test_a_reader_that_leaves_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["head", "-c", "10", str(pipe)], stdout=subprocess.DEVNULL):
        held = os.open(pipe, os.O_WRONLY)
        with pytest.raises(BrokenPipeError):
            files.write_file(pipe, BODY)
        os.close(held)


@pytest.mark.starts
def test_a_socket_gets_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    received: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        server.listen()
        reader = threading.Thread(target=lambda: received.append(everything(server)))
        reader.start()
        files.write_file(Path("s"), BODY)
        reader.join(60)
    assert received == [BODY]


def everything(server: socket.socket) -> bytes:
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as file:
        return file.read()


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_a_descriptor_goes_on_where_it_is(tmp_path: Path, name: str) -> None:
    with (tmp_path / "out.txt").open("wb") as file:
        file.write(b"before ")
        file.flush()
        path = Path(name.format(file.fileno()))
        if name == "link":
            path = tmp_path / "link"
            path.symlink_to(f"/dev/fd/{file.fileno()}")
        files.write_file(path, b"our own ")
        file.write(b"after")
    assert (tmp_path / "out.txt").read_bytes() == b"before our own after"


def test_a_descriptor_that_is_only_read_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (tmp_path / "file").open("rb") as file, pytest.raises(OSError, match="reading only"):
        files.check_stream(Path(f"/dev/fd/{file.fileno()}"))


def test_a_descriptor_that_is_not_open_is_refused_beforehand() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        files.check_stream(Path("/dev/fd/987"))


# Links, modes, names


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "middle").symlink_to("file")
    (tmp_path / "link").symlink_to("there/middle")
    for body in (b"one", b"two"):  # at first it leads to nothing yet
        files.write_file(tmp_path / "link", body)
        assert (tmp_path / "there" / "file").read_bytes() == body
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "middle").is_symlink()


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match="symbolic links"):
        files.write_file(tmp_path / "one", BODY)


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("mask", "wanted"), [(0o077, 0o600), (0o002, 0o664), (0o022, 0o644)])
def test_a_new_file_has_what_the_umask_leaves(tmp_path: Path, mask: int, wanted: int) -> None:
    os.umask(mask)
    files.write_file(tmp_path / "file", BODY)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == wanted


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    files.write_file(path, BODY)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == BODY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_there_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 12345, 12346)
    files.write_file(path, BODY)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    files.write_file(path, BODY)
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("stem", ["short", "ü" * 300, "x" * 300])
def test_a_name_is_made_to_fit(tmp_path: Path, stem: str) -> None:
    name = files.fitting_name(stem, "_101959.json")
    (tmp_path / name).write_bytes(b"")
    assert name.endswith("_101959.json")
    assert (name == f"{stem}_101959.json") == (len(stem) < 100)
    assert name != files.fitting_name(f"{stem}z", "_101959.json")


# No room


@pytest.mark.starts
def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        files.write_file(disk / "file", b"old")
        with pytest.raises(OSError, match="No space left"):
            files.write_file(disk / "file", BODY * 10)
        assert (disk / "file").read_bytes() == b"old"
        assert partial_files(disk) == []


LIMITED = """
import resource, sys
from pathlib import Path
from pytest_ttsperf import files
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    files.write_file(Path(sys.argv[1]), b"x" * 5000)
except OSError as error:
    print(files.reason_of(error))
"""


@pytest.mark.starts
def test_a_limit_on_the_size_of_files_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "File too large\n"
    assert path.read_bytes() == b"old"
    assert partial_files(tmp_path) == []


@pytest.mark.starts
@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_mounted_by_itself_is_written_into_on_request(
    tmp_path: Path, in_place: bool
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk / "outside").write_bytes(b"old")
        (tmp_path / "inside").write_bytes(b"")
        with mounted(disk / "outside", tmp_path / "inside"):
            if in_place:
                files.write_file(tmp_path / "inside", b"new", in_place=True)
            else:
                with pytest.raises(OSError, match="busy"):
                    files.write_file(tmp_path / "inside", b"new")
            assert (disk / "outside").read_bytes() == (b"new" if in_place else b"old")


class mounted:  # noqa: N801  (used as a function)
    """A file, put over another one."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source, self._target = source, target

    def __enter__(self) -> None:
        subprocess.run(["mount", "--bind", str(self._source), str(self._target)], check=True)

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", str(self._target)], check=True)


# Reading


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(files.LARGEST_BYTES + 1)  # takes no room


DAMAGES = {
    "it is empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(b'{"name": "x'),
    "trailing": lambda path: path.write_bytes(b'{"name": "x"} {}'),
    "utf-8": lambda path: path.write_bytes(b'{"name": "\xff\xfe"}'),
    "nested too deeply": lambda path: path.write_bytes(b'{"inside": ' + b"[" * 500_000),
    "missing required": lambda path: path.write_bytes(b"{}"),
    "which is not there": lambda path: path.symlink_to("nowhere"),
    "symbolic links": lambda path: path.symlink_to(path.name),
    "a folder": lambda path: path.mkdir(),
    "a named pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "256 MiB are read": make_huge,
}


@pytest.mark.parametrize("reason", DAMAGES)
def test_what_is_damaged_is_told_by_name_and_blocks_nobody(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "stored.json"
    DAMAGES[reason](path)  # type: ignore[operator]
    with pytest.raises(FileUnreadable, match=f"(?i)cannot read .*stored.json: .*{reason}"):
        files.read_json(path, Record)


def test_what_is_not_there_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.read_json(tmp_path / "stored.json", Record)


def test_text_that_was_not_decoded_is_written_and_read_again(tmp_path: Path) -> None:
    undecoded = "größe".encode().decode("ascii", "surrogateescape")
    files.write_file(tmp_path / "a.json", files.encode_json(Record(undecoded, ["\udcff", 1])))
    assert files.read_json(tmp_path / "a.json", Record) == Record("größe", ["�", 1])


def test_parts_left_by_the_killed_are_removed_and_new_ones_stay(tmp_path: Path) -> None:
    old, new = tmp_path / ".ttsperf-0a.partial", tmp_path / ".ttsperf-1b.partial"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    files.remove_abandoned(tmp_path)
    assert partial_files(tmp_path) == [new]


# New files only


def test_a_file_is_made_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    files.create_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link", "link"])
def test_what_is_there_is_not_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "there"
    elsewhere = tmp_path / "elsewhere"
    if kind == "file":
        path.write_bytes(b"old")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(elsewhere)
    if kind == "link":
        elsewhere.write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileExistsError):
        files.create_file(path, b"new")
    assert sorted(tmp_path.iterdir()) == before
    if kind in ("file", "link"):
        assert path.read_bytes() == b"old"


@pytest.mark.starts
def test_of_a_file_that_cannot_be_finished_nothing_is_left(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(OSError, match="No space left"):
            files.create_file(disk / "large", bytes(2**20))
        assert list(disk.iterdir()) == []
