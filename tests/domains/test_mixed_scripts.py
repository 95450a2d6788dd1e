"""Names that mix scripts: nobody orders one any more, and who holds one from before finds it everywhere."""

from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf.message import Message

from portico.domains.v1 import domains_pb2 as pb
from portico.domains.v1 import operator_pb2, orders_pb2
from services.domains.transfer_lists import read
from tests.domains.conftest import Registrar
from tests.serving import person

OPERATOR = person(UUID(int=0), "operator")


def mixed() -> str:
    """A name with a Cyrillic letter among Latin ones."""
    return f"аpple-{uuid4().hex[:10]}.com"


async def hold(registrar: Registrar, name: str, account: UUID) -> str:
    written = name.encode("idna").decode()
    registrar.registry.seed(written)
    domain_id = await registrar.service.db.fetchval(
        """INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, registered_at, expires_at,
                                auto_renew, nameservers, created_at)
           VALUES ($1, $2, $3, 'com', 'ACTIVE', now(), now(), now() + interval '200 days', false, '{}', now()) RETURNING id""",
        account,
        written,
        name,
    )
    return str(domain_id)


async def test_a_held_name_is_found_whatever_scripts_it_mixes(registrar: Registrar) -> None:
    name, account = mixed(), uuid4()
    id_ = await hold(registrar, name, account)
    who = person(account, "domains.read")
    for text in (name, name.upper(), name.encode("idna").decode()):
        found = await registrar.service.call(who, "GetDomainByName", pb.GetDomainByNameRequest(name=text))
        assert (found.id, found.unicode_name) == (id_, name)
    # A stranger is told that there is none, as of any other name.
    refused = await registrar.service.refused(
        person(uuid4(), "domains.read"), "GetDomainByName", pb.GetDomainByNameRequest(name=name)
    )
    assert refused.reason == "DOMAIN_NOT_FOUND"


async def test_the_operator_finds_it_too(registrar: Registrar) -> None:
    name = mixed()
    id_ = await hold(registrar, name, uuid4())
    shown = await registrar.service.call(OPERATOR, "ShowDomain", operator_pb2.ShowDomainRequest(name=name))
    assert [history.domain.id for history in shown.histories] == [id_]
    synced = await registrar.service.call(OPERATOR, "SyncDomain", operator_pb2.SyncDomainRequest(name=name))
    assert synced.state == pb.DOMAIN_STATE_ACTIVE
    # It was never ordered here, which is told of it as of any other.
    refused = await registrar.service.refused(OPERATOR, "RetryOrderItem", operator_pb2.RetryOrderItemRequest(name=name))
    assert refused.reason == "ORDER_ITEM_NOT_OPEN"


@pytest.mark.parametrize("name", ["", "nincs-pont", "a b.hu", "a.b.hu", "-x.hu", "xn--\u00e1.hu"])
@pytest.mark.parametrize(
    ("who", "method", "request_type"),
    [
        (person(uuid4(), "domains.read"), "GetDomainByName", pb.GetDomainByNameRequest),
        (OPERATOR, "ShowDomain", operator_pb2.ShowDomainRequest),
        (OPERATOR, "SyncDomain", operator_pb2.SyncDomainRequest),
    ],
    ids=["by name", "history", "sync"],
)
async def test_what_is_no_name_is_still_said_to_be_none(
    registrar: Registrar, name: str, who: object, method: str, request_type: type[Message]
) -> None:
    refused = await registrar.service.refused(who, method, request_type(name=name))  # type: ignore[arg-type]
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason in {"DOMAIN_INVALID", "INVALID"}


async def test_nobody_orders_or_moves_in_a_name_that_mixes_scripts(registrar: Registrar) -> None:
    who, name = person(uuid4(), "domains.order"), mixed()
    registrar.registry.seed(name.encode("idna").decode(), registrar="other", auth="Kod-1234-abcd")
    checked = await registrar.service.call(who, "CheckAvailability", pb.CheckAvailabilityRequest(names=[name]))
    assert checked.items[0].reason == "DOMAIN_MIXED_SCRIPT"
    order = pb.RegisterDomainsRequest(request_id=uuid4().hex, names=[name])
    [refusal] = (await registrar.service.call(who, "RegisterDomains", order)).refusals
    assert refusal.reason == "DOMAIN_MIXED_SCRIPT"
    item = orders_pb2.TransferItem(name=name, auth_code="Kod-1234-abcd")
    moving = orders_pb2.TransferDomainsRequest(request_id=uuid4().hex, items=[item])
    answer = await registrar.service.call(who, "TransferDomains", moving)
    [check] = answer.checks
    assert (check.ok, check.reason, check.field) == (False, "DOMAIN_MIXED_SCRIPT", "name")
    assert check.metadata["characters"] == "а (U+0430), p (U+0070)"
    assert not answer.HasField("order")


def test_a_list_knows_such_a_name_from_its_code_on_either_side() -> None:
    [line] = read("Kod-1234-abcd;аpple.com")
    assert (line.name, line.code) == ("аpple.com", "Kod-1234-abcd")
