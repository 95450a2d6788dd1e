"""How countries, postal codes, telephone numbers and e-mail addresses are written."""

import re
from collections.abc import Mapping

_COUNTRY = re.compile(
    r"A[DEFGILMOQRSTUWXZ]|B[ABDEFGHIJLMNOQRSTVWYZ]|C[ACDFGHIKLMNORUVWXYZ]|D[EJKMOZ]|E[CEGHRST]|F[IJKMOR]|"
    r"G[ABDEFGHILMNPQRSTUWY]|H[KMNRTU]|I[DELMNOQRST]|J[EMOP]|K[EGHIMNPRWYZ]|L[ABCIKRSTUVY]|"
    r"M[ACDEFGHKLMNOPQRSTUVWXYZ]|N[ACEFGILOPRUZ]|O[M]|P[AEFGHKLMNRSTWY]|Q[A]|R[EOSUW]|S[ABCDEGHIJKLMNORSTVXYZ]|"
    r"T[CDFGHJKLMNORTVWZ]|U[AGMSYZ]|V[ACEGINU]|W[FS]|Y[ET]|Z[AMW]"
)
_POSTAL_CODES: Mapping[str, str] = {
    "HU": r"[1-9]\d{3}",
    "AT": r"[1-9]\d{3}",
    "BE": r"[1-9]\d{3}",
    "BG": r"[1-9]\d{3}",
    "CY": r"\d{4}",
    "CZ": r"\d{3} ?\d{2}",
    "DE": r"\d{5}",
    "DK": r"\d{4}",
    "EE": r"\d{5}",
    "ES": r"\d{5}",
    "FI": r"\d{5}",
    "FR": r"\d{5}",
    "GR": r"\d{3} ?\d{2}",
    "HR": r"\d{5}",
    "IE": r"[A-Z]\d[\dW] ?[A-Z\d]{4}",
    "IT": r"\d{5}",
    "LT": r"(LT-)?\d{5}",
    "LU": r"(L-)?\d{4}",
    "LV": r"(LV-)?\d{4}",
    "MT": r"[A-Z]{3} ?\d{4}",
    "NL": r"[1-9]\d{3} ?[A-Z]{2}",
    "PL": r"\d{2}-\d{3}",
    "PT": r"\d{4}-\d{3}",
    "RO": r"\d{6}",
    "SE": r"\d{3} ?\d{2}",
    "SI": r"\d{4}",
    "SK": r"\d{3} ?\d{2}",
}
_POSTAL_CODE_ELSEWHERE = r"[A-Z0-9]([A-Z0-9 -]{0,13}[A-Z0-9])?"
# RFC 5733's e164 type: country code, a dot, the number.
_PHONE = re.compile(r"\+([1-9]\d{0,2})\.(\d{4,14})", re.ASCII)
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)


def is_country(code: str) -> bool:
    """ISO 3166-1 alpha-2, upper case."""
    return _COUNTRY.fullmatch(code) is not None


def is_postal_code(code: str, country: str) -> bool:
    """Upper case; exactly for the states of the EU, roughly elsewhere, where there may be none."""
    if not code:
        return country not in _POSTAL_CODES
    return re.fullmatch(_POSTAL_CODES.get(country, _POSTAL_CODE_ELSEWHERE), code, re.ASCII) is not None


def phone(text: str) -> str | None:
    """+36.525550101, from that or as a Hungarian writes it (06 52 555 0101); None when it is no telephone number."""
    compact = re.sub(r"^(\+36|0036|06)(?=\d)", "+36.", re.sub(r"[ ()/-]", "", text))
    match = _PHONE.fullmatch(compact)
    length = len(match[1] + match[2]) if match else 0
    if match is None or length > 15 or (match[1] == "36" and length not in {10, 11}):
        return None
    return compact


def is_email(text: str) -> bool:
    """An address as RFC 5321 lets it be written without quotes, at a host with a top-level domain."""
    return len(text) <= 254 and len(text.partition("@")[0]) <= 64 and _EMAIL.fullmatch(text) is not None
