"""What e-mails say: a template a letter and language, templates/LOCALE/NAME.txt.

A template's first line is the subject; the body follows after an empty line, without greeting and closing, which are
the same everywhere. `{{ secret }}` stands for what only the recipient may read, such as a link with a token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import jinja2

SECRET = "⟦secret⟧"  # noqa: S105 - where the secret goes
"""Stands in a kept body where the sent one has the letter's secret."""
LOCALES = ("hu", "en")

_FRAMES = {
    "hu": ("Kedves {}!", "Üdvözlettel:\nPortico"),
    "en": ("Dear {},", "Regards,\nPortico"),
}
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail to be written; `occasion` is what it tells of, once: "order_completed:<order id>".

    `account_id` None: it is about the user itself and in no account's list. `resources` are the objects that it names.
    `secret` fills the template's `{{ secret }}` in the mail that is sent, and is kept nowhere afterwards.
    """

    name: str
    occasion: str
    category: str
    recipient: str
    recipient_name: str
    locale: str
    values: Mapping[str, object] = field(default_factory=dict)
    user_id: UUID | None = None
    account_id: UUID | None = None
    resources: Sequence[UUID] = ()
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    subject: str
    body: str


def render(letter: Letter) -> Text:
    """The letter in its reader's language (Hungarian where it is neither); SECRET stands where its secret goes."""
    locale = letter.locale if letter.locale in LOCALES else "hu"
    template = _ENVIRONMENTS[locale].get_template(f"{locale}/{letter.name}.txt")
    subject, _, body = template.render(secret=SECRET, locale=locale, **letter.values).partition("\n")
    greeting, closing = _FRAMES[locale]
    return Text(subject.strip(), f"{greeting.format(letter.recipient_name)}\n\n{body.strip()}\n\n{closing}\n")


def date(locale: str, at: datetime) -> str:
    """A day as people write it: "2027. 11. 23." or "23 November 2027"."""
    if locale == "hu":
        return f"{at.year}. {at.month:02}. {at.day:02}."
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def moment(locale: str, at: datetime) -> str:
    """A minute as people write it: "2027. 11. 23. 14:05 (UTC)" or "23 November 2027, 14:05 (UTC)"."""
    at = at.astimezone(UTC)
    return f"{date(locale, at)}{'' if locale == 'hu' else ','} {at:%H:%M} (UTC)"


def _make(locale: str) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - plain text
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["date"] = lambda at: date(locale, at)
    made.filters["moment"] = lambda at: moment(locale, at)
    return made


_ENVIRONMENTS = {locale: _make(locale) for locale in LOCALES}
