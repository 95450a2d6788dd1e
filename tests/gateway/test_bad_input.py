"""What is wrong with a request is said clearly, with the right status, before anything is asked of a service."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import uid

JSON = {"Content-Type": "application/json", "Authorization": "Bearer owner-token"}


def only(answer: dict[str, Any]) -> dict[str, Any]:
    [error] = answer["errors"]
    assert "Traceback" not in json.dumps(answer)
    return dict(error)


async def test_an_unknown_field_is_named(stand: Stand) -> None:
    answer = await stand.post("{ account { nonsense } }")
    assert answer.status_code == 400
    error = only(answer.json())
    assert "nonsense" in error["message"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert answer.headers["content-type"].startswith("application/graphql-response+json")


async def test_a_client_of_the_old_media_type_gets_200_for_a_well_formed_request(stand: Stand) -> None:
    answer = await stand.post("{ account { nonsense } }", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "data" not in answer.json()


MALFORMED = ["Bearer", "Bearer a b c d e f", "Basic YTpi", "Bearer short", "Bearer é" * 9]


@pytest.mark.parametrize("header", MALFORMED)
async def test_a_malformed_token_is_refused_without_asking_identity(stand: Stand, header: str) -> None:
    headers = [(b"Authorization", header.encode()), (b"Content-Type", b"application/json")]
    answer = await stand.http.post("/graphql", content=b'{"query": "{ viewer { currentIp } }"}', headers=headers)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert only(answer.json())["extensions"]["code"] == "UNAUTHENTICATED"
    assert not stand.world.calls


async def test_an_unknown_token_is_refused(stand: Stand) -> None:
    answer = await stand.post("{ viewer { currentIp } }", "nobody-has-this")
    assert (answer.status_code, only(answer.json())["extensions"]["reason"]) == (401, "CREDENTIAL_INVALID")


async def test_without_a_credential_only_the_schema_is_shown(stand: Stand) -> None:
    answer = await stand.post("{ viewer { currentIp } }", None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="portico"'
    assert only(answer.json())["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await stand.post("{ __schema { queryType { name } } }", None)).status_code == 200


async def test_a_body_over_2_mb_is_refused_announced_or_chunked(stand: Stand) -> None:
    big = json.dumps({"query": "{ viewer { currentIp } }", "variables": {"x": "x" * 2_000_000}}).encode()
    assert (await stand.http.post("/graphql", content=big, headers=JSON)).status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for begin in range(0, len(big), 100_000):
            yield big[begin : begin + 100_000]

    answer = await stand.http.post("/graphql", content=chunks(), headers=JSON)
    assert answer.status_code == 413
    assert "2000000 bytes" in only(answer.json())["message"]


async def test_a_body_that_nobody_could_send_by_mistake_is_not_waited_for(stand: Stand) -> None:
    host, _, port = stand.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        "POST /graphql HTTP/1.1",
        f"Host: {stand.address}",
        "Content-Type: application/json",
        "Content-Length: 50000000",
    )
    writer.write("\r\n".join([*head, "", ""]).encode())
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


async def test_a_document_over_100_000_characters_is_refused_while_variables_may_be_longer(stand: Stand) -> None:
    answer = await stand.post("{ viewer { currentIp } } #" + "x" * 100_000)
    assert answer.status_code == 400
    assert only(answer.json())["extensions"]["code"] == "DOCUMENT_TOO_COSTLY"
    assert (await stand.post("{ viewer { currentIp } }", variables={"x": "x" * 1_500_000})).status_code == 200


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 5000, "JSON"),
        (b'[{"query": "{ viewer { currentIp } }"}]', "Batches"),
        (b"null", "object"),
        (b'"x"', "object"),
        (b"{}", "query"),
        (b'{"query": ""}', "query"),
        (b'{"query": 7}', "query"),
        (b'{"query": "{ a }", "variables": [1]}', "variables"),
        (b'{"query": "{ a }", "operationName": 5}', "operationName"),
        (b'{"query": "{ a }", "extensions": "x"}', "extensions"),
        (b'{"query": "# nothing"}', ""),
        (b'{"query": "fragment F on Query { viewer { currentIp } }"}', "no operation"),
        (b'{"query": "query A { viewer { currentIp } } query B { viewer { currentIp } }"}', "operationName"),
        (b'{"query": "query A { viewer { currentIp } }", "operationName": "C"}', "'C'"),
    ],
)
async def test_a_malformed_request_is_400_and_says_what_is_wrong(stand: Stand, body: bytes, names: str) -> None:
    answer = await stand.http.post("/graphql", content=body, headers=JSON)
    assert answer.status_code == 400
    assert names in only(answer.json())["message"]


async def test_the_wrong_method_media_type_or_accept_is_refused(stand: Stand) -> None:
    got = await stand.http.get("/graphql", params={"query": "{ viewer { currentIp } }"})
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert (await stand.http.put("/graphql")).status_code == 405
    form = await stand.http.post("/graphql", data={"query": "{ a }"})
    assert form.status_code == 415
    assert (await stand.post("{ viewer { currentIp } }", headers={"Accept": "text/csv"})).status_code == 406


@pytest.mark.parametrize("page", ["first: 0", "first: 1000", "last: -1", "first: 5, last: 5"])
async def test_a_page_out_of_bounds_is_refused_by_name_before_any_call(stand: Stand, page: str) -> None:
    answer = await stand.post(f"{{ account {{ domains({page}) {{ nodes {{ id }} }} }} }}")
    body = answer.json()
    error = only(body)
    assert answer.status_code == 200
    assert body["data"] == {"account": {"domains": None}}
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert page.split(":")[0] in error["message"]
    assert not [c for c in stand.world.calls if c.startswith("domains.")]


@pytest.mark.parametrize("id_", ["", "x", "Domain:1", "RG9tYWluOjE", "é", "A" * 5000])
async def test_what_is_no_id_is_refused_naming_the_argument(stand: Stand, id_: str) -> None:
    answer = await stand.post("query ($i: ID!) { node(id: $i) { id } }", variables={"i": id_})
    error = only(answer.json())
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith("id: ")


@pytest.mark.parametrize("kind", ["Domain", "Invoice", "Operation", "Zone", "HostingService", "Ticket"])
async def test_a_foreign_id_answers_as_an_unknown_one(stand: Stand, kind: str) -> None:
    foreign = {
        "Domain": uid(10_100),
        "Zone": uid(10_100),
        "Invoice": uid(20_003),
        "Operation": f"domains.{uid(1)}",
    }.get(kind, uid(999))
    query = "query ($i: ID!) { node(id: $i) { id } }"
    first = only((await stand.post(query, variables={"i": gid(kind, foreign)})).json())
    unknown = uid(123456) if kind != "Operation" else f"domains.{uid(123456)}"
    second = only((await stand.post(query, variables={"i": gid(kind, unknown)})).json())
    assert first["extensions"] == second["extensions"] == {"code": "NOT_FOUND"}


async def test_a_foreign_account_answers_as_an_unknown_one(stand: Stand) -> None:
    for account in (uid(2), uid(777)):
        answer = await stand.post(
            "query ($i: ID!) { account(id: $i) { number } }", variables={"i": gid("Account", account)}
        )
        assert answer.json()["data"] == {"account": None}
        assert only(answer.json())["extensions"]["code"] == "NOT_FOUND"
    pay = """mutation ($i: PayInvoicesInput!) { payInvoices(input: $i) { userErrors { code field } } }"""
    given = {
        "invoiceIds": [gid("Invoice", uid(20_003))],
        "idempotencyKey": "k" * 10,
        "accountId": gid("Account", uid(2)),
    }
    data = await stand.data(pay, variables={"i": given})
    assert data["payInvoices"]["userErrors"] == [{"code": "NOT_FOUND", "field": ["input", "accountId"]}]
    assert not stand.world.calls["billing.PayInvoices"]


@pytest.mark.parametrize("amount", ["-1", "0", "1.5"])
async def test_an_amount_that_cannot_be_paid_is_refused_at_its_field(stand: Stand, amount: str) -> None:
    pay = "mutation ($i: PayInvoicesInput!) { payInvoices(input: $i) { userErrors { code field message } } }"
    given = {
        "invoiceIds": [gid("Invoice", uid(20_001))],
        "idempotencyKey": "k" * 10,
        "amount": {"amount": amount, "currency": "HUF"},
    }
    [error] = (await stand.data(pay, variables={"i": given}))["payInvoices"]["userErrors"]
    assert (error["code"], error["field"]) == ("AMOUNT_INVALID", ["input", "amount", "amount"])
    assert amount in error["message"]
    assert not stand.world.calls["billing.PayInvoices"]


async def test_a_user_error_reads_without_the_path_that_its_field_tells(stand: Stand) -> None:
    pay = "mutation ($i: PayInvoicesInput!) { payInvoices(input: $i) { userErrors { field message } } }"
    given = {"invoiceIds": ["junk"], "idempotencyKey": "k" * 10}
    [error] = (await stand.data(pay, variables={"i": given}))["payInvoices"]["userErrors"]
    assert error["field"][:2] == ["input", "invoiceIds"]
    assert error["message"] in {"'junk' nem érvényes azonosító.", "'junk' is no valid id."}


async def test_variables_that_do_not_fit_are_400_and_named(stand: Stand) -> None:
    answer = await stand.post(
        "query ($c: CurrencyCode) { catalogue(currency: $c) { currency } }", variables={"c": "XXX"}
    )
    assert answer.status_code == 400
    assert "$c" in only(answer.json())["message"]
    assert "data" not in answer.json()


COSTLY = {
    "levels deep": "{ account " + "{ me { account " * 9 + "{ id }" + " } }" * 9 + " }",
    "aliases": "{ account { " + " ".join(f"a{i}: number" for i in range(101)) + " } }",
    "repeated": "{ account { " + "number " * 11 + " } }",
    "directives": "{ account { "
    + " ".join(f"a{i}: number @skip(if: false) @include(if: true)" for i in range(60))
    + " } }",
    "root fields": "{ " + " ".join(f"a{i}: __typename" for i in range(21)) + " }",
    "spreads itself": "{ account { ...A } } fragment A on Account { ...B } fragment B on Account { ...A }",
    "nested too deeply": "{ a" * 20000,
}


COSTLY["is repeated"] = "{ account { " + "... { me { user { id name } } } " * 180 + " } }"


@pytest.mark.parametrize("what", COSTLY)
async def test_a_costly_document_is_refused_quickly_naming_the_limit(stand: Stand, what: str) -> None:
    begun = time.perf_counter()
    answer = await stand.post(COSTLY[what])
    assert time.perf_counter() - begun < 1
    assert answer.status_code == 400
    error = only(answer.json())
    assert what in error["message"] or error["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


async def test_chained_fragments_cost_linear_time(stand: Stand) -> None:
    links = 300
    chain = "".join(f"fragment F{i} on Account {{ ...F{i + 1} ...F{i + 1} }}" for i in range(links))
    query = "{ account { ...F0 } }" + chain + f"fragment F{links} on Account {{ number }}"
    begun = time.perf_counter()
    answer = await stand.post(query)
    assert time.perf_counter() - begun < 1
    assert answer.status_code == 400
    assert "repeated" in only(answer.json())["message"]


async def test_the_full_introspection_query_fits_the_limits(stand: Stand) -> None:
    from graphql import build_client_schema, get_introspection_query

    answer = await stand.post(get_introspection_query(), None)
    assert answer.status_code == 200
    assert build_client_schema(answer.json()["data"]).query_type


async def test_a_fault_is_masked_and_has_a_number(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.graph import billing

    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail of the inside")

    monkeypatch.setattr(billing, "balance", broken)
    answer = await stand.post("{ account { number balance { credit { amount } } } }")
    error = only(answer.json())
    assert answer.status_code == 200
    assert answer.json()["data"]["account"] == {"number": "P-10001", "balance": None}
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["traceId"] in error["message"]
    assert "secret" not in answer.text


async def test_a_page_of_another_origin_may_ask_with_a_token_but_not_with_the_cookie(stand: Stand) -> None:
    page = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    asked = await stand.http.options(
        "/graphql",
        headers=page | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"},
    )
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert "Authorization" in asked.headers["access-control-allow-headers"]
    answer = await stand.post("{ viewer { currentIp } }", headers=page)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    for response in (asked, answer):
        assert "access-control-allow-credentials" not in response.headers
    with_cookie = await stand.post(
        "{ viewer { currentIp } }", None, headers=page | {"Cookie": "__Host-portico=owner-token"}
    )
    assert with_cookie.status_code == 403
