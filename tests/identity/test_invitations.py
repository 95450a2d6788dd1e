"""Invitations: the mail, its link, and the ways it ends, each of which wins alone."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import accounts_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.chassis import times
from services.chassis.actor import Grant
from services.identity import contacts as rules
from tests.identity.conftest import Member, Town
from tests.identity.oauth import LOOKING
from tests.identity.test_contacts import MANAGE, contacts, grant, last_event, mails, soon
from tests.identity.test_credentials import authenticated, reason
from tests.identity.test_sign_in import signed_in
from tests.serving import Refused, Serving

PASSWORD = "egy hosszú jelszó ez"


def asked(**fields: Any) -> accounts_pb2.InviteContactRequest:
    given = {"request_id": uuid4().hex, "email": f"{uuid4().hex}@guest.example", "role": "technical", "locale": "hu"}
    return accounts_pb2.InviteContactRequest(**(given | fields))


async def invited(identity: Serving, owner: Member, **fields: Any) -> pb.Contact:
    made: pb.Contact = await identity.call(owner.confirmed(), "InviteContact", asked(**fields))
    return made


async def link(identity: Serving, contact: pb.Contact, sends: int = 1) -> str:
    """The secret in the invitation's mail, as whoever gets it reads it."""
    occasion = f"invitation:{contact.id}:{sends}"
    mail = await identity.db.fetchrow("SELECT * FROM emails WHERE occasion = $1", occasion)
    assert mail is not None
    url: str = identity.app.sealer.open(mail["sealed_secret"], f"email:{occasion}").decode()
    assert url.startswith("https://portal.example/invitation?token=pi_")
    # Neither the kept mail nor anything else holds it in clear.
    token = url.partition("token=")[2]
    for table in ("emails", "invitations", "outbox", "first_answers"):
        assert token not in str(await identity.db.fetch(f"SELECT t::text FROM {table} t"))
    return token


def join(token: str, **fields: str) -> accounts_pb2.JoinByInvitationRequest:
    given = {"name": "Új Ödön", "locale": "en", "password": PASSWORD, "ip": "192.0.2.7"}
    return accounts_pb2.JoinByInvitationRequest(secret=token, **(given | fields))


def accept(token: str, session: str) -> accounts_pb2.AcceptInvitationRequest:
    return accounts_pb2.AcceptInvitationRequest(secret=token, session=session, ip="192.0.2.7")


def look(token: str) -> accounts_pb2.GetInvitationRequest:
    return accounts_pb2.GetInvitationRequest(secret=token)


async def invite_refused(identity: Serving, owner: Member, **fields: Any) -> Refused:
    return await identity.refused(owner.confirmed(), "InviteContact", asked(**fields))


async def user_with(identity: Serving, town: Town, email: str) -> Member:
    """Somebody of another account who signs in with this address."""
    member = await town.member()
    await identity.db.execute("UPDATE users SET email = $2 WHERE id = $1", member.user_id, email)
    return replace(member, email=email)


async def test_somebody_new_joins_by_the_mails_link_and_signs_in_with_what_it_chose(
    identity: Serving, town: Town
) -> None:
    owner, one = await town.member(), uuid4()
    contact = await invited(
        identity, owner, role="custom", grants=[grant("dns.read", one)], denied_fields=["Domain.zone"], message="Szia!"
    )
    assert (contact.state, list(contact.grants), contact.HasField("user")) == (pb.CONTACT_STATE_INVITED, [], False)
    assert (await contacts(identity, owner))[contact.id] == contact
    token = await link(identity, contact)
    seen = await identity.call(None, "GetInvitation", look(token))
    assert (seen.account_name, seen.inviter_name, seen.email, seen.has_user) == (
        "Minta Kft.",
        "Anna",
        contact.email,
        False,
    )
    joined = await identity.call(None, "JoinByInvitation", join(token))
    newcomer = replace(owner, email=joined.email, password=PASSWORD)
    answer = await authenticated(identity, await signed_in(identity, newcomer))
    [membership] = answer.memberships
    assert (answer.user.name, answer.user.locale) == ("Új Ödön", "en")
    assert [(g.permission, list(g.resources)) for g in membership.contact.grants] == [("dns.read", [str(one)])]
    assert list(membership.contact.denied_fields) == ["Domain.zone"]
    assert membership.contact.invitation.outcome == "accepted"
    event = await last_event(identity, owner.account_id)
    events = {e.action: e for e in await identity.told(common_pb2.AuditRecorded, owner.account_id)}
    assert json.loads(events["contact.invited"].after_json)["denied_fields"] == ["Domain.zone"]
    assert events["contact.invitation_accepted"].actor.label == contact.email
    assert events["contact.invitation_accepted"].actor.ip == "192.0.2.7"
    assert event.action in {"user.signed_in", "contact.invitation_accepted"}
    assert [letter for letter, _ in await mails(identity, owner)] == ["invitation_accepted"]
    [(_, body)] = await mails(identity, newcomer)
    assert "Szia!" in body


async def test_a_user_accepts_by_its_session_and_keeps_its_other_accounts(identity: Serving, town: Town) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    guest = await user_with(identity, town, contact.email)
    token, session = await link(identity, contact), await signed_in(identity, guest)
    assert (await identity.call(None, "GetInvitation", look(token))).has_user
    assert (await identity.refused(None, "JoinByInvitation", join(token))).reason == "EMAIL_TAKEN"
    await identity.call(None, "AcceptInvitation", accept(token, session))
    found = {m.contact.account_id for m in (await authenticated(identity, session)).memberships}
    assert found == {str(guest.account_id), str(owner.account_id)}


async def test_nobody_else_accepts_and_no_program_or_operator_does(identity: Serving, town: Town) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    guest, other = await user_with(identity, town, contact.email), await town.member()
    token = await link(identity, contact)
    refused = await identity.refused(None, "AcceptInvitation", accept(token, await signed_in(identity, other)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "INVITATION_FOR_OTHER")
    assert refused.metadata == {"email": contact.email}
    looked_through = await signed_in(identity, guest)
    await identity.db.execute(f"UPDATE sessions SET {LOOKING} WHERE user_id = $1", guest.user_id)
    for credential in (await town.token(guest), looked_through, "ps_nonsense", "none"):
        refused = await identity.refused(None, "AcceptInvitation", accept(token, credential))
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID")
    assert (await contacts(identity, owner))[contact.id].state == pb.CONTACT_STATE_INVITED


async def test_of_many_acceptances_at_once_exactly_one_wins(identity: Serving, town: Town) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    token = await link(identity, contact)
    decline = accounts_pb2.DeclineInvitationRequest(secret=token)
    calls = [identity.call(None, "JoinByInvitation", join(token)) for _ in range(20)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert len([r for r in results if isinstance(r, accounts_pb2.JoinByInvitationResponse)]) == 1
    for method, request in (
        ("JoinByInvitation", join(token)),
        ("GetInvitation", look(token)),
        ("DeclineInvitation", decline),
    ):
        refused = await identity.refused(None, method, request)
        assert (refused.reason, refused.metadata) == ("INVITATION_OVER", {"outcome": "accepted"})
    assert len(await contacts(identity, owner)) == 2
    assert len(await mails(identity, owner)) == 1


async def test_a_declined_or_withdrawn_invitation_is_over_and_can_be_made_anew(identity: Serving, town: Town) -> None:
    owner = await town.member()
    first = await invited(identity, owner)
    token = await link(identity, first)
    await identity.call(None, "DeclineInvitation", accounts_pb2.DeclineInvitationRequest(secret=token))
    assert [letter for letter, _ in await mails(identity, owner)] == ["invitation_declined"]
    assert (await last_event(identity, owner.account_id)).action == "contact.invitation_declined"
    second = await invited(identity, owner, email=first.email)
    withdraw = accounts_pb2.RevokeContactRequest(id=second.id)
    withdrawn = await identity.call(owner.confirmed(), "RevokeContact", withdraw)
    assert (withdrawn.state, withdrawn.invitation.outcome) == (pb.CONTACT_STATE_REVOKED, "withdrawn")
    assert (await last_event(identity, owner.account_id)).action == "contact.invitation_withdrawn"
    for contact, outcome in ((first, "declined"), (second, "withdrawn")):
        refused = await identity.refused(None, "JoinByInvitation", join(await link(identity, contact)))
        assert refused.metadata == {"outcome": outcome}
        resend = accounts_pb2.ResendInvitationRequest(contact_id=contact.id)
        assert (await identity.refused(owner.confirmed(), "ResendInvitation", resend)).reason == "INVITATION_OVER"
    await invited(identity, owner, email=first.email)


async def test_sending_again_gives_a_new_link_and_the_whole_time(identity: Serving, town: Town) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    old = await link(identity, contact)
    await identity.db.execute("UPDATE invitations SET expires_at = now() WHERE contact_id = $1::uuid", contact.id)
    assert (await identity.refused(None, "JoinByInvitation", join(old))).reason == "INVITATION_EXPIRED"
    assert (await contacts(identity, owner))[contact.id].state == pb.CONTACT_STATE_EXPIRED
    resend = accounts_pb2.ResendInvitationRequest(contact_id=contact.id)
    again = await identity.call(owner.confirmed(), "ResendInvitation", resend)
    assert again.state == pb.CONTACT_STATE_INVITED
    assert again.invitation.expires_at.ToDatetime(tzinfo=UTC) > datetime.now(UTC) + timedelta(days=13)
    assert (await identity.refused(None, "JoinByInvitation", join(old))).reason == "INVITATION_UNKNOWN"
    await identity.call(None, "JoinByInvitation", join(await link(identity, contact, sends=2)))
    assert (await identity.refused(owner.confirmed(), "ResendInvitation", resend)).reason == "INVITATION_OVER"


async def test_a_membership_that_would_be_over_cannot_begin(identity: Serving, town: Town) -> None:
    owner = await town.member()
    contact = await invited(identity, owner, expires_at=times.to_pb(soon()))
    token = await link(identity, contact)
    await identity.db.execute("UPDATE contacts SET expires_at = now() WHERE id = $1::uuid", contact.id)
    assert (await identity.refused(None, "JoinByInvitation", join(token))).reason == "INVITATION_EXPIRED"


async def test_an_invitation_is_changed_before_it_is_accepted(identity: Serving, town: Town) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    change = accounts_pb2.UpdateContactRequest(id=contact.id, role="accountant")
    changed = await identity.call(owner.confirmed(), "UpdateContact", change)
    assert (changed.role, changed.state) == ("accountant", pb.CONTACT_STATE_INVITED)
    assert (await identity.call(None, "GetInvitation", look(await link(identity, contact)))).role == "accountant"


async def test_who_is_a_contact_or_invited_already_is_not_invited_again(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("read_only", owner.account_id)
    contact = await invited(identity, owner)
    for email, expected in ((clerk.email.upper(), "ALREADY_CONTACT"), (f" {contact.email.upper()}", "ALREADY_INVITED")):
        refused = await invite_refused(identity, owner, email=email)
        assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.ABORTED, expected, ["email"])
    # Invited under another address than the one it has meanwhile.
    await identity.db.execute("UPDATE users SET email = $2 WHERE id = $1", clerk.user_id, contact.email)
    session = await signed_in(identity, replace(clerk, email=contact.email))
    accepted = await identity.refused(None, "AcceptInvitation", accept(await link(identity, contact), session))
    assert accepted.reason == "ALREADY_CONTACT"


async def test_a_revoked_contact_comes_back_by_an_invitation_but_its_tokens_do_not(
    identity: Serving, town: Town
) -> None:
    owner = await town.member()
    clerk = await town.member("read_only", owner.account_id)
    session, token = await signed_in(identity, clerk), await town.token(clerk)
    revoke = accounts_pb2.RevokeContactRequest(id=str(clerk.contact_id))
    await identity.call(owner.confirmed(), "RevokeContact", revoke)
    contact = await invited(identity, owner, email=clerk.email, role="accountant")
    await identity.call(None, "AcceptInvitation", accept(await link(identity, contact), session))
    [membership] = (await authenticated(identity, session)).memberships
    assert (membership.contact.id, membership.contact.role) == (contact.id, "accountant")
    assert await reason(identity, token) == "CREDENTIAL_INVALID"


async def test_the_same_key_invites_once(identity: Serving, town: Town) -> None:
    owner = await town.member()
    request = asked()
    calls = (identity.call(owner.confirmed(), "InviteContact", request) for _ in range(5))
    assert len({contact.id for contact in await asyncio.gather(*calls)}) == 1
    assert len(await mails(identity, replace(owner, email=request.email))) == 1
    request.role = "accountant"
    assert (await identity.refused(owner.confirmed(), "InviteContact", request)).reason == "IDEMPOTENCY_CONFLICT"


@pytest.mark.parametrize(
    ("fields", "expected", "field"),
    [
        ({"email": "nobody"}, "EMAIL_INVALID", "email"),
        ({"email": "a@b.example\nBcc: c@d.example"}, "EMAIL_INVALID", "email"),
        ({"name": "Anna\nBéla"}, "TEXT_INVALID", "name"),
        ({"message": "a\x07"}, "TEXT_INVALID", "message"),
        ({"message": "x" * 501}, "INVALID", "message"),
        ({"locale": "de"}, "INVALID", "locale"),
        ({"role": "emperor"}, "ROLE_UNKNOWN", "role"),
        ({"grants": [grant("dns.fly")]}, "PERMISSION_UNKNOWN", "grants[0].permission"),
        ({"denied_fields": ["zone"]}, "COORDINATE_INVALID", "denied_fields[0]"),
        ({"expires_at": times.to_pb(datetime(2020, 1, 1, tzinfo=UTC))}, "CONTACT_EXPIRY_INVALID", "expires_at"),
    ],
)
async def test_an_invitation_that_cannot_be_is_refused_at_its_field(
    identity: Serving, town: Town, fields: dict[str, Any], expected: str, field: str
) -> None:
    owner = await town.member()
    refused = await invite_refused(identity, owner, **fields)
    assert (refused.reason, refused.fields) == (expected, [field])
    assert len(await contacts(identity, owner)) == 1


async def test_who_invites_gives_no_more_than_it_holds(identity: Serving, town: Town) -> None:
    owner = await town.member()
    own = [MANAGE, Grant("dns.read")]
    manager = await town.member(
        "custom", owner.account_id, grants=own, denied_fields=["Domain.zone"], expires_at=soon(2)
    )
    who = manager.confirmed(*own)
    until = {"expires_at": times.to_pb(soon(1)), "denied_fields": ["Domain.zone"], "role": "custom"}
    for fields, expected in (
        ({"role": "owner"}, "OWNER_ONLY"),
        ({"role": "read_only"}, "GRANT_TOO_WIDE"),
        ({"grants": [grant("dns.write")]}, "GRANT_TOO_WIDE"),
        ({"grants": [grant("dns.read")], "expires_at": None}, "GRANT_TOO_WIDE"),  # for longer than it is there itself
        ({"grants": [grant("dns.read")], "denied_fields": []}, "DENIAL_KEPT"),
    ):
        request = asked(**(until | fields))
        assert (await identity.refused(who, "InviteContact", request)).reason == expected
    await identity.call(who, "InviteContact", asked(**until, grants=[grant("dns.read")]))
    some = owner.confirmed(Grant("contacts.manage", frozenset({manager.contact_id})))
    assert (await identity.refused(some, "InviteContact", asked())).reason == "FORBIDDEN"


async def test_an_accounts_contacts_and_mails_are_bounded(
    identity: Serving, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    monkeypatch.setattr(rules, "MOST", 2)
    refused = await invite_refused(identity, owner)
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CONTACTS")
    monkeypatch.undo()
    resend = accounts_pb2.ResendInvitationRequest(contact_id=contact.id)
    for _ in range(4):
        await identity.call(owner.confirmed(), "ResendInvitation", resend)
    assert (await identity.refused(owner.confirmed(), "ResendInvitation", resend)).reason == "TOO_MANY_INVITATIONS"
    await identity.db.execute("UPDATE invitations SET sends = 100 WHERE contact_id = $1::uuid", contact.id)
    assert (await invite_refused(identity, owner)).reason == "TOO_MANY_INVITATIONS"


async def test_a_new_user_needs_a_name_and_a_password_that_holds(identity: Serving, town: Town) -> None:
    owner = await town.member()
    token = await link(identity, await invited(identity, owner))
    for fields, expected in (({"password": "short"}, "PASSWORD_TOO_SHORT"), ({"name": " "}, "INVALID")):
        refused = await identity.refused(None, "JoinByInvitation", join(token, **fields))
        assert refused.reason == expected
    for unknown in ("pi_nonsense", "ps_x", token[:-1]):
        assert (await identity.refused(None, "JoinByInvitation", join(unknown))).reason == "INVITATION_UNKNOWN"
    await identity.call(None, "JoinByInvitation", join(token))


async def test_the_mail_does_not_tell_whether_the_address_is_a_users(identity: Serving, town: Town) -> None:
    owner, guest = await town.member(), await town.member()
    await identity.db.execute("UPDATE users SET locale = 'en' WHERE id = $1", guest.user_id)
    unknown = await invited(identity, owner)
    known = await invited(identity, owner, email=guest.email)
    told = [await mails(identity, replace(guest, email=contact.email)) for contact in (unknown, known)]
    assert told[1][0][1] == told[0][0][1].replace(unknown.email, known.email)


async def test_a_revoked_inviter_hears_no_more_of_the_account(identity: Serving, town: Town) -> None:
    owner = await town.member()
    other = await town.member("owner", owner.account_id)
    token = await link(identity, await invited(identity, other))
    revoke = accounts_pb2.RevokeContactRequest(id=str(other.contact_id))
    await identity.call(owner.confirmed(), "RevokeContact", revoke)
    assert (await identity.call(None, "GetInvitation", look(token))).inviter_name == ""
    await identity.call(None, "JoinByInvitation", join(token))
    assert [letter for letter, _ in await mails(identity, other)] == ["access_ended"]
