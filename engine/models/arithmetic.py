"""Arithmetic of a graph under construction, written as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from ..runtime.graph import Array, Builder

Operand: TypeAlias = Union["Value", "Array", float]


@dataclass(frozen=True, slots=True)
class Value:
    """What a node gives, by its name. Each operator adds the node that computes it.

    The other operand may be a number or an array: a constant, float32.
    """

    build: Builder
    name: str

    __array_ufunc__ = None  # an array on the left leaves the operation to this class

    def apply(self, kind: str, *others: str, **attributes: Any) -> Value:
        """The result of another kind of node: this value is its first input."""
        return Value(self.build, self.build.add(kind, self.name, *others, **attributes))

    def __add__(self, other: Operand) -> Value:
        return self.apply("Add", self._name_of(other))

    def __sub__(self, other: Operand) -> Value:
        return self.apply("Sub", self._name_of(other))

    def __mul__(self, other: Operand) -> Value:
        return self.apply("Mul", self._name_of(other))

    def __truediv__(self, other: Operand) -> Value:
        return self.apply("Div", self._name_of(other))

    def __neg__(self) -> Value:
        return self.apply("Neg")

    def _name_of(self, operand: Operand) -> str:
        if isinstance(operand, Value):
            return operand.name
        return self.build.constant(operand)
