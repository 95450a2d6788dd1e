"""Names ordered with nameservers of one's own: what these must be, and for which of the names."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import pytest

from portico.domains.v1 import domains_pb2 as pb
from portico.domains.v1 import events_pb2
from tests.domains.conftest import OURS, Registrar
from tests.serving import person

GOOD = ("ns1.minta.example", "ns2.minta.example")


def fresh(tld: str = "hu") -> str:
    return f"sajat-{uuid4().hex[:12]}.{tld}"


async def order(
    registrar: Registrar,
    names: Sequence[str],
    nameservers: Sequence[str],
    *,
    account: UUID | None = None,
    key: str = "",
) -> pb.RegisterDomainsResponse:
    request = pb.RegisterDomainsRequest(request_id=key or uuid4().hex, names=names, nameservers=nameservers)
    who = person(account or uuid4(), "domains.order", "domains.read")
    answer: pb.RegisterDomainsResponse = await registrar.service.call(who, "RegisterDomains", request)
    return answer


def refusals(answer: pb.RegisterDomainsResponse) -> list[tuple[str, str, int]]:
    return [(one.reason, one.field, one.index) for one in answer.refusals]


@pytest.fixture
async def rules(registrar: Registrar) -> AsyncIterator[None]:
    """Under .org one to two nameservers, under .info three to four."""
    query = "UPDATE tlds SET min_nameservers = $2, max_nameservers = $3 WHERE tld = $1"
    for rule in (("org", 1, 2), ("info", 3, 4)):
        await registrar.service.db.execute(query, *rule)
    yield
    for tld in ("org", "info"):
        await registrar.service.db.execute(query, tld, 2, 13)


async def test_names_are_ordered_with_the_hosts_as_registries_write_them(registrar: Registrar) -> None:
    account = uuid4()
    answer = await order(
        registrar, [fresh()], ["NS1.Minta.example.", " ns2.ő.hu", "ns3。minta.example"], account=account
    )
    assert not answer.refusals
    who = person(account, "domains.read")
    request = pb.BatchGetDomainsRequest(ids=[answer.order.items[0].domain_id])
    [domain] = (await registrar.service.call(who, "BatchGetDomains", request)).domains
    assert [one.host for one in domain.nameservers] == ["ns1.minta.example", "ns2.xn--8fa.hu", "ns3.minta.example"]


async def test_without_any_they_get_the_houses_own(registrar: Registrar) -> None:
    account = uuid4()
    answer = await order(registrar, [fresh()], [], account=account)
    request = pb.BatchGetDomainsRequest(ids=[answer.order.items[0].domain_id])
    [domain] = (await registrar.service.call(person(account, "domains.read"), "BatchGetDomains", request)).domains
    assert [one.host for one in domain.nameservers] == list(OURS)


@pytest.mark.parametrize(
    ("hosts", "problems"),
    [
        ([GOOD[0], "ns1"], [("NAMESERVER_INVALID", "nameservers[1]", 0)]),
        (["a b.c.hu", "ns1..minta.hu", "-a.b.hu"], [("NAMESERVER_INVALID", f"nameservers[{n}]", 0) for n in range(3)]),
        ([*GOOD, "192.0.2.1", ""], [("NAMESERVER_INVALID", f"nameservers[{n}]", 0) for n in (2, 3)]),
        ([*GOOD, "NS1.minta.example."], [("NAMESERVER_REPEATED", "nameservers[2]", 0)]),
        (
            ["x" * 1000, GOOD[0], GOOD[0]],
            [("NAMESERVER_INVALID", "nameservers[0]", 0), ("NAMESERVER_REPEATED", "nameservers[2]", 0)],
        ),
    ],
)
async def test_where_one_is_no_nameserver_nothing_is_ordered_and_all_that_is_wrong_is_named(
    registrar: Registrar, hosts: list[str], problems: list[tuple[str, str, int]]
) -> None:
    account = uuid4()
    answer = await order(registrar, [fresh(), "nincs-pont"], hosts, account=account)
    assert refusals(answer) == [*problems, ("DOMAIN_INVALID", "names", 1)]
    assert not answer.HasField("order")
    assert await registrar.service.told(events_pb2.OrderRequested, account) == []
    assert await registrar.service.db.fetchval("SELECT count(*) FROM domains WHERE account_id = $1", account) == 0


async def test_each_name_is_held_to_the_rule_of_its_tld_and_the_others_go_on(registrar: Registrar, rules: None) -> None:
    names = [fresh("com"), fresh("org"), fresh("info")]
    two = await order(registrar, names, GOOD)
    assert refusals(two) == [("NAMESERVERS_TOO_FEW", "names", 2)]
    assert dict(two.refusals[0].metadata) == {"tld": "info", "min": "3"}
    assert sorted(item.name for item in two.order.items) == sorted(names[:2])
    names = [fresh("com"), fresh("org"), fresh("info")]
    three = await order(registrar, names, [*GOOD, "ns3.minta.example"])
    assert refusals(three) == [("NAMESERVERS_TOO_MANY", "names", 1)]
    assert dict(three.refusals[0].metadata) == {"tld": "org", "max": "2"}
    assert sorted(item.name for item in three.order.items) == sorted([names[0], names[2]])
    names = [fresh("com"), fresh("org")]
    many = await order(registrar, names, [f"ns{n}.minta.example" for n in range(14)])
    assert [(one.index, one.metadata["max"]) for one in many.refusals] == [(0, "13"), (1, "2")]
    assert not many.HasField("order")


async def test_a_host_inside_a_name_is_refused_for_that_name_only(registrar: Registrar) -> None:
    inside, other = fresh(), fresh()
    answer = await order(registrar, [inside, other], [GOOD[0], f"ns1.{inside}"])
    assert refusals(answer) == [("GLUE_REQUIRED", "names", 0)]
    assert answer.refusals[0].metadata["name"] == f"ns1.{inside}"
    assert [item.name for item in answer.order.items] == [other]
    # A name that only ends alike is another's.
    alike = await order(registrar, [fresh()], [GOOD[0], f"ns1.x{fresh()}"])
    assert not alike.refusals


async def test_a_name_inside_which_a_host_is_is_told_of_in_its_unicode_spelling_too(registrar: Registrar) -> None:
    name = f"ősz-{uuid4().hex[:8]}.hu"
    answer = await order(registrar, [name], [GOOD[0], f"ns1.{name}"])
    assert refusals(answer) == [("GLUE_REQUIRED", "names", 0)]


async def test_the_same_request_again_is_answered_the_same_though_the_rules_have_changed(
    registrar: Registrar, rules: None
) -> None:
    account, key, names = uuid4(), uuid4().hex, [fresh("com"), fresh("info")]
    first = await order(registrar, names, GOOD, account=account, key=key)
    await registrar.service.db.execute("UPDATE tlds SET min_nameservers = 1 WHERE tld = 'info'")
    assert await order(registrar, names, GOOD, account=account, key=key) == first
