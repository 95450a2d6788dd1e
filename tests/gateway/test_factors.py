"""Second factors and step-up through GraphQL."""

import asyncio
from typing import Any

from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import uid

ERRORS = "userErrors { code field message }"
BEGIN = f"mutation {{ beginTotp {{ id secret uri qrSvg {ERRORS} }} }}"
CONFIRM = (
    "mutation ($i: ConfirmTotpInput!) { confirmTotp(input: $i) { factor { id kind name } recoveryCodes "
    + ERRORS
    + " } }"
)
STEP_UP = "mutation ($i: ConfirmIdentityInput!) { confirmIdentity(input: $i) { viewer { currentIp } " + ERRORS + " } }"


async def test_an_app_is_added_listed_and_removed(stand: Stand) -> None:
    stand.world.confirmed = True
    begun = (await stand.data(BEGIN))["beginTotp"]
    assert begun["id"] == gid("Factor", uid(60_001))
    assert (begun["secret"], begun["qrSvg"], begun["userErrors"]) == ("ABC", "<svg></svg>", [])
    given = {"i": {"id": begun["id"], "code": "123456", "name": "telefon"}}
    added = (await stand.data(CONFIRM, variables=given))["confirmTotp"]
    factor = {"id": begun["id"], "kind": "TOTP", "name": "telefon"}
    assert added == {"factor": factor, "recoveryCodes": ["aaaa-bbbb", "cccc-dddd"], "userErrors": []}
    stand.world.clear_counts()
    viewer = (await stand.data("{ viewer { factors { id kind name } recoveryCodesLeft } }"))["viewer"]
    assert viewer == {"factors": [factor], "recoveryCodesLeft": 10}
    assert stand.world.calls["identity.ListFactors"] == 1
    remove = "mutation ($i: RemoveFactorInput!) { removeFactor(input: $i) { viewer { factors { id } } userErrors { code } } }"
    answer = (await stand.data(remove, variables={"i": {"id": begun["id"]}}))["removeFactor"]
    assert answer == {"viewer": {"factors": []}, "userErrors": []}


async def test_a_key_goes_to_the_browser_and_back_as_json(stand: Stand) -> None:
    stand.world.confirmed = True
    begin = "mutation { beginSecurityKey { id options origins userErrors { code } } }"
    begun = (await stand.data(begin))["beginSecurityKey"]
    assert (begun["options"], begun["origins"]) == ({"challenge": "AAAA"}, ["http://localhost:8000"])
    confirm = "mutation ($i: ConfirmSecurityKeyInput!) { confirmSecurityKey(input: $i) { factor { kind } } }"
    given = {"i": {"id": begun["id"], "credential": {"id": "é"}, "name": "kulcs"}}
    added = (await stand.data(confirm, variables=given))["confirmSecurityKey"]
    assert added["factor"] == {"kind": "SECURITY_KEY"}
    assert stand.world.requests[-1].credential == '{"id":"é"}'
    asked = "mutation { beginSecurityKeyAssertion { options origins userErrors { code } } }"
    assert (await stand.data(asked))["beginSecurityKeyAssertion"]["options"] == {"challenge": "AAAA"}
    codes = "mutation { regenerateRecoveryCodes { codes userErrors { code } } }"
    assert (await stand.data(codes))["regenerateRecoveryCodes"]["codes"] == ["aaaa-bbbb", "cccc-dddd"]


async def test_what_is_sensitive_asks_to_confirm_first_and_counts_from_the_next_request(stand: Stand) -> None:
    for locale, word in (("hu", "erősítse meg"), ("en", "Confirm who you are")):
        stand.world.users["owner-token"].locale = locale
        stand.gateway.sessions._kept.clear()
        [error] = (await stand.data(BEGIN))["beginTotp"]["userErrors"]
        assert error["code"] == "STEP_UP_REQUIRED"
        assert word in error["message"]
    asked = stand.world.calls["identity.Authenticate"]
    answer = (await stand.data(STEP_UP, variables={"i": {"code": "123456"}}))["confirmIdentity"]
    assert answer["userErrors"] == []
    await stand.data("{ viewer { currentIp } }")
    # Whatever was kept of the session is forgotten, however fresh.
    assert stand.world.calls["identity.Authenticate"] == asked + 1


async def test_an_answer_of_before_that_is_still_on_its_way_is_not_kept(stand: Stand) -> None:
    await stand.data("{ viewer { currentIp } }")
    stand.gateway.sessions._kept.clear()
    stand.world.slow["identity.Authenticate"] = 0.4
    before = asyncio.create_task(stand.data("{ viewer { currentIp } }"))
    while not stand.gateway.sessions._asked:
        await asyncio.sleep(0.01)
    [key] = stand.gateway.sessions._asked
    stand.gateway.sessions._forget(key)
    await before
    assert not stand.gateway.sessions._kept


async def test_exactly_one_proof_is_given(stand: Stand) -> None:
    wrong: list[dict[str, Any]] = [{}, {"code": "1", "password": "x"}, {"recoveryCode": "a", "assertion": {}}]
    for given in wrong:
        [error] = (await stand.data(STEP_UP, variables={"i": given}))["confirmIdentity"]["userErrors"]
        assert (error["code"], error["field"]) == ("INVALID", ["input"])
    assert not stand.world.calls["identity.ConfirmIdentity"]


async def test_a_refused_proof_names_its_field(stand: Stand) -> None:
    [error] = (await stand.data(STEP_UP, variables={"i": {"code": "1"}}))["confirmIdentity"]["userErrors"]
    assert (error["code"], error["field"]) == ("CODE_WRONG", ["input", "code"])
    [error] = (await stand.data(CONFIRM, variables={"i": {"id": gid("Domain", uid(1)), "code": "1", "name": "x"}}))[
        "confirmTotp"
    ]["userErrors"]
    assert (error["code"], error["field"]) == ("INVALID", ["input", "id"])
