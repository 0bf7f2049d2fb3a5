"""A piper encoder said shorter: what its export spells out in two thousand nodes, in a third.

The export works out every shape, masks what is never padded, spells out norms, reads positions by
shifting whole matrices, and picks the pieces of its splines by scattering. That takes longer than
the arithmetic of a short sentence, and most of a session's opening.

Nodes stay in their order. Those whose values have a shorter way to be had are replaced by it, and
what nothing depends on any more is dropped.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...runtime.graph import EPSILON, FLOAT, INT64, Array, Builder

# Of the splines: how far they reach, and the least of widths, heights and slopes, as piper trains.
TAIL, LEAST = 5.0, 1e-3
END_SLOPE = math.log(math.expm1(1 - LEAST))  # what makes the slope at both ends one


class RewritePath(NamedTuple):
    """A shorter way to a value: what adds it to the graph, given the names it starts from."""

    starts: Sequence[str]
    add: Callable[..., str]


Shorter = dict[str, RewritePath]


def shorten_encoder(
    build: Builder, nodes: Sequence[Any], ids: str, outputs: Sequence[str]
) -> list[str]:
    """Add the nodes to a graph, shorter; the new names of its outputs.

    Raises LookupError, StopIteration or ValueError where the graph is not as expected.
    """
    return _Encoder(build, nodes, ids).take(outputs)


class _Encoder:
    def __init__(self, build: Builder, nodes: Sequence[Any], ids: str) -> None:
        self._build = build
        self._nodes = nodes
        self._ids = ids
        self._makers = {name: node for node in nodes for name in node.output}
        self._users: dict[str, list[Any]] = {}
        for node in nodes:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        self._names: dict[str, str] = {}  # of values that come from elsewhere now
        self._near: tuple[str, str] | None = None

    def take(self, outputs: Sequence[str]) -> list[str]:
        """Add what the outputs depend on."""
        shorter = {**self._unmasked(), **self._norms(), **self._attention(), **self._splines()}
        needed = self._needed(outputs, shorter)
        for node in self._nodes:
            name = node.output[0]
            if not needed & set(node.output):
                continue
            if name in shorter:
                way = shorter[name]
                self._names[name] = way.add(*map(self._now, way.starts))
            else:
                for at, value in enumerate(node.input):
                    node.input[at] = self._now(value)
                if self._is_wide(node):
                    self._names[name] = self._picture(node)
                else:
                    self._build.take(node)
        return [self._now(name) for name in outputs]

    def _is_wide(self, node: Any) -> bool:
        """Whether it is one of the convolutions that take half of the time."""
        weights = self._build.weights.get(node.input[1]) if node.op_type == "Conv" else None
        return weights is not None and weights.shape[2] > 1 and weights.shape[1] > 1

    def _picture(self, node: Any) -> str:
        """A convolution as one of a picture one pixel high: there onnxruntime is faster."""
        build = self._build
        value, weights, *bias = node.input
        pads = [*next((a.ints for a in node.attribute if a.name == "pads"), (0, 0))]
        image = build.add(
            "Conv",
            build.add("Unsqueeze", value, build.integers(2)),
            build.constant(build.weights[weights][:, :, None]),
            *bias,
            pads=[0, pads[0], 0, pads[1]],
        )
        return build.add("Squeeze", image, build.integers(2))

    def _now(self, name: str) -> str:
        return self._names.get(name, name)

    def _needed(self, outputs: Iterable[str], shorter: Shorter) -> set[str]:
        """All values on the way to the outputs, where shorter ways are gone."""
        needed: set[str] = set()
        waiting = list(outputs)
        while waiting:
            name = waiting.pop()
            if name in needed or name not in self._makers:
                continue
            needed.add(name)
            waiting.extend(shorter[name].starts if name in shorter else self._makers[name].input)
        return needed

    def _maker(self, name: str, kind: str) -> Any:
        node = self._makers[name]
        if node.op_type != kind:
            raise ValueError(f"{name} comes from {node.op_type}")
        return node

    # Masks and norms ----------------------------------------------------------------------------

    def _unmasked(self) -> Shorter:
        """The mask of phonemes is one everywhere: there is one sentence, none of it padding."""
        muls = [node for node in self._nodes if node.op_type == "Mul"]
        casts = Counter(
            name
            for node in muls
            for name in node.input
            if name in self._makers and self._makers[name].op_type == "Cast"
        )
        ((mask, _),) = casts.most_common(1)
        masked = {n.output[0]: [name for name in n.input if name != mask] for n in muls}
        return {
            name: RewritePath(others, str) for name, others in masked.items() if len(others) == 1
        }

    def _norms(self) -> Shorter:
        shorter: Shorter = {}
        weights = self._build.weights
        for root in self._nodes:
            if root.op_type != "Sqrt" or "norm" not in root.name:  # splines have roots too
                continue
            (divided,) = self._users[root.output[0]]
            (scaled,) = self._users[divided.output[0]]
            (shifted,) = self._users[scaled.output[0]]
            value = self._maker(divided.input[0], "Sub").input[0]
            gain, shift = (
                next(name for name in node.input if name in weights) for node in (scaled, shifted)
            )
            norm = functools.partial(self._norm, gain, shift)
            shorter[shifted.output[0]] = RewritePath([value], norm)
        return shorter

    def _norm(self, gain: str, shift: str, value: str) -> str:
        inputs = (value, gain, shift)
        return self._build.add("LayerNormalization", *inputs, axis=-1, epsilon=EPSILON)

    # Attention ----------------------------------------------------------------------------------

    def _attention(self) -> Shorter:
        """Each phoneme weighs the few around it by how far they are, and all by what they are."""
        shorter: Shorter = {}
        for node in self._nodes:
            if node.op_type != "Softmax" or not node.name.startswith("/enc_p/"):
                continue
            layer = node.name.rsplit("/", 1)[0]
            folder = layer.strip("/").replace("/", ".")
            keys, values = (
                self._build.weights[f"{folder}.emb_rel_{kind}"].astype(np.float32) for kind in "kv"
            )
            scores = node.input[0]
            plain = self._maker(self._maker(scores, "Where").input[2], "Add").input[0]
            query = self._maker(plain, "MatMul").input[0]
            shorter[scores] = RewritePath(
                [plain, query], functools.partial(self._near_scores, keys)
            )
            weights = node.output[0]
            mixed = next(n for n in self._users[weights] if n.op_type == "MatMul")
            (added,) = self._users[mixed.output[0]]
            near = next(name for name in added.input if name != mixed.output[0])
            shorter[near] = RewritePath([weights], functools.partial(self._near_values, values))
        return shorter

    def _near_scores(self, keys: Array, plain: str, query: str) -> str:
        """Scores and, for the phonemes around each, those of their distance."""
        build = self._build
        where, there = self._around(keys)
        near = build.add("MatMul", query, build.constant(keys[None].swapaxes(2, 3)))
        near = build.add("Mul", near, there)
        return build.add("ScatterElements", plain, where, near, axis=-1, reduction="add")

    def _near_values(self, values: Array, weights: str) -> str:
        build = self._build
        where, there = self._around(values)
        near = build.add("GatherElements", weights, where, axis=-1)
        return build.add("MatMul", build.add("Mul", near, there), build.constant(values[None]))

    def _around(self, table: Array) -> tuple[str, str]:
        """Which phonemes lie around each, [1, heads, L, around], and whether they do, 1 or 0."""
        if self._near is not None:
            return self._near
        build = self._build
        reach = table.shape[1] // 2
        embedded = next(n for n in self._nodes if n.op_type == "Gather" and self._ids in n.input)
        channels = self._build.weights[embedded.input[0]].shape[1]
        heads = channels // table.shape[2]
        count = build.add("Shape", self._ids, start=1, end=2)
        scalar = build.add("Squeeze", count)
        row = build.add("Range", build.constant(0, np.int64), scalar, build.constant(1, np.int64))
        steps = build.constant(np.arange(-reach, reach + 1)[None], np.int64)
        wanted = build.add("Add", build.add("Unsqueeze", row, build.integers(1)), steps)
        last = build.add("Sub", scalar, build.constant(1, np.int64))
        clipped = build.add("Clip", wanted, build.constant(0, np.int64), last)
        there = build.add("Cast", build.add("Equal", wanted, clipped), to=FLOAT)
        full = build.add(
            "Concat", build.integers(1, heads), count, build.integers(2 * reach + 1), axis=0
        )
        self._near = build.add("Expand", clipped, full), there
        return self._near

    # Splines ------------------------------------------------------------------------------------

    def _splines(self) -> Shorter:
        shorter: Shorter = {}
        for node in self._nodes:
            if not (node.op_type == "Conv" and node.name.startswith("/dp/flows.")):
                continue
            if not node.name.endswith("/proj/Conv"):
                continue
            folder = node.name.removesuffix("proj/Conv")
            halves = next(
                n for n in self._nodes if n.op_type == "Split" and n.name.startswith(folder)
            )
            kept, changed = halves.output
            joined = next(n for n in self._users[kept] if n.op_type == "Concat")
            result = joined.input[1]
            channels = self._build.weights[node.input[1]].shape[:2]
            spline = functools.partial(self._spline, *channels)
            shorter[result] = RewritePath([node.output[0], changed], spline)
        return shorter

    def _spline(self, count: int, width: int, told: str, y: str) -> str:
        """Where a monotonic rational-quadratic spline takes a value, backwards.

        Durkan et al., Neural Spline Flows, 2019, section 3.1: x for a given y.
        """
        build = self._build
        bins = (count + 1) // 3
        rows = build.add("Transpose", told, perm=[0, 2, 1])
        y = build.add("Transpose", y, perm=[0, 2, 1])
        sizes = build.constant([bins, bins, bins - 1], np.int64)
        widths, heights, slopes = build.split(rows, sizes, 3, axis=2)
        left, wide = self._knots(widths, bins, width)
        low, high = self._knots(heights, bins, width)
        ends = build.constant([0, 0, 1, 0, 0, 1], np.int64)
        slopes = build.add("Pad", slopes, ends, build.constant(END_SLOPE))
        slopes = build.add("Add", build.add("Softplus", slopes), build.constant(LEAST))
        inner = self._columns(low, 1, bins)
        # As many knots below the value as the number of its bin says.
        below = build.add("Cast", build.add("GreaterOrEqual", y, inner), to=FLOAT)
        which = build.add(
            "Cast", build.add("ReduceSum", below, build.integers(2), keepdims=1), to=INT64
        )
        x0, w, y0, h, d0, d1 = (
            build.add("GatherElements", table, which, axis=2)
            for table in (
                self._columns(left, 0, bins), wide, self._columns(low, 0, bins), high,
                self._columns(slopes, 0, bins), self._columns(slopes, 1, bins + 1),
            )
        )  # fmt: skip
        mean = build.add("Div", h, w)
        twice = build.constant(2.0)
        rise = build.add("Sub", y, y0)
        bend = build.add("Sub", build.add("Add", d0, d1), build.add("Mul", twice, mean))
        bent = build.add("Mul", rise, bend)
        a = build.add("Add", bent, build.add("Mul", h, build.add("Sub", mean, d0)))
        b = build.add("Sub", build.add("Mul", h, d0), bent)
        c = build.add("Mul", build.add("Neg", mean), rise)
        four = build.add("Mul", build.constant(4.0), build.add("Mul", a, c))
        root = build.add("Sqrt", build.add("Sub", build.add("Mul", b, b), four))
        part = build.add(
            "Div", build.add("Mul", twice, c), build.add("Sub", build.add("Neg", b), root)
        )
        x = build.add("Add", build.add("Mul", part, w), x0)
        far = build.add("Greater", build.add("Abs", y), build.constant(TAIL))
        return build.add("Transpose", build.add("Where", far, y, x), perm=[0, 2, 1])

    def _knots(self, told: str, bins: int, width: int) -> tuple[str, str]:
        """Where the bins begin, and where the last ends; and how wide they are."""
        build = self._build
        share = build.add(
            "Softmax", build.add("Div", told, build.constant(math.sqrt(width))), axis=2
        )
        share = build.add(
            "Add", build.add("Mul", share, build.constant(1 - LEAST * bins)), build.constant(LEAST)
        )
        edges = build.add("CumSum", share, build.constant(2, np.int64))
        inner = build.add(
            "Sub",
            build.add("Mul", self._columns(edges, 0, bins - 1), build.constant(2 * TAIL)),
            build.constant(TAIL),
        )
        low = build.add(
            "Pad", inner, build.constant([0, 0, 1, 0, 0, 0], np.int64), build.constant(-TAIL)
        )
        knots = build.add(
            "Pad", low, build.constant([0, 0, 0, 0, 0, 1], np.int64), build.constant(TAIL)
        )
        sizes = build.add("Sub", self._columns(knots, 1, bins + 1), self._columns(knots, 0, bins))
        return knots, sizes

    def _columns(self, value: str, start: int, stop: int) -> str:
        integers = self._build.integers
        return self._build.add("Slice", value, integers(start), integers(stop), integers(2))
