"""Every action that a service writes into the event log reads as a sentence, in both languages."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import pytest

from gateway.messages import log
from services.identity import profiles

SERVICES = Path(__file__).parents[2] / "services"


@dataclass(frozen=True)
class Source:
    """A service's function, or the body of a module, and where it stands."""

    file: Path
    name: str
    parameters: list[str]
    body: ast.AST


def sources(service: str) -> list[Source]:
    found = []
    for file in sorted((SERVICES / service).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                parameters = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                found.append(Source(file, node.name, parameters, node))
    return found


def calls(source: Source) -> Iterator[ast.Call]:
    return (node for node in ast.walk(source.body) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """ "audit.record", "_tell": as it is written."""
    return ast.unparse(call.func)


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    named = next((k.value for k in call.keywords if k.arg == name), None)
    return named if named is not None else call.args[position] if position < len(call.args) else None


def assigned(source: Source, name: str) -> list[ast.expr]:
    """What a function gives one of its variables."""
    return [
        node.value
        for node in ast.walk(source.body)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def actions_of(service: str) -> dict[str, str]:
    """Action -> where it is written. One that is no literal there is followed to its variable, or to the callers."""
    all_sources = sources(service)
    found: dict[str, str] = {}
    followed: set[tuple[Path, str, str]] = set()

    def resolve(value: ast.expr | None, source: Source) -> None:
        where = f"{source.file.relative_to(SERVICES)}:{getattr(value, 'lineno', '?')}"
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            found.setdefault(value.value, where)
        elif isinstance(value, ast.IfExp):
            resolve(value.body, source)
            resolve(value.orelse, source)
        elif isinstance(value, ast.Subscript) and isinstance(value.value, ast.Dict):
            for one in value.value.values:
                resolve(one, source)
        elif isinstance(value, ast.Name) and value.id in source.parameters:
            follow(source, value.id)
        elif isinstance(value, ast.Name) and (given := assigned(source, value.id)):
            for one in given:
                resolve(one, source)
        else:
            pytest.fail(f"{where}: write the action of audit.record so that its sentence can be checked: as a literal")

    def follow(to: Source, parameter: str) -> None:
        if (to.file, to.name, parameter) in followed:
            return
        followed.add((to.file, to.name, parameter))
        position = to.parameters.index(parameter)
        for source in all_sources:
            for call in calls(source):
                private = to.name.startswith("_") and source.file != to.file
                if called(call).split(".")[-1] == to.name and not private:
                    resolve(argument(call, position, parameter), source)

    for source in all_sources:
        for call in calls(source):
            if called(call) == "audit.record":
                resolve(argument(call, 2, "action"), source)
            elif called(call) == "audit.Change":
                resolve(argument(call, 0, "action"), source)
    return found


@pytest.mark.parametrize("service", ["identity", "domains", "hosting", "billing", "tickets"])
def test_every_action_has_a_sentence(service: str) -> None:
    written = actions_of(service)
    assert written
    missing = {action: where for action, where in written.items() if action not in log.SENTENCES}
    assert not missing, f"add a line to gateway/messages/log.py for each of {missing}"


def test_an_action_that_is_passed_on_is_found_where_it_is_given() -> None:
    assert {"user.signed_in", "user.sign_in_failed", "user.sessions_revoked"} <= set(actions_of("identity"))
    assert {"domain.lock_changed", "domain.auto_renew_changed", "domain.lock_refused"} <= set(actions_of("domains"))


def test_both_languages_name_the_same_values() -> None:
    def named(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name} - {"actor"}

    for action, (hungarian, english) in log.SENTENCES.items():
        assert named(hungarian) == named(english), action


def said(locale: str, action: str, **given: str) -> str:
    values = {"kind": "user", "label": "anna@minta.example", "ip": "", "subject": "", "before": "", "after": ""}
    return log.sentence(locale, action, **(values | given))


def test_a_sentence_says_who_what_and_from_where() -> None:
    assert said("hu", "user.signed_in", ip="203.0.113.7") == "anna@minta.example bejelentkezett (203.0.113.7)"
    assert said("en", "user.signed_in", ip="203.0.113.7") == "anna@minta.example signed in (203.0.113.7)"
    system = said("hu", "ticket.opened", kind="system", label="tickets", subject="T-000001 Helló")
    assert system == "A rendszer hibajegyet nyitott: T-000001 Helló"
    operator = said("en", "contact.added", kind="operator", label="ops@x → anna@y", subject="bela@y")
    assert operator == "The operator (ops@x → anna@y) added the contact bela@y"


def test_amounts_days_and_categories_are_written_for_the_reader() -> None:
    after = '{"gross_minor": 12990, "currency": "HUF"}'
    assert said("hu", "invoice.issued", subject="SZ-1", after=after) == "Számla készült: SZ-1, 12\u00a0990\u00a0Ft"
    extended = said(
        "hu",
        "hosting.extended",
        subject="Web",
        before='{"next_due_on": "2026-11-24"}',
        after='{"next_due_on": "2027-11-24"}',
    )
    assert extended == "A tárhelyszolgáltatás meghosszabbodott eddig: 2027. 11. 24. (Web)"
    for field in profiles.FIELDS:
        unlocked = [said(locale, "account.field_unlocked", after=f'{{"field": "{field}"}}') for locale in ("hu", "en")]
        assert not any(text.endswith("–") for text in unlocked)
    assert said("hu", "account.field_unlocked", after='{"field": "tax_number"}').endswith(": adószám")
    assert said("hu", "notifications.disabled", after='{"category": "billing"}').endswith("számlázás")


def test_an_action_without_a_sentence_and_an_event_without_its_fields_are_shown_all_the_same() -> None:
    assert said("hu", "moon.landed") == "moon.landed"
    assert said("en", "invoice.issued", subject="SZ-1", after="[]") == "The invoice SZ-1 was issued: –"
    assert said("en", "user.signed_in", label="{subject} {0} {x.__class__}") == "{subject} {0} {x.__class__} signed in"
