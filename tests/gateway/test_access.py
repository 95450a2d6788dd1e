"""Who sees what: a contact's rights decide per field, and deny wins."""

from typing import Any

import pytest
import strawberry

from gateway import schema
from gateway.access import PUBLIC, SELF, Permission, SchemaAccessError, access, field, needs, table_of
from portico.billing.v1 import billing_pb2
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import ACCOUNTANT, ALL, contact, invoice, money, uid

EVERYTHING = """{ account { number
  dashboard { domains { name } hosting { label } invoices { number } tickets { subject } warnings balance { credit { amount } } }
  domains { nodes { name zone { version } } }
  hostingServices { nodes { label login { username } } }
  eventLog { nodes { action } }
  invoices { nodes { number lines { description } } } } }"""


def refused(answer: dict[str, Any]) -> dict[str, str | None]:
    """Path -> missing permission, of an answer's FORBIDDEN errors."""
    assert {e["extensions"]["code"] for e in answer.get("errors", [])} <= {"FORBIDDEN"}, answer
    return {".".join(map(str, e["path"])): e["extensions"]["permission"] for e in answer.get("errors", [])}


async def test_the_accountant_sees_invoices_and_no_domain_login_or_log(stand: Stand) -> None:
    answer = (await stand.post(EVERYTHING, "accountant-token")).json()
    assert refused(answer) == {
        "account.dashboard.domains": "domains.read",
        "account.dashboard.hosting": "hosting.read",
        "account.domains": "domains.read",
        "account.hostingServices": "hosting.read",
        "account.eventLog": "log.read",
    }
    account = answer["data"]["account"]
    assert [i["number"] for i in account["invoices"]["nodes"]] == ["D-1", "D-2"]
    assert account["dashboard"]["tickets"] == [{"subject": "Hello"}]
    assert not [c for c in stand.world.calls if c.startswith(("domains.", "hosting."))]


async def test_the_owner_is_refused_nothing(stand: Stand) -> None:
    assert refused((await stand.post(EVERYTHING)).json()) == {}


async def test_a_reader_of_domains_without_dns_gets_domains_and_null_zones(stand: Stand) -> None:
    stand.world.person("partial-token", contact(1, ["domains.read", "hosting.read"]))
    answer = (await stand.post(EVERYTHING, "partial-token")).json()
    nodes = answer["data"]["account"]["domains"]["nodes"]
    assert [n["zone"] for n in nodes] == [None] * 3
    assert refused(answer)["account.domains.nodes.0.zone"] == "dns.read"
    assert refused(answer)["account.hostingServices.nodes.1.login"] == "hosting.credentials"
    assert not stand.world.calls["domains.BatchGetZones"]
    assert not stand.world.calls["hosting.BatchGetLogins"]


async def test_a_grant_limited_to_one_domain_opens_its_zone_alone(stand: Stand) -> None:
    rights = contact(1, ["domains.read", "dns.read"], resources={"dns.read": [uid(10_002)]})
    stand.world.person("limited-token", rights)
    answer = (await stand.post("{ account { domains { nodes { name zone { version } } } } }", "limited-token")).json()
    zones = {n["name"]: n["zone"] for n in answer["data"]["account"]["domains"]["nodes"]}
    assert zones == {"d1.hu": None, "d2.hu": {"version": 3}, "d3.hu": None}
    assert set(refused(answer)) == {"account.domains.nodes.0.zone", "account.domains.nodes.2.zone"}
    [asked] = [r for r in stand.world.requests if hasattr(r, "domain_ids")]
    assert list(asked.domain_ids) == [uid(10_002)]


async def test_a_denied_field_is_refused_though_the_permission_is_held(stand: Stand) -> None:
    stand.world.person("denied-token", contact(1, ALL, denied=["Domain.zone", "Invoice.lines", "Mutation.payInvoices"]))
    answer = (await stand.post("{ account { domains { nodes { name zone { version } } } } }", "denied-token")).json()
    assert refused(answer)["account.domains.nodes.0.zone"] is None
    assert answer["data"]["account"]["domains"]["nodes"][0] == {"name": "d1.hu", "zone": None}
    pay = "mutation ($i: PayInvoicesInput!) { payInvoices(input: $i) { userErrors { code } } }"
    given = {"invoiceIds": [gid("Invoice", uid(20_001))], "idempotencyKey": "k" * 10}
    data = await stand.data(pay, "denied-token", variables={"i": given})
    assert data["payInvoices"]["userErrors"] == [{"code": "FORBIDDEN"}]
    assert not stand.world.calls["billing.PayInvoices"]


async def test_an_expired_grant_is_no_grant(stand: Stand) -> None:
    rights = contact(1, ["domains.read"])
    rights.grants[0].expires_at.FromJsonString("2020-01-01T00:00:00Z")
    stand.world.person("expired-token", rights)
    answer = (await stand.post("{ account { domains { nodes { name } } } }", "expired-token")).json()
    assert refused(answer) == {"account.domains": "domains.read"}


async def test_aliases_and_fragments_do_not_go_round_a_refusal(stand: Stand) -> None:
    query = (
        """{ account { harmless: domains { ...D } } } fragment D on DomainConnection { nodes { ... on Node { id } } }"""
    )
    answer = (await stand.post(query, "accountant-token")).json()
    assert refused(answer) == {"account.harmless": "domains.read"}
    node = "query ($i: ID!) { node(id: $i) { id ... on Domain { name } } }"
    answer = (await stand.post(node, "accountant-token", variables={"i": gid("Domain", uid(10_001))})).json()
    assert refused(answer) == {"node": "domains.read"}
    assert answer["data"] == {"node": None}


async def test_what_an_object_points_to_needs_its_own_permission(stand: Stand) -> None:
    query = "{ account { tickets { nodes { number related { id } } } } }"
    answer = (await stand.post(query, "accountant-token")).json()
    assert answer["data"]["account"]["tickets"]["nodes"] == [{"number": "T-000001", "related": None}]
    assert refused(answer) == {"account.tickets.nodes.0.related": "domains.read"}
    data = await stand.data(query)
    assert data["account"]["tickets"]["nodes"][0]["related"] == {"id": gid("Domain", uid(10_001))}


@pytest.mark.parametrize(
    ("mutation", "given"),
    [
        ("registerDomains", ("RegisterDomainsInput", {"names": ["a.hu"], "idempotencyKey": "k" * 10})),
        ("requestAuthCode", ("RequestAuthCodeInput", {"domainId": gid("Domain", uid(10_001))})),
        ("transferDomains", ("TransferDomainsInput", {"csv": "a.hu;abcdef", "dryRun": True})),
        ("retryTransfer", ("RetryTransferInput", {"domainId": gid("Domain", uid(10_001)), "authCode": "abcdef"})),
        ("cancelTransfer", ("CancelTransferInput", {"domainId": gid("Domain", uid(10_001))})),
        ("renewDomains", ("RenewDomainsInput", {"domainIds": [], "idempotencyKey": "k" * 10})),
        ("restoreDomain", ("RestoreDomainInput", {"domainId": gid("Domain", uid(10_001)), "idempotencyKey": "k" * 10})),
        ("setNameservers", ("SetNameserversInput", {"domainId": gid("Domain", uid(10_001)), "nameservers": []})),
        ("setDomainLock", ("SetDomainLockInput", {"domainId": gid("Domain", uid(10_001)), "locked": False})),
        ("updateDomainContacts", ("UpdateDomainContactsInput", {"domainId": gid("Domain", uid(10_001))})),
        ("setAutoRenew", ("SetAutoRenewInput", {"filter": {}, "autoRenew": False})),
    ],
)
async def test_a_mutation_without_the_right_is_a_user_error_and_no_call(
    stand: Stand, mutation: str, given: tuple[str, dict[str, Any]]
) -> None:
    query = f"mutation ($i: {given[0]}!) {{ {mutation}(input: $i) {{ userErrors {{ code message }} }} }}"
    data = await stand.data(query, "accountant-token", variables={"i": given[1]})
    [error] = data[mutation]["userErrors"]
    assert error["code"] == "FORBIDDEN"
    assert "domains." in error["message"]
    assert not [c for c in stand.world.calls if c.startswith("domains.")]


async def test_what_a_mutation_answers_is_shown_as_far_as_its_account_allows(stand: Stand) -> None:
    line = billing_pb2.InvoiceLine(
        subject_type="Domain", subject_id=uid(10_001), net=money(1), vat=money(1), gross=money(1)
    )
    stand.world.invoices[uid(1)] = [invoice(1, lines=[line])]
    pay = """mutation ($i: PayInvoicesInput!) { payInvoices(input: $i) { userErrors { code } balance { credit { amount } }
      invoices { number lines { subject { ... on Domain { name } } } } } }"""
    given = {"invoiceIds": [gid("Invoice", uid(20_001))], "idempotencyKey": "k" * 10}
    for token, more in (("accountant-token", {}), ("both-token", {"accountId": gid("Account", uid(1))})):
        answer = (await stand.post(pay, token, variables={"i": given | more})).json()
        assert refused(answer) == {"payInvoices.invoices.0.lines.0.subject": "domains.read"}
        assert answer["data"]["payInvoices"] == {
            "userErrors": [],
            "balance": {"credit": {"amount": "5000"}},
            "invoices": [{"number": "D-1", "lines": [{"subject": None}]}],
        }


async def test_each_account_of_one_user_follows_its_own_rights(stand: Stand) -> None:
    query = """query ($a: ID!, $b: ID!) {
      one: account(id: $a) { domains { nodes { name } } invoices { nodes { number lines { description } } } }
      two: account(id: $b) { domains { nodes { name } } } }"""
    variables = {"a": gid("Account", uid(1)), "b": gid("Account", uid(2))}
    answer = (await stand.post(query, "both-token", variables=variables)).json()
    assert refused(answer) == {"one.domains": "domains.read"}
    assert answer["data"]["two"]["domains"]["nodes"] == [{"name": "d100.hu"}]
    assert [i["number"] for i in answer["data"]["one"]["invoices"]["nodes"]] == ["D-1", "D-2"]


async def test_may_i_do_this_is_answered_with_the_reason(stand: Stand) -> None:
    query = 'query ($s: ID) { account { can(action: "domains.authcode", subject: $s) { allowed blockers { code } } } }'
    assert (await stand.data(query))["account"]["can"] == {"allowed": True, "blockers": []}
    mine = {"s": gid("Domain", uid(10_001))}
    assert (await stand.data(query, variables=mine))["account"]["can"]["allowed"]
    foreign = {"s": gid("Domain", uid(10_100))}
    assert (await stand.data(query, variables=foreign))["account"]["can"]["blockers"] == [{"code": "NOT_FOUND"}]
    stand.world.explain(contact(1, ACCOUNTANT))
    found = await stand.data(query, "accountant-token", variables=mine)
    assert found["account"]["can"] == {"allowed": False, "blockers": [{"code": "FORBIDDEN"}]}


async def test_a_revoked_token_stops_working_within_a_second(stand: Stand) -> None:
    import asyncio

    assert (await stand.post("{ viewer { currentIp } }")).status_code == 200
    del stand.world.tokens["owner-token"]
    await asyncio.sleep(1.05)
    assert (await stand.post("{ viewer { currentIp } }")).status_code == 401


async def test_equal_rights_share_the_decision_about_a_document(stand: Stand) -> None:
    stand.world.person("twin-token", contact(1, ACCOUNTANT))
    await stand.post(EVERYTHING, "accountant-token")
    await stand.post(EVERYTHING, "twin-token")
    operation = stand.gateway.documents.prepare(EVERYTHING).operation(None)
    assert list(operation.verdicts.values()) == [False]


def test_a_field_without_access_makes_the_schema_fail_naming_it() -> None:
    @strawberry.type
    class Query:
        open: str = field(PUBLIC, lambda: "x")
        forgotten: str = "y"

    with pytest.raises(SchemaAccessError, match=r"Query\.forgotten"):
        schema.build(Query, None, None)


def test_a_non_null_field_of_another_permission_makes_the_schema_fail() -> None:
    @access(needs(Permission.DOMAINS_READ))
    @strawberry.type
    class Thing:
        name: str
        secret: str = field(needs(Permission.DNS_READ), lambda: "x")

    @strawberry.type
    class Query:
        thing: Thing | None = field(needs(Permission.DOMAINS_READ), lambda: Thing(name="x"))

    with pytest.raises(SchemaAccessError, match=r"Thing\.secret needs dns\.read but is non-null"):
        schema.build(Query, None, None)

    @strawberry.type
    class Blunt:
        thing: Thing = field(needs(Permission.DOMAINS_READ), lambda: Thing(name="x"))

    with pytest.raises(SchemaAccessError, match=r"Blunt\.thing"):
        schema.build(strawberry.type(type("Query", (Blunt,), {}), name="Blunt"), None, None)


def test_a_non_null_interface_makes_the_schema_fail() -> None:
    @access(PUBLIC)
    @strawberry.interface
    class Thing:
        id: str

    @access(SELF)
    @strawberry.type
    class One(Thing):
        id: str

    @strawberry.type
    class Query:
        thing: Thing = field(SELF, lambda: One(id="x"))
        one: One = field(SELF, lambda: One(id="x"))

    with pytest.raises(SchemaAccessError, match=r"Query\.thing"):
        schema.build(Query, None, None)


def test_every_field_of_the_schema_declares_its_access_once() -> None:
    table = table_of(schema.build()._schema)
    assert table["HostingService.login"].permission is Permission.HOSTING_CREDENTIALS
    assert table["Domain.zone"].permission is Permission.DNS_READ
    assert len(table) > 200


def test_the_printed_schema_is_the_one_checked_in() -> None:
    from gateway.pages.rendering import FOLDER

    assert (FOLDER / "schema.graphql").read_text() == schema.build().as_str() + "\n"
