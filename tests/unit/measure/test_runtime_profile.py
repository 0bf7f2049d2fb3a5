"""Profiles of ONNX Runtime as they are written, and what is read of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.measure import runtime_profile
from pytest_ttsperf.records import NodeRun, SessionProfile

ORIGIN_NS = 7_000_000_000


def node(name: str, ts: int, dur: int, **arguments: Any) -> dict[str, Any]:
    """An event as ONNX Runtime 1.32 writes it."""
    return {
        "cat": "Node",
        "pid": 26183,
        "tid": arguments.pop("tid", 26183),
        "dur": dur,
        "ts": ts,
        "ph": "X",
        "name": f"{name}_kernel_time",
        "args": {
            "op_name": "Gemm",
            "provider": "CPUExecutionProvider",
            "node_index": "11",
            "input_type_shape": [{"float": [56, 910]}, {"float": [256]}],
            "thread_scheduling_stats": "",
            **arguments,
        },
    }


RUN = {"cat": "Session", "pid": 1, "tid": 1, "dur": 3524, "ts": 20, "ph": "X", "name": "model_run"}


def write(folder: Path, number: int, *events: dict[str, Any]) -> SessionProfile:
    file = f"session{number}_2026-11-30_09-31-38_249.json"
    (folder / file).write_text(json.dumps([{**RUN, "args": {}}, *events]))
    return SessionProfile(file=file, origin_ns=ORIGIN_NS)


def read(folder: Path, *events: dict[str, Any]) -> tuple[NodeRun, ...]:
    return runtime_profile.read_nodes(folder, [write(folder, 0, *events)])


def test_a_node_is_on_the_clock_of_the_recordings(tmp_path: Path) -> None:
    [run] = read(tmp_path, node("/dec/proj/Gemm", 23_804, 210))
    assert run == NodeRun(
        session=0,
        name="/dec/proj/Gemm",
        operator="Gemm",
        provider="CPUExecutionProvider",
        inputs="float 56x910, float 256",
        start_ns=ORIGIN_NS + 23_804_000,
        end_ns=ORIGIN_NS + 24_014_000,
        self_ns=210_000,
    )


def test_fences_and_runs_of_the_whole_are_left_out(tmp_path: Path) -> None:
    fence = {**node("conv", 5, 1), "name": "conv_fence_before"}
    assert [run.name for run in read(tmp_path, fence, node("conv", 6, 1))] == ["conv"]


def test_what_ran_inside_a_node_is_not_its_own_time(tmp_path: Path) -> None:
    loop = node("loop", 100, 100, op_name="Loop")
    runs = read(
        tmp_path,
        node("first", 110, 30),
        node("second", 140, 50),
        loop,
        node("beside", 120, 60, tid=2),
        node("behind", 200, 7),
    )
    times = {run.name: run.self_ns for run in runs}
    assert times == {
        "loop": 20_000,
        "first": 30_000,
        "second": 50_000,
        "beside": 60_000,
        "behind": 7_000,
    }
    assert runs[0].name == "loop", "in the order of their beginnings"


def test_sessions_that_ran_nothing_have_no_number(tmp_path: Path) -> None:
    profiles = [
        write(tmp_path, 0),
        write(tmp_path, 1, node("encode", 5, 2)),
        write(tmp_path, 2, node("decode", 1, 2)),
    ]
    runs = runtime_profile.read_nodes(tmp_path, profiles)
    assert {run.name: run.session for run in runs} == {"encode": 0, "decode": 1}


def test_nodes_name_the_file_of_their_graph(tmp_path: Path) -> None:
    bytes_alone = write(tmp_path, 0, node("encode", 5, 2))
    file = structs.replace(write(tmp_path, 1, node("decode", 1, 2)), model="decoder.onnx")
    runs = runtime_profile.read_nodes(tmp_path, [bytes_alone, file])
    assert {run.name: run.model for run in runs} == {"encode": None, "decode": "decoder.onnx"}


def test_a_session_on_an_unknown_clock_is_left_out_and_counted(tmp_path: Path) -> None:
    profile = write(tmp_path, 0, node("conv", 5, 1))
    lost = SessionProfile(file=profile.file, origin_ns=None)
    assert runtime_profile.read_nodes(tmp_path, [lost]) == ()
    assert runtime_profile.count_unplaced([lost, profile]) == 1


def test_a_node_without_a_name_is_known_by_its_place(tmp_path: Path) -> None:
    [run] = read(tmp_path, node("", 5, 1))
    assert run.name == "#11"


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ([{"int64": []}], "int64 scalar"),
        ([{"float": [1, 2]}, {"int64": [3]}], "float 1x2, int64 3"),
        (None, ""),
        ("float[1]", ""),
    ],
)
def test_inputs_are_named_by_type_and_shape(inputs: Any, text: str) -> None:
    assert runtime_profile.describe_inputs(inputs) == text


@pytest.mark.parametrize("body", ["", "[{", '{"cat": "Node"}'])
def test_a_damaged_profile_is_named_with_a_remedy(tmp_path: Path, body: str) -> None:
    (tmp_path / "session0_x.json").write_text(body)
    profile = SessionProfile(file="session0_x.json", origin_ns=0)
    with pytest.raises(MeasurementError, match=r"session0_x\.json.*--ttsperf-trace"):
        runtime_profile.read_nodes(tmp_path, [profile])


def test_a_missing_profile_is_named(tmp_path: Path) -> None:
    profile = SessionProfile(file="session0_x.json", origin_ns=0)
    with pytest.raises(MeasurementError, match="it is not there"):
        runtime_profile.read_nodes(tmp_path, [profile])
