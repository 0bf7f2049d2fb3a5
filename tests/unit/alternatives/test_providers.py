"""Which providers are compared, and how an interpreter is asked for those it has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_ttsperf.alternatives import providers
from pytest_ttsperf.alternatives.providers import Runtime
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.records import TargetSpec

SOURCE = TargetFactory(spec=TargetSpec(spec="engines:Tone"))
NOTHING = Runtime((), {})


def chosen(
    requested: tuple[str, ...] = (),
    pythons: dict[str, str] | None = None,
    runtime: Runtime = NOTHING,
) -> list[tuple[str, str | None, str | None]]:
    """Name, provider and interpreter of each."""
    found = providers.choose_candidates(SOURCE, requested, pythons or {}, lambda: runtime)
    return [(one.name, one.source.provider, one.source.python) for one in found]


def test_names_are_short_and_those_that_work_elsewhere_are_left_out() -> None:
    names = ["OpenVINOExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider"]
    assert providers.short_names(names) == ("openvino", "cpu")


def test_the_cpu_is_the_reference_where_nobody_names_one() -> None:
    runtime = Runtime(("coreml", "cpu"), {"nxrt-ep-cpu": "/x/libnxrt.so"})
    assert chosen(pythons={"openvino": "/v/python"}, runtime=runtime) == [
        ("cpu", "cpu", None),
        ("coreml", "coreml", None),
        ("openvino", "openvino", "/v/python"),
        ("nxrt-ep-cpu", "/x/libnxrt.so", None),
    ]


def test_those_of_the_command_line_stand_alone_and_in_their_order() -> None:
    def refuse() -> Runtime:
        raise AssertionError("asked for what was named")

    found = providers.choose_candidates(SOURCE, ("cuda", "cpu"), {"cuda": "/c/python"}, refuse)
    assert [one.name for one in found] == ["cuda", "cpu"]
    assert found[0].source.python == "/c/python"
    assert all("provider" in one.source.requested for one in found)


def test_one_provider_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(MeasurementError, match=r"found cpu of .*--ttsperf-python=openvino="):
        chosen(runtime=Runtime(("cpu",), {}))


@pytest.mark.starts
def test_an_interpreter_says_what_it_has_and_where_libraries_of_providers_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(
        "def get_available_providers(): return ['MadeUpExecutionProvider']\n"
    )
    library = tmp_path / "made_up_ep" / "libmade.so"
    library.parent.mkdir()
    library.write_bytes(b"..CreateEpFactories..")
    (library.parent / "libother.so").write_bytes(b"nothing of that kind")
    record = tmp_path / "made_up_ep-1.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: made_up-ep\nVersion: 1\n")
    files = ("made_up_ep/libmade.so", "made_up_ep/libother.so")
    (record / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = providers.ask_runtime()
    assert found.providers == ("madeup",)
    assert found.libraries["made-up-ep"] == str(library)


@pytest.mark.starts
def test_an_interpreter_that_cannot_answer_is_an_error_with_its_words(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho no python here >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(MeasurementError, match="no python here; mend that environment"):
        providers.ask_runtime(str(program))


@pytest.mark.starts
def test_another_interpreter_does_not_see_what_pythonpath_adds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text(
        "def get_available_providers(): return ['MadeUpExecutionProvider']\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert providers.ask_runtime().providers == ("madeup",)
    assert "madeup" not in providers.ask_runtime(sys.executable).providers
