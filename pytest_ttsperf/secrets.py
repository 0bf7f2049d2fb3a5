"""What nobody may read: finds secrets by the names they go by, and puts `***` in their place.

Two ways that complete each other. `mask` and its kin go by names and by places: `api_key=`, a
password in a URL, an `Authorization` header. `remember` and `scrub` go by the value: a secret that
was found once is replaced wherever it turns up in a message, as in a server's answer that quotes
it. What comes by `{env:NAME}` stays written like that; only a target ever sees the value.

A leaf that imports nothing slow, as every pytest run reads it.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
SHORTEST = 6
"""Characters of the shortest value that is looked for in messages; shorter ones are words."""
VARIABLE = r"\{env:(\w+)\}"
PYTHON = r"[\w.]+:[\w.]+"
"""`module:callable`, whose names may be any."""

# Names.

_WORD = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+"
_ALWAYS = (
    "password", "passwd", "passphrase", "secret", "credential", "authorization", "apikey",
    "bearer", "cookie",
)  # fmt: skip
"""Parts of names that stand for nothing else."""
_ALWAYS_WORDS = frozenset({"pwd", "jwt", "psk"})
_MOSTLY = frozenset({"key", "keys", "token", "tokens", "auth", "signature", "sig"})
_KEY_OF = (
    r"(access|account|auth|client|encryption|licen[cs]e|master|private|server|session|service|"
    r"signing|ssh|subscription|user|openai|azure|aws|hf|xi)keys?"
)
_OF_SPEECH = frozenset({
    "audio", "bos", "cache", "cls", "dict", "end", "eos", "foreign", "image", "key", "lang",
    "language", "lookup", "mask", "max", "min", "model", "n", "new", "num", "pad", "primary",
    "prompt", "public", "sep", "sort", "speaker", "special", "speech", "start", "stop", "style",
    "suppress", "text", "time", "unk", "voice",
})  # fmt: skip
"""Before `key` or `token` they make it a word of models: two of those are two cells."""
_ABOUT = frozenset({
    "bits", "budget", "class", "count", "env", "file", "format", "frame", "frames", "header",
    "host", "id", "ids", "index", "len", "length", "limit", "method", "mode", "name", "path",
    "points", "rate", "scheme", "shift", "signature", "size", "type", "uri", "url",
})  # fmt: skip
"""Behind `key`, `token` or `auth` they make it something about the secret."""


def is_secret_name(name: str, value: object = "text") -> bool:
    """Whether a value that goes by this name is a secret: `api_key`, `X-Api-Key`, `HF_TOKEN`.

    `monkey` and `max_tokens` are not. Where a name may mean other things, short numbers are none.
    """
    if value is None or isinstance(value, bool):
        return False
    words = [word.lower() for word in re.findall(_WORD, name)]
    joined = "".join(words)
    if any(part in joined for part in _ALWAYS) or not _ALWAYS_WORDS.isdisjoint(words):
        return True
    if words == ["pass"]:
        return True
    if _is_number(value) and len(str(value)) < SHORTEST:
        return False
    return any(_is_mostly_secret(words, at, value) for at in range(len(words)))


def _is_mostly_secret(words: Sequence[str], at: int, value: object) -> bool:
    word = words[at]
    if (
        word not in _MOSTLY
        and not word.endswith(("token", "tokens"))
        and not re.match(_KEY_OF, word)
    ):
        return False
    if at > 0 and words[at - 1] in _OF_SPEECH:
        return False
    if at + 1 < len(words) and words[at + 1] in _ABOUT:
        return False
    return not (word.endswith("s") and _is_number(value))


def _is_number(value: object) -> bool:
    if isinstance(value, int | float):
        return True
    return isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) is not None


# Places. Patterns are compiled when they are first used: most runs have no secret to look for.

_SCHEME = (
    r"(?i:Bearer|Basic|Token|Digest|Negotiate|DPoP|Bot|Key|Api-?Key|GoogleLogin|AWS4-HMAC-SHA256)"
)
_WITH_SCHEME = rf"(?s)({_SCHEME}[ \t]+)(\S.*)"
_BEARER = r"(?i)\b(Bearer[ \t]+)([\w.~+/=-]{6,})"
_PLACE = r"(\{(?:env:\w+|text|voice|provider)\})"
_USERINFO = (
    # With a `/`, `?` or `#` in the password, which should have been written as %2F.
    r"(//)((?:\{env:\w+\}|[^/?#\s:@{])*:(?!(?:\d{1,5}|\{env:\w+\})(?:[/?#\s]|$)|[/?#\s]|$)\S*)@",
    r"(//)([^/?#\s:@]*:\d{1,5}[/?#]\S*)@(?=[\w.-]+:\d)",
    r"(//)([^/?#\s]*)@",
    # Without the scheme in front of it.
    r"^()(?!mailto:)([\w.+-]+:[^\s@/]*)@(?=[\w.\[-])",
)
_CURL_USER = r"((?:^|\s)(?:-u|-U|--user|--proxy-user)(?:[ =])[\"']?[^\s:\"']+:)(\S+)"
_NAME = r"[A-Za-z_][\w.-]*"
_ASSIGNMENT = r"(?s)(\s*-{0,2}([A-Za-z_][\w.-]*)\s*=\s*)(.*)"
_SHELL_WORD = r"""(?s)(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'\\].*$)+"""
_QUOTED = r"""(?s)"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?"""
_HEADERS = ("authorization", "cookie")
"""Headers that may stand before a colon without a blank behind it, as nothing else may."""
_NEXT_PAIR = r"&[\w.-]+="


class Secret(NamedTuple):
    """One that was found."""

    name: str
    """What it goes by."""
    value: str


class _Masker:
    """Masks, and notes what it has masked."""

    def __init__(self) -> None:
        self.found: list[Secret] = []

    def hide(self, name: str, text: str) -> str:
        """A secret's text without it; the scheme word and places to be filled stay."""
        scheme = re.fullmatch(_WITH_SCHEME, text)
        head, rest = (scheme[1], scheme[2]) if scheme else ("", text)
        pieces = []
        for piece in re.split(_PLACE, rest):
            if re.fullmatch(_PLACE, piece) or piece.strip() in ("", MASK):
                pieces.append(piece)
                continue
            self.found.append(Secret(name, piece))
            pieces.append(MASK)
        return head + "".join(pieces)

    def value(self, name: str, value: Any, *, is_inside: bool = False) -> Any:
        """An option's value, of any depth; `is_inside` of something with a secret's name."""
        if value is None or isinstance(value, bool):
            return value
        is_secret = is_inside or is_secret_name(name, value)
        if isinstance(value, Mapping):
            return {
                key: self.value(str(key), each, is_inside=is_secret) for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return type(value)([self.value(name, each, is_inside=is_inside) for each in value])
        if isinstance(value, str):
            return self.hide(name, value) if is_secret else self.text(value)
        if not is_secret:
            return value
        self.found.append(Secret(name, str(value)))
        return MASK

    def argument(self, text: str) -> str:
        """`--option=NAME=VALUE`, in which a value goes on to the end; anything else as text."""
        assignment = re.fullmatch(_ASSIGNMENT, text)
        if assignment is None:
            return self.text(text)
        head, name, rest = assignment.groups()
        hidden = self.hide(name, rest) if is_secret_name(name, rest) else self.argument(rest)
        return f"{head}{hidden}"

    def text(self, text: str) -> str:
        """A URL, a command line, JSON, headers: whatever a user may write."""
        if re.fullmatch(PYTHON, text):
            return text
        if text.lstrip()[:1] in ("{", "["):
            try:
                read = json.loads(text)
            except ValueError:
                pass
            else:
                masked = self.value("", read)
                return text if masked == read else json.dumps(masked, ensure_ascii=False)
        for pattern in _USERINFO:
            text = re.sub(pattern, self._userinfo, text)
        text = re.sub(_CURL_USER, lambda found: found[1] + self.hide("--user", found[2]), text)
        text = self._named(text)
        return re.sub(_BEARER, lambda found: found[1] + self.hide("Bearer", found[2]), text)

    def _userinfo(self, found: re.Match[str]) -> str:
        """Who logs in and with what: either may be the secret, so neither is shown."""
        user, _, password = found[2].partition(":")
        if found[2] == MASK or not found[2]:
            return found[0]
        if not re.sub(_PLACE, "", found[2]).strip(":"):
            return found[0]  # all of it comes by variables
        self.found.append(Secret("the password in the URL", password or user))
        return f"{found[1]}{MASK}@"

    def _named(self, text: str) -> str:
        """Values behind names: `--token x`, `api_key=x`, `"key": "x"`, `X-Api-Key: x`."""
        pieces, at = [], 0
        for name in re.finditer(_NAME, text):
            if name.start() < at:
                continue
            start, end = _value_behind(text, name)
            value = text[start:end]
            if not value or not is_secret_name(name[0], value.strip("\"'")):
                continue
            bare = value[1:-1] if value[0] in "\"'" and value[-1] == value[0] else value
            quotes = value[0] if bare != value else ""
            pieces += [text[at:start], quotes, self.hide(name[0], bare), quotes]
            at = end
        return "".join([*pieces, text[at:]])


def _value_behind(text: str, name: re.Match[str]) -> tuple[int, int]:
    """From where to where the value of a name goes; nothing where there is none."""
    start, end = name.span()
    before = text[:start].rstrip("-")[-1:]
    is_flag = text[start - 1 : start] == "-"
    nothing = (end, end)
    quote_mark = before if before in "\"'" and before else ""
    if quote_mark and text[end : end + 1] == quote_mark:
        between = re.compile(r"[\"']\s*[:=]\s*").match(text, end)
        return _word(text, between.end(), "") if between else nothing
    between = re.compile(r"=(?![ \t])|[ \t]+=[ \t]*").match(text, end)
    if between:
        return _assigned(text, between.end(), quote_mark, is_flag=is_flag)
    between = re.compile(r":[ \t]+|:(?![:/ \t])").match(text, end)
    if between:
        has_blank = between.end() - end > 1
        is_header = has_blank or quote_mark or "-" in name[0] or name[0].lower() in _HEADERS
        return _header(text, between.end(), quote_mark) if is_header else nothing
    between = re.compile(r"[ \t]+(?!-[A-Za-z-])").match(text, end)
    if is_flag and between:
        return _word(text, between.end(), "")
    return nothing


def _assigned(text: str, at: int, quote_mark: str, *, is_flag: bool) -> tuple[int, int]:
    start, end = _word(text, at, quote_mark)
    if is_flag or text[start:end][:1] in "\"'":
        return start, end
    following = re.compile(_NEXT_PAIR).search(text, start, end)  # of a query, or of a form
    return start, following.start() if following else end


def _header(text: str, at: int, quote_mark: str) -> tuple[int, int]:
    if quote_mark:
        return _word(text, at, quote_mark)
    scheme = re.compile(_SCHEME + r"[ \t]+(?=\S)", re.IGNORECASE).match(text, at)
    _, end = _word(text, scheme.end() if scheme else at, "")
    return at, end


def _word(text: str, at: int, quote_mark: str) -> tuple[int, int]:
    """One word as a shell reads it, or up to the quote that is open."""
    if quote_mark:
        end = text.find(quote_mark, at)
        return at, len(text) if end < 0 else end
    quoted = re.compile(_QUOTED).match(text, at)
    if quoted and not re.compile(r"[^\s,;:&)}\]]").match(text, quoted.end()):
        return quoted.span()
    word = re.compile(_SHELL_WORD).match(text, at)
    return word.span() if word else (at, at)


# What others use.


def mask(text: str) -> str:
    """A text that a user wrote as an option, with each secret in it masked; else as it was.

    For URLs, command lines, JSON, headers and `NAME=VALUE`; not for prose.
    """
    return _Masker().argument(text)


def mask_value(name: str, value: Any) -> Any:
    """The value of an option of this name, of any depth, with each secret in it masked."""
    return _Masker().value(name, value)


def mask_arguments(arguments: Iterable[str]) -> tuple[str, ...]:
    """The arguments of a command, also where a secret follows its option as the next one."""
    return tuple(_arguments(_Masker(), arguments))


def mask_target(spec: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A target as it may be shown and stored; a function of these two and of nothing else.

    A secret of one option that stands in another as well is masked there too.
    """
    masker = _Masker()
    shown = [
        masker.text(spec),
        {name: masker.value(name, value) for name, value in options.items()},
    ]
    registry = _Registry()
    registry.add(secret.value for secret in masker.found)
    spec, options = registry.scrub_value(shown)
    return spec, dict(options)


def find(spec: str, options: Mapping[str, Any]) -> tuple[Secret, ...]:
    """The secrets that are written out in a target."""
    masker = _Masker()
    masker.text(spec)
    for name, value in options.items():
        masker.value(name, value)
    return tuple(masker.found)


def remember(spec: str, options: Mapping[str, Any]) -> None:
    """From now on scrub the secrets of a target, also those that come by a variable."""
    _registry.add(secret.value for secret in find(spec, options))
    for name in re.findall(VARIABLE, f"{spec} {options!r}"):
        _registry.add_variable(os.environ.get(name, ""))


def remember_arguments(arguments: Iterable[str]) -> None:
    """From now on scrub the secrets in the arguments of a command."""
    masker = _Masker()
    _arguments(masker, arguments)
    _registry.add(secret.value for secret in masker.found)


def scrub(text: str) -> str:
    """A message, in which each secret that is remembered is replaced, however it is written."""
    return _registry.scrub(text)


def scrub_value(name: str, value: Any) -> Any:
    """What a target says of itself: masked by its names, and scrubbed, at any depth."""
    return _registry.scrub_value(mask_value(name, value))


def has_any() -> bool:
    """Whether there is anything to scrub."""
    return _registry.has_any()


def advice(secrets: Iterable[Secret]) -> str | None:
    """What to tell somebody who has written a secret out; None where nobody has."""
    names = list(dict.fromkeys(secret.name for secret in secrets))
    if not names:
        return None
    is_are = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {is_are} written out, where a shell's history, a file or a CI log may "
        f"keep it (shown and stored here as {MASK}); write {{env:NAME}} in its place, and export "
        "NAME"
    )


def _arguments(masker: _Masker, arguments: Iterable[str]) -> list[str]:
    masked: list[str] = []
    option = ""
    for argument in arguments:
        if option and not argument.startswith("--"):
            masked.append(masker.hide(option, argument))
        else:
            masked.append(masker.argument(argument))
        flag = re.fullmatch(r"-+([A-Za-z][\w.-]*)", argument)
        option = flag[1] if flag and is_secret_name(flag[1]) else ""
    return masked


class _Registry:
    """The secrets of this process that are known by value."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, values: Iterable[str]) -> None:
        new = {spelling for value in values for spelling in _spellings(value)}
        if new <= self._spellings:
            return
        self._spellings |= new
        longest_first = sorted(self._spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(each) for each in longest_first))

    def add_variable(self, value: str) -> None:
        """All of it, and what it holds: it may be a header's value, or a URL with a password."""
        masker = _Masker()
        masker.text(value)
        scheme = re.fullmatch(_WITH_SCHEME, value)
        parts = [scheme[2]] if scheme else []
        self.add([value, *parts, *(secret.value for secret in masker.found)])

    def scrub(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def scrub_value(self, value: Any) -> Any:
        """The texts in a value of any depth."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, Mapping):
            return {key: self.scrub_value(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self.scrub_value(each) for each in value])
        return value

    def has_any(self) -> bool:
        return self._pattern is not None


def _spellings(value: str) -> set[str]:
    """How a value may be written by a server or a traceback that quotes it."""
    plain = {value, value.strip(), unquote(value), re.sub(r"\\(.)", r"\1", value)}
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        pass
    else:
        plain |= {user, password} if colon else set()
    written = {
        write(each)
        for each in plain
        for write in (
            str,
            html.escape,
            quote_plus,
            lambda text: quote(text, safe=""),
            lambda text: repr(text)[1:-1],
            lambda text: json.dumps(text)[1:-1],
        )
    }
    return {each for each in written if len(each) >= SHORTEST}


_registry = _Registry()
