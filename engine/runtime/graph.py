"""The only importer of onnx: takes a voice's graph apart, and builds the graphs of its stages.

What the stages of a family are is described in its own file, such as models/hibari/graph.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias, Union

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
LEVELS = 255.0  # of an unsigned byte, zero left out
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
        self.weights: dict[str, Array] = {}
        for weight in self._model.graph.initializer:
            self.weights[weight.name] = numpy_helper.to_array(weight)

    @property
    def nodes(self) -> Sequence[Any]:
        """All of them, each after those it takes its inputs from."""
        nodes: Sequence[Any] = self._model.graph.node
        return nodes

    @property
    def inputs(self) -> list[str]:
        """What it is fed with."""
        return [value.name for value in self._model.graph.input]

    def part(
        self,
        inputs: Sequence[str],
        outputs: Sequence[str],
    ) -> Any:
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
        rounded = [
            node.input[0]
            for node in self._model.graph.node
            if node.op_type == "DynamicQuantizeLinear"
        ]
        probe = _probe(self._model, rounded)
        ranges = dict.fromkeys(rounded, (0.0, 0.0))
        for feeds in texts:
            values = probe.run(feeds)
            for name, (low, high) in ranges.items():
                least = float(values[name].min())
                greatest = float(values[name].max())
                ranges[name] = (min(low, least), max(high, greatest))
        return ranges


def freeze_inputs(model: Any, one: Feeds, other: Feeds) -> Any:
    """The model with every shape it computes made constant, but for the one length that varies.

    Which entries vary is not reasoned out but seen, in runs over two texts of unlike length.
    """
    graph = model.graph
    names = sorted(set(_shapes(graph.node)) - _constant_names(graph))
    probe = _probe(model, names)
    first = probe.run(one)
    second = probe.run(other)
    frozen = set()
    for name in names:
        constant = _freeze(first[name], second[name])
        if constant is not None:
            frozen.add(name)
            graph.initializer.append(numpy_helper.from_array(constant, name))
    nodes = [node for node in graph.node if frozen.isdisjoint(node.output)]
    del graph.node[:]
    graph.node.extend(nodes)
    inputs = [value.name for value in graph.input]
    outputs = [value.name for value in graph.output]
    return onnx.utils.Extractor(model).extract_model(inputs, outputs)


def _constant_names(graph: Any) -> set[str]:
    """Names of the values that no node computes from others: weights, inputs and constants."""
    names = {value.name for value in [*graph.initializer, *graph.input]}
    for node in graph.node:
        if node.op_type == "Constant":
            names.update(node.output)
    return names


def _freeze(one: Array, other: Array) -> Array | None:
    """A value seen in two runs as a constant: -1 where one length varies; None if more does."""
    varies = one != other
    if not np.any(varies):
        return one
    if one.dtype == np.int64 and np.ndim(varies) and np.sum(varies) == 1:
        return np.where(varies, np.int64(-1), one)
    return None


def rowwise(
    model: Any,
    outputs: Mapping[str, str],
    inputs: Mapping[str, str] | None = None,
) -> bytes:
    """The model with its byte convolutions as products of rows: the same to the bit, but faster.

    outputs, inputs: what those of the model are called from now on.
    """
    new_inputs = inputs or {}
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    build = Builder({})
    for old, new in new_inputs.items():
        build.take(helper.make_node("Identity", [new], [old]))
    for node in graph.node:
        _add_as_rows(build, node, weights)
    for old, new in outputs.items():
        build.take(helper.make_node("Identity", [old], [new]))
    _rename_values(graph.input, new_inputs)
    _rename_values(graph.output, outputs)
    del graph.node[:]
    graph.node.extend(build.nodes)
    graph.initializer.extend(build.constants)
    return _serialize(model)


def _serialize(model: Any) -> bytes:
    content: bytes = model.SerializeToString()
    return content


def _rename_values(values: Iterable[Any], names: Mapping[str, str]) -> None:
    for value in values:
        value.name = names.get(value.name, value.name)


def _add_as_rows(build: Builder, node: Any, weights: Mapping[str, Any]) -> None:
    """Add a ConvInteger over [1, channels, time] as a product of rows.

    As it is if it is another node, strides, has groups or no constant byte kernel.
    """
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    kernel = _find_byte_kernel(node, attributes, weights)
    if kernel is None:
        build.take(node)
        return
    source, _, source_zero, zero_name = node.input
    rows = build.add("Transpose", source, perm=[0, 2, 1])
    before, after = attributes.get("pads", [0, 0])
    if before or after:
        rows = rows.apply("Pad", [0, before, 0, 0, after, 0], source_zero)
    if kernel.shape[-1] > 1:
        dilation = attributes.get("dilations", [1])[0]
        rows = _lay_side_by_side(rows, kernel.shape[-1], dilation)
    zero = numpy_helper.to_array(weights[zero_name])
    if signed_bytes_add_up():  # the same numbers, counted from the middle
        kernel = count_from_middle(kernel)
        zero = count_from_middle(zero)
    product = rows.apply("MatMulInteger", to_matrix(kernel), source_zero, zero.reshape(()))
    outputs = list(node.output)
    last = helper.make_node("Transpose", [product.name], outputs, perm=[0, 2, 1])
    build.take(last)


def _find_byte_kernel(
    node: Any,
    attributes: Mapping[str, Any],
    weights: Mapping[str, Any],
) -> Array | None:
    if node.op_type != "ConvInteger" or not {node.input[1], node.input[3]} <= weights.keys():
        return None
    if attributes.get("group", 1) != 1 or attributes.get("strides", [1]) != [1]:
        return None
    kernel = numpy_helper.to_array(weights[node.input[1]])
    if kernel.ndim != 3 or kernel.dtype != np.uint8:
        return None
    return kernel


def _lay_side_by_side(rows: Value, kernel_size: int, dilation: int) -> Value:
    """The rows as each entry of the kernel sees them, in one table."""
    shifted = []
    for start in range(0, kernel_size * dilation, dilation):
        stop = start - (kernel_size - 1) * dilation or END
        shifted.append(rows.between(start, stop, axis=1))
    return rows.build.add("Concat", *shifted, axis=2)


def count_from_middle(values: Array) -> Array:
    """Unsigned bytes as signed ones, 128 less each."""
    return (values.astype(np.int16) - 128).astype(np.int8)


def to_matrix(kernel: Array) -> Array:
    """[out, in, size] as [size * in, out], for a product with rows side by side."""
    return kernel.transpose(2, 1, 0).reshape(-1, len(kernel))


@cache
def signed_bytes_add_up() -> bool:
    """Whether a product with signed bytes is exact here.

    It is the faster kind wherever processors have an instruction for it; some of the others add
    two products in 16 bits, and what does not fit is cut off.
    """
    greatest = np.full((1, 64), 255, np.uint8)
    build = Builder({})
    value = build.input("value", greatest.shape, UINT8)
    product = value.apply("MatMulInteger", np.full((64, 16), 127, np.int8))
    build.output("sum", product, [1, 16], TensorProto.INT32)
    session = Session(build.model("bytes"), CPU, SessionOptions(), optimised=True)
    sums = session.run({"value": greatest})["sum"]
    return bool(np.all(sums == 64 * 127 * 255))


def _shapes(nodes: Iterable[Any]) -> Iterable[str]:
    """Inputs that say how long something is, and divisors, which come from such lengths."""
    for node in nodes:
        if node.op_type in ("Reshape", "Slice", "Div"):
            yield from filter(None, node.input[1:])


def _probe(model: Any, names: Sequence[str]) -> Session:
    """A session that also gives the values of these names, unchanged by any optimisation."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(map(helper.make_empty_tensor_value_info, names))
    return Session(copy.SerializeToString(), CPU, SessionOptions(), optimised=True)


Operand: TypeAlias = Union["Value", str, Array, Sequence[int], float]
"""What a node takes: a value, the name of one, or a constant; see Builder.constant()."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of a graph under construction. Each operator adds the node that computes it."""

    build: Builder
    name: str

    __array_ufunc__ = None  # an array on the left leaves the operation to this class

    def apply(self, kind: str, *others: Operand, **attributes: Any) -> Value:
        """The result of a node of that kind: this value is its first input."""
        return self.build.add(kind, self, *others, **attributes)

    def __add__(self, other: Operand) -> Value:
        return self.apply("Add", other)

    def __sub__(self, other: Operand) -> Value:
        return self.apply("Sub", other)

    def __mul__(self, other: Operand) -> Value:
        return self.apply("Mul", other)

    def __truediv__(self, other: Operand) -> Value:
        return self.apply("Div", other)

    def __matmul__(self, other: Operand) -> Value:
        return self.apply("MatMul", other)

    def __neg__(self) -> Value:
        return self.apply("Neg")

    def reshape(self, *shape: int) -> Value:
        """The same entries in another shape; one length may be -1."""
        return self.apply("Reshape", shape)

    def transpose(self, *axes: int) -> Value:
        return self.apply("Transpose", perm=axes)

    def cast(self, kind: int) -> Value:
        return self.apply("Cast", to=kind)

    def between(self, start: int | Value, stop: int, axis: int) -> Value:
        """What lies from start to stop on an axis; both count from the end where negative."""
        first = start if isinstance(start, Value) else [start]
        return self.apply("Slice", first, [stop], [axis])


class Builder:
    """A graph under construction. Methods add nodes and give what comes out of them.

    A table of rows is a tensor [1, 1, rows, columns] here: turned round, that is a picture one
    pixel high, which is what onnxruntime has its fast convolutions for. table() and flat() lead
    in and out.
    """

    rows_axis, columns_axis = ROWS, COLUMNS

    def __init__(self, weights: Mapping[str, Array], start: Any = None) -> None:
        """`start` is a model whose nodes come first and whose values can be used by name."""
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        if start is not None:
            self.nodes.extend(start.graph.node)
            self.constants.extend(start.graph.initializer)
            self._inputs.extend(start.graph.input)

    def input(self, name: str, shape: Shape, kind: int = FLOAT) -> Value:
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return Value(self, name)

    def output(self, name: str, value: Operand, shape: Shape, kind: int = FLOAT) -> None:
        source = self._name_of(value)
        self.nodes.append(helper.make_node("Identity", [source], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def add(self, kind: str, *inputs: Operand, **attributes: Any) -> Value:
        return self.several(kind, *inputs, count=1, **attributes)[0]

    def take(self, node: Any) -> None:
        """Add a node of another graph as it is."""
        self.nodes.append(node)

    def several(self, kind: str, *inputs: Operand, count: int, **attributes: Any) -> list[Value]:
        """A node with that many outputs; it is named after the first."""
        names = [self._name_of(operand) for operand in inputs]
        outputs = [f"cut_{kind}_{len(self.nodes)}_{part}" for part in range(count)]
        node = helper.make_node(kind, names, outputs, name=outputs[0], **attributes)
        self.nodes.append(node)
        return [Value(self, output) for output in outputs]

    def _name_of(self, operand: Operand) -> str:
        if isinstance(operand, str):
            return operand
        if not isinstance(operand, Value):
            operand = self.constant(operand)
        return operand.name

    def constant(self, value: Array | Sequence[int] | float) -> Value:
        """Fractions as float32, everything else as it is."""
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        name = f"cut_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return Value(self, name)

    def split(
        self, value: Value, sizes: Operand, count: int, axis: int | None = None
    ) -> list[Value]:
        """The value in `count` parts of these sizes, cut along its rows by default."""
        if axis is None:
            axis = self.rows_axis
        return self.several("Split", value, sizes, count=count, axis=axis)

    def table(self, value: Value) -> Value:
        """[rows, columns] as a table."""
        return value.apply("Unsqueeze", [0, 1])

    def flat(self, value: Value) -> Value:
        """A table as [rows, columns]."""
        return value.apply("Squeeze", [0, 1])

    def stack(self, *values: Operand) -> Value:
        """Tables one below the other."""
        return self.add("Concat", *values, axis=self.rows_axis)

    def join(self, *values: Operand) -> Value:
        """Tables side by side."""
        return self.add("Concat", *values, axis=self.columns_axis)

    def rows(self, value: Value, start: int | Value, stop: int = END) -> Value:
        """The rows of a table from start to stop."""
        return value.between(start, stop, self.rows_axis)

    def columns(self, value: Value, start: int, stop: int) -> Value:
        """The columns of a table from start to stop."""
        return value.between(start, stop, self.columns_axis)

    def norm(self, value: Value, name: str) -> Value:
        weight, bias = self._weight_and_bias(name)
        return value.apply("LayerNormalization", weight, bias, axis=-1, epsilon=EPSILON)

    def _weight_and_bias(self, name: str) -> tuple[Array, Array]:
        """The arrays of a layer of the voice."""
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]

    def depthwise(self, value: Value, name: str, dilation: int) -> Value:
        """Each column of a table through its own kernel; unpadded, so fewer rows come out."""
        weight, bias = self._weight_and_bias(name)
        image = value.transpose(0, 3, 1, 2)
        image = image.apply(
            "Conv",
            weight[:, :, None, :],
            bias,
            kernel_shape=[1, weight.shape[-1]],
            dilations=[1, dilation],
            group=len(weight),
        )
        return image.transpose(0, 2, 3, 1)

    def convolution(self, value: Value, weight: Array, bias: Array) -> Value:
        """Every column through a kernel to every other; unpadded, so fewer rows come out.

        It runs as a product of rows: onnxruntime's own convolution rounds a row differently,
        depending on how many others there are.
        """
        kernel_size = weight.shape[-1]
        shifted = []
        for start in range(kernel_size):
            stop = start + 1 - kernel_size or END
            shifted.append(self.rows(value, start, stop))
        wide = self.flat(self.join(*shifted))
        return self.table(wide.apply("Gemm", to_matrix(weight), bias))

    def dense(
        self,
        value: Value,
        name: str,
        bias: Array,
        span: tuple[float, float] | None,
        gain: Array | None = None,
    ) -> Value:
        """(value @ weights + bias) * gain; the product in bytes if the value's span is given."""
        matrix = self.weights[f"{name}/Transpose_output_0_quantized"]
        scale = self.weights[f"{name}/Transpose_output_0_scale"]
        zero = self.weights[f"{name}/Transpose_output_0_zero_point"]
        width = matrix.shape[1]
        if gain is None:
            gain = np.ones(width, np.float32)
        if span is None:
            centred = matrix.astype(np.float32) - np.float32(zero)
            return value @ (centred * scale * gain) + bias * gain
        low, high = span
        step = (high - low) / LEVELS
        middle = np.array(round(-low / step), np.uint8)
        quantised = value.apply("QuantizeLinear", step, middle)
        return quantised.apply(
            "MatMulIntegerToFloat",
            matrix,
            step,
            scale * gain,
            middle,
            np.full(width, zero, matrix.dtype),
            bias * gain,
            domain=MICROSOFT,
        )

    def model(self, name: str, opset: int = OPSET) -> bytes:
        """The graph, serialized. Nodes taken from another graph may need a later opset."""
        graph = helper.make_graph(self.nodes, name, self._inputs, self._outputs, self.constants)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        return _serialize(model)
