"""The graphs of a voice: cut and optimised once, from then on read from the cache."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

from ..cache import processor
from ..runtime.providers import CPU
from ..runtime.session import RUNTIME_VERSION, Session, optimise_graph
from ..voices import Voice
from .base import Settings


class GraphStore:
    """What is derived from a voice's model, by name."""

    def __init__(
        self,
        voice: Voice,
        settings: Settings,
        version: str,
        cut: Callable[[str], bytes],
    ) -> None:
        """`cut` makes a graph that the cache lacks; an entry of another `version` is not used."""
        self._family = voice.family
        self._settings = settings
        self._cut = cut
        self._key = (
            version,
            voice.sha256,
            RUNTIME_VERSION,
            settings.options.optimisation_level,
            settings.provider.name,
            processor(),
        )

    def load(self, names: Iterable[str]) -> dict[str, memoryview]:
        """The graphs of those names, as sessions on the provider take them."""
        graphs = {}
        for name in names:
            disabled = _disabled_optimizers(name)
            graphs[name] = self.get(name, functools.partial(self._derive, name), *disabled)
        return graphs

    def get(
        self,
        name: str,
        make: Callable[[], bytes],
        *more_key: str,
    ) -> memoryview:
        """An entry that is no graph. `more_key` is what it depends on beside the voice."""
        return self._settings.cache.get(f"{self._family}-{name}", (*self._key, *more_key), make)

    def _derive(self, name: str) -> bytes:
        graph = self._cut(name)
        if self._settings.provider is not CPU:
            return graph
        return optimise_graph(
            graph,
            self._settings.provider,
            self._settings.options,
            _disabled_optimizers(name),
        )


def _disabled_optimizers(name: str) -> tuple[str, ...]:
    """Of a graph of fixed shapes, such as `decode-32`, those that round otherwise than without.

    Where lengths are constant a product and its bias become one operator, which rounds once less.
    """
    return ("MatMulAddFusion",) if "-" in name else ()


def cut_together(cut: Callable[[], Mapping[str, bytes]]) -> Callable[[str], bytes]:
    """For a model that is cut in one go: `cut` is called when the first graph is asked for."""
    cut_once = functools.cache(cut)
    return lambda name: cut_once()[name]


def open_sessions(graphs: Mapping[str, memoryview], settings: Settings) -> dict[str, Session]:
    """A session on each graph that load() gave, by its name.

    A graph such as `decode-32` is one of several of the stage `decode`.
    """
    return {
        name: Session(
            bytes(graph),
            settings.provider,
            settings.options,
            name=name,
            stage=name.partition("-")[0],
            require=settings.require,
            optimised=settings.provider is CPU,
        )
        for name, graph in graphs.items()
    }
