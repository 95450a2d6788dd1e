"""Our EPP client against the sandbox registry: what works, and everything that can go wrong on the way."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.sandbox.registry import tls
from services.domains.epp import (
    ContactData,
    DsRecord,
    EppLoginRefused,
    EppRefused,
    EppServerFailure,
    EppUnavailable,
    EppUnknown,
    Registry,
    RestoreReport,
    frames,
)
from services.domains.epp.errors import MalformedFrame
from services.domains.epp.session import Access, Session
from tests.sandbox import PASSWORDS, Sandbox, epp_schema, invalid, recording, registry

NUMBERS = itertools.count(1)
NS = ["ns1.example.net.test", "ns2.example.net.test"]
DS = DsRecord(12345, 13, 2, "AB" * 32)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(sandbox: Sandbox) -> None:
    sandbox.control("DELETE", "/faults")


@pytest.fixture(scope="module")
def recorded() -> Iterator[list[tuple[str, bytes]]]:
    """Every frame that the client wrote and read in this module."""
    with recording() as seen:
        yield seen


def connect(sandbox: Sandbox, registrar: str = "portico", **options: Any) -> Registry:
    options = {"timeout": 10.0, "password": PASSWORDS[registrar], "ca_file": sandbox.ca_file, **options}
    return Registry("127.0.0.1", sandbox.port, registrar=registrar, **options)


@pytest.fixture(scope="module")
async def ours(sandbox: Sandbox, recorded: list[tuple[str, bytes]]) -> AsyncIterator[Registry]:
    async with connect(sandbox) as client:
        await client.create_contact(contact("PORTICO-1"), cl_trid=trid())
        for host in NS:
            await client.create_host(host, cl_trid=trid())
        yield client


@pytest.fixture(scope="module")
async def theirs(sandbox: Sandbox, recorded: list[tuple[str, bytes]]) -> AsyncIterator[Registry]:
    async with connect(sandbox, "other") as client:
        yield client


@pytest.fixture
async def hasty(sandbox: Sandbox) -> AsyncIterator[Registry]:
    """A client that waits half a second."""
    async with connect(sandbox, timeout=0.5, sessions=2) as client:
        await client.check(["warm.hu"])
        yield client


def trid() -> str:
    return str(uuid4())


def fresh(tld: str = "hu") -> str:
    return f"name{next(NUMBERS)}.{tld}"


def contact(identifier: str, **changes: Any) -> ContactData:
    fields: dict[str, Any] = {"name": "Árvíztűrő Tükörfúrógép Kft.", "city": "Győr", "country": "HU"}
    fields |= {"email": "iroda@example.hu", "street": ("Fő utca 1.",), "postal_code": "9021", "voice": "+36.96123456"}
    return ContactData(identifier, **{**fields, "auth_info": "contact-code", **changes})


async def register(client: Registry, name: str, **changes: Any) -> Any:
    contacts = [("admin", "PORTICO-1"), ("tech", "PORTICO-1")]
    fields: dict[str, Any] = {"registrant": "PORTICO-1", "contacts": contacts}
    fields |= {"nameservers": NS, "auth_info": "Secret-code-1", "cl_trid": trid()}
    return await client.create(name, **{**fields, **changes})


async def test_a_registered_domain_is_shown_with_everything_that_was_asked_for(ours: Registry) -> None:
    name = fresh()
    assert (await ours.check([name.upper()]))[name].available
    made = await register(ours, name, years=2, ds=[DS])
    assert made.name == name
    assert not made.pending
    taken = (await ours.check([name, "bad_name.hu", "free-name.hu", "name.nozone"])).values()
    assert [(a.available, a.reason) for a in taken] == [
        (False, "In use"), (False, "Invalid name"), (True, ""), (False, "Unknown zone"),
    ]  # fmt: skip
    info = await ours.info(name)
    assert info is not None
    assert (info.cl_id, info.registrant, info.nameservers) == ("portico", "PORTICO-1", tuple(NS))
    assert info.contacts_of("admin") == ("PORTICO-1",)
    assert (info.statuses, info.rgp_statuses, info.ds) == (("ok",), ("addPeriod",), (DS,))
    assert info.auth_info == "Secret-code-1"
    assert "Secret" not in repr(info)
    assert info.created_at is not None
    assert info.expires_at == info.created_at.replace(year=info.created_at.year + 2) == made.expires_at


async def test_an_unknown_name_has_no_info(ours: Registry) -> None:
    assert await ours.info("nobody-has-this.hu") is None
    assert await ours.contact_info("NOBODY") is None
    assert await ours.host_info("ns.nowhere.test") is None
    assert await ours.query_transfer("nobody-has-this.hu") is None


async def test_registering_a_taken_name_is_refused_with_2302(ours: Registry) -> None:
    name = fresh()
    await register(ours, name)
    with pytest.raises(EppRefused) as refusal:
        await register(ours, name)
    assert refusal.value.code == 2302
    assert refusal.value.reason == "In use"


async def test_the_current_expiry_date_keeps_a_renewal_from_happening_twice(ours: Registry) -> None:
    name = fresh("com")
    made = await register(ours, name)
    assert made.expires_at is not None
    renewed = await ours.renew(name, made.expires_at, 2, cl_trid=trid())
    assert renewed.expires_at is not None
    assert renewed.expires_at.year == made.expires_at.year + 2
    with pytest.raises(EppRefused) as refusal:
        await ours.renew(name, made.expires_at, 2, cl_trid=trid())
    assert refusal.value.code == 2306
    with pytest.raises(EppRefused) as refusal:
        await ours.renew(name, renewed.expires_at.date(), 9, cl_trid=trid())
    assert refusal.value.code == 2105


async def test_an_update_adds_removes_and_changes(ours: Registry) -> None:
    name = fresh("org")
    await register(ours, name, nameservers=NS[:1])
    await ours.update(
        name,
        add_statuses=["clientTransferProhibited"],
        add_nameservers=NS[1:],
        rem_nameservers=NS[:1],
        rem_contacts=[("tech", "PORTICO-1")],
        add_ds=[DS],
        auth_info="Another-code-2",
        cl_trid=trid(),
    )
    info = await ours.info(name)
    assert info is not None
    assert (info.statuses, info.nameservers, info.ds) == (("clientTransferProhibited",), tuple(NS[1:]), (DS,))
    assert (info.auth_info, info.contacts_of("tech")) == ("Another-code-2", ())
    await ours.update(name, rem_statuses=["clientTransferProhibited"], clear_ds=True, cl_trid=trid())
    info = await ours.info(name)
    assert info is not None
    assert (info.statuses, info.ds) == (("ok",), ())
    with pytest.raises(ValueError):
        await ours.update(name, cl_trid=trid())


async def test_a_locked_domain_is_refused_until_the_lock_is_removed(ours: Registry) -> None:
    name = fresh()
    await register(ours, name)
    await ours.update(name, add_statuses=["clientUpdateProhibited", "clientDeleteProhibited"], cl_trid=trid())
    with pytest.raises(EppRefused, match="2304"):
        await ours.update(name, auth_info="Never-seen-3", cl_trid=trid())
    with pytest.raises(EppRefused, match="2304"):
        await ours.delete(name, cl_trid=trid())
    locks = ["clientUpdateProhibited", "clientDeleteProhibited"]
    await ours.update(name, rem_statuses=locks, cl_trid=trid())
    assert not (await ours.delete(name, cl_trid=trid())).pending
    assert await ours.info(name) is None


async def test_a_transfer_needs_the_code_and_tells_both_sides(
    sandbox: Sandbox, ours: Registry, theirs: Registry
) -> None:
    name = fresh("net")
    sandbox.seed(name, registrar="other", auth="Right-code-1", statuses=["clientHold"])
    with pytest.raises(EppRefused, match="2202"):
        await ours.request_transfer(name, "Wrong-code-1", cl_trid=trid())
    asked = await ours.request_transfer(name, "Right-code-1", 1, cl_trid=trid())
    assert (asked.status, asked.requested_by, asked.acting, asked.pending) == ("pending", "portico", "other", True)
    with pytest.raises(EppRefused, match="2300"):
        await ours.request_transfer(name, "Right-code-1", cl_trid=trid())
    with pytest.raises(EppRefused, match="2201"):
        await ours.approve_transfer(name, cl_trid=trid())
    told = await drain(theirs)
    assert told[-1].transfer is not None
    assert told[-1].transfer.status == "pending"
    await theirs.approve_transfer(name, cl_trid=trid())
    told = await drain(ours)
    assert told[-1].transfer is not None
    assert told[-1].transfer.status == "clientApproved"
    info = await ours.info(name)
    assert info is not None
    assert (info.cl_id, info.rgp_statuses) == ("portico", ("transferPeriod",))
    status = await ours.query_transfer(name)
    assert status is not None
    assert status.status == "clientApproved"


async def test_a_transfer_can_be_rejected_and_cancelled(sandbox: Sandbox, ours: Registry, theirs: Registry) -> None:
    name = fresh("eu")
    sandbox.seed(name, registrar="other", auth="Right-code-1")
    await ours.request_transfer(name, "Right-code-1", cl_trid=trid())
    assert (await theirs.reject_transfer(name, cl_trid=trid())).status == "clientRejected"
    await ours.request_transfer(name, "Right-code-1", cl_trid=trid())
    assert (await ours.cancel_transfer(name, cl_trid=trid())).status == "clientCancelled"
    with pytest.raises(EppRefused, match="2301"):
        await theirs.approve_transfer(name, cl_trid=trid())
    info = await ours.info(name)
    assert info is not None
    assert (info.cl_id, info.auth_info) == ("other", None)
    with pytest.raises(EppRefused, match="2201"):
        await ours.delete(name, cl_trid=trid())
    await drain(ours)
    await drain(theirs)


async def test_a_deleted_domain_comes_back_after_a_restore_and_its_report(sandbox: Sandbox, ours: Registry) -> None:
    name = fresh("info")
    sandbox.seed(name)
    assert (await ours.delete(name, cl_trid=trid())).pending
    info = await ours.info(name)
    assert info is not None
    assert "pendingDelete" in info.statuses
    assert info.rgp_statuses == ("redemptionPeriod",)
    assert (await ours.restore_request(name, cl_trid=trid())).rgp_status == "pendingRestore"
    now = datetime.now(UTC)
    report = RestoreReport("before", "after", now - timedelta(days=1), now, "Registrant error.", ("True.", "Ours."))
    await ours.restore_report(name, report, cl_trid=trid())
    info = await ours.info(name)
    assert info is not None
    assert info.rgp_statuses == ()
    assert "pendingDelete" not in info.statuses


async def test_contacts_and_hosts_live_their_lives(ours: Registry) -> None:
    assert (await ours.check_contacts(["LIFE-1", "PORTICO-1"]))["LIFE-1"].available
    assert await ours.create_contact(contact("LIFE-1"), cl_trid=trid()) == "LIFE-1"
    changed = contact("LIFE-1", city="Pécs", org="Kft.", auth_info="")
    await ours.update_contact(changed, cl_trid=trid())
    info = await ours.contact_info("LIFE-1")
    assert info is not None
    assert (info.data.city, info.data.name, info.data.org) == ("Pécs", "Árvíztűrő Tükörfúrógép Kft.", "Kft.")
    assert (info.cl_id, info.statuses, info.data.auth_info) == ("portico", ("ok",), "contact-code")
    await ours.delete_contact("LIFE-1", cl_trid=trid())
    with pytest.raises(EppRefused, match="2305"):
        await ours.delete_contact("PORTICO-1", cl_trid=trid())
    name = fresh("dev")
    await register(ours, name)
    assert (await ours.check_hosts([f"NS.{name}"]))[f"ns.{name}"].available
    await ours.create_host(f"ns.{name}", ["192.0.2.1", "2001:db8::1"], cl_trid=trid())
    assert not (await ours.check_hosts([f"ns.{name}"]))[f"ns.{name}"].available
    host = await ours.host_info(f"ns.{name}")
    assert host is not None
    assert host.addresses == ("192.0.2.1", "2001:db8::1")
    with pytest.raises(EppRefused, match="2305"):
        await ours.delete(name, cl_trid=trid())
    await ours.delete_host(f"ns.{name}", cl_trid=trid())


async def test_a_pending_registration_is_completed_by_a_message(sandbox: Sandbox, ours: Registry) -> None:
    await drain(ours)
    good, bad, intent = fresh(), fresh(), trid()
    sandbox.fault("pending", command="create", name="*.hu", times=2)
    made = await register(ours, good, cl_trid=intent)
    assert made.pending
    assert (await register(ours, bad)).pending
    info = await ours.info(good)
    assert info is not None
    assert info.statuses == ("pendingCreate",)
    sandbox.control("POST", f"/pending/{good}/complete")
    sandbox.control("POST", f"/pending/{bad}/complete", {"approve": False})
    first, second = await drain(ours)
    assert first.action is not None
    assert (first.action.name, first.action.succeeded, first.action.cl_trid) == (good, True, intent)
    assert first.action.sv_trid == made.sv_trid
    assert second.action is not None
    assert not second.action.succeeded
    info = await ours.info(good)
    assert info is not None
    assert info.statuses == ("ok",)
    assert await ours.info(bad) is None
    assert await ours.poll_ack(first.id) == 0


@pytest.mark.parametrize("action", ["cut_after", "wrong_trid", "garbage", "doctype", "oversized", "never_end"])
async def test_an_answer_that_cannot_be_trusted_leaves_the_outcome_unknown_and_info_settles_it(
    sandbox: Sandbox, hasty: Registry, ours: Registry, action: str
) -> None:
    name = fresh()
    sandbox.fault(action, command="domain:create", name=name)
    with pytest.raises(EppUnknown):
        await register(hasty, name)
    info = await hasty.info(name)
    assert info is not None
    assert len(sandbox.log("create", name)) == 1


async def test_a_command_cut_before_it_was_carried_out_is_unknown_too(
    sandbox: Sandbox, hasty: Registry, ours: Registry
) -> None:
    name = fresh()
    sandbox.fault("cut_before", command="create", name=name)
    with pytest.raises(EppUnknown):
        await register(hasty, name)
    assert await hasty.info(name) is None
    await register(hasty, name)


async def test_a_slow_registry_carries_out_what_we_stopped_waiting_for(
    sandbox: Sandbox, hasty: Registry, ours: Registry
) -> None:
    name = fresh()
    sandbox.fault("delay", command="create", name=name, seconds=1.0)
    with pytest.raises(EppUnknown):
        await register(hasty, name)
    assert await ours.info(name) is None
    async with asyncio.timeout(10):
        while await ours.info(name) is None:
            await asyncio.sleep(0.05)


async def test_a_late_answer_is_never_taken_for_the_next_commands(
    sandbox: Sandbox, hasty: Registry, ours: Registry
) -> None:
    sandbox.fault("delay_after", command="check", name="late.hu", seconds=0.8)
    with pytest.raises(EppUnavailable):
        await hasty.check(["late.hu"])
    answers = await asyncio.gather(*(hasty.check([f"next{n}.hu"]) for n in range(10)))
    assert [list(answer) for answer in answers] == [[f"next{n}.hu"] for n in range(10)]


async def test_a_cancelled_command_does_not_spoil_the_next(sandbox: Sandbox, ours: Registry) -> None:
    sandbox.fault("delay_after", command="info", name="cancelled.hu", seconds=0.5)
    task = asyncio.create_task(ours.info("cancelled.hu"))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(await ours.check(["after.hu"])) == ["after.hu"]


async def test_a_server_failure_is_a_refusal_to_be_settled(sandbox: Sandbox, ours: Registry) -> None:
    name = fresh()
    for code in (2400, 2500):
        sandbox.fault("result", command="create", name=name, code=code)
        with pytest.raises(EppServerFailure) as failure:
            await register(ours, name)
        assert failure.value.code == code
    await register(ours, name)


async def test_a_query_survives_a_restart_of_the_registrys_connections(sandbox: Sandbox, ours: Registry) -> None:
    await ours.check(["before.hu"])
    assert sandbox.control("POST", "/disconnect")["sessions"] >= 1
    assert (await ours.check(["after.hu"]))["after.hu"].available


async def test_a_registry_that_is_away_or_refuses_us_is_unavailable(sandbox: Sandbox, tmp_path: Path) -> None:
    async with connect(sandbox, password="wrong-one") as client:
        with pytest.raises(EppLoginRefused) as refusal:
            await register(client, "never-sent.hu")
        assert refusal.value.code == 2200
    async with Registry("127.0.0.1", 1, registrar="portico", password="secret", ca_file=sandbox.ca_file) as client:
        with pytest.raises(EppUnavailable):
            await client.info("never-sent.hu")
    assert sandbox.log("create", "never-sent.hu") == []


async def test_a_certificate_for_another_name_is_not_accepted(sandbox: Sandbox) -> None:
    async with connect(sandbox, server_name="registry.example") as client:
        with pytest.raises(EppUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await client.check(["any.hu"])


async def test_a_registry_that_wants_our_certificate_sees_it(tmp_path: Path) -> None:
    ours, strangers = tmp_path / "ours", tmp_path / "strangers"
    for folder in (ours, strangers):
        tls.ensure(folder, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    with registry(tmp_path, f"--client-ca={ours / tls.CA}") as strict:
        async with connect(strict, client_files=(ours / tls.CERTIFICATE, ours / tls.KEY)) as client:
            assert (await client.check(["any.hu"]))["any.hu"].available
        for files in (None, (strangers / tls.CERTIFICATE, strangers / tls.KEY), (ours / "none.pem", ours / tls.KEY)):
            async with connect(strict, client_files=files) as client:
                with pytest.raises(EppUnavailable, match="no connection"):
                    await client.check(["any.hu"])


async def test_who_waits_has_an_answer_in_time_or_none(sandbox: Sandbox) -> None:
    async with connect(sandbox, timeout=20.0) as client:
        sandbox.fault("delay", command="check", name="slow.hu", seconds=15.0)
        start = time.monotonic()
        with pytest.raises(EppUnavailable):
            await client.within(0.3).check(["slow.hu"])
        assert time.monotonic() - start < 3
        assert (await client.check(["quick.hu"]))["quick.hu"].available


async def test_sessions_are_opened_when_needed_and_kept_to_their_number(sandbox: Sandbox) -> None:
    async with connect(sandbox, sessions=2) as client:
        sandbox.control("DELETE", "/log")
        await asyncio.gather(*(client.check([f"many{n}.hu"]) for n in range(30)))
    assert 1 <= len(sandbox.log("login", "portico")) <= 2
    with pytest.raises(EppUnavailable):
        await client.check(["closed.hu"])


async def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state.sqlite"))
    with registry(tmp_path, *state) as first:
        first.seed("kept.hu", auth="Kept-code-1")
    with registry(tmp_path, *state) as second:
        async with connect(second) as client:
            info = await client.info("kept.hu")
    assert info is not None
    assert info.auth_info == "Kept-code-1"


@pytest.mark.parametrize(
    "xml",
    [
        b'<?xml version="1.0"?><!DOCTYPE epp [<!ENTITY a "b">]><epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><hello/></epp>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE epp [<!ENTITY a "b">]><epp/>'.encode("utf-16"),
        b'<epp xmlns="urn:ietf:params:xml:ns:epp-1.0">&a;</epp>',
        b'<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><hello/><hello/></epp>',
        b"<epp><response/></epp>",
        b"",
    ],
)
def test_hostile_and_foreign_frames_are_refused(xml: bytes) -> None:
    with pytest.raises(MalformedFrame):
        frames.parse(xml)


async def test_what_the_registry_does_of_its_own_accord_comes_as_messages(ours: Registry, sandbox: Sandbox) -> None:
    name = f"esemeny{next(NUMBERS)}.com"
    sandbox.seed(name, nameservers=NS, auth="secret-of-ours")
    await drain(ours)
    happenings: list[tuple[str, dict[str, Any]]] = [
        ("auto_renew", {}),
        ("status", {"add": ["serverHold"]}),
        ("expire", {}),
        ("transfer_away", {"status": "clientRejected"}),
        ("redeem", {}),
        ("pending_delete", {}),
        ("purge", {}),
    ]
    for what, wish in happenings:
        sandbox.control("POST", f"/happenings/{name}", {"what": what, **wish})
    renewed, held, expired, asked, redeemed, deleting, purged = await drain(ours)
    assert renewed.renewed is not None
    assert held.info is not None
    assert "serverHold" in held.info.statuses
    assert expired.info is not None
    assert expired.info.expires_at is not None
    assert expired.info.expires_at < datetime.now(UTC)
    assert asked.transfer is not None
    assert (asked.transfer.status, asked.transfer.requested_by) == ("pending", "other")
    assert all(one.info is not None and "pendingDelete" in one.info.statuses for one in (redeemed, deleting, purged))
    assert {one.domain for one in (renewed, held, asked, purged)} == {name}
    assert "serverHold" in held.xml
    assert "secret-of-ours" not in held.xml + repr(held)


async def test_a_registry_that_is_away_is_asked_ever_less_often_and_found_again(sandbox: Sandbox) -> None:
    knocks = 0

    async def slam(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal knocks
        knocks += 1
        writer.transport.abort()

    door = await asyncio.start_server(slam, "127.0.0.1", 0)
    client = Registry(
        "127.0.0.1",
        door.sockets[0].getsockname()[1],
        registrar="portico",
        password=PASSWORDS["portico"],
        ca_file=sandbox.ca_file,
        timeout=2.0,
    )
    for _ in range(10):
        with pytest.raises(EppUnavailable):
            await client.check(["a.hu"])
    assert knocks == 2
    async with asyncio.timeout(5):
        while knocks < 3:
            await asyncio.sleep(0.02)
            with pytest.raises(EppUnavailable):
                await client.check(["a.hu"])
    door.close()
    await client.close()


async def test_the_message_queue_is_read_while_every_other_session_is_busy(ours: Registry, sandbox: Sandbox) -> None:
    async with connect(sandbox, sessions=1, timeout=5.0) as client:
        sandbox.fault("delay", command="domain:info", name="lassu.hu", seconds=4.0)
        slow = asyncio.create_task(client.info("lassu.hu"))
        await asyncio.sleep(0)
        async with asyncio.timeout(3.5):
            await client.poll_request()
        assert not slow.done()
        assert client.sessions == 2
        slow.cancel()
        await asyncio.wait([slow])


async def test_a_hosts_addresses_are_changed(ours: Registry) -> None:
    name = f"gazda{next(NUMBERS)}.com"
    await register(ours, name)
    await ours.create_host(f"ns1.{name}", ["192.0.2.1"], cl_trid=uuid4().hex)
    await ours.update_host(f"ns1.{name}", add=["2001:db8::1"], remove=["192.0.2.1"], cl_trid=uuid4().hex)
    found = await ours.host_info(f"ns1.{name}")
    assert found is not None
    assert found.addresses == ("2001:db8::1",)


async def test_a_session_that_idles_is_kept_alive_by_a_hello(sandbox: Sandbox) -> None:
    access = Access("127.0.0.1", sandbox.port, "portico", PASSWORDS["portico"], sandbox.ca_file, "localhost", None, 5.0)
    session = await Session.open(access)
    assert await session.hello()
    sandbox.control("POST", "/disconnect")
    assert not await session.hello()
    assert not session.usable


COMMANDS = {
    "hello", "login", "logout", "poll", "domain:check", "domain:info", "domain:create", "domain:update", "domain:renew",
    "domain:transfer", "domain:delete", "contact:check", "contact:info", "contact:create", "contact:update",
    "contact:delete", "host:check", "host:info", "host:create", "host:update", "host:delete", "rgp:update",
    "secDNS:create", "secDNS:update",
}  # fmt: skip


def commands_in(frames_: list[tuple[str, bytes]]) -> set[str]:
    """The verbs, objects and extensions of the frames that were sent."""
    found = set()
    for way, xml in frames_:
        top = frames.parse(xml)
        if way == "sent":
            elements = [top] if len(top) == 0 else [top[0], *top.iter("{urn:ietf:params:xml:ns:epp-1.0}extension")]
            for element in elements:
                parts = [child for child in element if frames.space(child) in frames.PREFIXES] or [element]
                found |= {f"{frames.PREFIXES.get(frames.space(p), '')}:{p.tag.rpartition('}')[2]}" for p in parts}
    return {name.removeprefix(":") for name in found}


async def test_every_frame_of_this_module_is_valid_by_the_official_schemas(
    recorded: list[tuple[str, bytes]], ours: Registry
) -> None:
    if epp_schema() is None:
        pytest.skip("the EPP schemas are not on this machine: set EPP_SCHEMAS")
    await ours.check(["valid.hu"])
    proper = [(way, xml) for way, xml in recorded if b"not XML" not in xml and b"<!DOCTYPE" not in xml]
    assert {way for way, _ in proper} == {"sent", "received"}
    assert commands_in(proper) - {"extension"} >= COMMANDS
    assert invalid(proper) == []


async def drain(client: Registry) -> list[Any]:
    """Take every message."""
    taken = []
    while message := await client.poll_request():
        taken.append(message)
        await client.poll_ack(message.id)
    return taken
