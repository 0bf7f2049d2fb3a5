"""The voice package's English reading rules, without what makes them slow to open.

The rules are the package's own. Its dictionaries are packed once into tables that are looked up
where they lie, and only the part that reads is imported, not the synthesis beside it. So the rules
run as a copy under a name of their own, and `import hibari` elsewhere is not touched.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..cache import Cache
from .abbreviations import Abbreviations
from .packed_dict import PackedDict, pack

VERSION = "1"  # of the tables and what is in them
MODULE = "_tts_engine_reading_rules"
TAGGER = "tagger.json.gz"
TAGGER_TABLES = ("tagdict", "weights", "vocab")
NAME_AND_STOP = "Jan."  # a token of the rules, and left in a text only where it is a name
SURE = 5  # how the rules rate a pronunciation that was given to them


class Token(NamedTuple):
    """A word, a part of one or a punctuation mark as read, and whether a space follows."""

    text: str
    phonemes: str
    spaced: bool


def open_rules(
    assets: Path,
    british: bool,
    net: Callable[[str], str | None],
    lexicon: Mapping[str, str],
    cache: Cache,
) -> Callable[[str], list[Token]]:
    """What reads a text in tokens. `net` reads unknown words, `lexicon` overrides both."""
    module = _module(assets.parent / "g2p")
    module._load_json = lambda name: _load(assets / name, cache)  # type: ignore[attr-defined]
    rules = module.G2P(oov=net, british=british)
    rules.tagger.vocab = _table(assets / TAGGER, "vocab", cache)
    normalise = _normaliser()
    longest = max((len(key.split()) for key in lexicon), default=0)
    given = {" ".join(key.split()): phonemes for key, phonemes in lexicon.items()}

    def read(text: str) -> list[Token]:
        tokens = list(_stops_apart(rules.tokenize(normalise(text))))
        if given:
            _override(tokens, given, longest)
        return [
            Token(token.text, token.phonemes or "", bool(token.whitespace))
            for token in rules.phonemize_tokens(tokens)
        ]

    return read


def _stops_apart(tokens: Iterable[Any]) -> Iterator[Any]:
    """The tokens, names with the stop of their sentence in two: the rules take them for months."""
    for token in tokens:
        if token.text == NAME_AND_STOP:
            yield token.copy(text=token.text[:-1], whitespace="")
            token = token.copy(text=".", tag=".")
        yield token


def _normaliser() -> Callable[[str], str]:
    """What writes numbers and abbreviations out, but for abbreviations that are words."""
    module: Any = sys.modules[f"{MODULE}.normalize"]
    if not isinstance(module.RE_ABBREV, Abbreviations):
        module.RE_ABBREV = Abbreviations(module.RE_ABBREV)
    normalise: Callable[[str], str] = module.normalize
    return normalise


def open_net(model: Path) -> Callable[[str], str | None]:
    """The net for unknown words; it is opened when the first such word comes."""
    opened: list[Callable[[str], str | None]] = []

    def read(word: str) -> str | None:
        if not opened:
            _module(model.parents[1] / "g2p")
            spec_name = f"{MODULE}.oov"
            opened.append(importlib.import_module(spec_name).OOV(str(model)))
        return opened[0](word)

    return read


def _override(tokens: list[Any], given: Mapping[str, str], longest: int) -> None:
    """Give phonemes to the tokens that together spell a key, the longest key first."""
    at = 0
    while at < len(tokens):
        at += _match(tokens, at, given, longest)


def _match(tokens: list[Any], at: int, given: Mapping[str, str], longest: int) -> int:
    """How many tokens from `at` on are done with: those of a key, else one."""
    spelled = ""
    keys: list[tuple[int, str]] = []
    for stop in range(at + 1, len(tokens) + 1):
        spelled += tokens[stop - 1].text
        keys.append((stop, spelled))
        spelled += " " * bool(tokens[stop - 1].whitespace)
        if spelled.count(" ") >= longest:
            break
    for stop, spelled in reversed(keys):
        phonemes = given.get(spelled, given.get(spelled.lower()))
        if phonemes is not None:
            for token in tokens[at:stop]:
                token.phonemes, token.rating = "", SURE
            tokens[at].phonemes = phonemes
            return stop - at
    return 1


def _module(folder: Path) -> ModuleType:
    """The package's reading part, imported by itself."""
    known = sys.modules.get(MODULE)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(
        MODULE, folder / "__init__.py", submodule_search_locations=[str(folder)]
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
        small = cache.get("reading-tags", _key(asset), lambda: _tags(asset))
        parts = {part: _table(asset, part, cache) for part in ("tagdict", "weights")}
        return {"tags": json.loads(bytes(small)), **parts}
    if asset.name.startswith("lexicon_"):
        return _table(asset, None, cache)
    return _parse(asset)


def _tags(asset: Path) -> bytes:
    return json.dumps(_parse(asset)["tags"]).encode()


def _table(asset: Path, part: str | None, cache: Cache) -> PackedDict:
    def make() -> bytes:
        whole = _parse(asset)
        entries = whole if part is None else whole[part]
        return pack(entries if isinstance(entries, dict) else dict.fromkeys(entries, 1))

    kind = f"reading-{asset.name.partition('.')[0]}-{part or 'words'}"
    return PackedDict(cache.get(kind, _key(asset), make))


def _parse(asset: Path) -> Any:
    if asset.suffix == ".gz":
        import gzip

        with gzip.open(asset, "rt", encoding="utf-8") as file:
            return json.load(file)
    return json.loads(asset.read_text("utf-8"))


def _key(asset: Path) -> tuple[str, ...]:
    """The file as it stands: hashing it would take as long as a good part of the opening."""
    state = asset.stat()
    return (VERSION, str(asset), str(state.st_size), str(state.st_mtime_ns))
