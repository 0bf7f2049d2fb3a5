"""Arithmetic of a graph under construction, written as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..runtime.graph import Builder


@dataclass(frozen=True, slots=True)
class Value:
    """What a node gives, by its name. Each operator adds the node that computes it."""

    build: Builder
    name: str

    def apply(self, kind: str, *others: str, **attributes: Any) -> Value:
        """The result of another kind of node: this value is its first input."""
        return Value(self.build, self.build.add(kind, self.name, *others, **attributes))

    def __add__(self, other: Value) -> Value:
        return self.apply("Add", other.name)

    def __sub__(self, other: Value) -> Value:
        return self.apply("Sub", other.name)

    def __mul__(self, other: Value) -> Value:
        return self.apply("Mul", other.name)

    def __truediv__(self, other: Value) -> Value:
        return self.apply("Div", other.name)

    def __neg__(self) -> Value:
        return self.apply("Neg")


def constant_value(build: Builder, value: Any) -> Value:
    """A constant to reckon with: a float32, or an array of them."""
    return Value(build, build.constant(value))
