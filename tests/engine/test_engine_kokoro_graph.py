"""Byte convolutions as products of rows: to the bit what they were, with either kind of byte."""

from __future__ import annotations

import numpy as np
import pytest

from engine.runtime.providers import CPU, SessionOptions
from engine.runtime.session import Session

onnx = pytest.importorskip("onnx")

from engine.runtime import graph as runtime_graph  # noqa: E402 - it needs onnx


def a_convolution(taps: int, dilation: int, strides: int = 1) -> bytes:
    """x [1, 5, n] in bytes -> y [1, 7, m] in integers."""
    made, kinds = onnx.helper, onnx.TensorProto
    kernel = np.random.default_rng(0).integers(0, 256, (7, 5, taps)).astype(np.uint8)
    pads = dilation * (taps // 2)
    node = made.make_node(
        "ConvInteger",
        ["x", "kernel", "zero", "kernel_zero"],
        ["y"],
        name="convolution",
        dilations=[dilation],
        pads=[pads, pads],
        strides=[strides],
    )
    graph = made.make_graph(
        [node],
        "g",
        [
            made.make_tensor_value_info("x", kinds.UINT8, [1, 5, "n"]),
            made.make_tensor_value_info("zero", kinds.UINT8, []),
        ],
        [made.make_tensor_value_info("y", kinds.INT32, None)],
        [
            onnx.numpy_helper.from_array(kernel, "kernel"),
            onnx.numpy_helper.from_array(np.array(117, np.uint8), "kernel_zero"),
        ],
    )
    model = made.make_model(graph, opset_imports=[made.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    ("taps", "dilation", "strides"), [(1, 1, 1), (3, 1, 1), (7, 5, 1), (3, 1, 2)]
)
def test_rows_give_what_the_convolution_gave(
    monkeypatch: pytest.MonkeyPatch, signed: bool, taps: int, dilation: int, strides: int
) -> None:
    if signed and not runtime_graph.signed_bytes_add_up():
        pytest.skip("this processor cuts products of signed bytes off")
    monkeypatch.setattr(runtime_graph, "signed_bytes_add_up", lambda: signed)
    content = a_convolution(taps, dilation, strides)
    part = runtime_graph.SourceGraph(content).part(["x", "zero"], ["y"])
    ours = Session(runtime_graph.rowwise(part, {"y": "z"}, {"x": "w"}), CPU, SessionOptions())
    original = Session(content, CPU, SessionOptions())
    x = np.random.default_rng(1).integers(0, 256, (1, 5, 40)).astype(np.uint8)
    zero = np.array(140, np.uint8)
    wanted = original.run({"x": x, "zero": zero})["y"]
    assert np.array_equal(ours.run({"w": x, "zero": zero})["z"], wanted)
