"""Addresses of networks, sign by sign: IPv6, and network cards. IPv4 is in web.py."""

from __future__ import annotations

import re

from .number_words import cardinal
from .rules import Match, Rule, char_before
from .web import say_part

KIND = "ip"
HEX = "0123456789ABCDEFabcdef"
MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?!\w)")
IPV6 = re.compile(
    r"(?P<ip>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){1,6}:(?:[0-9A-Fa-f]{1,4}|(?<=::)))"
    r"(?P<bits>/\d{1,3})?(?!\w)"
)
PARTS = re.compile(r":|\w")


def _read_mac(match: Match) -> str:
    """The address of a network card, sign by sign."""
    groups = re.split("[:-]", match[0])
    return ", ".join(" ".join(map(say_part, group)) for group in groups)


def _read_ipv6(match: Match) -> str | None:
    """2001:db8::1; times and ratios have colons too, but are no addresses."""
    before = char_before(match)
    if before.isalnum() or before == ":" or not _is_ipv6(match["ip"]):
        return None
    words = []
    for part in PARTS.findall(match["ip"]):
        words.append("colon" if part == ":" else say_part(part))
    if match["bits"]:
        words.append(f"slash {cardinal(match['bits'][1:])}")
    return " ".join(words)


def _is_ipv6(text: str) -> bool:
    """Whether it is an address with a digit in it: names of code have two colons as well."""
    from ipaddress import AddressValueError, IPv6Address

    if not any(map(str.isdigit, text)):
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


RULES = (
    Rule(KIND, HEX, MAC, _read_mac),
    Rule(KIND, f"{HEX}:", IPV6, _read_ipv6),
)
