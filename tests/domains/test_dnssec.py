"""DNSSEC on and off, at the real nameserver and the registry, and turning back in the middle."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dns.asyncquery
import dns.dnssec
import dns.message
import dns.name
import dns.rdatatype

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2
from portico.domains.v1 import management_pb2 as pb
from services.domains import zones
from tests.domains.conftest import OURS, Held, Registrar, until

STATES = domains_pb2.DnssecState


async def published(registrar: Registrar, **more: Any) -> Held:
    """A domain whose zone is on the nameserver."""
    domain = await registrar.domain(**more)
    async with registrar.service.db.transaction() as tx:
        await zones.schedule(tx, domain.zone_id, 1)

    async def applied() -> bool:
        return (await domain.zone()).applied

    await until(applied)
    return domain


async def set_dnssec(domain: Held, enabled: bool) -> pb.SetDnssecResponse:
    request = pb.SetDnssecRequest(domain_id=str(domain.id), enabled=enabled)
    answer: pb.SetDnssecResponse = await domain.call("SetDnssec", request)
    return answer


async def state(domain: Held) -> str:
    return STATES.Name((await domain.zone()).dnssec).removeprefix("DNSSEC_STATE_")


async def keys(domain: Held) -> list[str]:
    """The DS of each key that the nameserver publishes, as text: "tag algorithm digest-type digest"."""
    question = dns.message.make_query(domain.name, dns.rdatatype.DNSKEY, want_dnssec=True)
    answer = await dns.asyncquery.udp(question, "127.0.0.1", port=domain.registrar.dns_port, timeout=2)
    name = dns.name.from_text(domain.name)
    found = [rrset for rrset in answer.answer if rrset.rdtype == dns.rdatatype.DNSKEY]
    return [dns.dnssec.make_ds(name, key, "SHA256").to_text().upper() for rrset in found for key in rrset]


def ds(domain: Held) -> list[str]:
    """The DS at the registry."""
    return [" ".join(record) for record in domain.at_registry()["ds"]]


async def let_pass(domain: Held) -> None:
    """The DS's time runs out."""
    db = domain.registrar.service.db
    await db.execute(
        "UPDATE zones SET dnssec_until = now() - interval '1 s' WHERE id = $1 AND dnssec_until IS NOT NULL",
        domain.zone_id,
    )
    await db.execute(
        "UPDATE jobs SET run_at = now() WHERE kind = 'unsign_zone' AND payload->>'zone_id' = $1", str(domain.zone_id)
    )
    await db.execute("SELECT pg_notify('jobs', '')")


async def test_a_zone_is_signed_its_ds_sent_and_both_are_taken_away_in_the_right_order(registrar: Registrar) -> None:
    domain = await published(registrar, tld="com")
    assert await keys(domain) == []
    on = await set_dnssec(domain, True)
    assert STATES.Name(on.zone.dnssec) == "DNSSEC_STATE_ENABLING"
    assert (on.operation.kind, on.operation.subject_type) == ("ZONE_DNSSEC", "Zone")
    assert [step.name for step in on.operation.steps] == ["keys", "published", "ds_sent", "ds_seen"]
    assert await domain.ends(on.operation) == ("SUCCEEDED", "")
    zone = await domain.zone()
    assert STATES.Name(zone.dnssec) == "DNSSEC_STATE_ON"
    assert len(ds(domain)) == 1
    assert await keys(domain) == ds(domain)
    assert [f"{d.key_tag} {d.algorithm} {d.digest_type} {d.digest}" for d in zone.ds] == ds(domain)
    assert not (await set_dnssec(domain, True)).HasField("operation")

    off = await set_dnssec(domain, False)
    await domain.waits(off.operation, "ds_gone", "until ")
    zone = await domain.zone()
    assert STATES.Name(zone.dnssec) == "DNSSEC_STATE_DISABLING"
    until_ = zone.dnssec_until.ToDatetime(tzinfo=UTC)
    assert timedelta(seconds=89_900) < until_ - datetime.now(UTC) <= timedelta(seconds=90_000)
    assert ds(domain) == []
    assert len(await keys(domain)) == 1
    assert (await set_dnssec(domain, False)).operation.id == off.operation.id
    await let_pass(domain)
    assert await domain.ends(off.operation) == ("SUCCEEDED", "")
    assert await state(domain) == "OFF"
    assert await keys(domain) == []
    assert await domain.logged() == ["domain.dnssec_changed"] * 3


async def test_a_ds_that_got_no_answer_is_sent_once_and_a_pending_one_is_waited_for(registrar: Registrar) -> None:
    domain = await published(registrar)
    domain.fault("cut_after")
    on = await set_dnssec(domain, True)
    assert await domain.ends(on.operation) == ("SUCCEEDED", "")
    assert domain.updates() == [1000]
    domain.fault("pending")
    off = await set_dnssec(domain, False)
    await domain.waits(off.operation, "ds_sent", "the holder must confirm at the registry")
    assert len(await keys(domain)) == len(ds(domain)) == 1
    registrar.registry.control("POST", f"/pending/{domain.name}/complete", {"approve": False})
    assert await domain.ends(off.operation) == ("FAILED", "HOLDER_DID_NOT_CONFIRM")
    assert await state(domain) == "ON"


async def test_a_refused_ds_leaves_the_zone_as_if_unsigned(registrar: Registrar) -> None:
    domain = await published(registrar)
    domain.fault("result", code=2306)
    on = await set_dnssec(domain, True)
    assert await domain.ends(on.operation) == ("FAILED", "REGISTRY_REFUSED")

    async def off() -> bool:
        return await state(domain) == "OFF"

    await until(off)
    assert (ds(domain), await keys(domain)) == ([], [])
    assert await domain.logged() == ["domain.dnssec_refused"]


async def test_keys_whose_way_back_is_refused_still_wait_for_resolvers_to_forget_their_ds(registrar: Registrar) -> None:
    domain = await published(registrar)
    assert await domain.ends((await set_dnssec(domain, True)).operation) == ("SUCCEEDED", "")
    off = await set_dnssec(domain, False)
    await domain.waits(off.operation, "ds_gone", "until ")
    domain.fault("result", code=2306)
    on = await set_dnssec(domain, True)
    assert await domain.ends(on.operation) == ("FAILED", "REGISTRY_REFUSED")
    assert await state(domain) == "DISABLING"
    assert len(await keys(domain)) == 1
    await let_pass(domain)

    async def gone() -> bool:
        return await state(domain) == "OFF"

    await until(gone)
    assert await keys(domain) == []


async def test_one_can_turn_back_while_the_ds_runs_out(registrar: Registrar) -> None:
    domain = await published(registrar)
    assert await domain.ends((await set_dnssec(domain, True)).operation) == ("SUCCEEDED", "")
    before = await keys(domain)
    off = await set_dnssec(domain, False)
    await domain.waits(off.operation, "ds_gone", "until ")
    on = await set_dnssec(domain, True)
    assert await domain.ends(off.operation) == ("CANCELLED", "")
    assert await domain.ends(on.operation) == ("SUCCEEDED", "")
    await let_pass(domain)
    query = "SELECT count(*) FROM jobs WHERE kind = 'unsign_zone' AND payload->>'zone_id' = $1 AND state <> 'done'"

    async def over() -> bool:
        return not await registrar.service.db.fetchval(query, str(domain.zone_id))

    await until(over)
    assert await state(domain) == "ON"
    assert await keys(domain) == ds(domain) == before


async def test_one_can_turn_back_before_the_registry_has_decided(registrar: Registrar) -> None:
    domain = await published(registrar)
    domain.fault("pending")
    on = await set_dnssec(domain, True)
    await domain.waits(on.operation, "ds_sent", "the holder must confirm at the registry")
    off = await set_dnssec(domain, False)
    assert await domain.ends(on.operation) == ("CANCELLED", "")
    registrar.registry.control("POST", f"/pending/{domain.name}/complete", {"approve": True})
    await domain.waits(off.operation, "ds_gone", "until ")
    assert ds(domain) == []
    assert len(await keys(domain)) == 1
    await let_pass(domain)
    assert await domain.ends(off.operation) == ("SUCCEEDED", "")
    assert (await state(domain), await keys(domain)) == ("OFF", [])


async def test_nobody_can_turn_back_once_the_keys_are_going(registrar: Registrar) -> None:
    domain = await published(registrar)
    assert await domain.ends((await set_dnssec(domain, True)).operation) == ("SUCCEEDED", "")
    off = await set_dnssec(domain, False)
    await domain.waits(off.operation, "ds_gone", "until ")
    await registrar.service.db.execute("UPDATE zones SET dnssec = 'REMOVING' WHERE id = $1", domain.zone_id)
    refused = await domain.refused("SetDnssec", pb.SetDnssecRequest(domain_id=str(domain.id), enabled=True))
    assert refused.reason == "DOMAIN_BUSY"
    assert await state(domain) == "DISABLING"
    await let_pass(domain)
    assert await domain.ends(off.operation) == ("SUCCEEDED", "")


async def test_a_zone_that_others_serve_too_is_not_signed(registrar: Registrar) -> None:
    domain = await published(registrar, nameservers=[OURS[0], "ns1.elsewhere.example"])
    refused = await domain.refused("SetDnssec", pb.SetDnssecRequest(domain_id=str(domain.id), enabled=True))
    assert (refused.reason, refused.metadata) == (
        "DNSSEC_FOREIGN_NAMESERVERS",
        {"nameservers": "ns1.elsewhere.example"},
    )
    ours = await published(registrar)
    ours.fault("pending")
    moving = await ours.set_nameservers(OURS[0], "ns1.elsewhere.example")
    request = pb.SetDnssecRequest(domain_id=str(ours.id), enabled=True)
    assert (await ours.refused("SetDnssec", request)).reason == "DOMAIN_BUSY"
    await ours.waits(moving.operation, "registry_update", "the holder must confirm")
    registrar.registry.control("POST", f"/pending/{ours.name}/complete", {"approve": True})
    assert await ours.ends(moving.operation) == ("SUCCEEDED", "")


async def test_a_signed_domain_keeps_our_nameservers(registrar: Registrar) -> None:
    domain = await published(registrar)
    assert await domain.ends((await set_dnssec(domain, True)).operation) == ("SUCCEEDED", "")
    answer = await domain.set_nameservers(OURS[0], "ns1.elsewhere.example")
    assert [(r.reason, r.field) for r in answer.refusals] == [("DNSSEC_IN_THE_WAY", "nameservers")]
    assert domain.updates() == [1000]


async def test_a_zone_that_is_not_the_caller_s_is_not_found(registrar: Registrar) -> None:
    mine, other = await registrar.domain(), await registrar.domain()
    for id_ in (str(other.id), str(uuid4())):
        refused = await mine.refused("SetDnssec", pb.SetDnssecRequest(domain_id=id_, enabled=True))
        assert refused.reason == "DOMAIN_NOT_FOUND"
    assert await registrar.service.told(common_pb2.AuditRecorded, other.account) == []
