"""The only importer of onnx: takes a voice's graph apart, and builds the graphs of its stages.

What the stages of a family are is told in its own file, such as hibari_cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ..errors import ModelError
from .providers import CPU, SessionOptions
from .session import Session

OPSET = 17
IR_VERSION = 8
MICROSOFT = "com.microsoft"
EPSILON = 1e-5
END = 2**40  # behind the last row of anything
ROWS, COLUMNS = 2, 3  # axes of a table
LEVELS = 255  # of an unsigned byte, zero left out
INT64 = TensorProto.INT64
FLOAT = TensorProto.FLOAT
UINT8 = TensorProto.UINT8

Array = NDArray[Any]
Feeds = Mapping[str, Array]
Ranges = dict[str, tuple[float, float]]
Shape = Sequence[int | str]


class SourceGraph:
    """A voice's own graph."""

    def __init__(self, model: bytes) -> None:
        """Raises ModelError for what is no graph."""
        try:
            self._model = onnx.load_from_string(model)
        except Exception as error:
            raise ModelError(f"found no ONNX graph ({error}); reinstall the voice") from error
        self.weights = {w.name: numpy_helper.to_array(w) for w in self._model.graph.initializer}

    @property
    def nodes(self) -> Sequence[Any]:
        """All of them, each after those it takes its inputs from."""
        nodes: Sequence[Any] = self._model.graph.node
        return nodes

    @property
    def inputs(self) -> list[str]:
        """What it is fed with."""
        return [value.name for value in self._model.graph.input]

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
        """The nodes between inputs and outputs, as a model. Raises ModelError."""
        try:
            return onnx.utils.Extractor(self._model).extract_model(list(inputs), list(outputs))
        except Exception as error:
            raise ModelError(
                f"found a graph without {', '.join(outputs)} ({error}), wanted one of the family "
                "its voice is listed under; install the version the engine asks for"
            ) from error

    def ranges(self, texts: Iterable[Feeds]) -> Ranges:
        """The least and the greatest value that reached each rounding, zero always between."""
        nodes = self._model.graph.node
        asked = [node.input[0] for node in nodes if node.op_type == "DynamicQuantizeLinear"]
        probe = _probe(self._model, asked)
        ranges = dict.fromkeys(asked, (0.0, 0.0))
        for feeds in texts:
            values = probe.run(feeds)
            for name, (low, high) in ranges.items():
                value = values[name]
                ranges[name] = (min(low, float(value.min())), max(high, float(value.max())))
        return ranges


def freeze_inputs(model: Any, one: Feeds, other: Feeds) -> Any:
    """The model with every shape it computes made constant, but for the one length that varies.

    Which entries vary is not reasoned out but seen, in runs over two texts of unlike length.
    """
    graph = model.graph
    known = {w.name for w in graph.initializer} | {i.name for i in graph.input}
    known.update(out for node in graph.node if node.op_type == "Constant" for out in node.output)
    asked = sorted(set(_shapes(graph.node)) - known)
    probe = _probe(model, asked)
    first, second = probe.run(one), probe.run(other)
    constants = {}
    for name in asked:
        changes = first[name] != second[name]
        if not np.any(changes):
            constants[name] = first[name]
        elif first[name].dtype == np.int64 and np.ndim(changes) and np.sum(changes) == 1:
            constants[name] = np.where(changes, np.int64(-1), first[name])
    nodes = [node for node in graph.node if not constants.keys() & set(node.output)]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in constants.items())
    inputs, outputs = ([value.name for value in side] for side in (graph.input, graph.output))
    return onnx.utils.Extractor(model).extract_model(inputs, outputs)


def rowwise(
    model: Any, outputs: Mapping[str, str], inputs: Mapping[str, str] | None = None
) -> bytes:
    """The model with its byte convolutions as products of rows: the same to the bit, but faster.

    outputs, inputs: what those of the model are called from now on.
    """
    weights = {w.name: w for w in model.graph.initializer}
    nodes = [helper.make_node("Identity", [new], [old]) for old, new in (inputs or {}).items()]
    for node in model.graph.node:
        nodes.extend(_rows_of(node, weights) if node.op_type == "ConvInteger" else [node])
    nodes.extend(helper.make_node("Identity", [old], [new]) for old, new in outputs.items())
    for side, names in ((model.graph.input, inputs or {}), (model.graph.output, outputs)):
        for value in side:
            value.name = names.get(value.name, value.name)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights.values())
    content: bytes = model.SerializeToString()
    return content


def _rows_of(node: Any, weights: dict[str, Any]) -> list[Any]:
    """Nodes for a ConvInteger over [1, channels, time]; itself if it strides or has groups."""
    told = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    known = node.input[1] in weights and node.input[3] in weights
    kernel = numpy_helper.to_array(weights[node.input[1]]) if known else np.zeros(0)
    strides = told.get("group", 1) != 1 or told.get("strides", [1]) != [1]
    if strides or kernel.ndim != 3 or kernel.dtype != np.uint8:
        return [node]
    values, zero = kernel, numpy_helper.to_array(weights[node.input[3]])
    if signed_bytes_add_up():  # the same numbers, counted from the middle
        values = (values.astype(np.int16) - 128).astype(np.int8)
        zero = (zero.astype(np.int16) - 128).astype(np.int8)
    name, taps, dilation = node.output[0], kernel.shape[-1], told.get("dilations", [1])[0]

    def constant(value: Array) -> str:
        key = f"{name}_constant_{len(weights)}"
        weights[key] = numpy_helper.from_array(value, key)
        return key

    def add(kind: str, *inputs: str, **attributes: Any) -> str:
        done.append(helper.make_node(kind, inputs, [f"{name}_{len(done)}"], **attributes))
        return str(done[-1].output[0])

    done: list[Any] = []
    rows = add("Transpose", node.input[0], perm=[0, 2, 1])
    before, after = told.get("pads", [0, 0])
    if before or after:
        rows = add("Pad", rows, constant(np.array([0, before, 0, 0, after, 0])), node.input[2])
    if taps > 1:
        axis = constant(np.array([1]))
        ends = ((tap * dilation, (tap + 1 - taps) * dilation or END) for tap in range(taps))
        heard = [
            add("Slice", rows, *(constant(np.array([e])) for e in pair), axis) for pair in ends
        ]
        rows = add("Concat", *heard, axis=2)
    matrix = constant(values.transpose(2, 1, 0).reshape(-1, len(kernel)))
    product = add("MatMulInteger", rows, matrix, node.input[2], constant(zero.reshape(())))
    done.append(helper.make_node("Transpose", [product], [name], perm=[0, 2, 1]))
    return done


@cache
def signed_bytes_add_up() -> bool:
    """Whether a product with signed bytes is exact here.

    It is the faster kind wherever processors have an instruction for it; some of the others add
    two products in 16 bits, and what does not fit is cut off.
    """
    build = Builder({})
    value = build.input("value", [1, 64], UINT8)
    matrix = build.constant(np.full((64, 16), 127), np.int8)
    build.output("sum", build.add("MatMulInteger", value, matrix), [1, 16], TensorProto.INT32)
    session = Session(build.model("bytes"), CPU, SessionOptions(), optimised=True)
    feeds = {"value": np.full((1, 64), 255, np.uint8)}
    return bool(np.all(session.run(feeds)["sum"] == 64 * 127 * 255))


def _shapes(nodes: Iterable[Any]) -> Iterable[str]:
    """Inputs that say how long something is, and divisors, which come from such lengths."""
    for node in nodes:
        if node.op_type in ("Reshape", "Slice", "Div"):
            yield from (name for name in node.input[1:] if name)


def _probe(model: Any, asked: Sequence[str]) -> Session:
    """A session that also gives the values asked for, unchanged by any optimisation."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in asked)
    return Session(copy.SerializeToString(), CPU, SessionOptions(), optimised=True)


class Builder:
    """A graph under construction. Methods add nodes and name what comes out of them.

    A table of rows is a tensor [1, 1, rows, columns] here: turned round, that is a picture one
    pixel high, which is what onnxruntime has its fast convolutions for. table() and flat() lead
    in and out.
    """

    rows_axis, columns_axis = ROWS, COLUMNS

    def __init__(self, weights: Mapping[str, Array], start: Any = None) -> None:
        """`start` is a model whose nodes come first and whose values can be used by name."""
        self.weights = weights
        self._nodes: list[Any] = list(start.graph.node) if start else []
        self._constants: list[Any] = list(start.graph.initializer) if start else []
        self._inputs: list[Any] = list(start.graph.input) if start else []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Shape, kind: int = FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, value: str, shape: Shape, kind: int = FLOAT) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"cut_{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def take(self, node: Any) -> None:
        """Add a node of another graph as it is."""
        self._nodes.append(node)

    def several(self, kind: str, *inputs: str, count: int, **attributes: Any) -> list[str]:
        """A node with that many outputs."""
        names = [f"cut_{kind}_{len(self._nodes)}_{part}" for part in range(count)]
        node = helper.make_node(kind, list(inputs), names, name=names[0], **attributes)
        self._nodes.append(node)
        return names

    def split(self, value: str, sizes: str, count: int, axis: int | None = None) -> list[str]:
        """The value in `count` parts, its rows if not told; `sizes` names how long each is."""
        along = self.rows_axis if axis is None else axis
        return self.several("Split", value, sizes, count=count, axis=along)

    def table(self, value: str) -> str:
        """[rows, columns] as a table."""
        return self.add("Unsqueeze", value, self.integers(0, 1))

    def flat(self, value: str) -> str:
        """A table as [rows, columns]."""
        return self.add("Squeeze", value, self.integers(0, 1))

    def stacked(self, *values: str) -> str:
        """Tables one below the other."""
        return self.add("Concat", *values, axis=ROWS)

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"cut_constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def rows(self, value: str, start: int | str, stop: int = END) -> str:
        """The rows of a table from start, a number or the name of one, to stop.

        Both are counted from the end where negative.
        """
        first = start if isinstance(start, str) else self.integers(start)
        return self.add("Slice", value, first, self.integers(stop), self.integers(self.rows_axis))

    def columns(self, value: str, start: int, stop: int) -> str:
        """The columns of a table from start to stop."""
        edges = (self.integers(start), self.integers(stop), self.integers(self.columns_axis))
        return self.add("Slice", value, *edges)

    def column(self, value: str, number: int) -> str:
        """One column of a table."""
        return self.columns(value, number, number + 1)

    def norm(self, value: str, name: str) -> str:
        scale, shift = (self.constant(self.weights[f"{name}.{w}"]) for w in ("weight", "bias"))
        return self.add("LayerNormalization", value, scale, shift, axis=-1, epsilon=EPSILON)

    def depthwise(self, value: str, name: str, dilation: int) -> str:
        """Each column of a table through its own taps; unpadded, so fewer rows come out."""
        weight, bias = (self.weights[f"{name}.{part}"] for part in ("weight", "bias"))
        image = self.add(
            "Conv",
            self.add("Transpose", value, perm=[0, 3, 1, 2]),
            self.constant(weight[:, :, None, :]),
            self.constant(bias),
            kernel_shape=[1, weight.shape[-1]],
            dilations=[1, dilation],
            group=len(weight),
        )
        return self.add("Transpose", image, perm=[0, 2, 3, 1])

    def convolution(self, value: str, name: str) -> str:
        """Every column through taps to every other; unpadded, so fewer rows come out.

        It runs as a product of rows: onnxruntime's own convolution rounds a row differently,
        depending on how many others there are.
        """
        weight, bias = (self.weights[f"{name}.{part}"] for part in ("weight", "bias"))
        taps = weight.shape[-1]
        shifted = [
            self.rows(value, tap, tap + 1 - taps if tap + 1 < taps else END) for tap in range(taps)
        ]
        matrix = weight.transpose(2, 1, 0).reshape(-1, len(weight))
        wide = self.flat(self.add("Concat", *shifted, axis=COLUMNS))
        product = self.add("MatMul", wide, self.constant(matrix))
        return self.table(self.add("Add", product, self.constant(bias)))

    def dense(
        self,
        value: str,
        name: str,
        bias: Array,
        span: tuple[float, float] | None,
        gain: Array | None = None,
    ) -> str:
        """(value @ weights + bias) * gain; the product in bytes if the value's span is given."""
        matrix = self.weights[f"{name}/Transpose_output_0_quantized"]
        scale = self.weights[f"{name}/Transpose_output_0_scale"]
        zero = self.weights[f"{name}/Transpose_output_0_zero_point"]
        gains = np.ones(matrix.shape[1], np.float32) if gain is None else gain
        if span is None:
            exact = (matrix.astype(np.float32) - np.float32(zero)) * scale * gains
            product = self.add("MatMul", value, self.constant(exact))
            return self.add("Add", product, self.constant(bias * gains))
        step = (span[1] - span[0]) / LEVELS
        middle = round(-span[0] / step)
        return self.add(
            "MatMulIntegerToFloat",
            self.add("QuantizeLinear", value, self.constant(step), self.constant(middle, np.uint8)),
            self.constant(matrix, matrix.dtype),
            self.constant(step),
            self.constant(scale * gains),
            self.constant(middle, np.uint8),
            self.constant(np.full(matrix.shape[1], zero), matrix.dtype),
            self.constant(bias * gains),
            domain=MICROSOFT,
        )

    def model(self, name: str, opset: int = OPSET) -> bytes:
        """The graph, serialized. Nodes taken from another graph may need a later opset."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        content: bytes = model.SerializeToString()
        return content
