"""Contacts changed and revoked: what holds afterwards, who may, and that one owner always stays."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import accounts_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.chassis import times
from services.chassis.actor import Actor, Grant
from services.identity import access
from tests.identity.conftest import Member, Town
from tests.identity.test_credentials import authenticated, reason
from tests.identity.test_sign_in import signed_in
from tests.serving import Refused, Serving

MANAGE = Grant("contacts.manage")


def change(
    member: Member,
    *,
    role: str | None = None,
    grants: Iterable[pb.Grant] | None = None,
    denied: Iterable[str] | None = None,
    expires_at: datetime | str | None = None,
) -> accounts_pb2.UpdateContactRequest:
    """`expires_at` "never" takes an end away."""
    request = accounts_pb2.UpdateContactRequest(id=str(member.contact_id), role=role)
    if grants is not None:
        request.grants.CopyFrom(accounts_pb2.GrantsChange(grants=grants))
    if denied is not None:
        request.denied_fields.CopyFrom(accounts_pb2.DeniedFieldsChange(fields=denied))
    if isinstance(expires_at, datetime):
        request.expires_at.at.FromDatetime(expires_at)
    elif expires_at == "never":
        request.expires_at.SetInParent()
    return request


def grant(permission: str, *resources: UUID, expires_at: datetime | None = None) -> pb.Grant:
    return pb.Grant(permission=permission, resources=map(str, resources), expires_at=times.to_pb(expires_at))


def gone(member: Member) -> accounts_pb2.RevokeContactRequest:
    return accounts_pb2.RevokeContactRequest(id=str(member.contact_id))


def soon(days: int = 1) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


async def update(identity: Serving, who: Actor, member: Member, **given: Any) -> pb.Contact:
    changed: pb.Contact = await identity.call(who, "UpdateContact", change(member, **given))
    return changed


async def refuse(identity: Serving, who: Actor, member: Member, **given: Any) -> Refused:
    return await identity.refused(who, "UpdateContact", change(member, **given))


async def contacts(identity: Serving, owner: Member, *, revoked: bool = False) -> dict[str, pb.Contact]:
    answer = await identity.call(owner.actor(), "ListContacts", pb.ListContactsRequest(revoked=revoked))
    return {contact.id: contact for contact in answer.contacts}


async def mails(identity: Serving, member: Member) -> list[tuple[str, str]]:
    rows = await identity.db.fetch(
        "SELECT split_part(occasion, ':', 1) AS letter, body FROM emails WHERE recipient = $1 ORDER BY created_at, id",
        member.email,
    )
    return [(row["letter"], row["body"]) for row in rows]


async def last_event(identity: Serving, account_id: UUID) -> common_pb2.AuditRecorded:
    event: common_pb2.AuditRecorded = (await identity.told(common_pb2.AuditRecorded, account_id))[-1]
    return event


async def test_a_narrowed_contact_holds_exactly_what_is_left_at_once(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("technical", owner.account_id)
    credential, one, end = await signed_in(identity, clerk), uuid4(), soon(9)
    changed = await update(
        identity,
        owner.confirmed(),
        clerk,
        role="custom",
        grants=[grant("dns.read", one), grant("billing.read", expires_at=end)],
        denied=["Invoice.lines", "Domain.zone", "Domain.zone"],
        expires_at=end,
    )
    [held] = (await authenticated(identity, credential)).memberships
    assert [(g.permission, list(g.resources)) for g in held.contact.grants] == [
        ("billing.read", []),
        ("dns.read", [str(one)]),
    ]
    assert list(held.contact.denied_fields) == ["Domain.zone", "Invoice.lines"] == list(changed.denied_fields)
    assert held.contact.expires_at.ToDatetime(tzinfo=UTC) == end
    assert changed == (await contacts(identity, owner))[str(clerk.contact_id)]
    event = await last_event(identity, owner.account_id)
    assert (event.action, event.subject_label, event.actor.label) == ("contact.changed", clerk.email, owner.email)
    before, after = json.loads(event.before_json), json.loads(event.after_json)
    assert (before["role"], before["grants"], after["role"]) == ("technical", [], "custom")
    assert after["grants"][0]["resources"] == [str(one)]
    [(letter, body)] = await mails(identity, clerk)
    assert letter == "rights_changed"
    assert owner.email in body
    assert "számlák megtekintése" in body


async def test_what_is_not_given_stays_and_nothing_new_is_nothing(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("accountant", owner.account_id, denied_fields=["Invoice.lines"], expires_at=soon())
    kept = await update(identity, owner.confirmed(), clerk, expires_at="never")
    assert (kept.role, list(kept.denied_fields), kept.HasField("expires_at")) == (
        "accountant",
        ["Invoice.lines"],
        False,
    )
    told = len(await identity.told(common_pb2.AuditRecorded, owner.account_id))
    await update(identity, owner.confirmed(), clerk, role="accountant", expires_at="never")
    assert len(await identity.told(common_pb2.AuditRecorded, owner.account_id)) == told
    assert len(await mails(identity, clerk)) == 1


@pytest.mark.parametrize(
    ("given", "expected", "field"),
    [
        ({"role": "emperor"}, "ROLE_UNKNOWN", "role"),
        ({"grants": [grant("dns.read"), grant("dns.fly")]}, "PERMISSION_UNKNOWN", "grants[1].permission"),
        ({"grants": [pb.Grant(permission="dns.read", resources=["x"])]}, "INVALID", "grants[0]"),
        ({"grants": [grant("log.read", uuid4())]}, "GRANT_NOT_LIMITABLE", "grants[0].resources"),
        ({"grants": [grant("dns.read", expires_at=soon(-1))]}, "GRANT_EXPIRY_INVALID", "grants[0].expires_at"),
        ({"denied": ["Domain.zone", "domain zone"]}, "COORDINATE_INVALID", "denied_fields[1]"),
        ({"denied": [f"Domain.f{n}" for n in range(101)]}, "INVALID", "denied_fields.fields"),
        ({"expires_at": soon(-1)}, "CONTACT_EXPIRY_INVALID", "expires_at"),
    ],
)
async def test_what_nobody_can_be_given_is_refused_at_its_field(
    identity: Serving, town: Town, given: dict[str, Any], expected: str, field: str
) -> None:
    owner = await town.member()
    clerk = await town.member("accountant", owner.account_id)
    before = await contacts(identity, owner)
    refused = await refuse(identity, owner.confirmed(), clerk, **given)
    assert (refused.reason, refused.fields) == (expected, [field])
    assert await contacts(identity, owner) == before


async def test_a_manager_gives_only_what_it_holds_and_takes_anything(identity: Serving, town: Town) -> None:
    owner, one, end = await town.member(), uuid4(), soon()
    own = [MANAGE, Grant("dns.read", frozenset({one})), Grant("billing.read", None, end)]
    manager = await town.member("custom", owner.account_id, grants=own, denied_fields=["Invoice.lines"])
    clerk = await town.member("technical", owner.account_id, denied_fields=["Invoice.lines"])
    who = manager.confirmed(*own)
    for given, expected in (
        ({"role": "accountant"}, "GRANT_TOO_WIDE"),
        ({"grants": [grant("billing.pay")]}, "GRANT_TOO_WIDE"),
        ({"grants": [grant("billing.read")]}, "GRANT_TOO_WIDE"),  # for longer than it holds it
        ({"role": "owner"}, "OWNER_ONLY"),
        ({"denied": []}, "DENIAL_KEPT"),
    ):
        refused = await refuse(identity, who, clerk, **given)
        assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, expected)
    assert (await refuse(identity, who, owner, role="read_only")).reason == "OWNER_ONLY"
    assert (await identity.refused(who, "RevokeContact", gone(owner))).reason == "OWNER_ONLY"
    # What the clerk has already it may keep, though the manager does not hold it.
    narrowed = await update(identity, who, clerk, grants=[grant("billing.read", expires_at=end)])
    assert {"dns.write", "billing.read"} <= {g.permission for g in narrowed.grants}
    narrowed = await update(identity, who, clerk, role="custom", grants=[grant("dns.read", one)])
    assert [list(g.resources) for g in narrowed.grants] == [[str(one)]]
    assert (await refuse(identity, who, clerk, grants=[grant("dns.read")])).reason == "GRANT_TOO_WIDE"
    # Nor does it widen itself.
    for given in ({"grants": [*map(grant, access.PERMISSIONS)]}, {"denied": []}, {"role": "owner"}):
        assert (await refuse(identity, who, manager, **given)).code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_session_that_holds_less_than_its_owner_acts_as_no_owner(identity: Serving, town: Town) -> None:
    owner = await town.member()
    other = await town.member("owner", owner.account_id)
    narrow = owner.confirmed(MANAGE, Grant("dns.read"))
    assert (await refuse(identity, narrow, other, role="read_only")).reason == "OWNER_ONLY"
    clerk = await town.member("custom", owner.account_id)
    assert (await refuse(identity, narrow, clerk, role="accountant")).reason == "GRANT_TOO_WIDE"


async def test_who_lost_its_right_a_moment_ago_changes_nothing_any_more(identity: Serving, town: Town) -> None:
    owner = await town.member()
    other, clerk = await town.member("owner", owner.account_id), await town.member("read_only", owner.account_id)
    await identity.call(owner.confirmed(), "RevokeContact", gone(other))
    # Its token still says that it may.
    for method, request in (("RevokeContact", gone(clerk)), ("UpdateContact", change(clerk, role="custom"))):
        assert (await identity.refused(other.confirmed(), method, request)).reason == "FORBIDDEN"


async def test_a_revoked_contact_and_its_tokens_give_nothing_at_once(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("accountant", owner.account_id)
    elsewhere = await town.account("Másik Bt.")
    await town.join(clerk, elsewhere, "read_only")
    session, token = await signed_in(identity, clerk), await town.token(clerk)
    for _ in range(2):
        ended = await identity.call(owner.confirmed(), "RevokeContact", gone(clerk))
        assert (ended.state, list(ended.grants)) == (pb.CONTACT_STATE_REVOKED, [])
    # Its user stays, with its other accounts.
    assert [m.contact.account_id for m in (await authenticated(identity, session)).memberships] == [str(elsewhere)]
    assert await reason(identity, token) == "CREDENTIAL_INVALID"
    assert str(clerk.contact_id) not in await contacts(identity, owner)
    assert str(clerk.contact_id) in await contacts(identity, owner, revoked=True)
    assert [letter for letter, _ in await mails(identity, clerk)] == ["access_ended"]
    event = await last_event(identity, owner.account_id)
    assert (event.action, json.loads(event.before_json)["role"]) == ("contact.revoked", "accountant")
    assert (await refuse(identity, owner.confirmed(), clerk, role="owner")).reason == "CONTACT_REVOKED"


async def test_an_expired_contact_gives_nothing_is_shown_and_can_be_prolonged(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("accountant", owner.account_id)
    session, token = await signed_in(identity, clerk), await town.token(clerk)
    await update(identity, owner.confirmed(), clerk, expires_at=soon())
    await identity.db.execute("UPDATE contacts SET expires_at = now() WHERE id = $1", clerk.contact_id)
    assert not (await authenticated(identity, session)).memberships
    assert await reason(identity, token) == "CREDENTIAL_INVALID"
    shown = (await contacts(identity, owner))[str(clerk.contact_id)]
    assert (shown.state, list(shown.grants)) == (pb.CONTACT_STATE_EXPIRED, [])
    manager = await town.member("custom", owner.account_id, grants=[MANAGE])
    # What has run out is nobody's: who lacks it cannot bring it back.
    assert (await refuse(identity, manager.confirmed(MANAGE), clerk, expires_at="never")).reason == "GRANT_TOO_WIDE"
    assert (await update(identity, owner.confirmed(), clerk, expires_at="never")).state == pb.CONTACT_STATE_ACTIVE
    await authenticated(identity, token)


async def test_another_accounts_contact_is_not_found(identity: Serving, town: Town) -> None:
    owner, stranger = await town.member(), await town.member()
    for method, request in (("UpdateContact", change(owner, role="custom")), ("RevokeContact", gone(owner))):
        refused = await identity.refused(stranger.confirmed(), method, request)
        assert (refused.code, refused.reason, refused.fields) == (
            grpc.StatusCode.NOT_FOUND,
            "CONTACT_NOT_FOUND",
            ["id"],
        )
    clerk = await town.member("read_only", owner.account_id)
    some = owner.confirmed(Grant("contacts.manage", frozenset({clerk.contact_id})))
    assert (await identity.refused(some, "RevokeContact", gone(owner))).reason == "CONTACT_NOT_FOUND"


@pytest.mark.parametrize(
    "given",
    [{"role": "technical"}, {"expires_at": soon()}, {"denied": ["Domain.zone"]}, None],
    ids=["demoted", "expired", "limited", "revoked"],
)
async def test_the_last_owner_stays_whole(identity: Serving, town: Town, given: dict[str, Any] | None) -> None:
    owner = await town.member()
    who = owner.confirmed()

    async def attempt() -> Refused:
        if given is None:
            return await identity.refused(who, "RevokeContact", gone(owner))
        return await refuse(identity, who, owner, **given)

    # Owners that end, or that see less, do not count.
    await town.member("owner", owner.account_id, expires_at=soon())
    await town.member("owner", owner.account_id, denied_fields=["Domain.zone"])
    refused = await attempt()
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LAST_OWNER")
    await town.member("owner", owner.account_id)
    if given is None:
        await identity.call(who, "RevokeContact", gone(owner))
    else:
        await update(identity, who, owner, **given)


async def test_owners_that_remove_each_other_at_once_leave_one(identity: Serving, town: Town) -> None:
    first = await town.member()
    owners = [first, *[await town.member("owner", first.account_id) for _ in range(3)]]
    attempts = (identity.call(one.confirmed(), "RevokeContact", gone(other)) for one in owners for other in owners)
    results = await asyncio.gather(*attempts, return_exceptions=True)
    for result in results:
        assert isinstance(result, pb.Contact) or (
            isinstance(result, grpc.aio.AioRpcError)
            and result.code() in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION}
        )
    left = await identity.db.fetchval(
        "SELECT count(*) FROM contacts WHERE account_id = $1 AND revoked_at IS NULL", first.account_id
    )
    assert left == 1


async def test_the_list_and_a_change_cost_the_same_for_few_and_for_many(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("read_only", owner.account_id)
    listing = pb.ListContactsRequest(revoked=True)
    costs = []
    for role in ("custom", "technical"):
        listed = await identity.statements(owner.actor(), "ListContacts", listing)
        changed = await identity.statements(owner.confirmed(), "UpdateContact", change(clerk, role=role))
        costs.append((listed, changed))
        for _ in range(4):
            await town.member("read_only", owner.account_id)
    assert costs[0] == costs[1]
    assert costs[0][0] == 1


async def test_an_operator_who_is_no_contact_gives_anything(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("read_only", owner.account_id)
    staff = replace(owner.confirmed(MANAGE), kind="operator", contact_id=None, user_id=None)
    assert (await update(identity, staff, clerk, role="owner")).role == "owner"
