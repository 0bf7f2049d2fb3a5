"""Finds secrets by their names, and puts `***` in their place.

Two ways that complete each other. `mask` and its kin go by names and by places: `api_key=`, a
password in a URL, an `Authorization` header. `remember` and `scrub` go by the value: a secret that
was found once is replaced wherever it turns up in a message, as in a server's answer that quotes
it. What comes by `{env:NAME}` stays written like that; only a target ever sees the value.

Nothing slow is imported here, since every pytest run imports this module.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
_OF_SPEECH = (
    "audio|bos|cache|cls|dict|end|eos|foreign|image|key|lang|language|lookup|"
    "mask|max|min|model|n|new|num|pad|primary|prompt|public|sep|sort|"
    "speaker|special|speech|start|stop|style|suppress|text|time|unk|voice"
)
"""Before `key` or `token` they make it a word of models: two of those are two cells."""
_ABOUT = (
    "bits|budget|class|count|env|file|format|frame|frames|header|host|id|ids|"
    "index|len|length|limit|method|mode|name|path|points|rate|scheme|shift|"
    "signature|size|type|uri|url"
)
"""Behind `key`, `token` or `auth` they make it something about the secret."""


def is_secret_name(name: str, value: object = "text") -> bool:
    """Whether a value of this name is a secret: `api_key`, `X-Api-Key`, `HF_TOKEN`.

    `monkey` and `max_tokens` are not. Where a name may mean other things, short numbers are none.
    """
    if value is None or isinstance(value, bool):
        return False
    words = [word.lower() for word in re.findall(_WORD, name)]
    joined = "".join(words)
    if words == ["pass"] or not _ALWAYS_WORDS.isdisjoint(words):
        return True
    if any(part in joined for part in _ALWAYS):
        return True
    if _is_number(value) and len(str(value)) < SHORTEST:
        return False
    return any(_is_mostly_secret(words, at, value) for at in range(len(words)))


def _is_mostly_secret(words: Sequence[str], at: int, value: object) -> bool:
    """Whether one word of a name makes it that of a secret, beside its neighbours."""
    word = words[at]
    if not _names_a_secret(word):
        return False
    if at > 0 and re.fullmatch(_OF_SPEECH, words[at - 1]):
        return False
    if at + 1 < len(words) and re.fullmatch(_ABOUT, words[at + 1]):
        return False
    return not (word.endswith("s") and _is_number(value))


def _names_a_secret(word: str) -> bool:
    if word in _MOSTLY or word.endswith(("token", "tokens")):
        return True
    return re.match(_KEY_OF, word) is not None


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
"""Where the value ends in a query, or in a form."""
_BETWEEN_QUOTED = r"[\"']\s*[:=]\s*"
_EQUALS = r"=(?![ \t])|[ \t]+=[ \t]*"
_COLON = r":[ \t]+|:(?![:/ \t])"
_BLANK = r"[ \t]+(?!-[A-Za-z-])"
_GOES_ON = r"[^\s,;:&)}\]]"
"""Behind a quotation: what is quoted is only the beginning of the word."""


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
        head = ""
        scheme = re.fullmatch(_WITH_SCHEME, text)
        if scheme:
            head, text = scheme.groups()
        pieces = []
        for piece in re.split(_PLACE, text):
            if re.fullmatch(_PLACE, piece) or piece.strip() in ("", MASK):
                pieces.append(piece)
                continue
            self.found.append(Secret(name, piece))
            pieces.append(MASK)
        return head + "".join(pieces)

    def mask_value(self, name: str, value: Any, *, is_inside: bool = False) -> Any:
        """An option's value, of any depth; `is_inside` of something with a secret's name."""
        if value is None or isinstance(value, bool):
            return value
        is_secret = is_inside or is_secret_name(name, value)
        if isinstance(value, Mapping):
            return {
                key: self.mask_value(str(key), each, is_inside=is_secret)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            masked = [self.mask_value(name, each, is_inside=is_inside) for each in value]
            return type(value)(masked)
        if isinstance(value, str):
            return self.hide(name, value) if is_secret else self.mask_text(value)
        if not is_secret:
            return value
        self.found.append(Secret(name, str(value)))
        return MASK

    def mask_argument(self, text: str) -> str:
        """`--option=NAME=VALUE`, in which a value goes on to the end; anything else as text."""
        assignment = re.fullmatch(_ASSIGNMENT, text)
        if assignment is None:
            return self.mask_text(text)
        head, name, value = assignment.groups()
        if is_secret_name(name, value):
            return head + self.hide(name, value)
        return head + self.mask_argument(value)

    def mask_text(self, text: str) -> str:
        """A URL, a command line, JSON, headers: whatever a user may write."""
        if re.fullmatch(PYTHON, text):
            return text
        if text.lstrip()[:1] in ("{", "["):
            try:
                content = json.loads(text)
            except ValueError:
                pass
            else:
                return self._mask_json(text, content)
        for pattern in _USERINFO:
            text = re.sub(pattern, self._mask_userinfo, text)
        text = re.sub(_CURL_USER, lambda found: found[1] + self.hide("--user", found[2]), text)
        text = self._mask_by_names(text)
        return re.sub(_BEARER, lambda found: found[1] + self.hide("Bearer", found[2]), text)

    def _mask_json(self, text: str, content: object) -> str:
        """JSON without secrets stays as it was written."""
        masked = self.mask_value("", content)
        if masked == content:
            return text
        return json.dumps(masked, ensure_ascii=False)

    def _mask_userinfo(self, found: re.Match[str]) -> str:
        """Who logs in and with what: either may be the secret, so neither is shown."""
        user, _, password = found[2].partition(":")
        if found[2] == MASK or not found[2]:
            return found[0]
        if not re.sub(_PLACE, "", found[2]).strip(":"):
            return found[0]  # all of it comes by variables
        self.found.append(Secret("the password in the URL", password or user))
        return f"{found[1]}{MASK}@"

    def _mask_by_names(self, text: str) -> str:
        """Values behind names: `--token x`, `api_key=x`, `"key": "x"`, `X-Api-Key: x`."""
        pieces = []
        at = 0
        for name in re.finditer(_NAME, text):
            if name.start() < at:
                continue
            start, end = _find_value(text, name)
            value = text[start:end]
            if not value or not is_secret_name(name[0], value.strip("\"'")):
                continue
            if value[0] in "\"'" and value[-1] == value[0]:
                quote_mark = value[0]
                hidden = self.hide(name[0], value[1:-1])
                value = f"{quote_mark}{hidden}{quote_mark}"
            else:
                value = self.hide(name[0], value)
            pieces += [text[at:start], value]
            at = end
        return "".join([*pieces, text[at:]])


def _match(pattern: str, text: str, at: int) -> re.Match[str] | None:
    """A match that begins at a place; unlike with a slice, what is before it may be looked at."""
    return re.compile(pattern).match(text, at)


def _find_value(text: str, name: re.Match[str]) -> tuple[int, int]:
    """From where to where the value of a name goes; nothing where there is none."""
    start, end = name.span()
    nothing = (end, end)
    quote_mark = text[:start].rstrip("-")[-1:]
    if quote_mark not in ("'", '"'):
        quote_mark = ""
    if quote_mark and text[end : end + 1] == quote_mark:
        between = _match(_BETWEEN_QUOTED, text, end)
        return _find_word(text, between.end()) if between else nothing
    is_flag = text[start - 1 : start] == "-"
    between = _match(_EQUALS, text, end)
    if between:
        return _find_assigned(text, between.end(), quote_mark, is_flag=is_flag)
    between = _match(_COLON, text, end)
    if between:
        if quote_mark or _is_header(name[0], between[0]):
            return _find_header(text, between.end(), quote_mark)
        return nothing
    between = _match(_BLANK, text, end)
    if is_flag and between:
        return _find_word(text, between.end())
    return nothing


def _is_header(name: str, colon: str) -> bool:
    """Whether a colon, with the blanks behind it, stands behind the name of a header."""
    return len(colon) > 1 or "-" in name or name.lower() in _HEADERS


def _find_assigned(text: str, at: int, quote_mark: str, *, is_flag: bool) -> tuple[int, int]:
    """The value behind an equals sign."""
    start, end = _find_word(text, at, quote_mark)
    if is_flag or text[start:end][:1] in "\"'":
        return start, end
    next_pair = re.compile(_NEXT_PAIR).search(text, start, end)
    if next_pair:
        end = next_pair.start()
    return start, end


def _find_header(text: str, at: int, quote_mark: str) -> tuple[int, int]:
    """The value behind a header's colon: a scheme and a word, or a word."""
    if quote_mark:
        return _find_word(text, at, quote_mark)
    scheme = _match(_SCHEME + r"[ \t]+(?=\S)", text, at)
    word_at = scheme.end() if scheme else at
    _, end = _find_word(text, word_at)
    return at, end


def _find_word(text: str, at: int, quote_mark: str = "") -> tuple[int, int]:
    """One word as a shell reads it, or up to the quote that is open."""
    if quote_mark:
        end = text.find(quote_mark, at)
        if end < 0:
            end = len(text)
        return at, end
    quoted = _match(_QUOTED, text, at)
    if quoted and not _match(_GOES_ON, text, quoted.end()):
        return quoted.span()
    word = _match(_SHELL_WORD, text, at)
    return word.span() if word else (at, at)


# What others use.


def mask(text: str) -> str:
    """A text that a user wrote as an option, with each secret in it masked; else as it was.

    For URLs, command lines, JSON, headers and `NAME=VALUE`; not for prose.
    """
    return _Masker().mask_argument(text)


def mask_value(name: str, value: Any) -> Any:
    """The value of an option of this name, of any depth, with each secret in it masked."""
    return _Masker().mask_value(name, value)


def mask_arguments(arguments: Iterable[str]) -> tuple[str, ...]:
    """The arguments of a command, also where a secret follows its option as the next one."""
    return tuple(_mask_arguments(_Masker(), arguments))


def mask_target(spec: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A target as it may be shown and stored; a function of these two and of nothing else.

    A secret of one option that stands in another as well is masked there too.
    """
    masker = _Masker()
    spec = masker.mask_text(spec)
    masked = {name: masker.mask_value(name, value) for name, value in options.items()}
    registry = _Registry()
    registry.add(secret.value for secret in masker.found)
    return registry.scrub(spec), registry.scrub_value(masked)


def find(spec: str, options: Mapping[str, Any]) -> tuple[Secret, ...]:
    """The secrets that are written out in a target."""
    masker = _Masker()
    masker.mask_text(spec)
    for name, value in options.items():
        masker.mask_value(name, value)
    return tuple(masker.found)


def remember(spec: str, options: Mapping[str, Any]) -> None:
    """From now on scrub the secrets of a target, also those that come by a variable."""
    _registry.add(secret.value for secret in find(spec, options))
    for name in re.findall(VARIABLE, f"{spec} {options!r}"):
        _registry.add_variable(os.environ.get(name, ""))


def remember_arguments(arguments: Iterable[str]) -> None:
    """From now on scrub the secrets in the arguments of a command."""
    masker = _Masker()
    _mask_arguments(masker, arguments)
    _registry.add(secret.value for secret in masker.found)


def scrub(text: str) -> str:
    """A message, in which each secret that is remembered is replaced, however it is written."""
    return _registry.scrub(text)


def scrub_value(name: str, value: Any) -> Any:
    """What a target says of itself: masked by names, and scrubbed, at any depth."""
    return _registry.scrub_value(mask_value(name, value))


def has_any() -> bool:
    """Whether there is anything to scrub."""
    return _registry.has_any()


def advice(secrets: Iterable[Secret]) -> str | None:
    """What to say to somebody who has written a secret out; None where nobody has."""
    names = list(dict.fromkeys(secret.name for secret in secrets))
    if not names:
        return None
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {verb} written out, where a shell's history, a file or a CI log may "
        f"keep it (shown and stored here as {MASK}); write {{env:NAME}} in its place, and export "
        "NAME"
    )


def _mask_arguments(masker: _Masker, arguments: Iterable[str]) -> list[str]:
    masked: list[str] = []
    secret_option = ""
    for argument in arguments:
        if secret_option and not argument.startswith("--"):
            masked.append(masker.hide(secret_option, argument))
        else:
            masked.append(masker.mask_argument(argument))
        secret_option = ""
        flag = re.fullmatch(r"-+([A-Za-z][\w.-]*)", argument)
        if flag and is_secret_name(flag[1]):
            secret_option = flag[1]
    return masked


class _Registry:
    """The secrets of this process whose values are remembered."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, values: Iterable[str]) -> None:
        spellings = self._spellings.union(*map(_spellings, values))
        if spellings == self._spellings:
            return
        self._spellings = spellings
        longest_first = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def add_variable(self, value: str) -> None:
        """All of it, and what is in it: it may be a header's value, or a URL with a password."""
        values = [value]
        scheme = re.fullmatch(_WITH_SCHEME, value)
        if scheme:
            values.append(scheme[2])
        masker = _Masker()
        masker.mask_text(value)
        values += [secret.value for secret in masker.found]
        self.add(values)

    def scrub(self, text: str) -> str:
        if self._pattern is None:
            return text
        return self._pattern.sub(MASK, text)

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


_QUOTINGS: tuple[Callable[[str], str], ...] = (
    str,
    html.escape,
    quote_plus,
    lambda text: quote(text, safe=""),
    lambda text: repr(text)[1:-1],
    lambda text: json.dumps(text)[1:-1],
)


def _spellings(value: str) -> set[str]:
    """How a value may be written by a server or a traceback that quotes it."""
    plain = {value, value.strip(), unquote(value), re.sub(r"\\(.)", r"\1", value)}
    try:
        credentials = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        credentials = ""
    user, colon, password = credentials.partition(":")
    if colon:
        plain |= {user, password}
    quoted = {write(text) for text in plain for write in _QUOTINGS}
    return {text for text in quoted if len(text) >= SHORTEST}


_registry = _Registry()
