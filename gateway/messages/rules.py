"""What a service's contract asks of a value (services/chassis/rules.py), which services say in English, for readers."""

import re

from gateway.messages import values

#: As services say it; in Hungarian; as an English sentence.
_RULES: tuple[tuple[str, str, str], ...] = (
    (r"is required", "kötelező megadni", "It is required"),
    (r"must have at least (\d+) characters", "legalább {} karakter legyen", "At least {} characters are needed"),
    (r"must have at most (\d+) characters", "legfeljebb {} karakter lehet", "At most {} characters are allowed"),
    (r"must have at least (\d+) items", "legalább {} elem legyen", "At least {} items are needed"),
    (r"must have at most (\d+) items", "legfeljebb {} elem adható meg", "At most {} items are allowed"),
    (r"must not contain a zero byte", "nem lehet benne nulla bájt", "It must not contain a zero byte"),
    (r"is no UUID", "érvénytelen azonosító (UUID)", "It is no UUID"),
    (r"is malformed", "az alakja hibás", "It is malformed"),
    (r"must be at least (-?\d+)", "legalább {} legyen", "It must be at least {}"),
    (r"must be at most (-?\d+)", "legfeljebb {} lehet", "It must be at most {}"),
)


def in_words(violation: str, locale: str) -> str:
    """The violation in the reader's language, to follow the field's name; as it came where it is none of the rules'."""
    if locale != "hu":
        return violation
    for pattern, words, _ in _RULES:
        if match := re.fullmatch(pattern, violation):
            return words.format(*(values.number(n, locale) for n in match.groups()))
    return violation


def sentence(violation: str, locale: str) -> str:
    """The same as a sentence, for where the field is told beside it."""
    words = in_words(violation, locale)
    if locale != "hu":
        for pattern, _, english in _RULES:
            if match := re.fullmatch(pattern, violation):
                words = english.format(*(values.number(n, locale) for n in match.groups()))
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}."
