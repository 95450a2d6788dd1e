"""Lists of an account's domains: what a search finds, in every order, forwards and backwards."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2 as pb
from portico.domains.v1 import management_pb2
from services.domains.names import parse
from tests.domains.conftest import Registrar
from tests.serving import person

NAMES = (
    *(f"kalap{number}" for number in range(7)),
    *(f"ka{number}-{letter}" for number in range(3) for letter in "xyz"),
    *("kő", "kőris", "kör", "körte", "k-kalap", "ak", "a", "akác", "ász", "ákos", "őrs", "őr", "xilofon", "xn", "nka"),
)
STATES = ("ACTIVE", "EXPIRED", "REDEMPTION")
NAME, EXPIRES_AT, CREATED_AT = (
    pb.DOMAIN_SORT_FIELD_NAME,
    pb.DOMAIN_SORT_FIELD_EXPIRES_AT,
    pb.DOMAIN_SORT_FIELD_CREATED_AT,
)


class Account:
    """An account with a domain of each of the names, in turn of each state, created and expiring in orders of their own."""

    def __init__(self, registrar: Registrar) -> None:
        self.registrar, self.id = registrar, uuid4()
        self.rows: list[dict[str, object]] = []

    async def fill(self, names: Sequence[str]) -> "Account":
        # Names are held once in the house: those of one account end in what no other's do.
        ending, now, number = f"{uuid4().hex[:8]}.hu", datetime.now(UTC), count()
        for text in sorted(names, key=lambda name: name[::-1]):
            name, at = parse(f"{text}-{ending}"), next(number)
            row = {
                "name": name.ascii,
                "unicode_name": name.unicode,
                "state": STATES[at % len(STATES)],
                "expires_at": now + timedelta(days=at * 7 % 11),
                "created_at": now - timedelta(days=at * 5 % 13),
            }
            row["id"] = await self.registrar.service.db.fetchval(
                """INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, registered_at, expires_at,
                                        auto_renew, nameservers, created_at)
                   VALUES ($1, $2, $3, 'hu', $4, now(), now(), $5, false, '{}', $6) RETURNING id""",
                self.id,
                *row.values(),
            )
            self.rows.append(row)
        return self

    async def page(self, search: str, **wanted: object) -> pb.ListDomainsResponse:
        request = pb.ListDomainsRequest(search=search, **wanted)  # type: ignore[arg-type]
        answer: pb.ListDomainsResponse = await self.registrar.service.call(
            person(self.id, "domains.read"), "ListDomains", request
        )
        return answer

    async def found(self, search: str) -> list[str]:
        """What stands before the ending, in Unicode, of each name that the search finds."""
        answer = await self.page(search, page=common_pb2.PageRequest(first=100))
        return [one.unicode_name[:-12] for one in answer.domains]

    async def turned(self, search: str, *, backwards: bool, **wanted: object) -> list[str]:
        """The names of all pages of three, in the list's order."""
        names: list[str] = []
        cursor = ""
        while True:
            page = common_pb2.PageRequest(first=3, after=cursor)
            if backwards:
                page = common_pb2.PageRequest(last=3, before=cursor)
            answer = await self.page(search, page=page, **wanted)
            shown = [one.name for one in answer.domains]
            names = shown + names if backwards else names + shown
            if not (answer.page.has_previous if backwards else answer.page.has_next):
                return names
            cursor = answer.page.cursors[0 if backwards else -1]

    def expected(
        self, search: str, states: Sequence[str], sort: pb.DomainSortField.ValueType, descending: bool
    ) -> list[str]:
        key = {NAME: "name", EXPIRES_AT: "expires_at", CREATED_AT: "created_at"}[sort]
        rows = [
            row
            for row in self.rows
            if (not states or row["state"] in states)
            and (str(row["name"]).startswith(search) or str(row["unicode_name"]).startswith(search))
        ]
        rows.sort(key=lambda row: (row[key], row["id"]), reverse=descending)
        return [str(row["name"]) for row in rows]


@pytest.fixture
async def account(registrar: Registrar) -> Account:
    return await Account(registrar).fill(NAMES)


async def test_a_search_of_one_or_two_letters_finds_the_names_that_begin_with_them(account: Account) -> None:
    await Account(account.registrar).fill(NAMES)  # somebody else's
    assert set(await account.found("x")) == {"xilofon", *await account.found("xn")}
    assert await account.found("ak") == ["ak", "akác"]
    assert await account.found("ő") == await account.found("őr") == ["őr", "őrs"]
    assert sorted(await account.found("kö")) == ["kör", "körte"]
    assert sorted(await account.found("á")) == ["ákos", "ász"]
    assert await account.found("zz") == []


async def test_both_forms_of_a_name_are_searched(account: Account) -> None:
    written = {str(row["unicode_name"])[:-12] for row in account.rows if str(row["name"]).startswith("xn--")}
    assert set(await account.found("xn")) == written | {"xn"}
    assert "kőris" in written
    # An ASCII letter that the readable form begins with, and the written one does not.
    assert {"kőris", "kör", "k-kalap", "kalap0"} <= set(await account.found("k"))


async def test_a_search_of_three_letters_finds_them_anywhere(account: Account) -> None:
    kalaps = [f"kalap{number}" for number in range(7)]
    assert await account.found("kal") == ["k-kalap", *kalaps]
    assert await account.found("őris") == ["kőris"]
    assert await account.found("xn--") == [name for name in await account.found("xn") if name != "xn"]


@pytest.mark.parametrize("search", ["%", "_", "k%", "k_", "\\", "%a", "%%%", "k%p", "kal_p"])
async def test_a_pattern_of_the_databases_stands_for_itself(account: Account, search: str) -> None:
    assert await account.found(search) == []


@pytest.mark.parametrize("search", ["KA", " ka ", "Ka"])
async def test_case_and_surrounding_blanks_do_not_matter(account: Account, search: str) -> None:
    assert await account.found(search) == await account.found("ka") != []


async def test_an_accent_typed_as_a_character_of_its_own_is_one_letter_with_its_own(account: Account) -> None:
    assert await account.found("a\u0301") == await account.found("á") != []


@pytest.mark.parametrize("sort", [NAME, EXPIRES_AT, CREATED_AT], ids=["name", "expiry", "creation"])
@pytest.mark.parametrize("states", [(), ("EXPIRED",), ("ACTIVE", "REDEMPTION")], ids=["any", "one state", "two states"])
async def test_a_short_search_is_paged_in_every_order_both_ways(
    account: Account, sort: pb.DomainSortField.ValueType, states: tuple[str, ...]
) -> None:
    numbers = [pb.DomainState.Value(f"DOMAIN_STATE_{state}") for state in states]
    for search in ("k", "ka", "x", "xn", "ő"):
        for descending in (False, True):
            expected = account.expected(search, states, sort, descending)
            for backwards in (False, True):
                wanted = {"sort": sort, "descending": descending, "states": numbers}
                assert await account.turned(search, backwards=backwards, **wanted) == expected


async def test_a_grant_on_named_domains_is_searched_within_these(account: Account) -> None:
    ids = {str(row["name"]): row["id"] for row in account.rows}
    some = frozenset(UUID(str(ids[name])) for name in list(ids)[:10])
    who = person(account.id, "domains.read", resources=some)
    answer = await account.registrar.service.call(who, "ListDomains", pb.ListDomainsRequest(search="k"))
    assert {one.id for one in answer.domains} <= {str(id_) for id_ in some}
    assert 0 < len(answer.domains) < len(await account.found("k"))


async def test_what_is_done_to_a_short_searchs_domains_is_done_to_those_that_the_list_shows(account: Account) -> None:
    request = management_pb2.SetAutoRenewRequest(auto_renew=True, filter=management_pb2.DomainFilter(search="kő"))
    answer = await account.registrar.service.call(person(account.id, "domains.manage"), "SetAutoRenew", request)
    assert [one.unicode_name[:-12] for one in answer.domains] == await account.found("kő")
    renewed = [
        one for one in (await account.page("", page=common_pb2.PageRequest(first=100))).domains if one.auto_renew
    ]
    assert len(renewed) == answer.changed == 2
