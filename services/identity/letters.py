"""What e-mails say: a template a letter and language, templates/LOCALE/NAME.txt.

A template's first line is the subject; the body follows after an empty line, without greeting and closing, which are
the same everywhere. `{{ secret }}` stands for what only the recipient may read, such as a link with a token. The HTML beside
the text is made from it (templates/layout.html): paragraphs, lists of lines that begin with "- ", links, and, after "-- ",
the small print.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jinja2
from markupsafe import Markup, escape

from portico.common.v1 import common_pb2
from services.chassis import money, times
from services.chassis.db import Row

SECRET = "⟦secret⟧"  # noqa: S105 - where the secret goes
"""Stands in a kept body where the sent one has the letter's secret."""
LOCALES = ("hu", "en")

_FRAMES = {
    "hu": ("Kedves {}!", "Üdvözlettel:\nPortico"),
    "en": ("Dear {},", "Regards,\nPortico"),
}
_SMALL_PRINT = {
    "hu": ("Fiók: {}", "Ön dönti el, miről kap e-mailt: {}"),
    "en": ("Account: {}", "You choose what you get e-mail about: {}"),
}
_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]")
#: A link, or part of an e-mail address, which stays on one line.
_WHOLE = re.compile(rf"(?P<link>{_LINK.pattern})|\S?…@[\w.-]*\w")


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail to be written; `occasion` is what it tells of, once: "order_completed:<order id>".

    `account_id` None: it is about the user itself and in no account's list. `resources` are the objects that it names.
    `secret` fills the template's `{{ secret }}` in the mail that is sent, and is kept nowhere afterwards. `account` is what
    people call the account that it is about: "Minta Kft. (P-10001)".
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
    account: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    subject: str
    body: str
    locale: str


def security(name: str, user: Row, now: datetime, values: Mapping[str, object], secret: str = "") -> Letter:
    """A mail to the user about its own security; `user` is its row."""
    return Letter(
        name,
        f"{name}:{user['id']}:{now.isoformat()}",
        "security",
        user["email"],
        user["name"],
        user["locale"],
        values,
        user_id=user["id"],
        secret=secret,
    )


def render(letter: Letter, settings_url: str = "") -> Text:
    """The letter in its reader's language (Hungarian where it is neither); SECRET stands where its secret goes.

    `settings_url` is where its category can be switched off, empty where it cannot.
    """
    locale = letter.locale if letter.locale in LOCALES else "hu"
    template = _ENVIRONMENTS[locale].get_template(f"{locale}/{letter.name}.txt")
    subject, _, body = template.render(secret=SECRET, locale=locale, **letter.values).partition("\n")
    greeting, closing = _FRAMES[locale]
    parts = [greeting.format(letter.recipient_name), body.strip(), closing]
    given = zip(_SMALL_PRINT[locale], (letter.account, settings_url), strict=True)
    if small := [text.format(value) for text, value in given if value]:
        parts.append("\n".join(["-- ", *small]))
    return Text(" ".join(subject.split()), "\n\n".join(parts) + "\n", locale)


def as_html(subject: str, body: str, locale: str) -> str:
    """The same words for readers that show HTML."""
    text, _, small_print = body.rstrip().partition("\n\n-- \n")
    layout = _LAYOUTS.get_template("layout.html")
    return layout.render(subject=subject, blocks=_blocks(text), small_print=_lines(small_print), locale=locale)


def _blocks(text: str) -> list[dict[str, Any]]:
    """Paragraphs and lists: {"items": None or the list's, "text": the paragraph's}, escaped, with links."""
    blocks: list[dict[str, Any]] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = part.split("\n")
        if all(line.startswith("- ") for line in lines):
            blocks.append({"items": [_linked(line[2:]) for line in lines], "text": ""})
        else:
            blocks.append({"items": None, "text": _lines(part)})
    return blocks


def _lines(text: str) -> Markup:
    return Markup("<br>").join(_linked(line) for line in text.split("\n") if line)


def _linked(line: str) -> Markup:
    made, at = Markup(), 0
    for found in _WHOLE.finditer(line):
        shown = '<a href="{0}">{0}</a>' if found["link"] else '<span class="whole">{0}</span>'
        made += escape(line[at : found.start()]) + Markup(shown).format(found[0])  # noqa: S704 - one of two constants
        at = found.end()
    return made + escape(line[at:])


def _make(locale: str) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - plain text
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["date"] = lambda at: times.day(at, locale)
    made.filters["moment"] = lambda at: times.minute(at, locale)
    made.filters["money"] = lambda amount: money.written(amount.minor, amount.currency, locale)
    made.filters["reversed"] = lambda amount: common_pb2.Money(minor=-amount.minor, currency=amount.currency)
    return made


_ENVIRONMENTS = {locale: _make(locale) for locale in LOCALES}
_LAYOUTS = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
