"""Changes that the holder has to confirm at the registry, by the top-level domain's rule."""

from datetime import UTC, datetime, timedelta

import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2
from services.domains import confirmations, messages
from services.domains.epp import PendingAction, PollMessage
from tests.domains.conftest import OURS, Held, Registrar, until
from tests.domains.test_domain_contacts import new, old, read, update, updated

BY_HOLDER, BY_REGISTRY = "the holder must confirm at the registry", "pending at the registry"
OTHER = ("ns1.portico.example", "ns9.elsewhere.example")


async def asked(domain: Held) -> list[events_pb2.HolderConfirmationWanted]:
    return await domain.registrar.service.told(events_pb2.HolderConfirmationWanted, domain.account)


def decide(domain: Held, *, approve: bool) -> None:
    domain.registrar.registry.control("POST", f"/pending/{domain.name}/complete", {"approve": approve})


@pytest.mark.parametrize(("approve", "end"), [(True, ("SUCCEEDED", "")), (False, ("FAILED", "HOLDER_DID_NOT_CONFIRM"))])
async def test_a_change_waits_for_the_holder_is_told_once_and_ends_as_the_holder_decides(
    registrar: Registrar, approve: bool, end: tuple[str, str]
) -> None:
    domain = await registrar.domain("hu")
    await read(domain)
    domain.fault("pending")
    answer = await domain.set_nameservers(*OTHER)
    await domain.waits(answer.operation, "registry_update", BY_HOLDER)
    intent = await registrar.service.db.fetchval("SELECT id FROM registry_intents WHERE domain_id = $1", domain.id)

    async def looked_at_again() -> bool:
        await registrar.hurry()
        return bool(await registrar.service.db.fetchval("SELECT attempts > 2 FROM jobs WHERE key = $1", str(intent)))

    await until(looked_at_again)
    [told] = await asked(domain)
    assert (told.command_id, told.change, told.unicode_name) == (str(intent), "nameservers", domain.name)
    assert (told.holder_email, told.HasField("until")) == ("c…@example.com", False)
    assert (await domain.logged()).count("domain.confirmation_wanted") == 1
    decide(domain, approve=approve)
    assert await domain.ends(answer.operation) == end
    assert domain.updates() == [1001]
    assert sorted((await domain.get()).nameservers, key=lambda one: one.host)[1].host == (OTHER if approve else OURS)[1]
    assert (await domain.logged())[-1] == f"domain.nameservers_{'changed' if approve else 'refused'}"


async def test_a_registry_that_has_no_such_rule_is_waited_for_itself(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    domain.fault("pending")
    answer = await domain.set_nameservers(*OTHER)
    await domain.waits(answer.operation, "registry_update", BY_REGISTRY)
    decide(domain, approve=False)
    assert await domain.ends(answer.operation) == ("FAILED", "REGISTRY_REFUSED")
    assert await asked(domain) == []


async def test_what_is_no_such_change_or_is_carried_out_at_once_asks_nobody(registrar: Registrar) -> None:
    domain = await registrar.domain("hu")
    assert await domain.ends((await domain.set_nameservers(*OTHER)).operation) == ("SUCCEEDED", "")
    domain.fault("pending")
    answer = await domain.set_lock(True)
    await domain.waits(answer.operation, "registry_update", BY_REGISTRY)
    decide(domain, approve=False)
    assert await domain.ends(answer.operation) == ("FAILED", "REGISTRY_REFUSED")
    assert await asked(domain) == []


async def test_the_last_moment_is_told_where_the_rule_says_it(registrar: Registrar) -> None:
    rule = "UPDATE tlds SET confirmed_changes = $1, confirmation_days = $2 WHERE tld = 'dev'"
    await registrar.service.db.execute(rule, ["nameservers"], 14)
    domain = await registrar.domain("dev")
    domain.fault("pending")
    answer = await domain.set_nameservers(*OTHER)
    await domain.waits(answer.operation, "registry_update", BY_HOLDER)
    # The rule of the day on which it was asked counts.
    await registrar.service.db.execute(rule, [], None)
    [told] = await asked(domain)
    until_ = told.until.ToDatetime(UTC) - datetime.now(UTC)
    assert (timedelta(days=13, hours=23) < until_ < timedelta(days=14), told.holder_email) == (True, "")
    decide(domain, approve=False)
    assert await domain.ends(answer.operation) == ("FAILED", "HOLDER_DID_NOT_CONFIRM")


@pytest.mark.parametrize(("changes", "waits"), [({"name": "Más Mária"}, BY_HOLDER), ({"city": "Sopron"}, BY_REGISTRY)])
async def test_another_name_of_the_holder_is_confirmed_another_address_is_not(
    registrar: Registrar, changes: dict[str, str], waits: str
) -> None:
    domain = await registrar.domain("hu")
    await read(domain)
    found = await updated(domain, registrant=new(name=f"Birtokos {domain.name[:6]}"))
    domain.fault("pending", command="contact:update", name=found.registrant.handle)
    kept = {"name": found.registrant.data.name, **changes}
    answer = await update(domain, registrant=old(found.registrant, **kept))
    await domain.waits(answer.operation, "registry_update", waits)
    assert [one.change for one in await asked(domain)] == (["registrant"] if waits == BY_HOLDER else [])
    registrar.registry.control("POST", f"/pending-contacts/{found.registrant.handle}/complete", {"approve": False})
    reason = "HOLDER_DID_NOT_CONFIRM" if waits == BY_HOLDER else "REGISTRY_REFUSED"
    assert await domain.ends(answer.operation) == ("FAILED", reason)
    assert (await read(domain)).registrant.data.name == found.registrant.data.name


@pytest.mark.parametrize(("role", "waits"), [("registrant", BY_HOLDER), ("admin", BY_REGISTRY)])
async def test_another_holder_is_confirmed_another_contact_is_not(registrar: Registrar, role: str, waits: str) -> None:
    domain = await registrar.domain("hu")
    await read(domain)
    domain.fault("pending")
    answer = await update(domain, **{role: new(name="Új Ubul", email="ubul@uj.example")})
    await domain.waits(answer.operation, "registry_update", waits)
    # The present holder is asked, not the one to come.
    told = [(one.change, one.holder_email) for one in await asked(domain)]
    assert told == ([("registrant", "c…@example.com")] if role == "registrant" else [])
    decide(domain, approve=True)
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")


async def test_the_registry_s_word_of_a_contact_wakes_the_command_that_changed_it(registrar: Registrar) -> None:
    domain = await registrar.domain("hu")
    await read(domain)
    found = await updated(domain, registrant=new(name=f"Ébresztő {domain.name[:6]}"))
    handle = found.registrant.handle
    domain.fault("pending", command="contact:update", name=handle)
    answer = await update(domain, registrant=old(found.registrant, name="Új Név"))
    await domain.waits(answer.operation, "registry_update", BY_HOLDER)
    db = registrar.service.db
    query = "SELECT id FROM registry_intents WHERE domain_id = $1 AND outcome = ''"
    intent = await db.fetchval(query, domain.id)

    async def asleep() -> bool:
        query = "SELECT leased_until IS NULL AND run_at > now() + interval '5 s' FROM jobs WHERE key = $1"
        return bool(await db.fetchval(query, str(intent)))

    await until(asleep)
    registrar.registry.control("POST", f"/pending-contacts/{handle}/complete")
    [said] = registrar.registry.log("update", handle.lower())
    action = PendingAction(handle.lower(), True, said["cl_trid"], said["sv_trid"], None, of_domain=False)
    [registry] = registrar.service.app.registries
    message = PollMessage(f"m-{intent}", 1, "Pending update confirmed.", None, action=action)
    await messages.take(registrar.service.app, registry, message, datetime.now(UTC))

    async def done() -> bool:
        found = await domain.operation(answer.operation.id)
        return found.state == common_pb2.OPERATION_STATE_SUCCEEDED

    await until(done)


@pytest.mark.parametrize(
    ("email", "shown"),
    [("anna@minta.example", "a…@minta.example"), ("a@b.hu", "a…@b.hu"), ("@b.hu", ""), ("anna", ""), ("", "")],
)
def test_an_address_is_masked_but_known_to_its_owner(email: str, shown: str) -> None:
    assert confirmations.masked(email) == shown
