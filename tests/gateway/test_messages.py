"""Every refusal that a customer can meet has a code in the schema and a text in both languages."""

import re
from pathlib import Path
from string import Formatter

import pytest

from gateway.errors import ErrorCode
from gateway.graph.common import BlockerCode
from gateway.messages import LOCALES, MESSAGES, rules, steps

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
        assert steps.detail(text, "hu") != text
        assert steps.detail(text, "en") == text
    assert steps.detail("until 2026-06-01T00:00:00Z", "hu") == "eddig: 2026-06-01T00:00:00Z"
