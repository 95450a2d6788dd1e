"""Every field and argument of the schema, seen with every single right, without each, with none and with all."""

import json
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.access import arguments, policies, values
from tests.access.arguments import NOBODY, Argued, elsewhere
from tests.access.canaries import object_id, owner_of
from tests.access.conftest import nothing
from tests.access.documents import Document, Pick
from tests.access.doors import Door
from tests.access.graph import GRAPH
from tests.access.listening import Listening
from tests.access.mutations import Change
from tests.access.policies import ALL, NONE, Policy
from tests.access.standins import Member
from tests.access.verdict import described, problems
from tests.access.walk import FOREIGN, OWN, Walk


def test_every_field_of_the_schema_is_asked_for(
    walk: Walk, changes: list[Change], subscriptions: list[Listening], objects: Mapping[str, object]
) -> None:
    asked = [*walk.wide, *(one.document() for one in changes), *(one.document for one in subscriptions)]
    missing = set(GRAPH.coordinates) - set().union(*(document.coordinates for document in asked))
    assert not missing, "no document of the proof asks for these"
    never = set(GRAPH.objects) - set(objects) - {"Query", "Mutation"}
    assert not never, (
        "no object of these types was ever answered: let the stand-ins tell of one (FORMATS in canaries.py)"
    )


async def test_a_contact_is_told_what_its_rights_allow_and_nothing_else_over_http(
    walk: Walk, argued_documents: list[Document]
) -> None:
    documents = [*walk.wide, *argued_documents]
    asked = [(policy, d) for policy in policies.every() for d in documents if d.tells_apart(policy)]
    nothing([one for policy, d in asked for one in await walk.judge(walk.http, d, policy)])


async def test_a_contact_is_told_what_its_rights_allow_and_nothing_else_over_websocket(walk: Walk) -> None:
    asked = [(NONE, d) for d in walk.wide]
    for permission in GRAPH.permissions:
        asked += [(policies.all_but(permission), d) for d in covering(walk.wide, permission)]
    nothing([one for policy, d in asked for one in await walk.judge(walk.websocket, d, policy)])


def covering(documents: Iterable[Document], permission: str) -> Iterator[Document]:
    """A few of the documents that hold every field of a permission."""
    left = {c for c, rule in GRAPH.rules.items() if rule.permission == permission}
    for document in documents:
        if left & document.coordinates:
            left -= document.coordinates
            yield document


async def test_nobody_is_told_anything_without_signing_in(walk: Walk) -> None:
    for name in GRAPH.objects["Query"].fields:
        for pick in (p for d in walk.wide for p in d.picks if p.name == name):
            answer = await walk.http.http.post("/graphql", json={"query": Document("", (pick,)).text})
            assert (answer.status_code, list(answer.json())) == (401, ["errors"]), pick.text
            assert not walk.services.canaries.found(answer.text)


async def test_an_account_is_told_nothing_of_another(walk: Walk) -> None:
    for document in walk.lists:
        for account in (OWN, FOREIGN):
            told = walk.services.canaries.found(json.dumps(await walk.told(document, account=account)))
            sources = [walk.services.canaries.sources[t] for t in told if t in walk.services.canaries.sources]
            assert sources
            assert {source.account for source in sources} == {account}, document.text


@pytest.mark.parametrize("door", ["http", "websocket"])
async def test_what_belongs_to_another_account_is_answered_as_if_it_did_not_exist(
    walk: Walk, argued: list[Argued], door: str
) -> None:
    ask: Door = getattr(walk, door)
    for given in argued:
        foreign, unknown = elsewhere(walk, given, FOREIGN), elsewhere(walk, given, NOBODY)
        if foreign is None or unknown is None:
            continue
        for policy in (ALL, NONE):
            answers = []
            for one in (foreign, unknown):
                document = arguments.document(walk, one)
                told = json.dumps(await ask.ask(document, Member(OWN, policy)))
                leaked = walk.services.canaries.found(told) - walk.services.canaries.found(document.text)
                assert not [t for t in leaked if _of(walk, t) == FOREIGN], f"{document.text} {policy.name}: {told}"
                for _, id_ in arguments.ids_in(one.given):
                    told = told.replace(id_, "THE ID")
                answers.append(told)
            assert answers[0] == answers[1], f"{document.text}, policy {policy.name}, {ask.name}: tells that it exists"


def _of(walk: Walk, token: str) -> int | None:
    source = walk.services.canaries.sources.get(token)
    return source.account if source else owner_of(token.rpartition(":")[2].rpartition(".")[2])


async def test_in_each_account_a_user_has_the_rights_of_that_account(walk: Walk) -> None:
    """Somebody who may one thing in the own account and everything else in another."""
    own = [d for d in walk.lists if {p.name for p in d.picks} == {"account"}]
    assert own
    found: list[str] = []
    for permission in GRAPH.permissions:
        here, there = policies.only(permission), policies.all_but(permission)
        members = (Member(OWN, here), Member(FOREIGN, there))
        for document in covering(own, permission):
            there_ids = {"id": walk.ids[FOREIGN]["Account"]}
            elsewhere_ = Document("the other account", tuple(_at(p, there_ids) for p in document.picks))
            for asked, policy, account in ((document, here, OWN), (elsewhere_, there, FOREIGN)):
                full = await walk.told(asked, account=account)
                answer = await walk.http.ask(asked, *members)
                sent = asked.text
                told = problems(asked, policy, full, answer, walk.services.canaries, sent)
                found += [described(asked, policy, f"account {account}", one) for one in told]
    nothing(found)


def _at(pick: Pick, given: dict[str, str]) -> Pick:
    return Pick(pick.coordinate, values.written(given), pick.inside, pick.alias)


async def test_a_denied_field_is_gone_everywhere_whatever_is_granted(walk: Walk, objects: Mapping[str, object]) -> None:
    inside, found = walk.inside(), []
    for type_ in GRAPH.objects:
        if type_ in {"Mutation", "Subscription"}:
            continue  # their own tests deny them
        real, probe = walk.leading(type_)
        for document in (*real, *([probe] if probe else [])):
            full = await inside.ask(document, Member(OWN, ALL))
            for coordinate in sorted(c for c in document.coordinates if c.startswith(f"{type_}.")):
                if coordinate in GRAPH.coordinates:
                    found += await walk.judge(inside, document, policies.denied(coordinate), full)
    nothing(found)


def _alternately() -> Policy:
    """Every right, one half of them for the first object of each kind, the other half for the second."""
    grants = {p: frozenset({object_id(OWN, 1 + i % 2)}) for i, p in enumerate(GRAPH.permissions)}
    return Policy("limited-alternately", grants)


def _to_the_first() -> Policy:
    return Policy("limited-to-the-first", dict.fromkeys(GRAPH.permissions, frozenset({object_id(OWN, 1)})))


@pytest.mark.parametrize("policy", [_to_the_first(), _alternately()], ids=lambda p: p.name)
async def test_objects_outside_a_limited_grant_are_told_nothing_of(walk: Walk, policy: Policy) -> None:
    nothing([one for d in walk.wide for one in await walk.judge(walk.http, d, policy)])
