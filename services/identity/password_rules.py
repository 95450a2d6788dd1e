"""What a password must be, wherever a person sets one: long enough, and none that is tried first (NIST SP 800-63B, 3.1.1.2).

Nothing is asked of its kinds of characters, and it does not expire.
"""

import functools
import importlib.util
import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from services.chassis.errors import Invalid
from services.identity.passwords import normal

LEAST_ALONE = 15
"""Characters of a password that is the only factor."""
LEAST_WITH_FACTOR = 8
MOST = 1024
#: Longer than any two on the list.
_LONGEST_CUT = 64


class PasswordTooShort(Invalid):
    """`least`: characters that it needs."""

    reason = "PASSWORD_TOO_SHORT"


class PasswordTooLong(Invalid):
    """`most`: characters that it may have."""

    reason = "PASSWORD_TOO_LONG"


class PasswordCommon(Invalid):
    """It is on a list of common ones, repeats or counts; or it is two such things, one behind the other."""

    reason = "PASSWORD_COMMON"


class PasswordPersonal(Invalid):
    """It is made of the user's own address or name."""

    reason = "PASSWORD_PERSONAL"


def least(*, has_second_factor: bool) -> int:
    """Characters that a password needs at least."""
    return LEAST_WITH_FACTOR if has_second_factor else LEAST_ALONE


def check(password: str, *, email: str, name: str, has_second_factor: bool, field: str = "password") -> None:
    """PasswordTooShort, PasswordTooLong, PasswordCommon, PasswordPersonal; `field` is the request's that holds it."""
    length, fewest = len(normal(password)), least(has_second_factor=has_second_factor)
    if length < fewest:
        raise PasswordTooShort(f"needs at least {fewest} characters", field=field, least=str(fewest))
    if length > MOST:
        raise PasswordTooLong(f"may have at most {MOST} characters", field=field, most=str(MOST))
    own = _own(email, name)
    for plain in _readings(password):
        for parts in _splits(plain):
            if all(part in own or _guessable(part) for part in parts):
                if own.isdisjoint(parts):
                    raise PasswordCommon("is among those tried first", field=field)
                raise PasswordPersonal("is the user's own address or name", field=field)


def _readings(password: str) -> list[str]:
    """Without case and accents; and where little else is lost, without what stands between letters and digits too:
    "Jel-szó" is "jelszo"."""
    folded = _fold(password)
    bare = _bare(folded)
    return [folded, bare] if 2 * len(folded) <= 3 * len(bare) else [folded]


def _fold(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


def _splits(plain: str) -> Iterator[tuple[str, ...]]:
    """The whole, and each way to cut it in two: something common with another behind it is hardly better."""
    yield (plain,)
    if len(plain) <= _LONGEST_CUT:
        for at in range(1, len(plain)):
            yield plain[:at], plain[at:]


def _guessable(part: str) -> bool:
    return len(part) < 3 or part in _common() or _repeats(part) or _counts(part)


def _repeats(part: str) -> bool:
    """Whether it is something short at least twice, the last time perhaps not whole: "abcabca"."""
    periods = range(1, min(LEAST_WITH_FACTOR, len(part) // 2 + 1))
    return any(part[period:] == part[:-period] for period in periods)


def _counts(part: str) -> bool:
    """Whether each character follows the one before it: "abcdefgh", "87654321"."""
    steps = {ord(after) - ord(before) for before, after in pairwise(part)}
    return steps in ({1}, {-1})


def _own(email: str, name: str) -> frozenset[str]:
    """The address, the name and their parts; the name's in either order."""
    address, words = _fold(email), re.findall(r"\w+", _fold(name))
    local, _, domain = address.partition("@")
    whole = [address, local, domain, _fold(name), "".join(words), "".join(reversed(words))]
    parts = [*whole, *map(_bare, whole), *re.findall(r"[^\W_]+", address), *words]
    return frozenset(part for part in parts if len(part) > 2)


@functools.cache
def _common() -> frozenset[str]:
    """The 30,000 commonest passwords, as zxcvbn has them, and those of Hungarians."""
    # The file alone: the package builds what takes three times the memory as soon as it is imported.
    package = importlib.util.find_spec("zxcvbn")
    assert package is not None
    assert package.submodule_search_locations is not None
    file = Path(package.submodule_search_locations[0]) / "frequency_lists.py"
    spec = importlib.util.spec_from_file_location("frequency_lists", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return frozenset(_fold(word) for word in [*module.FREQUENCY_LISTS["passwords"], *_HUNGARIAN.split(), *_YEARS])


#: As folded; years are what is put behind a word.
_HUNGARIAN = """
portico jelszo jelszo1 jelszo12 jelszo123 jelszavam ajelszo ajelszavam azenjelszavam ezajelszo ezajelszavam titkosjelszo
titok titkos titkom belepes bejelentkezes felhasznalo rendszergazda uzemelteto tesztelo teszteles teszt proba probajelszo
valami akarmi semmi nincs nincsen nincsjelszo nemtudom nemmondommeg elfelejtettem szerelem szerelmem szeretlek szeretem
kicsim kincsem dragam edesem angyal angyalka csillag csillagom napsugar napfeny tavasz boldog boldogsag kiskutya kutya
kutyus cica cicus macska maci macko nyuszi nyuszika virag viragszal rozsa tulipan balaton budapest debrecen szeged
miskolc gyor pecs kecskemet nyiregyhaza szekesfehervar szombathely sopron eger magyar magyarorszag hungary hungaria
hajramagyarok hajrafradi fradi ferencvaros ujpest honved kispest foci focilabda puskas duna tisza anyuka apuka anyukam
apukam nagymama nagypapa csaladom kisfiam kislanyom eszter zsuzsi zsuzsanna erzsebet katalin laszlo istvan ferenc jozsef
sandor gabor tamas zoltan attila balazs krisztian krisztina nikolett viktoria veronika isten jezus alma almafa malacka
kismalac kiscica pillango bizalom biztonsag otthon huncut szuperman
qwertz qwertzu qwertzui qwertzuio qwertzuiop qwertzuiopou asdfghjkl asdfghjklea yxcvbn yxcvbnm ixcvbnm qaywsx qaywsxedc
"""
_YEARS = [str(year) for year in range(1930, 2040)]
