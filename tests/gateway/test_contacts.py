"""Contacts through GraphQL: what the gateway refuses before identity is asked, and why somebody may or may not."""

from typing import Any

from gateway.access import Fields
from portico.identity.v1 import identity_pb2
from services.chassis.actor import StepUpRequired
from services.chassis.errors import DomainError
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import ACCOUNTANT, ALL, contact, uid

INVITE = """mutation ($i: InviteContactInput!) { inviteContact(input: $i) {
  contact { id state email role user { id } ownGrants { permission resources } deniedFields }
  userErrors { code field message } } }"""
UPDATE = "mutation ($i: UpdateContactInput!) { updateContact(input: $i) { contact { id } userErrors { code field } } }"
CAN = """query ($a: String!, $s: ID) { account { can(action: $a, subject: $s) {
  allowed blockers { code message since resolvedBy subject { id } } } } }"""
CONTACT = gid("Contact", uid(901))


def asked(**more: Any) -> dict[str, Any]:
    return {"i": {"email": "uj@x.example", "idempotencyKey": "k" * 10} | more}


def granted(*resources: str, permission: str = "DNS_READ") -> dict[str, Any]:
    return {"grants": [{"permission": permission, "resources": list(resources)}]}


async def refused(stand: Stand, document: str, mutation: str, **variables: Any) -> list[tuple[str, list[str]]]:
    errors = (await stand.data(document, variables=variables))[mutation]["userErrors"]
    return [(error["code"], error["field"]) for error in errors]


async def test_an_invitation_carries_its_grants_and_denials_to_identity(stand: Stand) -> None:
    given = granted(gid("Domain", uid(10_001)), gid("Domain", uid(10_002))) | {"deniedFields": ["Domain.zone"]}
    answer = (await stand.data(INVITE, variables=asked(role="technical", **given)))["inviteContact"]
    assert answer["userErrors"] == []
    assert answer["contact"] == {
        "id": gid("Contact", uid(951)),
        "state": "INVITED",
        "email": "uj@x.example",
        "role": "technical",
        "user": None,
        "ownGrants": [{"permission": "DNS_READ", "resources": given["grants"][0]["resources"]}],
        "deniedFields": ["Domain.zone"],
    }
    # However many objects are named, each kind is looked up once.
    assert stand.world.calls["domains.BatchGetDomains"] == 1
    assert stand.world.requests[-1].locale == "en"


async def test_a_field_that_cannot_be_denied_is_named_and_nothing_is_written(stand: Stand) -> None:
    for coordinate, code in (
        ("Domain.nothing", "COORDINATE_INVALID"),
        ("nonsense", "COORDINATE_INVALID"),
        ("__Schema.types", "COORDINATE_INVALID"),
        ("Domain.name", "FIELD_NOT_DENIABLE"),  # non-null
        ("Domain.id", "FIELD_NOT_DENIABLE"),
        ("Account.dashboard", "FIELD_NOT_DENIABLE"),
        ("Account.roles", "FIELD_NOT_DENIABLE"),  # everybody's
        ("Contact.user", "FIELD_NOT_DENIABLE"),
        ("Query.account", "FIELD_NOT_DENIABLE"),
        ("Mutation.payInvoices", "FIELD_NOT_DENIABLE"),
        ("PageInfo.endCursor", "FIELD_NOT_DENIABLE"),
    ):
        fields = ["Domain.zone", coordinate]
        expected = [(code, ["input", "deniedFields", "1"])]
        found = await refused(stand, INVITE, "inviteContact", **asked(deniedFields=fields))
        assert found == expected, coordinate
        assert await refused(stand, UPDATE, "updateContact", i={"id": CONTACT, "deniedFields": fields}) == expected
    assert not [call for call in stand.world.calls if "Contact" in call]
    schema: Fields = stand.gateway.fields
    assert {"Domain.zone", "Account.invoices", "AccountProfile.taxNumber", "HostingService.login"} <= schema.deniable
    assert not [c for c in schema.deniable if c.endswith(".id") or not schema.table[c].permission]


async def test_a_resource_of_another_kind_or_account_is_refused_by_name(stand: Stand) -> None:
    for given, code, path in (
        (granted(gid("Invoice", uid(20_001))), "INVALID", ["0", "resources", "0"]),
        (granted("nonsense"), "INVALID", ["0", "resources", "0"]),
        (granted(gid("Domain", uid(10_001)), gid("Domain", uid(10_100))), "NOT_FOUND", ["0", "resources", "1"]),
        (granted(), "RESOURCES_EMPTY", ["0", "resources"]),
        (granted(gid("Account", uid(1)), permission="ACCOUNT_READ"), "GRANT_NOT_LIMITABLE", ["0", "resources"]),
        (granted(*[gid("Domain", uid(10_001))] * 101), "TOO_MANY_RESOURCES", []),
        (
            {"grants": [{"permission": "DNS_READ", "expiresAt": "2027-02-30T00:00:00Z"}]},
            "GRANT_EXPIRY_INVALID",
            ["0", "expiresAt"],
        ),
    ):
        found = await refused(stand, INVITE, "inviteContact", **asked(**given))
        assert found == [(code, ["input", "grants", *path])], code
    assert not stand.world.calls["identity.InviteContact"]


async def test_an_update_sends_only_what_is_given_and_null_ends_an_expiry(stand: Stand) -> None:
    async def sent(**given: Any) -> Any:
        assert await refused(stand, UPDATE, "updateContact", i={"id": CONTACT, **given}) == []
        return stand.world.requests[-1]

    request = await sent()
    assert [field.name for field, _ in request.ListFields()] == ["id"]
    request = await sent(grants=[], deniedFields=[], expiresAt=None)
    assert [field.name for field, _ in request.ListFields()] == ["id", "grants", "denied_fields", "expires_at"]
    assert not request.expires_at.HasField("at")
    request = await sent(role="technical", expiresAt="2030-01-01T00:00:00Z")
    assert request.expires_at.at.seconds == 1_893_456_000
    for name in ("role", "grants", "deniedFields"):
        expected = [("FIELD_REQUIRED", ["input", name])]
        assert await refused(stand, UPDATE, "updateContact", i={"id": CONTACT, name: None}) == expected
    wrong = await refused(stand, UPDATE, "updateContact", i={"id": CONTACT, "expiresAt": "2030-02-30T00:00:00Z"})
    assert wrong == [("CONTACT_EXPIRY_INVALID", ["input", "expiresAt"])]


async def test_roles_are_told_in_the_readers_language(stand: Stand) -> None:
    query = "{ account { roles { name title permissions } } }"
    roles = (await stand.data(query))["account"]["roles"]
    assert [(role["name"], role["title"]) for role in roles] == [("accountant", "Accountant"), ("custom", "Custom")]
    assert "BILLING_PAY" in roles[0]["permissions"]
    stand.world.person("hu-token", contact(1, ALL), locale="hu")
    assert (await stand.data(query, "hu-token"))["account"]["roles"][0]["title"] == "Könyvelő"


async def can(stand: Stand, action: str, subject: str | None = None, token: str = "some-token") -> Any:
    return (await stand.data(CAN, token, variables={"a": action, "s": subject}))["account"]["can"]


DOMAIN, OTHER = gid("Domain", uid(10_001)), gid("Domain", uid(10_002))
LIMITED = contact(1, ["domains.read", "dns.read"], resources={"dns.read": [uid(10_001)]})


async def test_why_not_names_the_rule_and_what_would_clear_it(stand: Stand) -> None:
    for known, action, subject, code, resolved_by in (
        (contact(1, ACCOUNTANT), "dns.write", None, "FORBIDDEN", "updateContact"),
        (contact(1, ACCOUNTANT), "Mutation.changeZone", None, "FORBIDDEN", "updateContact"),
        (contact(1, ACCOUNTANT), "requestAuthCode", DOMAIN, "FORBIDDEN", "updateContact"),
        (contact(1, ACCOUNTANT), "Domain.zone", None, "FORBIDDEN", "updateContact"),
        (contact(1, ["domains.read"], over=["dns.read"]), "dns.read", DOMAIN, "GRANT_EXPIRED", "updateContact"),
        (LIMITED, "dns.read", OTHER, "RESOURCE_NOT_GRANTED", "updateContact"),
        (contact(1, ALL, denied=["Domain.zone"]), "Domain.zone", DOMAIN, "FIELD_DENIED", "updateContact"),
        (contact(1, ALL), "revokeContact", None, "STEP_UP_REQUIRED", "confirmIdentity"),
    ):
        token = f"token-{action}-{code}"
        stand.world.person(token, known)
        stand.world.explain(known)
        answer = await can(stand, action, subject, token)
        [blocker] = answer["blockers"]
        assert (answer["allowed"], blocker["code"], blocker["resolvedBy"]) == (False, code, resolved_by)
        assert not {"{", "–"} & set(blocker["message"])
        if code == "GRANT_EXPIRED":
            assert blocker["since"] == "2023-11-14T22:13:20Z"
            assert "14 November 2023, 22:13 (UTC)" in blocker["message"]
        readable = subject is not None and "domains.read" in {grant.permission for grant in known.grants}
        assert (blocker["subject"] or {}).get("id") == (subject if readable else None)


async def test_what_is_allowed_costs_identity_no_question_and_all_else_one(stand: Stand) -> None:
    stand.world.person("some-token", LIMITED)
    for action in ("dns.read", "Domain.zone"):
        assert await can(stand, action, DOMAIN) == {"allowed": True, "blockers": []}
    assert "identity.GetRights" not in stand.world.calls
    stand.world.explain(contact(1, ACCOUNTANT))
    asks = " ".join(f'c{i}: can(action: "{a}") {{ allowed }}' for i, a in enumerate(("dns.read", "dns.write") * 10))
    await stand.data(f"{{ account {{ {asks} }} }}", "accountant-token")
    assert stand.world.calls["identity.GetRights"] == 1
    [error] = (await stand.post(CAN, "some-token", variables={"a": "Domain.nothing"})).json()["errors"]
    assert "Domain.nothing" in error["message"]


async def test_a_token_is_told_that_its_maker_may_more_or_that_a_person_must_confirm(
    stand: Stand,
) -> None:
    stand.world.person("some-token", contact(1, ["billing.read", "contacts.manage"]))
    stand.world.explain(contact(1, ALL), kind="token", held=["billing.read", "contacts.manage"])
    codes = {
        action: await can(stand, action) for action in ("dns.write", "inviteContact", "createApiToken", "billing.read")
    }
    assert [b["code"] for b in codes["dns.write"]["blockers"]] == ["TOKEN_NARROWER"]
    for personal in ("inviteContact", "createApiToken"):
        assert [b["code"] for b in codes[personal]["blockers"]] == ["TOKEN_MAY_NOT"]
    assert codes["billing.read"]["allowed"]
    stand.world.explain(contact(1, ALL), confirmed=True)
    assert (await can(stand, "updateContact", token="owner-token"))["allowed"]


async def test_who_manages_contacts_asks_why_another_may_not(stand: Stand) -> None:
    query = """query ($a: String!) { account { contacts { email state can(action: $a) {
      allowed blockers { code resolvedBy } } } } }"""
    invited = contact(1, [])
    invited.state = identity_pb2.CONTACT_STATE_INVITED
    invited.ClearField("user")
    gone = contact(1, ["dns.read"])
    gone.state = identity_pb2.CONTACT_STATE_REVOKED
    late = contact(1, ["dns.read"])
    late.state = identity_pb2.CONTACT_STATE_EXPIRED
    late.expires_at.FromJsonString("2026-01-01T00:00:00Z")
    stand.world.tokens = {}
    for token, one in zip(
        ("owner-token", "clerk-token", "b", "c", "d"),
        (contact(1, ALL), contact(1, ACCOUNTANT), invited, gone, late),
        strict=True,
    ):
        stand.world.person(token, one)
    found = (await stand.data(query, variables={"a": "dns.read"}))["account"]["contacts"]
    told = [[(b["code"], b["resolvedBy"]) for b in one["can"]["blockers"]] for one in found]
    assert told == [
        [],
        [("FORBIDDEN", "updateContact")],
        [("CONTACT_INVITED", "resendInvitation")],
        [("CONTACT_REVOKED", "inviteContact")],
        [("CONTACT_EXPIRED", "updateContact")],
    ]
    assert stand.world.calls["identity.GetRights"] == 0
    own = '{ account { me { can(action: "dns.read") { allowed } } } }'
    answer = (await stand.post(own, "clerk-token")).json()
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_the_default_account_comes_first_at_once(stand: Stand) -> None:
    change = """mutation ($a: ID!) { setDefaultAccount(input: {accountId: $a}) {
      viewer { memberships { account { id } } } userErrors { code field } } }"""
    second, foreign = gid("Account", uid(2)), gid("Account", uid(3))
    answer = await stand.data(change, "both-token", variables={"a": second})
    assert [m["account"]["id"] for m in answer["setDefaultAccount"]["viewer"]["memberships"]] == [
        second,
        gid("Account", uid(1)),
    ]
    assert stand.world.calls["identity.SetDefaultAccount"] == 1
    answer = await stand.data(change, "both-token", variables={"a": foreign})
    assert [e["code"] for e in answer["setDefaultAccount"]["userErrors"]] == ["NOT_FOUND"]


class _LastOwner(DomainError):
    reason = "LAST_OWNER"


async def test_a_refusal_of_identity_is_told_in_the_readers_language(stand: Stand) -> None:
    stand.world.person("hu-token", contact(1, ALL), locale="hu")
    stand.world.broken["identity.InviteContact"] = StepUpRequired("confirm")
    answer = (await stand.data(INVITE, "hu-token", variables=asked()))["inviteContact"]
    assert [(e["code"], "személyazonosságát" in e["message"]) for e in answer["userErrors"]] == [
        ("STEP_UP_REQUIRED", True)
    ]
    stand.world.broken["identity.RevokeContact"] = _LastOwner("last", field="id")
    revoke = (
        "mutation ($i: ID!) { revokeContact(input: {id: $i}) { contact { id } userErrors { code field message } } }"
    )
    answer = (await stand.data(revoke, "hu-token", variables={"i": CONTACT}))["revokeContact"]
    [error] = answer["userErrors"]
    assert (error["code"], error["field"]) == ("LAST_OWNER", ["input", "id"])
    assert "tulajdonos" in error["message"]
