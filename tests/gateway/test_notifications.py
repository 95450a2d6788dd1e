"""Preferences, e-mails and the event log through GraphQL, and the page that e-mails link to."""

import re
from typing import Any

import pytest

from portico.identity.v1 import identity_pb2
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import uid
from tests.gateway.test_pages import sign_in

SET = """mutation ($i: SetNotificationPreferenceInput!) { setNotificationPreference(input: $i) {
  preference { category enabled } userErrors { code field message } } }"""


def email(**values: Any) -> identity_pb2.Email:
    given = {"id": uid(60_001), "recipient": "anna@x.example", "subject": "S", "body": "B", "category": "billing"}
    made = identity_pb2.Email(**(given | {"state": identity_pb2.EMAIL_STATE_SENT} | values))
    made.created_at.FromJsonString("2026-01-01T00:00:00Z")
    return made


async def test_what_is_essential_is_switched_off_only_with_the_acknowledgement_of_its_warning(stand: Stand) -> None:
    account = await stand.data(
        "{ account { notifications { category enabled essential optional warning acknowledgement } } }"
    )
    billing, support, security = account["account"]["notifications"]
    assert (billing["category"], billing["essential"], billing["warning"]) == ("BILLING", True, "!en!")
    assert (support["essential"], support["warning"], security["optional"]) == (False, None, False)
    off = {"category": "BILLING", "enabled": False, "accountId": gid("Account", uid(1))}
    [error] = (await stand.data(SET, variables={"i": off}))["setNotificationPreference"]["userErrors"]
    assert (error["code"], error["field"]) == ("ACKNOWLEDGEMENT_REQUIRED", ["input", "acknowledgement"])
    assert "!en!" in error["message"]
    off["acknowledgement"] = billing["acknowledgement"]
    answer = (await stand.data(SET, variables={"i": off}))["setNotificationPreference"]
    assert answer == {"preference": {"category": "BILLING", "enabled": False}, "userErrors": []}
    foreign = off | {"accountId": gid("Account", uid(2))}
    [error] = (await stand.data(SET, variables={"i": foreign}))["setNotificationPreference"]["userErrors"]
    assert error["code"] == "NOT_FOUND"


EMAILS = """query ($f: EmailFilter) { account { emails(filter: $f, first: 5) {
  nodes { subject category state error } pageInfo { endCursor } } } }"""


@pytest.mark.parametrize(
    ("state", "failure", "said"),
    [
        (identity_pb2.EMAIL_STATE_SENT, "", None),
        (identity_pb2.EMAIL_STATE_BOUNCED, "ADDRESS_UNKNOWN", "There is no such mailbox"),
        (identity_pb2.EMAIL_STATE_FAILED, "MAILBOX_FULL", "mailbox is full. (552 no)"),
        (identity_pb2.EMAIL_STATE_QUEUED, "SERVER_AWAY", "will be tried again"),
        (identity_pb2.EMAIL_STATE_FAILED, "SOMETHING_NEW", "552 no"),
    ],
)
async def test_an_email_says_in_plain_words_why_it_did_not_arrive(
    stand: Stand, state: Any, failure: str, said: str | None
) -> None:
    stand.world.emails = [email(state=state, failure=failure, failure_detail="552 no" if failure else "")]
    wanted = {"categories": ["BILLING"], "states": ["SENT", "BOUNCED"], "search": "x"}
    [node] = (await stand.data(EMAILS, variables={"f": wanted}))["account"]["emails"]["nodes"]
    assert (node["category"], node["error"] is None) == ("BILLING", said is None)
    assert said is None or said in node["error"]
    request = stand.world.requests[-1]
    assert (request.categories, request.search) == (["billing"], "x")
    assert list(request.states) == [identity_pb2.EMAIL_STATE_SENT, identity_pb2.EMAIL_STATE_BOUNCED]


async def test_mail_about_the_user_needs_no_grant_and_the_accounts_mail_does(stand: Stand) -> None:
    stand.world.emails = [email(category="security")]
    own = await stand.data("{ viewer { emails { nodes { category } } user { emailBouncing } } }", "accountant-token")
    assert own["viewer"] == {"emails": {"nodes": [{"category": "SECURITY"}]}, "user": {"emailBouncing": False}}
    answer = (await stand.post(EMAILS, "accountant-token")).json()
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "permission": "emails.read"}


EVENTS = "query ($f: EventFilter) { account { eventLog(filter: $f) { nodes { action text } } } }"


async def test_an_event_reads_as_a_sentence_in_the_readers_language(stand: Stand) -> None:
    [event] = (await stand.data(EVENTS))["account"]["eventLog"]["nodes"]
    assert event["text"] == "anna ordered the domain d1.hu"
    stand.world.users["owner-token"].locale = "hu"
    stand.gateway.sessions._kept.clear()
    [event] = (await stand.data(EVENTS))["account"]["eventLog"]["nodes"]
    assert event["text"] == "anna domaint rendelt: d1.hu"


async def test_the_logs_filter_reaches_the_service_whole(stand: Stand) -> None:
    given = {
        "action": "domain.",
        "actorKinds": ["USER", "OPERATOR"],
        "contact": gid("Contact", uid(901)),
        "subject": gid("Domain", uid(10_001)),
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-02-01T00:00:00Z",
        "search": "anna",
    }
    await stand.data(EVENTS, variables={"f": given})
    request = stand.world.requests[-1]
    assert (request.action, list(request.actor_kinds)) == ("domain.", ["user", "operator"])
    assert (request.contact_id, request.subject_type, request.subject_id) == (uid(901), "Domain", uid(10_001))
    assert (request.since.ToJsonString(), request.until.ToJsonString()) == (given["since"], given["until"])


@pytest.mark.parametrize(
    ("filter_", "named"),
    [
        ({"contact": gid("Domain", uid(1))}, "filter.contact"),
        ({"subject": "nonsense"}, "filter.subject"),
        ({"subject": gid("Domain", uid(1)), "subjectType": "Zone"}, "filter.subject"),
        ({"since": "2026-99-01T00:00:00Z"}, "filter.since"),
    ],
)
async def test_a_filter_of_nonsense_is_refused_by_name(stand: Stand, filter_: dict[str, Any], named: str) -> None:
    answer = (await stand.post(EVENTS, variables={"f": filter_})).json()
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert named in error["message"]
    assert not stand.world.calls["identity.ListEvents"]


async def test_the_page_switches_a_category_off_with_its_acknowledgement_and_on_again(stand: Stand) -> None:
    cookie = {"Cookie": await sign_in(stand)}
    shown = await stand.http.get("/notifications", headers=cookie)
    assert shown.status_code == 200
    assert "Account 1" in shown.text
    assert "always on" in shown.text
    assert "!en!" in shown.text
    form = {"account": uid(1), "category": "billing", "enabled": "0"}
    refused = await stand.http.post("/notifications", data=form, headers=cookie)
    assert refused.status_code == 400
    assert "Acknowledge this first: !en!" in refused.text
    [acknowledgement] = re.findall(r'name="acknowledgement" value="([^"]+)"', shown.text)
    saved = await stand.http.post("/notifications", data=form | {"acknowledgement": acknowledgement}, headers=cookie)
    assert (saved.status_code, saved.headers["location"]) == (303, "/notifications?saved")
    assert (uid(1), "billing") in stand.world.switched_off
    shown = await stand.http.get("/notifications?saved", headers=cookie)
    assert "The setting is saved." in shown.text
    assert "Switch on" in shown.text
    await stand.http.post("/notifications", data=form | {"enabled": "1"}, headers=cookie)
    assert not stand.world.switched_off


async def test_an_operators_session_switches_nothing_on_the_page(stand: Stand) -> None:
    cookie = {"Cookie": await sign_in(stand)}
    stand.world.operators["owner-token"] = "Kovács Anna"
    form = {"account": uid(1), "category": "support", "enabled": "0"}
    refused = await stand.http.post("/notifications", data=form, headers=cookie)
    assert refused.status_code == 403
    assert "changes nothing" in refused.text
    assert not stand.world.calls["identity.SetNotificationPreference"]


async def test_the_page_is_for_who_is_signed_in_for_its_own_accounts_and_from_this_site(stand: Stand) -> None:
    answer = await stand.http.get("/notifications")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/notifications")
    cookie = {"Cookie": await sign_in(stand)}
    form = {"account": uid(1), "category": "support", "enabled": "0"}
    for headers, given, status in (
        (cookie | {"Origin": "https://evil.example"}, form, 403),
        (cookie, form | {"account": uid(2)}, 404),
        ({}, form, 303),
    ):
        assert (await stand.http.post("/notifications", data=given, headers=headers)).status_code == status
    assert not stand.world.switched_off
    hungarian = stand.world.users["owner-token"]
    hungarian.locale = "hu"
    stand.gateway.sessions._kept.clear()
    assert "E-mail-értesítések" in (await stand.http.get("/notifications", headers=cookie)).text
