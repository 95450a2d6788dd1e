"""Every mutation and every subscription of the schema: refused before anything happens, or told as far as allowed."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.access import arguments, mutations, policies
from tests.access.arguments import NOBODY, their_id
from tests.access.canaries import owner_of
from tests.access.conftest import nothing
from tests.access.doors import Door
from tests.access.graph import GRAPH
from tests.access.listening import Listening, listen, told
from tests.access.mutations import Bundle, Change
from tests.access.policies import ALL, NONE, Policy
from tests.access.servicers import declared
from tests.access.standins import Member
from tests.access.verdict import Problem, described, problems
from tests.access.walk import FOREIGN, OWN, Walk


async def changed(walk: Walk, door: Door, bundle: Bundle, policy: Policy) -> list[str]:
    """What is wrong with mutations asked for together by a contact with these rights."""
    full = await walk.full_change(bundle)
    walk.services.calls.clear()
    found = await walk.judge(door, bundle.document, policy, full, **bundle.variables)
    return [*found, *mutations.too_far(bundle.changes, policy, walk.services.calls)]


async def test_a_mutation_is_refused_without_its_right_and_nothing_is_called_over_http(
    walk: Walk, changes: list[Change]
) -> None:
    together = list(mutations.bundles(changes))
    asked = [(policy, b) for policy in policies.every() for b in together if b.document.tells_apart(policy)]
    nothing([one for policy, b in asked for one in await changed(walk, walk.http, b, policy)])


async def test_a_mutation_is_refused_without_its_right_and_nothing_is_called_over_websocket(
    walk: Walk, changes: list[Change]
) -> None:
    needed = sorted({p for change in changes if (p := GRAPH.rules[change.coordinate].permission)})
    asked = [NONE, *map(policies.all_but, needed)]
    together = list(mutations.bundles(changes))
    nothing([one for p in asked for b in together for one in await changed(walk, walk.websocket, b, p)])


async def test_a_denied_mutation_is_refused_whatever_is_granted(walk: Walk, changes: list[Change]) -> None:
    for change in changes:
        [alone] = mutations.bundles([change])
        nothing(await changed(walk, walk.http, alone, policies.denied(change.coordinate)))


def test_a_mutation_says_that_it_wants_a_confirmation_when_its_service_does(changes: list[Change]) -> None:
    confirmed = {one.method for one in declared() if one.step_up}
    said = {change.coordinate for change in changes if GRAPH.rules[change.coordinate].step_up}
    assert said == {change.coordinate for change in changes if change.methods & confirmed}


@pytest.mark.parametrize("door", ["http", "websocket"])
async def test_a_mutation_finds_nothing_of_another_account(walk: Walk, changes: list[Change], door: str) -> None:
    ask: Door = getattr(walk, door)
    for change in changes:
        for path, own in arguments.ids_in(change.arguments):
            answers = []
            for account in (FOREIGN, NOBODY):
                id_ = their_id(own, account)
                given = mutations.with_value(change.arguments, path, id_)
                walk.services.calls.clear()
                answer = await ask.ask(change.document(), Member(OWN, ALL), **given)
                where = f"{change.coordinate}, {'.'.join(map(str, path))} of account {account}, {ask.name}: {answer}"
                assert answer["data"][change.pick.key]["userErrors"], f"goes through: {where}"
                if path[-1] == "accountId":
                    assert not walk.services.calls, f"{walk.services.calls[0].method} was called: {where}"
                assert not _foreign(walk, json.dumps(answer), id_), where
                answers.append(json.dumps(answer).replace(id_, "THE ID"))
            assert answers[0] == answers[1], f"{change.coordinate}, {ask.name}: tells that {path} exists elsewhere"


def _foreign(walk: Walk, text: str, sent: str) -> list[str]:
    canaries = walk.services.canaries
    found = canaries.found(text) - canaries.found(f'"{sent}"')
    accounts = {
        t: canaries.sources[t].account if t in canaries.sources else owner_of(t.rpartition(":")[2]) for t in found
    }
    return [token for token, account in accounts.items() if account == FOREIGN]


def overheard(walk: Walk, one: Listening, policy: Policy, door: str, answers: Sequence[dict[str, Any]]) -> list[str]:
    """What is wrong with all that a subscription told a contact with these rights."""
    refused = one.coordinate in policy.denied or not policy.holds(GRAPH.rules[one.coordinate].permission)
    told_ = [answer for answer in answers if "data" in answer]
    expected = [] if refused else [full for full in one.full if may_hear(one, full, policy)]
    found: list[Problem] = []
    if len(expected) != len(told_):
        found.append(Problem(f"{len(told_)} events are told instead of {len(expected)}: {json.dumps(told_)[:300]}"))
    if refused and one.coordinate not in policy.denied and not _forbidden(answers):
        found.append(Problem(f"is not refused: {json.dumps(list(answers))[:300]}"))
    for full, answer in zip(expected, told_, strict=False):
        sent = json.dumps(one.variables)
        found += problems(one.document, policy, full, answer, walk.services.canaries, sent)
    return [described(one.document, policy, door, problem) for problem in found]


def _forbidden(answers: Iterable[dict[str, Any]]) -> bool:
    return any(e["extensions"]["code"] == "FORBIDDEN" for answer in answers for e in answer.get("errors", []))


def may_hear(one: Listening, full: dict[str, Any], policy: Policy) -> bool:
    """An event about an object that may not be seen is not told at all."""

    def seen(picks: Any, value: Any) -> bool:
        for pick in picks:
            inner = value.get(pick.key)
            if pick.abstract and inner is not None:
                named = pick.of(inner)
                if not policy.holds(GRAPH.rules[f"{named}.id"].permission):
                    return False
        return True

    return all(seen(inner, full["data"][p.key]) for p in one.document.picks for inner in p.inside.values())


async def test_a_subscription_tells_only_what_may_be_seen(walk: Walk, subscriptions: list[Listening]) -> None:
    found: list[str] = []
    for one in subscriptions:
        for policy in (*policies.every(), policies.denied(one.coordinate)):
            frames = await listen(walk, one.document, one.variables, Member(OWN, policy))
            found += overheard(walk, one, policy, "WebSocket", told(frames))
    nothing(found)


async def test_a_subscription_tells_nothing_of_another_account(walk: Walk, subscriptions: list[Listening]) -> None:
    for one in subscriptions:
        for path, own in arguments.ids_in(one.variables):
            given = mutations.with_value(one.variables, path, their_id(own, FOREIGN))
            frames = await listen(walk, one.document, given, Member(OWN, ALL))
            assert [frame["type"] for frame in frames] == ["error"], f"{one.coordinate}: {frames}"
            assert not _foreign(walk, json.dumps(frames), their_id(own, FOREIGN))
