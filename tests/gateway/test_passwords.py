"""Passwords through GraphQL: what the gateway hands on and what it tells."""

from typing import Any

from services.chassis.actor import StepUpRequired
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import uid

CHANGE = """mutation ($i: ChangePasswordInput!) { changePassword(input: $i) {
  endedSessions viewer { user { name } } userErrors { code field message } } }"""
VPN = """mutation ($i: SetVpnPasswordInput!) { setVpnPassword(input: $i) {
  password viewer { vpnAccess { username setAt } } userErrors { code field } } }"""


async def test_changing_the_password_ends_other_sessions_unless_told_otherwise(stand: Stand) -> None:
    given: dict[str, Any] = {"currentPassword": "right", "newPassword": "elem kapocs helyes ló"}
    answer = (await stand.data(CHANGE, variables={"i": given}))["changePassword"]
    assert answer == {"endedSessions": 2, "viewer": {"user": {"name": "owner-token"}}, "userErrors": []}
    answer = (await stand.data(CHANGE, variables={"i": given | {"endOtherSessions": False}}))["changePassword"]
    assert answer["endedSessions"] == 0
    answer = (await stand.data(CHANGE, variables={"i": given | {"currentPassword": "wrong"}}))["changePassword"]
    assert answer["viewer"] is None
    error = {
        "code": "PASSWORD_WRONG",
        "field": ["input", "currentPassword"],
        "message": "The current password is wrong.",
    }
    assert answer["userErrors"] == [error]


async def test_the_vpn_password_is_set_shown_once_and_removed(stand: Stand) -> None:
    access = {"username": "vpn-anna", "setAt": "2026-01-01T00:00:00Z"}
    made = (await stand.data(VPN, variables={"i": {}}))["setVpnPassword"]
    assert made == {"password": "made-up", "viewer": {"vpnAccess": access}, "userErrors": []}
    own = (await stand.data(VPN, variables={"i": {"password": "given"}}))["setVpnPassword"]
    assert own["password"] is None
    assert (await stand.data("{ viewer { vpnAccess { username } } }"))["viewer"]["vpnAccess"] == {
        "username": "vpn-anna"
    }
    both = (await stand.data(VPN, variables={"i": {"password": "given", "remove": True}}))["setVpnPassword"]
    assert both["userErrors"] == [{"code": "INVALID", "field": ["input"]}]
    gone = (await stand.data(VPN, variables={"i": {"remove": True}}))["setVpnPassword"]
    assert (gone["viewer"], gone["userErrors"]) == ({"vpnAccess": None}, [])


CODE = "mutation ($i: RequestAuthCodeInput!) { requestAuthCode(input: $i) { code userErrors { code message } } }"


async def test_what_needs_a_confirmation_says_how_to_give_it(stand: Stand) -> None:
    stand.world.broken["domains.RequestAuthCode"] = StepUpRequired()
    stand.world.broken["passwords.SetVpnPassword"] = StepUpRequired()
    given = {"domainId": gid("Domain", uid(10_001))}
    for locale, word in (("hu", "erősítse meg"), ("en", "Confirm who you are")):
        stand.world.users["owner-token"].locale = locale
        stand.gateway.sessions._kept.clear()
        [error] = (await stand.data(CODE, variables={"i": given}))["requestAuthCode"]["userErrors"]
        assert error["code"] == "STEP_UP_REQUIRED"
        for part in (word, "/confirm", "confirmIdentity"):
            assert part in error["message"]
    [refused] = (await stand.data(VPN, variables={"i": {}}))["setVpnPassword"]["userErrors"]
    assert refused["code"] == "STEP_UP_REQUIRED"
