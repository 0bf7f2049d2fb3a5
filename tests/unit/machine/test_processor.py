"""The processor's name is what earlier versions, which asked py-cpuinfo, stored it as."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_ttsperf.machine import processor

pytestmark = pytest.mark.starts  # the systems' own programs


class Told(NamedTuple):
    """What a system tells of its processor, and what it is called by that."""

    architecture: str
    kernel: str
    lscpu: str
    name: str | None


XEON = """\
processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 85
model name	: Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz
stepping	: 7
cpu MHz		: 3113.128
cache size	: 36608 KB
flags		: fpu vme de pse tsc msr

processor	: 1
model name	: Another
"""
GRAVITON = """\
processor	: 0
BogoMIPS	: 243.75
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x3
CPU part	: 0xd0c
CPU revision	: 1
"""
GRAVITON_LSCPU = """\
Architecture:            aarch64
  CPU op-mode(s):        32-bit, 64-bit
CPU(s):                  2
  On-line CPU(s) list:   0,1
Vendor ID:               ARM
  Model name:            Neoverse-N1
    Model:               1
    Stepping:            r3p1
"""
OLD_LSCPU = """\
Architecture:        aarch64
CPU(s):              4
Vendor ID:           ARM
Model:               3
Stepping:            r0p3
"""
GERMAN_LSCPU = """\
Architektur:             aarch64
Anbieterkennung:         ARM
Modellname:              Neoverse-N1
Modell:                  1
"""
RASPBERRY_64 = (
    GRAVITON
    + "\nHardware	: BCM2835\nRevision	: c03111\nModel		: Raspberry Pi 4 Model B Rev 1.1\n"
)
RASPBERRY_32 = """\
processor	: 0
model name	: ARMv7 Processor rev 3 (v7l)
BogoMIPS	: 108.00
Features	: half thumb fastmult vfp edsp neon vfpv3

Hardware	: BCM2711
Model		: Raspberry Pi 4 Model B Rev 1.1
"""
OLD_ARM = """\
Processor	: AArch64 Processor rev 4 (aarch64)
processor	: 0
processor	: 1
Hardware	: Qualcomm Technologies, Inc MSM8953
"""
POWER = """\
processor	: 0
cpu		: POWER9, altivec supported
clock		: 2166.000000MHz
revision	: 2.2 (pvr 004e 1202)

timebase	: 512000000
machine		: PowerNV 8335-GTH
"""
RISC_V = """\
processor	: 0
hart		: 1
isa		: rv64imafdc
mmu		: sv39
uarch		: sifive,u74-mc
"""
MIPS = """\
system type		: MediaTek MT7621 ver:1 eco:3
machine			: Ubiquiti EdgeRouter X
processor		: 0
cpu model		: MIPS 1004Kc V2.15
BogoMIPS		: 583.68
"""
S390 = """\
vendor_id       : IBM/S390
# processors    : 1
bogomips per cpu: 21881.00
processor 0: version = FF,  identification = 290F28,  machine = 8561
"""
SYSTEMS = {
    "x86": Told("x86_64", XEON, "", "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"),
    "x86 with lscpu": Told(
        "x86_64", XEON, "Model name: Other", "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"
    ),
    "64-bit ARM": Told("aarch64", GRAVITON, GRAVITON_LSCPU, "Neoverse-N1"),
    "64-bit ARM, old lscpu": Told("aarch64", GRAVITON, OLD_LSCPU, None),
    "64-bit ARM, lscpu in German": Told("aarch64", GRAVITON, GERMAN_LSCPU, None),
    "64-bit ARM, unknown to lscpu": Told("aarch64", GRAVITON, "Model name:  -\nModel: 0", "-"),
    "64-bit ARM, a model in words": Told("aarch64", GRAVITON, "Model: Cortex X", "Cortex X"),
    "64-bit ARM without lscpu": Told("aarch64", GRAVITON, "", None),
    "64-bit board": Told("aarch64", RASPBERRY_64, "Model name: Cortex-A72", "Cortex-A72"),
    "64-bit board without lscpu": Told("aarch64", RASPBERRY_64, "", None),
    "32-bit board": Told("armv7l", RASPBERRY_32, "", "ARMv7 Processor rev 3 (v7l)"),
    "older ARM": Told("aarch64", OLD_ARM, "", "AArch64 Processor rev 4 (aarch64)"),
    "POWER": Told("ppc64le", POWER, "", "POWER9, altivec supported"),
    "RISC-V": Told("riscv64", RISC_V, "", "sifive,u74-mc"),
    "MIPS": Told("mips64", MIPS, "", None),
    "s390x": Told("s390x", S390, "Model name:  -\nModel: 8561", "-"),
    "nothing": Told("x86_64", "", "", None),
}


@pytest.fixture(params=SYSTEMS)
def told(request: pytest.FixtureRequest) -> Told:
    return SYSTEMS[request.param]


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")


def kernel(root: Path, text: str) -> Path:
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(text)
    return root


def prints(monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str]) -> None:
    """Have programs print that, by their last argument."""
    monkeypatch.setattr(processor, "_output", lambda *command: outputs.get(command[-1], ""))


def test_a_processor_is_called_as_it_was(
    told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prints(monkeypatch, {"lscpu": told.lscpu})
    assert processor.brand(kernel(tmp_path, told.kernel)) == told.name


def test_py_cpuinfo_calls_it_the_same(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-benchmark brings it, so that it can be asked here."""
    theirs = pytest.importorskip("cpuinfo.cpuinfo")

    class Source(theirs.DataSource):  # type: ignore[misc,name-defined]
        arch_string_raw = told.architecture
        can_cpuid = False

        cat_proc_cpuinfo = staticmethod(lambda: (0, told.kernel))
        has_lscpu = staticmethod(lambda: True)
        lscpu = staticmethod(lambda: (0, told.lscpu))

    for name in ("dmesg", "var_run_dmesg_boot", "cpufreq_info", "sysctl", "kstat", "sysinfo"):
        monkeypatch.setattr(Source, f"has_{name}", staticmethod(lambda: False))
    monkeypatch.setattr(theirs, "DataSource", Source)
    monkeypatch.setattr(theirs, "_get_cpu_info_from_cpuid", dict)
    assert (theirs._get_cpu_info_internal().get("brand_raw") or None) == told.name


def test_this_processor_is_called_as_py_cpuinfo_calls_it() -> None:
    theirs = pytest.importorskip("cpuinfo")
    assert processor.brand() == (theirs.get_cpu_info().get("brand_raw") or None)


@pytest.mark.parametrize(
    ("system", "argument", "name"),
    [
        ("Darwin", "machdep.cpu.brand_string", "Apple M1 Pro"),
        ("FreeBSD", "hw.model", "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz"),
    ],
)
def test_where_there_is_no_such_file_sysctl_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, argument: str, name: str
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    prints(monkeypatch, {argument: f"{name} \n"})
    assert processor.brand(tmp_path) == name
    prints(monkeypatch, {})
    assert processor.brand(tmp_path) is None


def program(folder: Path, script: str) -> str:
    path = folder / "tells"
    path.write_text(f"#!{sys.executable} -S\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_what_a_program_prints(tmp_path: Path) -> None:
    assert processor._output(program(tmp_path, "print('Model name: A')")) == "Model name: A\n"
    assert processor._output(program(tmp_path, "print('half'); raise SystemExit(1)")) == ""
    assert processor._output(str(tmp_path / "nowhere")) == ""


def test_a_program_that_does_not_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processor, "LOOK_UP_S", 0.05)
    endless = program(tmp_path, "import signal\nwhile True: signal.pause()")
    assert processor._output(endless) == ""
