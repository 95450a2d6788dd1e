"""What operators do to customers' accounts and users, and what these see of it."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import events_pb2, identity_pb2, passwords_pb2
from portico.identity.v1 import operator_pb2 as pb
from services.identity import letters, operators
from tests.identity.conftest import SEALER, Member, Town
from tests.identity.second_factors import add_totp, pending, person, step
from tests.identity.test_access import NEEDS
from tests.identity.test_credentials import authenticated, read, reason
from tests.identity.test_event_log import filled, tamper
from tests.identity.test_operators import ACTS, staff
from tests.identity.test_own_credentials import session_of
from tests.identity.test_password_resets import asked, asking, invalid
from tests.identity.test_passwords import letters as letters_to
from tests.identity.test_sign_in import sign_in, signed_in
from tests.serving import Serving


async def told(identity: Serving, account_id: UUID, action: str) -> list[common_pb2.AuditRecorded]:
    return [e for e in await identity.told(common_pb2.AuditRecorded, account_id) if e.action == action]


async def mails(identity: Serving, member: Member) -> list[tuple[str, str]]:
    rows = await identity.db.fetch(
        "SELECT subject, body FROM emails WHERE user_id = $1 ORDER BY created_at, id", member.user_id
    )
    return [(row["subject"], row["body"]) for row in rows]


async def number_of(identity: Serving, account_id: UUID) -> str:
    return str(await identity.db.fetchval("SELECT number FROM accounts WHERE id = $1", account_id))


def new_account(**fields: Any) -> pb.CreateAccountRequest:
    request = pb.CreateAccountRequest()
    request.CopyFrom(ACTS["CreateAccount"])  # type: ignore[arg-type]
    given = {"request_id": uuid4().hex, "owner_email": f"{uuid4().hex}@minta.example"} | fields
    request.MergeFrom(pb.CreateAccountRequest(**given))
    return request


# -- accounts


async def test_an_account_is_opened_with_its_owner_who_is_mailed_how_to_get_in(identity: Serving, town: Town) -> None:
    operator = await staff(identity, town)
    request = new_account(name="Új Kft.", locale="hu")
    made = await identity.call(operator, "CreateAccount", request)
    account_id = UUID(made.account.id)
    assert (made.account.name, made.account.email, made.owner_is_new) == ("Új Kft.", request.owner_email, True)
    described = await identity.call(operator, "DescribeAccount", pb.DescribeAccountRequest(account=made.account.number))
    [owner] = described.contacts
    assert (owner.role, owner.user.email, owner.user.name) == ("owner", request.owner_email, "Új Anna")
    [mail] = await identity.db.fetch("SELECT * FROM emails WHERE account_id = $1", account_id)
    assert mail["recipient"] == request.owner_email
    assert mail["subject"] == f"Megnyílt az ügyfélfiókja: {made.account.number}"
    assert letters.SECRET in mail["body"]
    sealed = SEALER.open(mail["sealed_secret"], f"email:{mail['occasion']}").decode()
    address, _, link = sealed.partition("?token=")
    assert address == "https://portal.example/reset"
    await identity.call(
        None, "ResetPassword", passwords_pb2.ResetPasswordRequest(secret=link, new_password="egészen új jelszó 41")
    )
    member = Member(
        account_id, UUID(made.owner.id), UUID(owner.id), request.owner_email, "egészen új jelszó 41", "owner"
    )
    await authenticated(identity, await signed_in(identity, member))
    [saved] = await identity.told(events_pb2.AccountSaved, account_id)
    assert saved.account == made.account
    for action in ("account.created", "contact.added"):
        [event] = await told(identity, account_id, action)
        assert (event.actor.kind, event.actor.label, event.actor.ip) == ("operator", operator.label, "127.0.0.1")


async def test_somebody_is_invited_into_an_account_once_and_its_people_see_by_whom(
    identity: Serving, town: Town
) -> None:
    operator, owner = await staff(identity, town), await town.member()
    email = f"{uuid4().hex}@guest.example"
    request = pb.InviteToAccountRequest(
        request_id=uuid4().hex,
        account=await number_of(identity, owner.account_id),
        email=email,
        role="accountant",
        locale="hu",
    )
    made = await identity.call(operator, "InviteToAccount", request)
    assert (made.state, made.role, made.email) == (identity_pb2.CONTACT_STATE_INVITED, "accountant", email)
    assert (await identity.call(operator, "InviteToAccount", request)).id == made.id
    [mail] = await identity.db.fetch("SELECT * FROM emails WHERE recipient = $1", email)
    assert (mail["account_id"], mail["subject"]) == (owner.account_id, "Meghívó: Minta Kft.")
    [event] = await told(identity, owner.account_id, "contact.invited")
    assert (event.actor.kind, event.actor.label) == ("operator", operator.label)
    for wrong, why in (
        ({"account": "P-99999"}, "ACCOUNT_NOT_FOUND"),
        ({"role": "boss"}, "ROLE_UNKNOWN"),
        ({"email": owner.email}, "ALREADY_CONTACT"),
        ({"email": email}, "ALREADY_INVITED"),
    ):
        other = pb.InviteToAccountRequest()
        other.CopyFrom(request)
        other.MergeFrom(pb.InviteToAccountRequest(request_id=uuid4().hex, **wrong))
        assert (await identity.refused(operator, "InviteToAccount", other)).reason == why


async def test_asking_again_opens_no_second_account_and_another_input_is_refused(identity: Serving, town: Town) -> None:
    operator, request = await staff(identity, town), new_account()
    answers = await asyncio.gather(*(identity.call(operator, "CreateAccount", request) for _ in range(5)))
    assert {a.account.id for a in answers} == {answers[0].account.id}
    assert await identity.db.fetchval("SELECT count(*) FROM users WHERE email = $1", request.owner_email) == 1
    request.name = "Más Kft."
    refused = await identity.refused(operator, "CreateAccount", request)
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "IDEMPOTENCY_CONFLICT")


async def test_an_owner_who_has_a_user_already_gets_the_account_beside_the_others(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    request = new_account(owner_email=f" {member.email.upper()} ".strip())
    made = await identity.call(await staff(identity, town), "CreateAccount", request)
    assert (made.owner_is_new, made.owner.id) == (False, str(member.user_id))
    answer = await authenticated(identity, await signed_in(identity, member))
    assert {m.contact.account_id for m in answer.memberships} == {str(member.account_id), made.account.id}
    [(subject, body)] = await mails(identity, member)
    assert "jelszót" not in body
    assert made.account.number in subject


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_email", "nobody"),
        ("owner_email", "a@b.example, c@d.example"),
        ("owner_name", " "),
        ("country", "Hungary"),
        ("currency", "XXX"),
        ("locale", "de"),
        ("request_id", "k"),
    ],
)
async def test_an_account_that_cannot_be_names_the_field_and_writes_nothing(
    identity: Serving, town: Town, field: str, value: str
) -> None:
    operator, request = await staff(identity, town), new_account()
    before = await identity.db.fetchval("SELECT count(*) FROM accounts")
    setattr(request, field, value)
    refused = await identity.refused(operator, "CreateAccount", request)
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert await identity.db.fetchval("SELECT count(*) FROM accounts") == before


async def test_accounts_and_users_are_found_by_part_of_what_they_are_called_page_by_page(
    identity: Serving, town: Town
) -> None:
    operator, word = await staff(identity, town), uuid4().hex[:8]
    made = [await town.account(f"Keresett_{word} {n}%") for n in range(5)]
    found: list[str] = []
    page = common_pb2.PageRequest(first=2)
    while True:
        request = pb.ListAccountsRequest(search=f"  {word.upper()} ", page=page)
        answer = await identity.call(operator, "ListAccounts", request)
        found += [a.id for a in answer.accounts]
        if not answer.page.has_next:
            break
        page = common_pb2.PageRequest(first=2, after=answer.page.cursors[-1])
    assert found == [str(one) for one in reversed(made)]
    number = await number_of(identity, made[0])
    for search, count in ((number, 1), (f"_{word} 0%", 1), (f"x{word}", 0)):
        answer = await identity.call(operator, "ListAccounts", pb.ListAccountsRequest(search=search))
        assert len(answer.accounts) == count
    member = await town.member()
    for search in (member.email[4:20], member.email.upper()):
        [user] = (await identity.call(operator, "ListUsers", pb.ListUsersRequest(search=search))).users
        assert (user.user.id, user.accounts, user.sessions) == (str(member.user_id), 1, 0)
    statements = await identity.statements(operator, "ListAccounts", pb.ListAccountsRequest())
    assert statements == await identity.statements(operator, "ListUsers", pb.ListUsersRequest()) == 1


async def test_an_account_is_known_by_number_and_by_id_and_an_unknown_one_is_named(
    identity: Serving, town: Town
) -> None:
    operator, member = await staff(identity, town), await town.member()
    number = await number_of(identity, member.account_id)
    for ref in (number, number.lower(), str(member.account_id)):
        answer = await identity.call(operator, "DescribeAccount", pb.DescribeAccountRequest(account=ref))
        assert answer.account.id == str(member.account_id)
    for method, request in ACTS.items():
        fields = [f for f in ("account", "user") if f in request.DESCRIPTOR.fields_by_name]
        unknown = type(request)()
        unknown.CopyFrom(request)
        for field in fields:
            setattr(unknown, field, "P-99999999")
        if fields:
            refused = await identity.refused(operator, method, unknown)
            assert (refused.reason, refused.fields) == (f"{fields[0].upper()}_NOT_FOUND", fields[:1])


async def test_in_a_locked_account_nobody_has_a_right_until_it_is_unlocked(identity: Serving, town: Town) -> None:
    operator, owner = await staff(identity, town), await town.member()
    clerk = await town.member("accountant", owner.account_id)
    elsewhere = await town.account("Másik Bt.")
    await town.join(owner, elsewhere, "owner")
    number, session, token = (
        await number_of(identity, owner.account_id),
        await signed_in(identity, owner),
        await town.token(clerk),
    )
    locked = await identity.call(
        operator, "LockAccount", pb.LockAccountRequest(account=number, reason=" Csalás gyanúja ")
    )
    assert locked.account.lock.reason == "Csalás gyanúja"
    here, there = (await authenticated(identity, session)).memberships
    assert (here.contact.account_id, here.lock.reason) == (str(owner.account_id), "Csalás gyanúja")
    assert list(here.contact.grants) == []
    actor = read(identity, here.actor_token)
    assert actor.grants == ()
    for method, (request, _) in NEEDS.items():
        assert (await identity.refused(actor, method, request)).reason == "FORBIDDEN"
    assert not there.HasField("lock")
    assert there.contact.grants
    [membership] = (await authenticated(identity, token)).memberships
    assert (list(membership.contact.grants), membership.lock.reason) == ([], "Csalás gyanúja")
    listed = await identity.call(operator, "ListAccounts", pb.ListAccountsRequest(search=number, locked=True))
    assert [a.lock.reason for a in listed.accounts] == ["Csalás gyanúja"]

    unlocked = await identity.call(operator, "UnlockAccount", pb.UnlockAccountRequest(account=number))
    assert not unlocked.account.HasField("lock")
    here, _ = (await authenticated(identity, session)).memberships
    assert here.contact.grants
    assert not here.HasField("lock")
    assert [subject for subject, _ in await mails(identity, owner)] == [
        f"Zároltuk az ügyfélfiókot: {number}",
        f"Feloldottuk az ügyfélfiók zárolását: {number}",
    ]
    assert await mails(identity, clerk) == []
    [event] = await told(identity, owner.account_id, "account.locked")
    assert (event.actor.kind, event.actor.label, event.actor.ip) == ("operator", operator.label, "127.0.0.1")
    assert json.loads(event.after_json) == {"reason": "Csalás gyanúja"}
    [event] = await told(identity, owner.account_id, "account.unlocked")
    assert json.loads(event.before_json) == {"reason": "Csalás gyanúja"}
    assert await told(identity, elsewhere, "account.locked") == []


async def test_locking_again_changes_the_reason_and_the_same_again_tells_nobody(identity: Serving, town: Town) -> None:
    operator, owner = await staff(identity, town), await town.member()
    for why in ("egy", "egy", "kettő"):
        request = pb.LockAccountRequest(account=str(owner.account_id), reason=why)
        answers = await asyncio.gather(*(identity.call(operator, "LockAccount", request) for _ in range(3)))
        assert {a.account.lock.reason for a in answers} == {why}
    events = await told(identity, owner.account_id, "account.locked")
    assert [json.loads(e.after_json)["reason"] for e in events] == ["egy", "kettő"]
    assert len(await mails(identity, owner)) == 2
    for _ in range(2):
        await identity.call(operator, "UnlockAccount", pb.UnlockAccountRequest(account=str(owner.account_id)))
    assert len(await told(identity, owner.account_id, "account.unlocked")) == 1
    for empty in ("", "  ", "a\nb", "x" * 501):
        refused = await identity.refused(operator, "LockAccount", pb.LockAccountRequest(account="x", reason=empty))
        assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["reason"])


# -- users


async def test_a_locked_user_is_out_everywhere_and_told_why_only_with_the_right_password(
    identity: Serving, town: Town
) -> None:
    operator, member = await staff(identity, town), await town.member()
    session, token = await signed_in(identity, member), await town.token(member)
    request = pb.LockUserRequest(user=member.email.upper(), reason="Feltört postafiók")
    locked = await identity.call(operator, "LockUser", request)
    assert (locked.user.lock.reason, locked.user.sessions) == ("Feltört postafiók", 0)
    assert await reason(identity, session) == "CREDENTIAL_INVALID"
    assert await reason(identity, token) == "USER_LOCKED"
    refused = await identity.refused(None, "CreateSession", sign_in(member))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "USER_LOCKED")
    assert refused.metadata == {"reason": "Feltört postafiók"}
    assert (await identity.refused(None, "CreateSession", sign_in(member, "rossz"))).reason == "SIGN_IN_FAILED"
    unlocked = await identity.call(operator, "UnlockUser", pb.UnlockUserRequest(user=str(member.user_id)))
    assert not unlocked.user.HasField("lock")
    assert await reason(identity, session) == "CREDENTIAL_INVALID"
    await authenticated(identity, await signed_in(identity, member))
    await authenticated(identity, token)
    assert [subject for subject, _ in await mails(identity, member)] == ["Zároltuk a belépését", "Ismét beléphet"]
    for action in ("user.locked", "user.unlocked"):
        [event] = await told(identity, member.account_id, action)
        assert (event.actor.kind, event.actor.label) == ("operator", operator.label)


async def test_no_link_and_no_sign_in_half_way_outlives_a_lock(identity: Serving, town: Town) -> None:
    operator, (member, who) = await staff(identity, town), await person(identity, town)
    app, _ = await add_totp(identity, who)
    link, half_way = await asked(identity, member), await pending(identity, member)
    await identity.call(operator, "LockUser", pb.LockUserRequest(user=member.email, reason="x"))
    assert await invalid(identity, link)
    await identity.call(None, "RequestPasswordReset", asking(member.email))
    assert len(await letters_to(identity, member, "password_reset")) == 1
    await identity.call(operator, "UnlockUser", pb.UnlockUserRequest(user=member.email))
    assert await invalid(identity, link)
    refused = await identity.refused(None, "CompleteSignIn", step(half_way, code=app.code()))
    assert refused.reason == "SIGN_IN_EXPIRED"


async def test_neither_a_locked_user_nor_one_whose_accounts_are_locked_gets_into_the_vpn(
    identity: Serving, town: Town
) -> None:
    operator, member = await staff(identity, town), await town.member()
    elsewhere = await town.account("Másik Bt.")
    await town.join(member, elsewhere, "accountant")
    who = await session_of(identity, member)
    access = (await identity.call(who, "SetVpnPassword", passwords_pb2.SetVpnPasswordRequest())).access

    async def gets_in() -> bool:
        found: bool = await identity.db.fetchval(
            "SELECT EXISTS (SELECT FROM radcheck WHERE username = $1)", access.username
        )
        return found

    await identity.call(operator, "LockUser", pb.LockUserRequest(user=member.email, reason="x"))
    assert not await gets_in()
    await identity.call(operator, "UnlockUser", pb.UnlockUserRequest(user=member.email))
    await identity.call(operator, "LockAccount", pb.LockAccountRequest(account=str(elsewhere), reason="x"))
    assert await gets_in()
    await identity.call(operator, "LockAccount", pb.LockAccountRequest(account=str(member.account_id), reason="x"))
    assert not await gets_in()


async def test_ending_a_users_sessions_signs_it_out_everywhere_and_tells_it(identity: Serving, town: Town) -> None:
    operator, member, stranger = await staff(identity, town), await town.member(), await town.member()
    elsewhere = await town.account("Másik Bt.")
    await town.join(member, elsewhere, "accountant")
    mine, theirs = [await signed_in(identity, member) for _ in range(2)], await signed_in(identity, stranger)
    request = pb.EndUserSessionsRequest(user=member.email)
    assert (await identity.call(operator, "EndUserSessions", request)).ended == 2
    assert {await reason(identity, secret) for secret in mine} == {"CREDENTIAL_INVALID"}
    await authenticated(identity, theirs)
    assert (await identity.call(operator, "EndUserSessions", request)).ended == 0
    assert len(await mails(identity, member)) == 1
    for account_id in (member.account_id, elsewhere):
        [event] = await told(identity, account_id, "user.sessions_revoked")
        assert event.actor.label == operator.label
        assert len(json.loads(event.before_json)["sessions"]) == 2


async def test_resetting_second_factors_takes_them_away_and_tells_the_user(identity: Serving, town: Town) -> None:
    operator, member, stranger = await staff(identity, town), await town.member(), await town.member()
    await town.factor(member)
    await town.factor(stranger)
    for user_id in (member.user_id, stranger.user_id):
        await identity.db.execute("INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, 'x')", user_id)
    request = pb.ResetFactorsRequest(user=member.email)
    assert [(await identity.call(operator, "ResetFactors", request)).removed for _ in range(2)] == [1, 0]
    for table in ("factors", "recovery_codes"):
        left = await identity.db.fetch(
            f"SELECT user_id FROM {table} WHERE user_id = ANY($1)", [member.user_id, stranger.user_id]
        )
        assert [row["user_id"] for row in left] == [stranger.user_id]
    [(subject, _)] = await mails(identity, member)
    assert subject == "Töröltük a bejelentkezéshez használt második tényezőit"
    [event] = await told(identity, member.account_id, "user.factors_reset")
    assert json.loads(event.before_json) == {"factors": ["totp"]}


# -- the event log's chains


async def test_verifying_a_chain_names_the_first_broken_row(identity: Serving, town: Town) -> None:
    operator, account = await staff(identity, town), await town.account()
    empty = await identity.call(operator, "VerifyChain", pb.VerifyChainRequest(account=str(account)))
    assert empty == pb.VerifyChainResponse(rows=0)
    for event in await identity.told(common_pb2.AuditRecorded, account):
        for _ in range(3):
            await identity.hear(event, account)
    number = await number_of(identity, account)
    whole = await identity.call(operator, "VerifyChain", pb.VerifyChainRequest(account=number))
    assert whole == pb.VerifyChainResponse(rows=3)
    await tamper(identity, "UPDATE event_log SET actor_label = 'x' WHERE account_id = $1 AND seq = 2", account)
    broken = await identity.call(operator, "VerifyChain", pb.VerifyChainRequest(account=number))
    assert (broken.rows, broken.broken) == (1, 2)
    assert "does not fit" in broken.cause


async def test_the_list_of_chains_holds_every_account_and_the_house(identity: Serving, town: Town) -> None:
    operator, account = await staff(identity, town), await town.account()
    foreign = await filled(identity, 2)
    for event in (await identity.told(common_pb2.AuditRecorded, operators.HOUSE))[:1]:
        await identity.hear(event, operators.HOUSE)
    found: dict[str, pb.Chain] = {}
    page = common_pb2.PageRequest(first=50)
    while True:
        answer = await identity.call(operator, "ListChains", pb.ListChainsRequest(page=page))
        found |= {c.account_id: c for c in answer.chains}
        if not answer.page.has_next:
            break
        page = common_pb2.PageRequest(first=50, after=answer.page.cursors[-1])
    assert found[str(account)].number == await number_of(identity, account)
    assert (found[str(foreign)].rows, found[str(foreign)].number) == (2, "")
    assert found[str(operators.HOUSE)].rows >= 1
    verdict = await identity.call(operator, "VerifyChain", pb.VerifyChainRequest(account="house"))
    assert verdict == pb.VerifyChainResponse(rows=found[str(operators.HOUSE)].rows)


async def test_what_is_done_to_a_user_of_no_account_is_in_the_houses_log(identity: Serving, town: Town) -> None:
    operator, member = await staff(identity, town), await town.member()
    await identity.db.execute("UPDATE contacts SET expires_at = now() WHERE user_id = $1", member.user_id)
    await identity.call(operator, "LockUser", pb.LockUserRequest(user=member.email, reason="x"))
    assert await told(identity, member.account_id, "user.locked") == []
    assert [e.subject_id for e in await told(identity, operators.HOUSE, "user.locked")][-1] == str(member.user_id)
