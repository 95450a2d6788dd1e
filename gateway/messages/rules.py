"""What a service's contract asks of a value (services/chassis/rules.py), which services say in English, for readers."""

import re

_HU: tuple[tuple[str, str], ...] = (
    (r"is required", "kötelező megadni"),
    (r"must have at least (\d+) characters", r"legalább \1 karakter legyen"),
    (r"must have at most (\d+) characters", r"legfeljebb \1 karakter lehet"),
    (r"must have at least (\d+) items", r"legalább \1 elem legyen"),
    (r"must have at most (\d+) items", r"legfeljebb \1 elem lehet"),
    (r"must not contain a zero byte", "nem lehet benne nulla bájt"),
    (r"is no UUID", "nem UUID"),
    (r"is malformed", "hibás alakú"),
    (r"must be at least (-?\d+)", r"legalább \1 legyen"),
    (r"must be at most (-?\d+)", r"legfeljebb \1 lehet"),
)


def in_words(violation: str, locale: str) -> str:
    """The violation in the reader's language; as it came where it is none of the rules'."""
    if locale != "hu":
        return violation
    for pattern, words in _HU:
        if re.fullmatch(pattern, violation):
            return re.sub(pattern, words, violation)
    return violation
