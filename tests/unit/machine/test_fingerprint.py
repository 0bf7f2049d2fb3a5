"""Fingerprints identify what may be compared, and nothing that changes by the hour."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from pytest_ttsperf.machine import fingerprint, processor
from pytest_ttsperf.records import Machine, TargetInfo

HERE = Machine(
    cpu_model="AMD EPYC 7B13", cores=2, affinity=2, memory_gib=32, system="Linux",
    architecture="x86_64", python="3.11",
)  # fmt: skip
READY = TargetInfo(
    pid=1,
    sample_rate=24000,
    placement={"provider": "CPUExecutionProvider", "threads": 1, "voice_hash": "ab", "nodes": {}},
    versions={"onnxruntime": "1.32.0", "numpy": "2.0"},
)


def test_fingerprint_is_readable_and_stable() -> None:
    name = fingerprint.fingerprint(HERE, READY)
    assert name.startswith("linux-x86-64-2c-32g-cpu-")
    assert name == fingerprint.fingerprint(HERE, READY)


@pytest.mark.parametrize(
    "changed",
    [
        structs.replace(READY, placement={**(READY.placement or {}), "threads": 2}),
        structs.replace(READY, placement={**(READY.placement or {}), "voice_hash": "cd"}),
        structs.replace(READY, placement={**(READY.placement or {}), "options": {"a": "1"}}),
        structs.replace(READY, placement={"provider": "CoreMLExecutionProvider"}),
        structs.replace(READY, versions={"onnxruntime": "1.33.0"}),
        None,
    ],
)
def test_another_engine_has_another_fingerprint(changed: TargetInfo | None) -> None:
    assert fingerprint.fingerprint(HERE, changed) != fingerprint.fingerprint(HERE, READY)


def test_another_process_of_the_same_engine_has_the_same() -> None:
    placement = {**(READY.placement or {}), "options": {}}
    again = structs.replace(
        READY,
        pid=2,
        phases_ms={"open": 3.0},
        placement=placement,
        versions={"onnxruntime": "1.32.0", "numpy": "2.1"},
    )
    assert fingerprint.fingerprint(HERE, again) == fingerprint.fingerprint(HERE, READY)


def test_the_machine_is_this_one() -> None:
    here = fingerprint.machine()
    assert here.cpu_model
    assert 1 <= here.affinity <= here.cores


def test_stored_fingerprints_stay_what_they_were() -> None:
    # Written by an earlier version: a change here makes everybody's baselines foreign.
    assert fingerprint.fingerprint(HERE, READY) == "linux-x86-64-2c-32g-cpu-c53a9c7f"


def test_a_quota_makes_another_machine() -> None:
    boxed = structs.replace(HERE, cpu_quota=1.5)
    assert fingerprint.fingerprint(boxed, READY) != fingerprint.fingerprint(HERE, READY)


@pytest.mark.parametrize(
    "told", [{"provider_version": "2"}, {"runtime": "torch", "runtime_version": "2.9"}]
)
def test_another_providers_or_runtimes_version_is_another_identity(told: dict[str, str]) -> None:
    bare = structs.replace(READY, versions={})
    more = structs.replace(bare, placement={**(READY.placement or {}), **told})
    assert fingerprint.fingerprint(HERE, more) != fingerprint.fingerprint(HERE, bare)


def test_what_a_fingerprint_stands_for_is_told_whole() -> None:
    told = fingerprint.fingerprint_parts(HERE, READY)
    assert told["cpu_model"] == "AMD EPYC 7B13"
    assert told["onnxruntime"] == "1.32.0"
    assert told["voice_hash"] == "ab"
    assert "nodes" not in told


@pytest.mark.parametrize(("gib", "rounded"), [(1, 1), (7.7, 8), (15.5, 16), (23.5, 32), (62, 64)])
def test_memory_class(gib: float, rounded: int) -> None:
    assert fingerprint._memory_class(int(gib * 2**30)) == rounded


@pytest.mark.starts
def test_git_state(tmp_path: Path) -> None:
    assert fingerprint.git_state(tmp_path) is None

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip

    git("init", "-b", "trunk")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "one")
    clean = fingerprint.git_state(tmp_path)
    assert clean is not None
    assert (clean.branch, clean.dirty, len(clean.revision)) == ("trunk", False, 40)
    (tmp_path / "a").write_text("2")
    dirty = fingerprint.git_state(tmp_path)
    assert dirty is not None
    assert dirty.dirty
    git("checkout", "--detach", "-f")
    detached = fingerprint.git_state(tmp_path)
    assert detached is not None
    assert detached.branch is None


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no program, nor the platform, tell a processor's name."""
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr(processor, "_output", lambda *_: "")


def kernel(root: Path, text: str) -> Path:
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(text)
    return root


KERNELS = [
    ("processor\t: 0\nmodel name\t: A fast one\nprocessor\t: 1\nmodel name\t: A fast one\n",
     "A fast one"),
    ("processor\t: 0\nBogoMIPS\t: 38\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4\n",
     "Raspberry Pi 4"),
    ("Hardware\t: Qualcomm\n", "Qualcomm"),
    ("no colon at all\n\n: nothing\n", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "model"), KERNELS)
def test_a_processor_without_a_name_is_called_as_the_kernel_calls_its_board(
    silent: None, tmp_path: Path, text: str, model: str
) -> None:
    assert fingerprint._cpu_model(kernel(tmp_path, text)) == model


def test_what_the_platform_says_comes_before_the_board(
    silent: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert fingerprint._cpu_model(kernel(tmp_path, "Model: Raspberry Pi 4\n")) == "arm"


def test_memory_that_psutil_cannot_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usual = fingerprint._memory_gib()
    monkeypatch.setattr("psutil.PROCFS_PATH", str(tmp_path))
    assert fingerprint._memory_gib() == usual

    def refuse(_: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr("os.sysconf", refuse)
    assert fingerprint._memory_gib() is None
    told = fingerprint.fingerprint(structs.replace(HERE, memory_gib=None), READY)
    assert told.startswith("linux-x86-64-2c-cpu-")
