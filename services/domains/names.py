"""Domain names: Unicode in, A-labels stored, both shown (IDNA 2008, RFC 5890-5892, with UTS 46 mapping)."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import idna

from services.chassis.errors import DomainError, Invalid

#: What UTS 46 takes for a full stop.
_DOTS = re.compile("[\u3002\uff0e\uff61]")
_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){2,}[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


#: How Unicode's names of letters begin, where that is not their script: "CJK UNIFIED IDEOGRAPH-4E2D" is Han.
_SCRIPT_OF = {"Cjk": "Han", "Ideographic": "Han", "Arabic-indic": "Arabic", "Extended": "Arabic"}
#: Of no script of their own: digits, marks, and signs that several scripts share (UAX 24: Common, Inherited).
_SHARED = {"Digit", "Hyphen-minus", "Combining", "Middle", "Modifier", "Zero", "Katakana-hiragana"}
#: Scripts that one language writes together (UTS 39 section 5.1).
_WRITTEN_TOGETHER = ({"Han", "Hiragana", "Katakana"}, {"Han", "Hangul"}, {"Han", "Bopomofo"})


SCRIPTS = frozenset(
    "Latin Greek Cyrillic Armenian Georgian Hebrew Arabic Syriac Thaana Devanagari Bengali Gurmukhi Gujarati Oriya Tamil "  # noqa: SIM905
    "Telugu Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Khmer Mongolian Ethiopic Cherokee Han Hiragana Katakana "
    "Hangul Bopomofo".split()
)
"""Those that a top-level domain can take names of."""


class DomainInvalid(Invalid):
    reason = "DOMAIN_INVALID"


class DomainMixedScript(DomainInvalid):
    """Letters of scripts that nobody writes together: how one name is made to look like another."""

    reason = "DOMAIN_MIXED_SCRIPT"


class DomainCharacterRefused(DomainInvalid):
    """The top-level domain does not take this letter."""

    reason = "DOMAIN_CHARACTER_REFUSED"


@dataclass(frozen=True, slots=True)
class Name:
    """`ascii` is in A-labels, lower case, without a trailing dot."""

    ascii: str
    unicode: str
    tld: str


def parse(text: str) -> Name:
    """A second-level name below a top-level domain, as it may be ordered; DomainInvalid says what is wrong with it."""
    name = spelled(text)
    _one_script(name.unicode)
    return name


def spelled(text: str) -> Name:
    """The same to look a name up: a held one is found whatever its letters, as the rules may be younger than it is."""
    stripped = _DOTS.sub(".", text.strip()).removesuffix(".")
    if not stripped:
        raise DomainInvalid("the name is empty", name="–")
    try:
        ascii_name = idna.encode(stripped, uts46=True, std3_rules=True, transitional=False).decode().lower()
        unicode_name = idna.decode(ascii_name)
    except (idna.IDNAError, UnicodeError) as error:
        raise DomainInvalid(str(error)[:200], name=text[:255]) from None
    labels = ascii_name.split(".")
    if len(labels) != 2 or labels[1].isdigit():
        raise DomainInvalid("a name to register is one label and a top-level domain", name=text[:255])
    return Name(ascii_name, unicode_name, labels[1])


def _one_script(name: str) -> None:
    """DomainMixedScript shows a letter of each of the scripts (UTS 39: the restriction level "single script")."""
    examples: dict[str, str] = {}
    for character in name.rpartition(".")[0]:
        if kind := script(character):
            examples.setdefault(kind, character)
    if len(examples) > 1 and not any(set(examples) <= together for together in _WRITTEN_TOGETHER):
        shown = ", ".join(_shown(character) for character in examples.values())
        raise DomainMixedScript(f"mixes {', '.join(examples)}", name=name, characters=shown)


def script(character: str) -> str:
    """The script of a letter: Latin, Cyrillic, Han. Empty for what several share, such as digits."""
    kind = unicodedata.name(character, "").split(" ")[0].capitalize()
    return "" if kind in _SHARED else _SCRIPT_OF.get(kind, kind)


def _shown(character: str) -> str:
    return f"{character} (U+{ord(character):04X})"


def refused_character(name: Name, scripts: Sequence[str], letters: str) -> DomainError | None:
    """DomainCharacterRefused when the top-level domain does not take a letter: one of another script, or where it lists
    its letters, another one."""
    for character in name.unicode.rpartition(".")[0]:
        kind = script(character)
        foreign = bool(kind) and kind not in scripts
        if not character.isascii() and (foreign or (letters and character not in letters)):
            detail = f".{name.tld} does not take {_shown(character)}"
            return DomainCharacterRefused(detail, name=name.unicode, character=_shown(character), tld=name.tld)
    return None


def host(text: str) -> str | None:
    """A nameserver's name as typed, in A-labels, lower case, without a trailing dot; None for what cannot be one."""
    stripped = _DOTS.sub(".", text.strip()).removesuffix(".").lower()
    try:
        ascii_name = idna.encode(stripped, uts46=True, std3_rules=True, transitional=False).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return None
    return ascii_name if is_host(ascii_name) else None


def top_level(text: str) -> str | None:
    """A top-level domain as typed, in A-labels, lower case, without dots; None for what cannot be one."""
    found = host(f"ns.name.{text.strip().removeprefix('.')}")
    return found.removeprefix("ns.name.") if found is not None and found.count(".") == 2 else None


def is_host(text: str) -> bool:
    """Whether it can be a nameserver: letters, digits and hyphens, lower case, three labels or more, no trailing dot."""
    return _HOST.fullmatch(text) is not None
