"""The proof proven: each declared rule is taken away, loosened or exchanged in turn, and the proof must notice."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from gateway import access, schema
from gateway.access import PUBLIC, Access, Policies, SchemaAccessError, needs, table_of
from gateway.context import Acting
from tests.access import mutations, policies
from tests.access.canaries import object_id
from tests.access.conftest import nothing
from tests.access.documents import Document
from tests.access.doors import Inside
from tests.access.graph import GRAPH
from tests.access.listening import Listening, events
from tests.access.mutations import Change
from tests.access.policies import ALL, Policy
from tests.access.standins import Member
from tests.access.test_changes import changed, overheard
from tests.access.walk import OWN, Walk

READ = [c for c in GRAPH.coordinates if not c.startswith(("Mutation.", "Subscription."))]
"""What is refused field by field."""


def another(permission: str | None) -> str:
    """A permission that is not this one."""
    return next(p for p in GRAPH.permissions if p != permission)


def rule(permission: str | None) -> Access:
    return needs(access.Permission(permission)) if permission else PUBLIC


def mutants(coordinate: str) -> Iterator[tuple[str, Access | None, Policy]]:
    """(what is done to the rule, the rule put in its place, a policy that must show it). A rule that names no permission
    has nothing to loosen: whoever is signed in passes "self" as well as "public", and nobody else is answered at all."""
    permission = GRAPH.rules[coordinate].permission
    yield "removed", None, ALL
    if permission:
        yield "loosened to public", PUBLIC, policies.all_but(permission)
        yield f"exchanged for {another(permission)}", rule(another(permission)), policies.only(permission)
    else:
        yield f"tightened to {another(None)}", rule(another(None)), policies.all_but(another(None))


async def shown(walk: Walk, inside: Inside, documents: Sequence[Document], policy: Policy) -> bool:
    """Whether the proof finds anything wrong; with the rules as they are it must not."""
    for document in documents:
        full = await walk.told_inside(document)
        if (document.text, policy.name) not in walk.sound:
            nothing(await walk.judge(walk.inside(), document, policy, full))
            walk.sound.add((document.text, policy.name))
        if await walk.judge(inside, document, policy, full):
            return True
    return False


async def test_every_rule_of_a_field_that_is_removed_loosened_or_exchanged_is_noticed(
    walk: Walk, objects: Mapping[str, object]
) -> None:
    survivors: list[str] = []
    for coordinate in READ:
        real, probe = walk.leading(coordinate.partition(".")[0])
        documents = [probe] if probe else [d for d in real if coordinate in d.coordinates]
        for what, new, policy in mutants(coordinate):
            changed_ = {coordinate: new} if new else {}
            inside = walk.inside(changed_, without="" if new else coordinate)
            if not await shown(walk, inside, documents, policy):
                survivors.append(f"{coordinate} {what}: nothing is wrong for policy {policy.name}")
    assert not survivors, "\n".join(survivors)


async def test_a_rule_that_nothing_before_it_repeats_is_noticed_on_the_ways_that_clients_take(
    walk: Walk, changes: list[Change], objects: Mapping[str, object]
) -> None:
    """Without probes. Where every way to a field needs the field's own permission already, loosening it shows nothing to
    anybody; that is computed here, and those fields are what the probes are for."""
    survivors, behind, open_ = [], 0, 0
    for coordinate in READ:
        permission = GRAPH.rules[coordinate].permission
        type_ = coordinate.partition(".")[0]
        if permission is None:
            continue
        if all(permission in permissions for permissions in GRAPH.led_by[type_]):
            behind += 1
            continue
        open_ += 1
        inside, policy = walk.inside({coordinate: PUBLIC}), policies.all_but(permission)
        real = [d for d in walk.leading(type_)[0] if coordinate in d.coordinates]
        if await shown(walk, inside, real, policy):
            continue
        asked = [b for c in changes if coordinate in c.document().coordinates for b in mutations.bundles([c])]
        if not [one for bundle in asked for one in await changed(walk, inside, bundle, policy)]:
            survivors.append(
                f"{coordinate} loosened: nothing is wrong for policy {policy.name}, by {GRAPH.led_by[type_]}"
            )
    assert not survivors, "\n".join(survivors)
    assert open_, "no field needs a right that what leads to it does not"
    assert behind + open_ == sum(GRAPH.rules[c].permission is not None for c in READ)


@contextmanager
def requiring(coordinate: str, permission: str | None) -> Iterator[None]:
    """What a mutation or subscription declares, exchanged at the one place where it is checked."""
    original = Acting.require

    def require(self: Acting, wanted: Any, at: str, resource: str | None = None) -> None:
        original(self, rule(permission).permission or None if at == coordinate else wanted, at, resource)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Acting, "require", require)
        yield


async def test_every_rule_of_a_mutation_that_is_removed_loosened_or_exchanged_is_noticed(
    walk: Walk, changes: list[Change]
) -> None:
    survivors: list[str] = []
    for change in changes:
        [alone] = mutations.bundles([change])
        await walk.full_change(alone)
        for what, new, policy in mutants(change.coordinate):
            inside = walk.inside({change.coordinate: new} if new else {}, without="" if new else change.coordinate)
            with requiring(change.coordinate, new.permission.value if new and new.permission else None):
                if not await changed(walk, inside, alone, policy):
                    survivors.append(f"{change.coordinate} {what}: nothing is wrong for policy {policy.name}")
    assert not survivors, "\n".join(survivors)


async def test_every_rule_of_a_subscription_that_is_removed_loosened_or_exchanged_is_noticed(
    walk: Walk, subscriptions: list[Listening]
) -> None:
    survivors: list[str] = []
    for one in subscriptions:
        for what, new, policy in mutants(one.coordinate):
            heard = await _heard(walk, one, new, policy, schema.NODES)
            if not heard:
                # What it tells may be found by id under the same permission: then that has to go as well, to show.
                [type_] = GRAPH.possible(GRAPH.field(one.coordinate))
                assert new, f"{one.coordinate} {what}: nothing is wrong for policy {policy.name}"
                assert type_ in schema.NODES, f"{one.coordinate} {what}: nothing is wrong for policy {policy.name}"
                opened = {**schema.NODES, type_: schema.NODES[type_]._replace(permission=new.permission or None)}
                heard = await _heard(walk, one, new, policy, opened)
            if not heard:
                survivors.append(f"{one.coordinate} {what}: nothing is wrong for policy {policy.name}")
    assert not survivors, "\n".join(survivors)


async def _heard(walk: Walk, one: Listening, new: Access | None, policy: Policy, nodes: Any) -> list[str]:
    inside = walk.inside({one.coordinate: new} if new else {}, without="" if new else one.coordinate)
    inside.nodes = nodes
    with requiring(one.coordinate, new.permission.value if new and new.permission else None):
        told = await inside.listen(one.document, one.variables, events(walk.services.canaries), Member(OWN, policy))
    return overheard(walk, one, policy, inside.name, told)


async def test_every_rule_of_what_can_be_found_by_id_is_noticed_when_it_is_loosened(walk: Walk) -> None:
    assert set(schema.NODES) == set(GRAPH.nodes)
    survivors: list[str] = []
    documents = [d for d in walk.by_id if "Query.node" in d.coordinates]
    assert documents
    for type_, kind in schema.NODES.items():
        if kind.permission is None:
            continue
        inside = walk.inside()
        inside.nodes = {**schema.NODES, type_: kind._replace(permission=None)}
        if not await shown(walk, inside, documents, policies.all_but(kind.permission.value)):
            survivors.append(f"{type_}: found by id without {kind.permission.value}, and nothing is wrong")
    assert not survivors, "\n".join(survivors)


@pytest.mark.parametrize("ignored", ["limited", "denied"])
async def test_that_limits_to_resources_or_denied_fields_are_not_minded_is_noticed(walk: Walk, ignored: str) -> None:
    make = Policies._make

    def careless(self: Policies, *rights: Any) -> access.Policy:
        made = make(self, *rights)
        if ignored == "limited":
            object.__setattr__(made, "limited", {})
        else:
            object.__setattr__(made, "refused", {c: r for c, r in made.refused.items() if r.permission})
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Policies, "_make", careless)
        for permission in ("domains.read", "hosting.read", "billing.read", "tickets.read"):
            field = next(c for c, one in GRAPH.rules.items() if one.permission == permission)
            policy = policies.limited(permission, object_id(OWN, 1)) if ignored == "limited" else policies.denied(field)
            documents = [d for d in walk.lists if field in d.coordinates]
            assert await _shown(walk, documents, policy), f"{policy.name}: nothing is wrong"


async def _shown(walk: Walk, documents: Sequence[Document], policy: Policy) -> bool:
    inside = walk.inside()
    return any([await walk.judge(inside, one, policy, await walk.told_inside(one)) for one in documents])


def test_a_field_whose_declaration_is_taken_away_keeps_the_gateway_from_starting() -> None:
    core = schema.build()._schema
    for coordinate in GRAPH.coordinates:
        type_, _, name = coordinate.partition(".")
        definition = core.type_map[type_].fields[name].extensions["strawberry-definition"]  # type: ignore[attr-defined]
        kept = definition.directives
        definition.directives = [one for one in kept if not isinstance(one, Access)]
        with pytest.raises(SchemaAccessError, match=rf"^{type_}\.{name} declares no @access"):
            table_of(core)
        definition.directives = kept


def test_the_rules_printed_are_the_rules_enforced() -> None:
    enforced = {
        coordinate: (one.permission.value if one.permission else None, "self" if one.self_ else "public")
        for coordinate, one in schema.executable(schema.build())[1].items()
        if coordinate.partition(".")[0] in GRAPH.objects
    }
    printed = {c: (GRAPH.rules[c].permission, GRAPH.rules[c].kind.replace("permission", "public")) for c in enforced}
    assert set(enforced) == set(GRAPH.coordinates)
    assert enforced == printed
