"""The voice package's English reading rules, without what makes them slow to open.

The rules are the package's own. Its dictionaries are packed once into tables that are looked up in
place, and only the part that reads is imported, not the synthesis beside it. So the rules run as a
copy under another module name, and an `import hibari` elsewhere is left alone.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..cache import Cache
from .clauses import OPENERS
from .packed_dict import PackedDict, pack

VERSION = "1"  # of the tables and what is in them
MODULE = "_tts_engine_reading_rules"
TAGGER = "tagger.json.gz"
QUOTES = frozenset('"“”')
OPENING, CLOSING = "``", "''"  # tags of quotation marks
SURE = 5  # how the rules rate a pronunciation that was given to them


Net = Callable[[str], str | None]  # reads unknown words: word -> phonemes
Tagger = Callable[[Sequence[str]], Sequence[str]]  # words -> their parts of speech


class Token(NamedTuple):
    """A word, a part of one or a punctuation mark as read, and whether a space follows."""

    text: str
    phonemes: str
    spaced: bool


def open_rules(
    assets: Path,
    british: bool,
    net: Net,
    lexicon: Mapping[str, str],
    cache: Cache,
) -> Callable[[str], list[Token]]:
    """What reads a text in tokens. `net` reads unknown words, `lexicon` overrides both."""
    module: Any = _import_rules(assets.parent / "g2p")
    module._load_json = lambda name: _load(assets / name, cache)
    rules = module.G2P(oov=net, british=british)
    rules.tagger.vocab = _open_table(assets / TAGGER, "vocab", cache)
    rules.tagger = _tag_without_quotes(rules.tagger)
    overrides = Overrides(lexicon)

    def read(text: str) -> list[Token]:
        tokens = list(_separate_stops(_open_quotes(rules.tokenize(_simplify(text)))))
        overrides.apply(tokens)
        return [
            Token(token.text, token.phonemes or "", bool(token.whitespace))
            for token in rules.phonemize_tokens(tokens)
        ]

    return read


def _tag_without_quotes(tag: Tagger) -> Tagger:
    """The tagger, without sight of quotation marks, which it takes for words at times.

    A mark that is tagged as a word makes an unknown one of the word that it touches.
    """

    def tag_words(words: Sequence[str]) -> list[str]:
        others = iter(tag([word for word in words if word not in QUOTES]))
        return [CLOSING if word in QUOTES else next(others) for word in words]

    return tag_words


def _open_quotes(tokens: Iterable[Any]) -> Iterator[Any]:
    """The tokens; a quotation mark with a space before it opens."""
    is_first = True
    for token in tokens:
        if token.text in QUOTES and is_first:
            token.tag = OPENING
        yield token
        is_first = bool(token.whitespace) or (is_first and token.text in OPENERS)


def _separate_stops(tokens: Iterable[Any]) -> Iterator[Any]:
    """The tokens, a word and the stop of its sentence in two: "Jan." would be a month, "B." silent.

    No abbreviation is left when the rules read a text.
    """
    for token in tokens:
        if len(token.text) > 1 and token.text.endswith(".") and token.text[-2].isalnum():
            yield token.copy(text=token.text[:-1], whitespace="")
            token = token.copy(text=".", tag=".")
        yield token


def _simplify(text: str) -> str:
    """The text with the apostrophes that the rules know; all else is normalised before."""
    return text.replace("\u2019", "'")


def open_net(model: Path) -> Net:
    """The net for unknown words; it is opened when the first such word comes."""

    @functools.cache
    def open_once() -> Any:
        _import_rules(model.parents[1] / "g2p")
        module = importlib.import_module(f"{MODULE}.oov")
        return module.OOV(str(model))

    return lambda word: open_once()(word)


class Overrides:
    """Pronunciations by word or words, put in place of what the rules would say."""

    def __init__(self, lexicon: Mapping[str, str]) -> None:
        self._lexicon: dict[str, str] = {}
        self._max_words = 0
        for key, phonemes in lexicon.items():
            words = key.split()
            self._lexicon[" ".join(words)] = phonemes
            self._max_words = max(self._max_words, len(words))

    def apply(self, tokens: Sequence[Any]) -> None:
        """Set the phonemes of tokens that together spell a key, the longest key first."""
        start = 0
        while self._lexicon and start < len(tokens):
            stop, phonemes = self._find(tokens, start)
            if phonemes is not None:
                for token in tokens[start:stop]:
                    token.phonemes = ""
                    token.rating = SURE
                tokens[start].phonemes = phonemes
            start = stop

    def _find(self, tokens: Sequence[Any], start: int) -> tuple[int, str | None]:
        """Where the longest key that begins with this token ends, and its phonemes.

        Where none does: where the token itself ends, and None.
        """
        best: tuple[int, str | None] = (start + 1, None)
        spelled = ""
        for stop, token in enumerate(tokens[start:], start + 1):
            spelled += token.text
            in_lower_case = self._lexicon.get(spelled.lower())
            phonemes = self._lexicon.get(spelled, in_lower_case)
            if phonemes is not None:
                best = (stop, phonemes)
            if token.whitespace:
                spelled += " "
            if spelled.count(" ") >= self._max_words:
                break
        return best


def _import_rules(folder: Path) -> ModuleType:
    """The package's reading part, imported by itself."""
    imported = sys.modules.get(MODULE)
    if imported is not None:
        return imported
    spec = importlib.util.spec_from_file_location(
        MODULE,
        folder / "__init__.py",
        submodule_search_locations=[str(folder)],
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[MODULE]
        raise
    return module


def _load(asset: Path, cache: Cache) -> Any:
    """What the rules would have read from a file, the large parts of it as tables."""
    if asset.name == TAGGER:
        tags = cache.get("reading-tags", _key(asset), lambda: _dump_tags(asset))
        return {
            "tags": json.loads(bytes(tags)),
            "tagdict": _open_table(asset, "tagdict", cache),
            "weights": _open_table(asset, "weights", cache),
        }
    if asset.name.startswith("lexicon_"):
        return _open_table(asset, None, cache)
    return _parse(asset)


def _dump_tags(asset: Path) -> bytes:
    return json.dumps(_parse(asset)["tags"]).encode()


def _open_table(
    asset: Path,
    part: str | None,
    cache: Cache,
) -> PackedDict:
    """The entries of an asset, or of a part of it, as a table; those of a list have the value 1."""

    def make() -> bytes:
        entries = _parse(asset)
        if part is not None:
            entries = entries[part]
        if not isinstance(entries, dict):
            entries = dict.fromkeys(entries, 1)
        return pack(entries)

    kind = f"reading-{asset.name.partition('.')[0]}-{part or 'words'}"
    return PackedDict(cache.get(kind, _key(asset), make))


def _parse(asset: Path) -> Any:
    if asset.suffix == ".gz":
        import gzip

        with gzip.open(asset, "rt", encoding="utf-8") as file:
            return json.load(file)
    return json.loads(asset.read_text("utf-8"))


def _key(asset: Path) -> tuple[str, ...]:
    """By path, size and time: hashing the file would take a good part of the opening."""
    state = asset.stat()
    return (
        VERSION,
        str(asset),
        str(state.st_size),
        str(state.st_mtime_ns),
    )
