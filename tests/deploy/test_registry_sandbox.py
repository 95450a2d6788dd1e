"""The sandbox registry judged by a client that shares no code with it or with ours: the epptools library."""

import asyncio
import json
import socket
import sqlite3
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from epptools import Client, CommandException, Config
from epptools.transport import Connection

from tests.sandbox import PASSWORDS, Sandbox, epp_schema, invalid, registry

FRAMES: list[tuple[str, bytes]] = []


class Recording(Connection):
    """Keeps every frame for the schema."""

    def write_frame(self, xml: str) -> None:
        FRAMES.append(("sent", xml.encode()))
        super().write_frame(xml)

    def read_frame(self) -> str:
        xml = str(super().read_frame())
        FRAMES.append(("received", xml.encode()))
        return xml


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with registry(tmp_path_factory.mktemp("registry"), "--nameserver", "ns1.hosting.test") as running:
        yield running


@pytest.fixture
def log_in(sandbox: Sandbox) -> Iterator[Callable[..., Any]]:
    opened = []

    def log_in(registrar: str, at: Sandbox = sandbox) -> Any:
        config = Config(
            host="localhost",
            port=at.port,
            clid=registrar,
            password=PASSWORDS[registrar],
            ca_file=str(at.ca_file),
            read_timeout=10,
        )
        client = Client(config, connection=Recording(config))
        opened.append(client)
        client.connect()
        client.login()
        return client

    yield log_in
    for client in opened:
        client.disconnect()


def refused(call: Callable[[], Any]) -> int:
    with pytest.raises(CommandException) as refusal:
        call()
    return int(refusal.value.epp_code)


def contact(client: Any, identifier: str) -> None:
    client.contact.create(
        identifier, name="Jane Doe", street=["1 Main Street"], city="Budapest", cc="HU", email="jane@example.com",
        voice="+36.11234567", auth_info="contact-code",
    )  # fmt: skip


async def test_an_independent_client_registers_renews_updates_and_deletes(
    log_in: Callable[[str], Any],
) -> None:
    def story() -> None:
        client = log_in("portico")
        assert client.hello().is_greeting()
        assert refused(lambda: client.domain.info("story.hu")) == 2303
        assert client.domain.check(["story.hu", "other.hu"]).availability() == {"story.hu": True, "other.hu": True}
        contact(client, "STORY-1")
        ds = {"key_tag": 1, "alg": 13, "digest_type": 2, "digest": "AB" * 32}
        created = client.domain.create(
            "story.hu",
            years=1,
            registrant="STORY-1",
            contacts={"admin": "STORY-1"},
            nameservers=["ns1.hosting.test"],
            auth_info="Story-code-1",
            sec_dns={"ds_data": [ds]},
        )
        assert created.code() == 1000
        info = client.domain.info("story.hu")
        assert (info.registrant(), info.sponsor(), info.nameservers()) == ("STORY-1", "portico", ["ns1.hosting.test"])
        assert info.auth_info() == "Story-code-1"
        assert info.is_signed()
        assert info.rgp_status() == ["addPeriod"]
        assert refused(lambda: client.domain.create("story.hu", registrant="STORY-1", auth_info="x")) == 2302
        renewed = client.domain.renew("story.hu", info.expiry_date(), 2)
        assert renewed.expiry_date() > info.expiry_date()
        assert refused(lambda: client.domain.renew("story.hu", info.expiry_date(), 2)) == 2306
        client.domain.update("story.hu", add={"statuses": ["clientHold"]}, sec_dns={"rem_all": True})
        info = client.domain.info("story.hu")
        assert not info.is_signed()
        assert refused(lambda: client.contact.delete("STORY-1")) == 2305
        client.domain.delete("story.hu")
        assert refused(lambda: client.domain.info("story.hu")) == 2303
        client.contact.delete("STORY-1")
        assert client.logout().code() == 1500

    await asyncio.to_thread(story)


async def test_an_independent_client_transfers_between_registrars_and_reads_its_messages(
    sandbox: Sandbox, log_in: Callable[[str], Any]
) -> None:
    sandbox.seed("moving.com", registrar="other", auth="Moving-code-1")

    def story() -> None:
        ours, theirs = log_in("portico"), log_in("other")
        assert refused(lambda: ours.domain.transfer("request", "moving.com", "Wrong-code")) == 2202
        asked = ours.domain.transfer("request", "moving.com", "Moving-code-1", years=1)
        assert (asked.code(), asked.transfer_status()) == (1001, "pending")
        assert refused(lambda: ours.domain.transfer("approve", "moving.com")) == 2201
        message = theirs.poll.request()
        assert message.code() == 1301
        assert message.transfer_status() == "pending"
        seen: list[Any] = []
        assert theirs.poll.drain(seen.append) == 1
        assert theirs.domain.transfer("approve", "moving.com").transfer_status() == "clientApproved"
        assert ours.poll.drain(seen.append) == 1
        assert ours.domain.info("moving.com").sponsor() == "portico"
        assert ours.poll.request().code() == 1300

    await asyncio.to_thread(story)


async def test_an_independent_client_restores_what_it_deleted(sandbox: Sandbox, log_in: Callable[[str], Any]) -> None:
    sandbox.seed("regretted.org")

    def story() -> None:
        client = log_in("portico")
        assert client.domain.delete("regretted.org").code() == 1001
        assert client.domain.info("regretted.org").rgp_status() == ["redemptionPeriod"]
        assert client.domain.restore("regretted.org").rgp_status() == ["pendingRestore"]
        assert refused(lambda: client.domain.delete("regretted.org")) == 2304

    await asyncio.to_thread(story)


async def test_an_independent_client_delegates_with_glue_and_signs(
    sandbox: Sandbox, log_in: Callable[[str], Any]
) -> None:
    sandbox.seed("glued.com", auth="Glued-code-1", nameservers=["ns1.hosting.test"])
    sandbox.seed("foreign.com", registrar="other")
    ds = [{"key_tag": tag, "alg": 13, "digest_type": 2, "digest": f"{tag:02x}" * 32} for tag in (1, 2)]

    def story() -> None:
        client = log_in("portico")
        assert refused(lambda: client.host.create("ns1.glued.com")) == 2003
        assert refused(lambda: client.host.create("ns1.foreign.com", ["192.0.2.1"])) == 2201
        assert refused(lambda: client.host.create("ns1.elsewhere.test", ["192.0.2.1"])) == 2306
        assert client.host.create("ns1.glued.com", ["192.0.2.1", "2001:db8::1"]).code() == 1000
        assert refused(lambda: client.host.create("ns1.glued.com", ["192.0.2.1"])) == 2302
        client.host.update("ns1.glued.com", add_addresses=["192.0.2.2"], rem_addresses=["192.0.2.1"])
        shown = [one["ip"] for one in client.host.info("ns1.glued.com").host_addresses()]
        assert sorted(shown) == ["192.0.2.2", "2001:db8::1"]
        client.domain.update("glued.com", add={"ns": ["ns1.glued.com"]}, rem={"ns": ["ns1.hosting.test"]})
        info = client.domain.info("glued.com")
        assert (info.nameservers(), info.subordinate_hosts()) == (["ns1.glued.com"], ["ns1.glued.com"])
        assert refused(lambda: client.host.delete("ns1.glued.com")) == 2305
        client.domain.update("glued.com", sec_dns={"add": {"ds_data": ds}})
        assert len(client.domain.info("glued.com").ds_records()) == 2
        assert refused(lambda: client.domain.update("glued.com", sec_dns={"add": {"ds_data": ds[:1]}})) == 2306
        client.domain.update("glued.com", sec_dns={"rem": {"ds_data": ds[:1]}})
        assert [one["keyTag"] for one in client.domain.info("glued.com").ds_records()] == [2]

    await asyncio.to_thread(story)


async def test_a_contact_that_its_holder_has_to_confirm_is_pending_until_then(
    sandbox: Sandbox, log_in: Callable[[str], Any]
) -> None:
    def story() -> None:
        client = log_in("portico")
        sandbox.fault("pending", command="contact:create", name="HOLDER-1")
        contact(client, "HOLDER-1")
        assert "pendingCreate" in client.contact.info("HOLDER-1").statuses()
        assert refused(lambda: client.contact.update("HOLDER-1", chg={"email": "new@example.com"})) == 2304
        sandbox.control("POST", "/pending-contacts/HOLDER-1/complete")
        assert client.contact.info("HOLDER-1").statuses() == ["ok"]
        for approve, email in ((False, "jane@example.com"), (True, "new@example.com")):
            sandbox.fault("pending", command="contact:update", name="HOLDER-1")
            assert client.contact.update("HOLDER-1", chg={"email": "new@example.com"}).code() == 1001
            assert client.contact.info("HOLDER-1").email() == "jane@example.com"
            sandbox.control("POST", "/pending-contacts/HOLDER-1/complete", {"approve": approve})
            assert client.contact.info("HOLDER-1").email() == email
        told: list[Any] = []
        assert client.poll.drain(told.append) == 3
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            sandbox.control("POST", "/pending-contacts/HOLDER-1/complete")
        sandbox.fault("pending", command="contact:create", name="HOLDER-2")
        contact(client, "HOLDER-2")
        sandbox.control("POST", "/pending-contacts/HOLDER-2/complete", {"approve": False})
        assert refused(lambda: client.contact.info("HOLDER-2")) == 2303
        client.poll.drain(told.append)

    await asyncio.to_thread(story)


CONFIRMED = ("--confirmed", "hu=registration,registrant,nameservers,dnssec", "--nameserver", "ns1.hosting.test")


def outcome(client: Any) -> tuple[str, bool, str, str]:
    """(text, success, name, clTRID) of the message at the head of the queue, which is taken from it."""
    deadline = time.monotonic() + 10
    while (message := client.poll.request()).code() == 1300:
        assert time.monotonic() < deadline
    told = message.pending_action_data()
    client.poll.ack(message.message_id())
    return message.queue_message(), told["success"], told["object"], told["clTRID"]


def letters(registry: Sandbox, name: str) -> list[str]:
    return [f"{one['recipient']}: {one['text']}" for one in registry.control("GET", f"/emails/{name}")]


async def test_changes_that_the_holder_confirms_wait_as_a_whole_and_end_as_the_holder_says(
    tmp_path: Path, log_in: Callable[..., Any]
) -> None:
    def story(registry: Sandbox) -> None:
        client = log_in("portico", registry)
        contact(client, "HOLDER-1")
        made = client.domain.create("story.hu", registrant="HOLDER-1", auth_info="Story-code-1")
        assert made.code() == 1001
        assert "pendingCreate" in client.domain.info("story.hu").statuses()
        [letter] = letters(registry, "story.hu")
        assert letter.startswith("jane@example.com: Please confirm until 20")
        assert letter.endswith(": registration of story.hu.")
        registry.control("POST", "/pending/story.hu/confirm")
        told = ("Pending create confirmed by the holder.", True, "story.hu")
        assert outcome(client) == (*told, made.cl_trid())
        assert client.domain.info("story.hu").statuses() == ["inactive"]

        # Of an update the name servers alone have to be confirmed, and none of it happens before.
        add = {"ns": ["ns1.hosting.test"], "statuses": ["clientHold"]}
        for approve, statuses in ((False, ["inactive"]), (True, ["clientHold"])):
            assert client.domain.update("story.hu", add=add).code() == 1001
            assert sorted(client.domain.info("story.hu").statuses()) == ["inactive", "pendingUpdate"]
            assert refused(lambda: client.domain.update("story.hu", add={"statuses": ["clientHold"]})) == 2304
            registry.control("POST", "/pending/story.hu/confirm", {"approve": approve})
            assert outcome(client)[1] == approve
            assert client.domain.info("story.hu").statuses() == statuses
        assert client.domain.update("story.hu", rem={"statuses": ["clientHold"]}).code() == 1000
        ds = [{"key_tag": 1, "alg": 13, "digest_type": 2, "digest": "AB" * 32}]
        assert client.domain.update("story.hu", sec_dns={"add": {"ds_data": ds}}).code() == 1001
        # What else happens to the domain meanwhile stays.
        expiry = client.domain.info("story.hu").expiry_date()
        registry.control("POST", "/happenings/story.hu", {"what": "auto_renew", "silent": True})
        registry.control("POST", "/pending/story.hu/confirm")
        info = client.domain.info("story.hu")
        assert info.is_signed()
        assert info.expiry_date() > expiry

        assert outcome(client)[1]
        contact(client, "HOLDER-2")
        assert client.domain.update("story.hu", chg={"registrant": "HOLDER-2"}).code() == 1001
        assert letters(registry, "story.hu")[-1].endswith(": registrant of story.hu.")
        registry.control("POST", "/pending/story.hu/confirm", {"approve": False})
        text, success, _, _ = outcome(client)
        assert (text, success) == ("Pending update refused by the holder.", False)
        assert client.domain.info("story.hu").registrant() == "HOLDER-1"

    with registry(tmp_path, *CONFIRMED) as running:
        await asyncio.to_thread(story, running)


async def test_another_name_of_a_holder_is_confirmed_another_address_and_another_zone_are_not(
    tmp_path: Path, log_in: Callable[..., Any]
) -> None:
    def story(registry: Sandbox) -> None:
        client = log_in("portico", registry)
        contact(client, "HOLDER-3")
        contact(client, "HOLDER-4")
        registry.seed("held.hu", registrant="HOLDER-3")
        registry.seed("free.com", registrant="HOLDER-4")
        address = {"street": ["2 Main Street"], "city": "Budapest", "cc": "HU"}
        for handle, name, code in (
            ("HOLDER-3", "Jane Doe", 1000),
            ("HOLDER-4", "Jane Roe", 1000),
            ("HOLDER-3", "Jane Roe", 1001),
        ):
            postal = {"type": "int", "name": name, **address}
            assert client.contact.update(handle, chg={"postal_info": postal}).code() == code
        assert letters(registry, "held.hu")[0].endswith(": registrant of held.hu.")
        assert "pendingUpdate" in client.contact.info("HOLDER-3").statuses()
        registry.control("POST", "/pending-contacts/HOLDER-3/confirm", {"approve": False})
        assert outcome(client)[:3] == ("Pending update refused by the holder.", False, "HOLDER-3")
        assert client.domain.update("free.com", add={"ns": ["ns1.hosting.test"]}).code() == 1000
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            registry.control("POST", "/pending/held.hu/confirm")

    with registry(tmp_path, *CONFIRMED) as running:
        await asyncio.to_thread(story, running)


async def test_what_waits_for_its_holder_survives_a_restart_and_lapses_in_time(
    tmp_path: Path, log_in: Callable[..., Any]
) -> None:
    state = ("--state", str(tmp_path / "registry.sqlite3"))

    def before(registry: Sandbox) -> None:
        client = log_in("portico", registry)
        contact(client, "HOLDER-5")
        assert client.domain.create("kept.hu", registrant="HOLDER-5", auth_info="Kept-code-1").code() == 1001

    def after(registry: Sandbox) -> None:
        client = log_in("portico", registry)
        assert "pendingCreate" in client.domain.info("kept.hu").statuses()
        assert client.domain.create("late.hu", registrant="HOLDER-5", auth_info="Late-code-1").code() == 1001
        text, success, name, _ = outcome(client)
        assert (text, success, name) == ("Pending create not confirmed by the holder in time.", False, "late.hu")
        assert client.domain.check(["late.hu"]).availability() == {"late.hu": True}
        postal = {"type": "int", "name": "Jane Roe", "street": ["1 Main Street"], "city": "Budapest", "cc": "HU"}
        registry.control("POST", "/pending/kept.hu/confirm")
        assert outcome(client)[1:3] == (True, "kept.hu")
        assert client.contact.update("HOLDER-5", chg={"postal_info": postal}).code() == 1001
        assert outcome(client)[1:3] == (False, "HOLDER-5")

    with registry(tmp_path, *CONFIRMED, *state) as running:
        await asyncio.to_thread(before, running)
    with registry(tmp_path, *CONFIRMED, *state, "--confirm-within", "0.1") as running:
        await asyncio.to_thread(after, running)


async def test_the_played_holder_confirms_after_a_while_or_at_once(tmp_path: Path, log_in: Callable[..., Any]) -> None:
    def later(registry: Sandbox) -> None:
        client = log_in("portico", registry)
        contact(client, "HOLDER-6")
        assert client.domain.create("later.hu", registrant="HOLDER-6", auth_info="Code-code-1").code() == 1001
        assert outcome(client)[:3] == ("Pending create confirmed by the holder.", True, "later.hu")

    def at_once(registry: Sandbox) -> None:
        client = log_in("portico", registry)
        contact(client, "HOLDER-6")
        assert client.domain.create("once.hu", registrant="HOLDER-6", auth_info="Code-code-1").code() == 1000
        assert letters(registry, "once.hu") == []
        # A test can still wish it to wait.
        registry.fault("pending", command="create", name="wish.hu")
        assert client.domain.create("wish.hu", registrant="HOLDER-6", auth_info="Code-code-1").code() == 1001
        assert letters(registry, "wish.hu") == ["jane@example.com: Please confirm: registration of wish.hu."]
        registry.control("POST", "/pending/wish.hu/confirm")
        assert client.domain.info("wish.hu").statuses() == ["inactive"]

    for seconds, story in (("0.1", later), ("0", at_once)):
        with registry(tmp_path, *CONFIRMED, "--confirm-seconds", seconds) as running:
            await asyncio.to_thread(story, running)


async def test_a_registry_that_takes_over_zones_begins_with_the_state_of_the_one_that_had_them(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    with registry(old, "--state", str(old / "registry.sqlite3")) as running:
        running.seed("ours.hu", auth="Ours-code-1")
        # While it is open, what was written last is beside its file.
        with registry(
            new, "--state", str(new / "registry.sqlite3"), "--inherit", str(old / "registry.sqlite3"), "--tlds", "hu"
        ) as heir:
            assert heir.control("GET", "/domains/ours.hu")["auth"] == "Ours-code-1"
            heir.control("DELETE", "/domains/ours.hu")
    # Once it has a state of its own, nothing is taken over any more.
    for source in (old / "registry.sqlite3", tmp_path / "nothing"):
        with (
            registry(new, "--state", str(new / "registry.sqlite3"), "--inherit", str(source), "--tlds", "hu") as heir,
            pytest.raises(httpx.HTTPStatusError, match="404"),
        ):
            heir.control("GET", "/domains/ours.hu")


async def test_a_state_of_before_there_were_letters_is_taken_on(tmp_path: Path) -> None:
    state = tmp_path / "registry.sqlite3"
    with sqlite3.connect(state) as db:
        db.execute("CREATE TABLE emails (id INTEGER PRIMARY KEY, at TEXT, recipient TEXT, domain TEXT, code TEXT)")
        db.execute("INSERT INTO emails VALUES (1, '2026-01-01T00:00:00Z', 'a@b.hu', 'a.hu', 'Old-code-1')")
    with registry(tmp_path, "--state", str(state)) as running:
        [email] = running.control("GET", "/emails/a.hu")
    assert (email["code"], email["text"]) == ("Old-code-1", "")


async def test_a_zone_that_mails_codes_mails_each_new_one_to_the_holder(
    sandbox: Sandbox, log_in: Callable[[str], Any]
) -> None:
    sandbox.seed("mailed.hu", auth="First-code-1")
    sandbox.seed("shown.com", auth="First-code-1")

    def story() -> None:
        client = log_in("portico")
        for name in ("mailed.hu", "shown.com"):
            client.domain.update(name, chg={"auth_info": "Second-code-1"})
            assert client.domain.info(name).auth_info() == "Second-code-1"
        client.domain.update("mailed.hu", add={"statuses": ["clientHold"]})

    await asyncio.to_thread(story)
    [email] = sandbox.control("GET", "/emails/mailed.hu")
    assert (email["recipient"], email["code"]) == ("contact@example.com", "Second-code-1")
    assert sandbox.control("GET", "/emails/shown.com") == []


async def test_the_second_registrar_may_not_touch_the_firsts_domain(
    sandbox: Sandbox, log_in: Callable[[str], Any]
) -> None:
    sandbox.seed("guarded.net", auth="Guarded-code-1")

    def story() -> None:
        client = log_in("other")
        assert client.domain.info("guarded.net").auth_info() is None
        assert refused(lambda: client.domain.delete("guarded.net")) == 2201
        assert refused(lambda: client.domain.update("guarded.net", add={"statuses": ["clientHold"]})) == 2201
        assert refused(lambda: client.contact.info("SEED-portico")) == 2201

    await asyncio.to_thread(story)


def raw(sandbox: Sandbox, *frames: bytes) -> list[str]:
    """Send bytes as frames on a connection of their own; the answers, the greeting first."""
    context = ssl.create_default_context(cafile=str(sandbox.ca_file))
    answers = []
    with (
        socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wire,
    ):
        stream = wire.makefile("rb")
        for frame in (b"", *frames):
            try:
                if frame:
                    wire.sendall(struct.pack("!I", len(frame) + 4) + frame)
                header = stream.read(4)
            except OSError:
                # Cut while we were still sending, or before the answer: the same end.
                break
            if len(header) < 4:
                break
            answers.append(stream.read(struct.unpack("!I", header)[0] - 4).decode())
    return answers


def command(body: str) -> bytes:
    return f'<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><command>{body}<clTRID>abc-1</clTRID></command></epp>'.encode()


async def test_what_is_not_proper_epp_gets_the_right_result_code(sandbox: Sandbox) -> None:
    login = "<login><clID>portico</clID><pw>{}</pw><options><version>1.0</version><lang>en</lang></options><svcs>"
    login += "<objURI>urn:ietf:params:xml:ns:domain-1.0</objURI></svcs></login>"
    domain = '<d:{0} xmlns:d="urn:ietf:params:xml:ns:domain-1.0">{1}</d:{0}>'
    asked = [
        (b"<epp", 2001),
        (b'<!DOCTYPE epp [<!ENTITY a "b">]><epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><hello/></epp>', 2001),
        (command("<dance/>"), 2000),
        (command("<poll op='req'/>"), 2002),
        (command(login.format("not-the-one")), 2200),
        (command(login.format(PASSWORDS["portico"])), 1000),
        (command(login.format(PASSWORDS["portico"])), 2002),
        (command(f"<create>{domain.format('create', '<d:registrant>abc</d:registrant>')}</create>"), 2003),
        (command(f"<check>{domain.format('check', '<d:name>a.hu</d:name>')}</check>"), 1000),
        (command(f"<info>{domain.format('info', '<d:name>-.hu</d:name>')}</info>"), 2303),
        (command(f"<renew>{domain.format('renew', '<d:name>a.hu</d:name>')}</renew>"), 2303),
        (command("<check><x:check xmlns:x='urn:x'/></check>"), 2307),
        (
            command(
                f"<info>{domain.format('info', '<d:name>a.hu</d:name>')}</info>"
                '<extension><r:update xmlns:r="urn:ietf:params:xml:ns:rgp-1.0"/></extension>'
            ),
            2103,
        ),
        (command("<poll op='ack'/>"), 2003),
        (command("<logout/>"), 1500),
    ]
    answers = await asyncio.to_thread(raw, sandbox, *(frame for frame, _ in asked))
    codes = [int(answer.split('code="')[1][:4]) for answer in answers[1:]]
    assert codes == [code for _, code in asked]
    assert "<clTRID>abc-1</clTRID>" in answers[-1]
    if epp_schema() is not None:
        assert invalid([("received", answer.encode()) for answer in answers]) == []


async def test_an_oversized_frame_ends_the_connection(sandbox: Sandbox) -> None:
    assert len(await asyncio.to_thread(raw, sandbox, b" " * 300_000)) == 1


async def test_a_thousand_domains_are_seeded_in_one_call(sandbox: Sandbox) -> None:
    wish = [{"name": f"seed{n}.hu", "nameservers": ["ns1.hosting.test"], "auth": "Seed-code-1"} for n in range(1000)]
    assert sandbox.control("POST", "/seed", wish) == {"domains": 1000}
    assert sandbox.control("GET", "/domains/seed999.hu")["shown"] == ["ok"]


async def test_the_control_listener_refuses_what_it_does_not_understand(sandbox: Sandbox) -> None:
    for path, body in (("/faults", {"action": "explode"}), ("/faults", {"colour": "red"}), ("/seed", [{"nom": "a"}])):
        with pytest.raises(httpx.HTTPStatusError, match="400"):
            sandbox.control("POST", path, body)
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        sandbox.control("POST", "/pending/nothing.hu/complete")
    with httpx.Client(trust_env=False) as client:
        url = f"http://127.0.0.1:{sandbox.control_port}/health"
        assert client.get(url, headers={"Host": "attacker.example"}).status_code == 403


async def test_the_log_holds_no_secret(sandbox: Sandbox, log_in: Callable[[str], Any]) -> None:
    await asyncio.to_thread(log_in, "portico")
    content = json.dumps(sandbox.control("GET", "/log"))
    assert "login" in content
    assert PASSWORDS["portico"] not in content


async def test_many_registrations_of_one_name_have_one_winner(log_in: Callable[[str], Any]) -> None:
    def story() -> list[int]:
        clients = [log_in("portico") for _ in range(4)]
        contact(clients[0], "RACE-1")

        def attempt(client: Any) -> int:
            client.throw_on_failure(False)
            return int(client.domain.create("race.hu", registrant="RACE-1", auth_info="Race-code-1").code())

        with ThreadPoolExecutor(4) as threads:
            return sorted(threads.map(attempt, clients))

    assert await asyncio.to_thread(story) == [1000, 2302, 2302, 2302]


async def test_every_frame_of_this_module_is_valid_by_the_official_schemas(log_in: Callable[[str], Any]) -> None:
    if epp_schema() is None:
        pytest.skip("the EPP schemas are not on this machine: set EPP_SCHEMAS")
    await asyncio.to_thread(log_in, "portico")
    assert invalid(FRAMES) == []
    assert invalid([("sent", b'<epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><command/></epp>')]) != []
