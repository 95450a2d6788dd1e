"""Who may call what, and that nobody sees another account."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf.message import Message

from portico.common.v1 import common_pb2
from portico.identity.v1 import accounts_pb2, events_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.chassis import actor as actors
from services.chassis.actor import Grant
from tests.identity.conftest import Member, Town
from tests.serving import Serving, holding_all_but, person

NEEDS: dict[str, tuple[Message, str]] = {
    "GetAccount": (pb.GetAccountRequest(), "account.read"),
    "ListEvents": (pb.ListEventsRequest(), "log.read"),
    "ListEmails": (pb.ListEmailsRequest(), "emails.read"),
    "UpdateAccountProfile": (accounts_pb2.UpdateAccountProfileRequest(if_version=1), "account.write"),
    "InviteContact": (
        accounts_pb2.InviteContactRequest(request_id="k" * 8, email="x@y.example", role="owner", locale="hu"),
        "contacts.manage",
    ),
    "ResendInvitation": (accounts_pb2.ResendInvitationRequest(contact_id=str(uuid4())), "contacts.manage"),
    "UpdateContact": (accounts_pb2.UpdateContactRequest(id=str(uuid4())), "contacts.manage"),
    "RevokeContact": (accounts_pb2.RevokeContactRequest(id=str(uuid4())), "contacts.manage"),
    "LockField": (accounts_pb2.LockFieldRequest(account_id=str(uuid4()), field="name"), "operator"),
    "UnlockField": (accounts_pb2.UnlockFieldRequest(account_id=str(uuid4()), field="name"), "operator"),
}
SIGNED_IN: dict[str, Message] = {
    "GetDashboard": pb.GetDashboardRequest(),
    "ListContacts": pb.ListContactsRequest(),
    "ListSessions": pb.ListSessionsRequest(),
    "RevokeSession": pb.RevokeSessionRequest(id=str(uuid4())),
    "RevokeAllSessions": pb.RevokeAllSessionsRequest(),
    "ListApiTokens": pb.ListApiTokensRequest(),
    "CreateApiToken": pb.CreateApiTokenRequest(),
    "RevokeApiToken": pb.RevokeApiTokenRequest(id=str(uuid4())),
    "SetDefaultAccount": accounts_pb2.SetDefaultAccountRequest(),
    "ListRoles": accounts_pb2.ListRolesRequest(),
    "GetRights": accounts_pb2.GetRightsRequest(),
}
STEP_UP = ("InviteContact", "ResendInvitation", "UpdateContact", "RevokeContact")


@pytest.mark.parametrize("method", NEEDS)
async def test_a_call_refuses_who_holds_everything_but_its_permission(identity: Serving, method: str) -> None:
    request, permission = NEEDS[method]
    refused = await identity.refused(holding_all_but(person(uuid4()), permission), method, request)
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
    assert refused.metadata == {"permission": permission}
    late = replace(person(uuid4()), grants=(Grant(permission, None, datetime.now(UTC) - timedelta(seconds=1)),))
    assert (await identity.refused(late, method, request)).code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("method", STEP_UP)
async def test_a_contact_is_changed_only_by_who_has_just_confirmed(identity: Serving, town: Town, method: str) -> None:
    owner = await town.member()
    late = replace(owner.confirmed(), confirmed_until=datetime.now(UTC) - timedelta(seconds=1))
    for who in (owner.actor(), late):
        refused = await identity.refused(who, method, NEEDS[method][0])
        assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "STEP_UP_REQUIRED")


@pytest.mark.parametrize("method", [*NEEDS, *SIGNED_IN])
async def test_a_call_without_or_with_a_bad_actor_token_is_refused(identity: Serving, method: str) -> None:
    request = NEEDS[method][0] if method in NEEDS else SIGNED_IN[method]
    missing = await identity.refused(None, method, request)
    assert (missing.code, missing.reason) == (grpc.StatusCode.UNAUTHENTICATED, "ACTOR_TOKEN_MISSING")
    now = datetime.now(UTC)
    stale = actors.sign(person(uuid4()), identity.key, now - timedelta(minutes=2), timedelta(minutes=1))
    for token in (stale, identity.token(person(uuid4()))[:-4] + "AAAA", "pt_x"):
        call = getattr(identity.stub, method)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(request, timeout=20, metadata=[("authorization", f"Bearer {token}")])
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def contacts(identity: Serving, who: actors.Actor) -> list[str]:
    answer = await identity.call(who, "ListContacts", pb.ListContactsRequest())
    return [contact.id for contact in answer.contacts]


async def warnings(identity: Serving, who: actors.Actor) -> list[str]:
    answer = await identity.call(who, "GetDashboard", pb.GetDashboardRequest())
    return [warning.code for warning in answer.warnings]


async def pair(town: Town, role: str = "read_only") -> tuple[Member, Member]:
    owner = await town.member()
    return owner, await town.member(role, owner.account_id)


async def test_who_manages_contacts_sees_all_and_the_others_their_own(identity: Serving, town: Town) -> None:
    owner, clerk = await pair(town)
    await town.member()  # of another account
    both = [str(owner.contact_id), str(clerk.contact_id)]
    assert await contacts(identity, owner.actor()) == both
    assert await contacts(identity, clerk.actor()) == both[1:]
    limited = clerk.actor(Grant("contacts.manage", frozenset({owner.contact_id})))
    assert await contacts(identity, limited) == both
    assert await contacts(identity, person(owner.account_id, "account.read")) == []
    assert await contacts(identity, person(uuid4(), "contacts.manage")) == []


async def test_a_contact_tells_its_rights_and_denied_fields(identity: Serving, town: Town) -> None:
    one, until = uuid4(), datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    member = await town.member(
        "custom",
        grants=[Grant("domains.read", frozenset({one})), Grant("dns.read", None, until)],
        denied_fields=["Domain.registrant"],
    )
    answer = await identity.call(member.actor(Grant("dns.read")), "ListContacts", pb.ListContactsRequest())
    [contact] = answer.contacts
    assert list(contact.denied_fields) == ["Domain.registrant"]
    dns, domains = contact.grants
    assert (dns.permission, list(dns.resources), dns.expires_at.ToDatetime(tzinfo=UTC)) == ("dns.read", [], until)
    assert (domains.permission, list(domains.resources)) == ("domains.read", [str(one)])
    assert not domains.HasField("expires_at")


async def test_the_account_is_the_actors_own_and_nobody_elses(identity: Serving, town: Town) -> None:
    owner = await town.member()
    account = await identity.call(owner.actor(), "GetAccount", pb.GetAccountRequest())
    assert (account.id, account.name, account.kind) == (
        str(owner.account_id),
        "Minta Kft.",
        pb.ACCOUNT_KIND_COMPANY,
    )
    assert account.number.startswith("P-1")
    other = person(uuid4(), "account.read")
    refused = await identity.refused(other, "GetAccount", pb.GetAccountRequest())
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "ACCOUNT_NOT_FOUND")


async def test_events_and_mails_of_another_account_do_not_show(identity: Serving, town: Town) -> None:
    owner, stranger = await town.member(), await town.member()
    told = common_pb2.AuditRecorded(account_id=str(owner.account_id), action="canary")
    await identity.hear(told, owner.account_id)
    await identity.db.execute(
        """INSERT INTO emails (account_id, occasion, recipient, category, subject, body, created_at)
           VALUES ($1::uuid, 'canary:' || $1::text, 'x@y.example', 'service', 'canary', 'canary', now())""",
        owner.account_id,
    )
    for method, shown in (("ListEvents", "events"), ("ListEmails", "emails")):
        assert len(getattr(await identity.call(owner.actor(), method, NEEDS[method][0]), shown)) == 1
        assert not getattr(await identity.call(stranger.actor(), method, NEEDS[method][0]), shown)


async def test_the_dashboard_warns_of_no_second_factor_until_there_is_one(identity: Serving, town: Town) -> None:
    member = await town.member()
    assert await warnings(identity, member.actor()) == ["NO_SECOND_FACTOR"]
    await town.factor(member)
    assert await warnings(identity, member.actor()) == []


async def test_a_single_owner_is_told_of_to_who_can_change_it(identity: Serving, town: Town) -> None:
    owner, clerk = await pair(town)
    assert "SINGLE_OWNER" in await warnings(identity, owner.actor())
    assert "SINGLE_OWNER" not in await warnings(identity, clerk.actor())
    await town.member("owner", owner.account_id)
    assert "SINGLE_OWNER" not in await warnings(identity, owner.actor())


async def test_a_new_account_is_told_whole_to_the_other_services(identity: Serving, town: Town) -> None:
    account: UUID = await town.account("Másik Bt.")
    [saved] = await identity.told(events_pb2.AccountSaved, account)
    assert saved.account == await identity.call(person(account, "account.read"), "GetAccount", pb.GetAccountRequest())


@pytest.mark.parametrize("method", ["ListEvents", "ListEmails"])
@pytest.mark.parametrize("size", [0, -1, 101])
async def test_a_page_of_an_impossible_size_is_refused_by_name(identity: Serving, method: str, size: int) -> None:
    request = NEEDS[method][0].__class__(page=common_pb2.PageRequest(first=size))
    refused = await identity.refused(person(uuid4(), "log.read", "emails.read"), method, request)
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["page.first"])
