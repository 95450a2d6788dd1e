"""Every refusal that a customer can meet has a code in the schema and a text in both languages."""

import re
from pathlib import Path
from string import Formatter

import pytest

from gateway import messages
from gateway.errors import ErrorCode
from gateway.graph.common import BlockerCode
from gateway.messages import LOCALES, MESSAGES, rules, steps, values, zones
from services.domains import records

SERVICES = Path(__file__).parents[2] / "services"
# Refusals that no customer's request can end in: between services, and of the operator's and the demo's calls.
INTERNAL = {
    "CUSTOMER_UNKNOWN",
    "TLD_NOT_FOUND",
    "TLD_RULE_INVALID",
    "TLD_EXISTS",
    "DOMAIN_NOT_HELD",
    "ORDER_ITEM_NOT_OPEN",
    "ORDER_ITEM_AMBIGUOUS",
    "ORDER_ITEM_BUSY",
    "ORDER_ITEM_AT_REGISTRY",
}


def reasons(service: str) -> set[str]:
    """The reasons written in a service's errors."""
    files = (SERVICES / service).rglob("*.py")
    return {reason for file in files for reason in re.findall(r'^    reason = "([A-Z_]+)"', file.read_text(), re.M)}


@pytest.mark.parametrize("service", ["domains", "billing"])
def test_every_refusal_of_an_order_or_payment_has_a_code_and_a_text(service: str) -> None:
    found = reasons(service) - INTERNAL
    assert found
    assert found <= {code.value for code in ErrorCode} | {"CURSOR_INVALID"}
    for locale in LOCALES:
        assert found <= set(MESSAGES[locale])


#: What only pages tell, not GraphQL.
OF_PAGES = {"RESET_THROTTLED", "RESET_LINK_INVALID"}


def test_every_refusal_of_a_password_has_a_code_and_a_text() -> None:
    names = ("password_rules", "password_changes", "password_resets", "vpn", "throttle")
    files = [SERVICES / "identity" / f"{name}.py" for name in names] + [SERVICES / "chassis" / "actor.py"]
    found = {reason for file in files for reason in re.findall(r'^    reason = "([A-Z_]+)"', file.read_text(), re.M)}
    found -= {"ACTOR_TOKEN_INVALID"}
    assert len(found) >= 11
    assert found - OF_PAGES <= {code.value for code in ErrorCode}
    for locale in LOCALES:
        assert found <= set(MESSAGES[locale])


def test_both_languages_say_the_same_with_the_same_values() -> None:
    english, hungarian = MESSAGES["en"], MESSAGES["hu"]
    assert set(english) == set(hungarian)
    for code, text in english.items():
        assert fields(text) == fields(hungarian[code]), code


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_reason_that_blocks_a_domain_has_a_code_and_a_text() -> None:
    source = (SERVICES / "domains" / "lifecycle.py").read_text()
    found = set(re.findall(r'Blocker\(\s*"([A-Z_]+)"', source)) | set(re.findall(r'code = "([A-Z_]+)"', source))
    assert len(found) > 10
    assert found <= {code.value for code in BlockerCode}
    for locale in LOCALES:
        assert found <= MESSAGES[locale].keys()


def test_every_rule_of_a_contract_is_told_in_hungarian_too() -> None:
    written = re.findall(r'yield path, f?"([^"]+)"', (SERVICES / "chassis" / "rules.py").read_text())
    assert len(written) >= 8
    for unit in ("items", "characters"):
        for text in written:
            told = re.sub(r"\{rules\.\w+\}", "5", text.replace("{unit}", unit))
            assert rules.in_words(told, "hu") != told
            assert rules.in_words(told, "en") == told
    assert rules.in_words("must have at most 200 characters", "hu") == "legfeljebb 200 karakter lehet"


def test_everything_that_a_step_can_wait_for_is_told_in_hungarian_too() -> None:
    sources = "".join(file.read_text() for file in (SERVICES / "domains").glob("*.py"))
    told = set(re.findall(r'WAITING, (?:detail=)?"([^"]+)"', sources))
    for constants in re.findall(r"^_?(?:WAITS|BY_REGISTRY, _BY_HOLDER|WAS_DECIDED|GOES_ON) = (.+)$", sources, re.M):
        told |= set(re.findall(r'"([^"]+)"', constants))
    assert len(told) == 7
    for text in told:
        assert steps.detail("registry_create", text, "hu") != text
        assert steps.detail("registry_create", text, "en") == text
    until = "until 2026-06-01T00:00:00Z"
    assert steps.detail("ds_gone", until, "hu") == "eddig: 2026. 06. 01. 00:00 (UTC)"
    assert steps.detail("ds_gone", until, "en") == "until 1 June 2026, 00:00 (UTC)"


def test_a_transfer_waits_for_the_other_registrar_not_for_the_registry() -> None:
    told = {locale: steps.detail("registry_transfer", "pending at the registry", locale) for locale in LOCALES}
    assert told == {
        "hu": "a jelenlegi regisztrátor jóváhagyására vár",
        "en": "waits for the present registrar to approve it",
    }


def test_a_broken_rule_is_a_sentence_without_the_fields_path() -> None:
    assert rules.sentence("must have at most 10000 items", "hu") == "Legfeljebb 10\u00a0000 elem adható meg."
    assert rules.sentence("must have at most 10000 items", "en") == "At most 10,000 items are allowed."
    assert rules.sentence("is required", "en") == "It is required."
    assert rules.sentence("is of another world", "hu") == "Is of another world."


@pytest.mark.parametrize(
    ("code", "given", "hungarian", "english"),
    [
        (
            "INSUFFICIENT_CREDIT",
            {"needed": "100200", "available": "81828", "currency": "HUF"},
            "Nincs elég fedezet az egyenlegén: 100\u00a0200\u00a0Ft kell, 81\u00a0828\u00a0Ft van.",
            "There is not enough credit on your balance: HUF\u00a0100,200 is needed, HUF\u00a081,828 is there.",
        ),
        (
            "AUTH_CODE_THROTTLED",
            {"name": "egy.hu", "until": "2026-11-25T02:07:00Z"},
            "Túl sok hibás átregisztrációs kód érkezett. A(z) egy.hu legközelebb ekkor próbálható: 2026. 11. 25. 02:07 (UTC).",
            "Too many wrong auth codes were given. You can try egy.hu again from 25 November 2026, 02:07 (UTC).",
        ),
        (
            "TRANSFER_TOO_EARLY",
            {"name": "egy.hu", "until": "2026-11-25"},
            "A(z) egy.hu nevet nemrég jegyezték be vagy regisztrálták át; 2026. 11. 25. előtt nem regisztrálható át.",
            "egy.hu was registered or transferred lately; it can be transferred from 25 November 2026.",
        ),
        (
            "RECORD_SET_NOT_FOUND",
            {"name": "nincs.egy.hu.", "type": "A"},
            "Nincs A rekord ezen a néven: nincs.egy.hu.",
            "There is no A at nincs.egy.hu.",
        ),
        (
            "ZONE_TOO_LARGE",
            {"most": "20000"},
            "Egy zónában legfeljebb 20\u00a0000 rekordkészlet lehet.",
            "A zone can hold 20,000 record sets.",
        ),
        (
            "RECORD_INVALID",
            {"type": "SRV", "value": "5 5"},
            "5 5 nem érvényes SRV rekord. Egy sorban így adja meg: prioritás, súly, port és cél, például 10 5 5060 sip.pelda.hu.",
            "5 5 is no valid SRV record. Write it on one line: priority, weight, port and target, such as 10 5 5060 "
            "sip.example.com.",
        ),
    ],
)
def test_values_are_written_as_the_reader_writes_them(
    code: str, given: dict[str, str], hungarian: str, english: str
) -> None:
    assert (messages.text(code, "hu", given), messages.text(code, "en", given)) == (hungarian, english)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "egy.hu", "detail": "2306 no"}, "egy.hu: a nyilvántartó elutasította. Az indoka: 2306 no"),
        ({"name": "egy.hu", "detail": ""}, "egy.hu: a nyilvántartó elutasította."),
        ({"detail": "2306 no"}, "A nyilvántartó elutasította. Az indoka: 2306 no"),
        ({}, "A nyilvántartó elutasította."),
    ],
)
def test_a_text_of_its_own_stands_where_a_value_is_missing(given: dict[str, str], told: str) -> None:
    assert messages.text("REGISTRY_REFUSED", "hu", given) == told


def test_every_problem_of_a_zone_files_line_has_a_text_and_every_type_an_example() -> None:
    source = (SERVICES / "domains" / "zone_files.py").read_text()
    problems = set(re.findall(r'(?:ZoneLineInvalid\(|= \()"([A-Z_]+)"', source))
    assert len(problems) == 9
    for locale in LOCALES:
        assert {f"ZONE_LINE_INVALID {problem}" for problem in problems} <= MESSAGES[locale].keys()
        assert zones.FORMS[locale].keys() == set(records.TYPES)
    told = messages.text("ZONE_LINE_INVALID", "hu", {"line": "10", "problem": "DIRECTIVE", "word": "$INCLUDE"})
    assert told == "10. sor: $INCLUDE nem támogatott; csak $ORIGIN és $TTL használható."


@pytest.mark.parametrize("text", ["2026-13-45", "2026-06-01T25:00:00Z", "0001-01-01T00:00:00+14:00", "tomorrow", ""])
def test_what_is_no_moment_stays_as_it_came(text: str) -> None:
    assert values.moment(text, "hu") == text
