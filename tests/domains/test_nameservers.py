"""Delegating domains: what may be a nameserver, glue, host objects, and the zone that follows."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from portico.domains.v1 import domains_pb2, zones_pb2
from portico.domains.v1 import management_pb2 as pb
from tests.domains.conftest import OURS, Held, Registrar, until


def host(registrar: Registrar, name: str) -> list[str]:
    """The addresses of a host object at the registry."""
    found: list[str] = registrar.registry.control("GET", f"/hosts/{name}")["addresses"]
    return sorted(found)


def outside() -> str:
    return f"ns.{uuid4().hex[:12]}.example"


async def apex(domain: Held) -> list[str]:
    request = domains_pb2.ListRecordSetsRequest(zone_ids=[str(domain.zone_id)], type="NS")
    answer = await domain.call("ListRecordSets", request)
    return sorted(answer.pages[0].record_sets[0].records)


async def test_a_domain_is_delegated_with_glue_and_its_zone_follows(registrar: Registrar) -> None:
    domain = await registrar.domain()
    inside, other = f"ns1.{domain.name}", outside()
    answer = await domain.set_nameservers(
        (inside.upper() + ".", ["192.0.2.53", "2001:db8::53", "192.0.2.53"]), OURS[0], other
    )
    assert not answer.refusals
    assert (answer.operation.kind, [s.name for s in answer.operation.steps]) == (
        "DOMAIN_NAMESERVERS",
        ["registry_update", "zone"],
    )
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert sorted(domain.at_registry()["nameservers"]) == sorted([inside, OURS[0], other])
    assert host(registrar, inside) == ["192.0.2.53", "2001:db8::53"]
    assert host(registrar, other) == []
    now = {one.host: list(one.addresses) for one in (await domain.get()).nameservers}
    assert now == {inside: ["192.0.2.53", "2001:db8::53"], OURS[0]: [], other: []}
    assert await apex(domain) == sorted(f"{name}." for name in now)
    changes = await domain.call("ListZoneChanges", zones_pb2.ListZoneChangesRequest(zone_ids=[str(domain.zone_id)]))
    assert [(d.name, d.type) for d in changes.pages[0].changes[0].diff] == [
        (f"{domain.name}.", "NS"),
        (f"{inside}.", "A"),
        (f"{inside}.", "AAAA"),
    ]
    assert (await domain.zone()).applied
    assert await domain.logged() == ["domain.nameservers_changed"]
    again = await domain.set_nameservers(other, OURS[0], (inside, ["2001:db8::53", "192.0.2.53"]))
    assert (again.HasField("operation"), len(again.refusals)) == (False, 0)


async def test_glue_moves_to_new_addresses_though_the_answers_are_lost(registrar: Registrar) -> None:
    domain = await registrar.domain()
    inside = f"ns1.{domain.name}"
    answer = await domain.set_nameservers((inside, ["192.0.2.1"]), OURS[0])
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    domain.fault("cut_before", "host:update", name=inside)
    domain.fault("cut_after", "host:update", name=inside)
    answer = await domain.set_nameservers((inside, ["192.0.2.2"]), OURS[0])
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert host(registrar, inside) == ["192.0.2.2"]
    assert [entry["code"] for entry in registrar.registry.log("update", inside)] == [None, 1000]
    assert domain.updates() == [1000]


async def test_a_host_whose_making_got_no_answer_is_made_once(registrar: Registrar) -> None:
    domain, name = await registrar.domain(), outside()
    domain.fault("cut_after", "host:create", name=name)
    answer = await domain.set_nameservers(OURS[0], name)
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert [entry["code"] for entry in registrar.registry.log("create", name)] == [1000]
    assert sorted(domain.at_registry()["nameservers"]) == sorted([OURS[0], name])


async def test_a_host_of_another_registrar_s_domain_is_not_ours_to_make(registrar: Registrar) -> None:
    domain, other = await registrar.domain(), f"x-{uuid4().hex[:8]}.hu"
    registrar.registry.seed(other, registrar="other")
    answer = await domain.set_nameservers(OURS[0], f"ns1.{other}")
    assert await domain.ends(answer.operation) == ("FAILED", "NAMESERVER_UNKNOWN")
    assert (await domain.operation(answer.operation.id)).error_metadata["host"] == f"ns1.{other}"
    assert sorted(domain.at_registry()["nameservers"]) == sorted(OURS)
    assert [one.host for one in (await domain.get()).nameservers] == list(OURS)


async def test_where_only_others_serve_a_domain_our_zone_stays_as_it_is(registrar: Registrar) -> None:
    domain = await registrar.domain()
    answer = await domain.set_nameservers(outside(), outside())
    assert [s.name for s in answer.operation.steps] == ["registry_update"]
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert await apex(domain) == sorted(f"{name}." for name in OURS)
    back = await domain.set_nameservers(*OURS)
    assert await domain.ends(back.operation) == ("SUCCEEDED", "")
    assert (await domain.zone()).version == 1


@pytest.mark.parametrize(
    ("wished", "problems"),
    [
        ([], [("NAMESERVERS_TOO_FEW", "nameservers")]),
        (["ns1.a.example"], [("NAMESERVERS_TOO_FEW", "nameservers")]),
        (["ns1.a.example", "NS1.a.example."], [("NAMESERVER_REPEATED", "nameservers[1].host")]),
        (["ns1.a.example", "192.0.2.1"], [("NAMESERVER_INVALID", "nameservers[1].host")]),
        (["", "a..example", "-a.b.example"], [("NAMESERVER_INVALID", f"nameservers[{n}].host") for n in range(3)]),
        ([f"ns{n}.a.example" for n in range(14)], [("NAMESERVERS_TOO_MANY", "nameservers")]),
        (["ns1.a.example", "ns1.{name}"], [("GLUE_REQUIRED", "nameservers[1].addresses")]),
        (
            ["ns1.{name}", ("ns1.a.example", ["192.0.2.1"])],
            [("GLUE_REQUIRED", "nameservers[0].addresses"), ("GLUE_NOT_ALLOWED", "nameservers[1].addresses")],
        ),
        (
            ["ns1.a.example", ("ns1.{name}", ["127.0.0.1", "192.0.2.1", "x", "::ffff:192.0.2.1", "fe80::1"])],
            [("ADDRESS_INVALID", f"nameservers[1].addresses[{n}]") for n in (0, 2, 3, 4)],
        ),
    ],
)
async def test_what_cannot_be_a_nameserver_is_named_and_nothing_is_sent(
    registrar: Registrar, wished: list[Any], problems: list[tuple[str, str]]
) -> None:
    domain = await registrar.domain()
    named = [
        one.format(name=domain.name) if isinstance(one, str) else (one[0].format(name=domain.name), one[1])
        for one in wished
    ]
    answer = await domain.set_nameservers(*named)
    assert [(r.reason, r.field) for r in answer.refusals] == problems
    assert not answer.HasField("operation")
    assert domain.updates() == []
    assert await domain.logged() == []


async def test_how_many_nameservers_a_domain_needs_is_its_tld_s_rule(registrar: Registrar) -> None:
    domain = await registrar.domain("dev")
    await registrar.service.db.execute("UPDATE tlds SET min_nameservers = 1 WHERE tld = 'dev'")
    answer = await domain.set_nameservers(OURS[0])
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")


async def test_how_many_nameservers_a_domain_can_have_is_its_tld_s_rule_too(registrar: Registrar) -> None:
    domain = await registrar.domain("net")
    await registrar.service.db.execute("UPDATE tlds SET max_nameservers = 3 WHERE tld = 'net'")
    hosts = [outside() for _ in range(4)]
    answer = await domain.set_nameservers(*hosts)
    assert [(r.reason, r.field) for r in answer.refusals] == [("NAMESERVERS_TOO_MANY", "nameservers")]
    told = answer.refusals[0].metadata
    assert (told["tld"], told["max"]) == ("net", "3")
    assert domain.updates() == []
    answer = await domain.set_nameservers(*hosts[:3])
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")


async def test_a_lock_that_forbids_updates_is_in_the_way_until_it_is_off(registrar: Registrar) -> None:
    await registrar.service.db.execute(
        "UPDATE tlds SET lock_statuses = '{clientTransferProhibited,clientUpdateProhibited}' WHERE tld = 'info'"
    )
    domain = await registrar.domain("info")
    assert await domain.ends((await domain.set_lock(True)).operation) == ("SUCCEEDED", "")
    request = pb.SetNameserversRequest(domain_id=str(domain.id))
    for name in (OURS[0], "ns9.a.example"):
        request.nameservers.add(host=name)
    refused = await domain.refused("SetNameservers", request)
    assert (refused.reason, refused.fields) == ("DOMAIN_LOCKED", ["domain_id"])
    assert await domain.ends((await domain.set_lock(False)).operation) == ("SUCCEEDED", "")
    answer = await domain.set_nameservers(OURS[0], "ns9.a.example")
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")


async def test_many_wishes_at_once_end_in_one_of_them_at_the_registry_and_with_us(registrar: Registrar) -> None:
    domain = await registrar.domain()
    wishes = [(OURS[0], f"ns{n}.a.example") for n in range(4)]
    answers = await asyncio.gather(*(domain.set_nameservers(*wish) for wish in wishes))
    for answer in answers:
        assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    ours = sorted(one.host for one in (await domain.get()).nameservers)
    assert ours == sorted(domain.at_registry()["nameservers"])
    assert tuple(sorted(ours, reverse=False)) in {tuple(sorted(wish)) for wish in wishes}

    async def settled() -> bool:
        query = "SELECT count(*) FROM registry_intents WHERE domain_id = $1 AND outcome = ''"
        return not await registrar.service.db.fetchval(query, domain.id)

    await until(settled)
