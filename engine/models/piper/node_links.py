"""How the nodes of a graph hang together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


class NodeLinks:
    """By the name of a tensor: the node that makes it, and the nodes that use it."""

    def __init__(self, nodes: Iterable[Any]) -> None:
        self.makers: dict[str, Any] = {}
        self.users: defaultdict[str, list[Any]] = defaultdict(list)
        for node in nodes:
            for name in node.output:
                self.makers[name] = node
            for name in node.input:
                self.users[name].append(node)

    def is_made_by(self, name: str, kind: str) -> bool:
        """Whether a node of that kind makes the tensor."""
        return name in self.makers and self.makers[name].op_type == kind

    def find_dependents(self, name: str) -> set[str]:
        """All tensors that depend on one."""
        dependents: set[str] = set()
        waiting = [name]
        while waiting:
            for node in self.users[waiting.pop()]:
                fresh = set(node.output) - dependents
                dependents |= fresh
                waiting.extend(fresh)
        return dependents


def rename_inputs(nodes: Iterable[Any], names: Mapping[str, str]) -> None:
    """Let nodes take their inputs from elsewhere: names are old -> new."""
    for node in nodes:
        for at, name in enumerate(node.input):
            node.input[at] = names.get(name, name)
