"""How a model is opened; names nothing that is slow to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..cache import Cache
from ..providers import Provider, Require, SessionOptions


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is opened."""

    provider: Provider
    options: SessionOptions
    require: Require
    lexicon: Mapping[str, str]
    cache: Cache
