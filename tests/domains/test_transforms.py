"""Commands at the registry: whatever happens to the answer, each is carried out once or refused, in order."""

import asyncio
from uuid import uuid4

import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, events_pb2
from portico.domains.v1 import management_pb2 as pb
from services.domains import transforms
from services.domains.jobs import report_stuck
from tests.domains.conftest import PERMISSIONS, Held, Registrar, until
from tests.sandbox import epp_schema, invalid
from tests.serving import holding_all_but, person

LOCK = "clientTransferProhibited"


async def locked(domain: Held) -> tuple[bool, bool]:
    """At the registry, and with us."""
    return LOCK in domain.at_registry()["statuses"], (await domain.get()).locked


async def test_a_lock_is_set_stored_as_the_registry_shows_it_and_told(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    answer = await domain.set_lock(True)
    assert (answer.operation.kind, answer.operation.subject_id) == ("DOMAIN_LOCK", str(domain.id))
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert sorted((await domain.get()).statuses) == ["clientDeleteProhibited", LOCK]
    [told] = await registrar.service.told(events_pb2.DomainChanged, domain.account)
    assert (told.what, told.name) == ("lock", domain.name)
    [entry] = await registrar.service.told(common_pb2.AuditRecorded, domain.account)
    assert (entry.action, entry.actor.label) == ("domain.lock_changed", "somebody@minta.example")
    again = await domain.set_lock(True)
    assert not again.HasField("operation")
    opened = await domain.set_lock(False)
    assert await domain.ends(opened.operation) == ("SUCCEEDED", "")
    assert list((await domain.get()).statuses) == ["ok"]
    assert domain.updates() == [1000, 1000]


@pytest.mark.parametrize(
    ("fault", "updates"),
    [
        ({"action": "delay", "seconds": 0.2}, [1000]),
        ({"action": "delay_after", "seconds": 1.5}, [1000]),
        ({"action": "cut_before"}, [None, 1000]),
        ({"action": "cut_after"}, [1000]),
        ({"action": "wrong_trid"}, [1000]),
        ({"action": "garbage", "seconds": 0.1}, [1000]),
        ({"action": "never_end", "seconds": 0.1}, [1000]),
        ({"action": "result", "code": 2400}, [2400, 1000]),
        ({"action": "result", "code": 2104, "times": 2}, [2104, 2104, 1000]),
    ],
)
async def test_a_command_whose_answer_is_late_lost_or_broken_is_carried_out_once(
    registrar: Registrar, fault: dict[str, object], updates: list[int | None]
) -> None:
    domain = await registrar.domain()
    domain.fault(**fault)  # type: ignore[arg-type]
    answer = await domain.set_lock(True)
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert domain.updates() == updates
    assert await locked(domain) == (True, True)
    outcomes = await registrar.service.db.fetch("SELECT outcome FROM registry_intents WHERE domain_id = $1", domain.id)
    assert [row["outcome"] for row in outcomes] == ["DONE"]


async def test_our_own_earlier_try_that_is_carried_out_late_makes_the_next_a_success(registrar: Registrar) -> None:
    domain = await registrar.domain()
    # The first comes to pass while the second, sent because the registry did not show it yet, is on its way.
    domain.fault("delay", seconds=1.7)
    domain.fault("delay", seconds=0.9)
    answer = await domain.set_lock(True)
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert domain.updates() == [1000, 2306]
    assert await locked(domain) == (True, True)


@pytest.mark.parametrize("code", [2304, 2302, 2306])
async def test_a_refusal_changes_nothing_and_says_why(registrar: Registrar, code: int) -> None:
    domain = await registrar.domain()
    domain.fault("result", code=code)
    answer = await domain.set_lock(True)
    assert await domain.ends(answer.operation) == ("FAILED", "REGISTRY_REFUSED")
    found = await domain.operation(answer.operation.id)
    assert str(code) in found.error_metadata["detail"]
    assert await locked(domain) == (False, False)
    assert domain.updates() == [code]
    assert await domain.logged() == ["domain.lock_refused"]


@pytest.mark.parametrize("approve", [True, False])
async def test_what_the_registry_leaves_pending_ends_as_it_decides(registrar: Registrar, approve: bool) -> None:
    domain = await registrar.domain()
    domain.fault("pending")
    answer = await domain.set_lock(True)
    await domain.waits(answer.operation, "registry_update", "pending at the registry")
    registrar.registry.control("POST", f"/pending/{domain.name}/complete", {"approve": approve})
    ended = ("SUCCEEDED", "") if approve else ("FAILED", "REGISTRY_REFUSED")
    assert await domain.ends(answer.operation) == ended
    assert domain.updates() == [1001]
    assert await locked(domain) == (approve, approve)


async def test_the_registry_s_word_of_a_pending_command_has_it_looked_at_now(registrar: Registrar) -> None:
    domain = await registrar.domain()
    domain.fault("pending")
    answer = await domain.set_lock(True)
    await domain.waits(answer.operation, "registry_update", "pending at the registry")
    db = registrar.service.db
    intent = await db.fetchval("SELECT id FROM registry_intents WHERE domain_id = $1", domain.id)

    async def asleep() -> bool:
        query = "SELECT leased_until IS NULL AND run_at > now() + interval '5 s' FROM jobs WHERE key = $1"
        return bool(await db.fetchval(query, str(intent)))

    await until(asleep)
    registrar.registry.control("POST", f"/pending/{domain.name}/complete", {"approve": True})
    await transforms.wake(db, intent)
    assert await db.fetchval("SELECT run_at <= now() FROM jobs WHERE key = $1", str(intent))

    async def told() -> bool:
        return (await domain.get()).locked

    await until(told)


async def test_commands_of_a_domain_are_said_in_the_order_they_were_asked_for(registrar: Registrar) -> None:
    domain = await registrar.domain()
    domain.fault("pending")
    first = await domain.set_lock(True)
    await domain.waits(first.operation, "registry_update", "pending at the registry")
    second, third = await domain.set_lock(False), await domain.set_lock(True)
    assert (await domain.set_lock(True)).operation.id == third.operation.id
    assert (await domain.operation(second.operation.id)).state == common_pb2.OPERATION_STATE_QUEUED
    assert domain.updates() == [1001]
    registrar.registry.control("POST", f"/pending/{domain.name}/complete", {"approve": True})
    for one in (first, second, third):
        assert await domain.ends(one.operation) == ("SUCCEEDED", "")
    assert domain.updates() == [1001, 1000, 1000]
    assert await locked(domain) == (True, True)


async def test_a_refused_command_lets_the_next_one_pass(registrar: Registrar) -> None:
    domain = await registrar.domain()
    domain.fault("result", code=2400, times=1)
    domain.fault("result", code=2304, times=1)
    first = await domain.set_lock(True)
    second = await domain.set_nameservers("ns1.portico.example", "ns2.elsewhere.example")
    assert await domain.ends(first.operation) == ("FAILED", "REGISTRY_REFUSED")
    assert await domain.ends(second.operation) == ("SUCCEEDED", "")
    assert domain.updates() == [2400, 2304, 1000]


async def test_a_registry_that_cannot_be_asked_keeps_the_outcome_open(registrar: Registrar) -> None:
    domain = await registrar.domain()
    domain.fault("cut_after")
    domain.fault("result", command="domain:info", code=2400, times=3)
    answer = await domain.set_lock(True)
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert domain.updates() == [1000]


async def test_a_domain_that_went_to_another_registrar_is_not_changed(registrar: Registrar) -> None:
    domain = await registrar.domain()
    registrar.registry.seed(domain.name, registrar="other")
    answer = await domain.set_lock(True)
    assert await domain.ends(answer.operation) == ("FAILED", "REGISTRY_REFUSED")
    assert LOCK not in domain.at_registry()["statuses"]


async def test_a_command_whose_job_was_given_up_is_taken_up_again(registrar: Registrar) -> None:
    domain = await registrar.domain()
    domain.fault("pending")
    answer = await domain.set_lock(True)
    await domain.waits(answer.operation, "registry_update", "pending at the registry")
    registrar.registry.control("POST", f"/pending/{domain.name}/complete", {"approve": True})
    db = registrar.service.db
    give_up = """UPDATE jobs SET state = 'dead' WHERE state = 'ready' AND leased_until IS NULL AND key =
                 (SELECT id::text FROM registry_intents WHERE domain_id = $1) RETURNING id"""

    async def given_up() -> bool:
        return bool(await db.fetchval(give_up, domain.id)) or bool((await domain.get()).locked)

    await until(given_up)
    await report_stuck(registrar.service.app)
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")


async def test_nobody_changes_what_is_not_theirs_or_not_there(registrar: Registrar) -> None:
    mine, other = await registrar.domain(), await registrar.domain()
    for request in (
        pb.SetDomainLockRequest(domain_id=str(other.id), locked=True),
        pb.SetDomainLockRequest(domain_id=str(uuid4()), locked=True),
    ):
        assert (await mine.refused("SetDomainLock", request)).reason == "DOMAIN_NOT_FOUND"
    limited = person(mine.account, *PERMISSIONS, resources=frozenset({other.id}))
    request = pb.SetDomainLockRequest(domain_id=str(mine.id), locked=True)
    assert (await registrar.service.refused(limited, "SetDomainLock", request)).reason == "DOMAIN_NOT_FOUND"
    await registrar.service.db.execute("UPDATE domains SET state = 'EXPIRED' WHERE id = $1", mine.id)
    assert (await mine.refused("SetDomainLock", request)).reason == "DOMAIN_NOT_ACTIVE"
    assert mine.updates() == other.updates() == []


@pytest.mark.parametrize(
    ("method", "permission", "request_"),
    [
        ("SetNameservers", "domains.manage", pb.SetNameserversRequest),
        ("SetDomainLock", "domains.manage", pb.SetDomainLockRequest),
        ("UpdateDomainContacts", "domains.manage", pb.UpdateDomainContactsRequest),
        ("SetAutoRenew", "domains.manage", pb.SetAutoRenewRequest),
        ("SetDnssec", "dns.write", pb.SetDnssecRequest),
        ("BatchGetDomainContacts", "domains.read", pb.BatchGetDomainContactsRequest),
        ("ListRegistryContacts", "domains.read", pb.ListRegistryContactsRequest),
    ],
)
async def test_every_call_needs_its_permission(
    registrar: Registrar, method: str, permission: str, request_: type
) -> None:
    id_ = str(uuid4())
    one = {"domain_id": id_} if "domain_id" in request_.DESCRIPTOR.fields_by_name else {}  # type: ignore[attr-defined]
    many = {"domain_ids": [id_]} if "domain_ids" in request_.DESCRIPTOR.fields_by_name else {}  # type: ignore[attr-defined]
    nobody = holding_all_but(person(uuid4()), permission)
    refused = await registrar.service.refused(nobody, method, request_(**one, **many))
    assert (refused.reason, refused.metadata) == ("FORBIDDEN", {"permission": permission})


# -- auth codes


async def ask_code(domain: Held) -> domains_pb2.RequestAuthCodeResponse:
    request = domains_pb2.RequestAuthCodeRequest(domain_id=str(domain.id))
    answer: domains_pb2.RequestAuthCodeResponse = await domain.call("RequestAuthCode", request)
    return answer


async def test_a_code_is_shown_once_and_its_request_told_without_it(registrar: Registrar) -> None:
    domain = await registrar.domain("com", auth="Present-code-1")
    answer = await ask_code(domain)
    assert (answer.delivery, answer.code) == (domains_pb2.AUTH_CODE_DELIVERY_SHOWN, "Present-code-1")
    assert not answer.HasField("operation")
    [told] = await registrar.service.told(events_pb2.AuthCodeRequested, domain.account)
    assert (told.name, told.delivery, told.actor.label) == (domain.name, "SHOWN", "somebody@minta.example")
    assert await domain.logged() == ["domain.auth_code_requested"]
    kept = await registrar.service.db.fetchval("SELECT string_agg(encode(body, 'escape'), '') FROM outbox")
    assert "Present-code-1" not in kept


async def test_a_registry_that_holds_no_code_gets_a_fresh_one_that_is_kept_only_until_it_has_it(
    registrar: Registrar,
) -> None:
    domain = await registrar.domain("com", auth="")
    domain.fault("cut_before")
    answer = await ask_code(domain)
    assert answer.delivery == domains_pb2.AUTH_CODE_DELIVERY_SHOWN
    assert answer.operation.kind == "DOMAIN_AUTH_CODE"
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert domain.at_registry()["auth"] == answer.code != ""
    assert domain.updates() == [None, 1000]
    assert await registrar.service.db.fetchval(
        "SELECT parameters = '{}' FROM registry_intents WHERE domain_id = $1", domain.id
    )


async def test_a_registry_that_mails_codes_is_asked_to_and_nobody_here_sees_it(registrar: Registrar) -> None:
    domain = await registrar.domain("hu")
    domain.fault("cut_before")
    answer, again = await asyncio.gather(ask_code(domain), ask_code(domain))
    assert again.operation.id == answer.operation.id
    assert (answer.delivery, answer.code) == (domains_pb2.AUTH_CODE_DELIVERY_REGISTRY_EMAIL, "")
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    [email] = registrar.registry.control("GET", f"/emails/{domain.name}")
    assert email["recipient"] == "contact@example.com"
    assert email["code"] == domain.at_registry()["auth"] != "Present-code-1"


@pytest.mark.parametrize("tld", ["hu", "com"])
async def test_the_code_of_a_locked_domain_is_refused_and_not_logged_as_asked_for(
    registrar: Registrar, tld: str
) -> None:
    domain = await registrar.domain(tld, statuses=[LOCK])
    request = domains_pb2.RequestAuthCodeRequest(domain_id=str(domain.id))
    refused = await domain.refused("RequestAuthCode", request)
    assert (refused.reason, refused.metadata["name"]) == ("DOMAIN_LOCKED", domain.name)
    assert await domain.logged() == []


# -- automatic renewal


async def test_automatic_renewal_is_set_in_bulk_told_per_domain_and_costs_the_same_for_many(
    registrar: Registrar,
) -> None:
    first = await registrar.domain()
    rest = [await registrar.domain(account=first.account) for _ in range(4)]
    gone, foreign = await registrar.domain(account=first.account), await registrar.domain()
    db = registrar.service.db
    await db.execute("UPDATE domains SET state = 'DELETED' WHERE id = $1", gone.id)
    wanted = [str(first.id), str(gone.id), str(foreign.id), *(str(one.id) for one in rest)]
    answer = await first.call("SetAutoRenew", pb.SetAutoRenewRequest(auto_renew=True, domain_ids=wanted))
    assert [(r.index, r.reason, r.field) for r in answer.refusals] == [
        (1, "DOMAIN_NOT_ACTIVE", "domain_ids"),
        (2, "DOMAIN_NOT_FOUND", "domain_ids"),
    ]
    assert (answer.found, answer.changed) == (5, 5)
    assert all(one.auto_renew for one in answer.domains)
    assert [one.name for one in answer.domains] == sorted(one.name for one in (first, *rest))
    assert await first.logged() == ["domain.auto_renew_changed"] * 5
    assert not (await foreign.get()).auto_renew
    # The same again changes and tells nothing; the filter finds what the list shows.
    request = pb.SetAutoRenewRequest(auto_renew=True, filter=pb.DomainFilter())
    answer = await first.call("SetAutoRenew", request)
    assert (answer.found, answer.changed) == (5, 0)
    one = pb.SetAutoRenewRequest(auto_renew=False, filter=pb.DomainFilter(search=rest[0].name))
    who = person(first.account, *PERMISSIONS)
    costs = [await registrar.service.statements(who, "SetAutoRenew", one)]
    many = pb.SetAutoRenewRequest(auto_renew=False, filter=pb.DomainFilter())
    costs.append(await registrar.service.statements(who, "SetAutoRenew", many))
    assert costs[0] == costs[1]
    assert (await first.logged()).count("domain.auto_renew_changed") == 10


@pytest.mark.parametrize("given", [{}, {"domain_ids": [str(uuid4())], "filter": pb.DomainFilter()}])
async def test_automatic_renewal_needs_either_ids_or_a_filter(registrar: Registrar, given: dict[str, object]) -> None:
    domain = await registrar.domain()
    refused = await domain.refused("SetAutoRenew", pb.SetAutoRenewRequest(**given))  # type: ignore[arg-type]
    assert (refused.reason, refused.fields) == ("INVALID", ["domain_ids"])


async def test_every_frame_was_valid_by_the_official_schemas(registrar: Registrar) -> None:
    if epp_schema() is None:
        pytest.skip("the EPP schemas are not on this machine: set EPP_SCHEMAS")
    domain = await registrar.domain()
    await domain.ends((await domain.set_lock(True)).operation)
    # A fault of the sandbox is no frame of a registry's.
    told = [(who, xml) for who, xml in registrar.frames if b"this is not XML" not in xml]
    assert any(b"domain:update" in xml for _, xml in told)
    assert invalid(told) == []
