"""What can be done with a domain, as the gateway tells it."""

from typing import Any

from tests.gateway.conftest import Stand
from tests.gateway.fakes import contact, uid

PERMITS = """{ account { domains(first: 3) { nodes {
  transferLockedUntil renewableUntil
  permits { action allowed confirmedByHolder blockers { code message until resolvedBy } } } } } }"""


def permit(node: dict[str, Any], action: str) -> dict[str, Any]:
    [found] = [one for one in node["permits"] if one["action"] == action]
    return dict(found)


async def test_the_permits_of_a_page_are_one_call_and_say_why_until_when_and_what_clears_it(stand: Stand) -> None:
    stand.world.clear_counts()
    answer = (await stand.post(PERMITS)).json()
    assert "errors" not in answer
    assert stand.world.calls["domains.BatchGetLifecycles"] == 1
    node = answer["data"]["account"]["domains"]["nodes"][0]
    assert permit(node, "renew") == {"action": "renew", "allowed": True, "confirmedByHolder": False, "blockers": []}
    assert permit(node, "setNameservers")["confirmedByHolder"] is True
    assert permit(node, "transferOut")["allowed"] is False
    period, locked = permit(node, "transferOut")["blockers"]
    assert (period["code"], period["until"]) == ("TRANSFER_LOCK_PERIOD", "2026-07-01T00:00:00Z")
    assert (locked["code"], locked["resolvedBy"]) == ("DOMAIN_LOCKED", "setDomainLock")
    assert "d1.hu" in locked["message"]
    assert (node["transferLockedUntil"], node["renewableUntil"]) == ("2026-07-01T00:00:00Z", None)


async def test_a_right_that_is_missing_is_a_blocker_like_the_others(stand: Stand) -> None:
    rights = contact(1, ["domains.read", "domains.order"], resources={"domains.order": [uid(10_002)]})
    stand.world.person("reader-token", rights)
    nodes = (await stand.post(PERMITS, "reader-token")).json()["data"]["account"]["domains"]["nodes"]
    assert [permit(node, "renew")["allowed"] for node in nodes] == [False, True, False]
    assert [one["code"] for one in permit(nodes[0], "renew")["blockers"]] == ["FORBIDDEN"]
    assert "domains.order" in permit(nodes[0], "renew")["blockers"][0]["message"]
