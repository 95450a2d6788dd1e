"""Actor tokens, the names of events, settings."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from deploy.parts.secrets import actor_keys
from portico.common.v1 import common_pb2
from portico.tickets.v1 import events_pb2
from services.chassis.actor import Actor, ActorVerifier, Grant, TokenInvalid, sign, system
from services.chassis.config import ConfigError, Env
from services.chassis.errors import PermissionDenied
from services.chassis.events import routing_key

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TTL = timedelta(minutes=5)
KEY = OKPKey.generate_key("Ed25519", auto_kid=True)
JWKS = json.dumps({"keys": [KEY.as_dict(private=False)]})
ACCOUNT = UUID("0199f3a4-5b6c-7d8e-9f01-23456789abcd")

actors = st.builds(
    Actor,
    kind=st.sampled_from(["user", "token", "operator", "system"]),
    id=st.text(max_size=20),
    label=st.text(max_size=20),
    account_id=st.uuids(),
    user_id=st.none() | st.uuids(),
    contact_id=st.none() | st.uuids(),
    locale=st.sampled_from(["hu", "en"]),
    ip=st.ip_addresses().map(str),
    grants=st.lists(
        st.builds(
            Grant,
            permission=st.sampled_from(["dns.read", "dns.write"]),
            resources=st.none() | st.frozensets(st.uuids(), max_size=3),
            expires_at=st.none() | st.integers(0, 2**31).map(lambda second: datetime.fromtimestamp(second, UTC)),
        ),
        max_size=4,
    ).map(tuple),
)


@given(actor=actors)
def test_signed_actor_comes_back_whole(actor: Actor) -> None:
    assert ActorVerifier(JWKS).verify(sign(actor, KEY, NOW, TTL), NOW) == actor


@given(token=st.text(max_size=60) | st.tuples(*[st.text("abcABC_-0", max_size=9)] * 3).map(".".join))
def test_any_other_text_is_refused(token: str) -> None:
    with pytest.raises(TokenInvalid):
        ActorVerifier(JWKS).verify(token, NOW)


def test_token_verified_before_still_expires() -> None:
    verifier, actor = ActorVerifier(JWKS), system("billing", ACCOUNT)
    token = sign(actor, KEY, NOW, TTL)
    assert verifier.verify(token, NOW) == actor
    assert verifier.verify(token, NOW + TTL - timedelta(seconds=1)) == actor
    for _ in range(2):
        with pytest.raises(TokenInvalid, match="expired"):
            verifier.verify(token, NOW + TTL)


def test_keys_that_the_stack_makes_verify_what_they_sign(tmp_path: Path) -> None:
    private, public = actor_keys(tmp_path)
    token = sign(system("identity", ACCOUNT), OKPKey.import_key(private.read_text()), NOW, TTL)
    assert ActorVerifier(public.read_text()).verify(token, NOW).id == "identity"


def test_grant_counts_until_it_expires() -> None:
    actor = Actor("user", "u", "u", ACCOUNT, grants=(Grant("dns.read", None, NOW),))
    assert actor.scope("dns.read", NOW - timedelta(microseconds=1)).resources is None
    with pytest.raises(PermissionDenied):
        actor.scope("dns.read", NOW)


def test_grant_on_no_resource_reaches_nothing() -> None:
    actor = Actor("user", "u", "u", ACCOUNT, grants=(Grant("dns.read", frozenset()),))
    assert actor.scope("dns.read", NOW).resources == []


def test_event_is_called_after_its_producer_and_its_class() -> None:
    assert routing_key(events_pb2.TicketOpened) == "tickets.ticket_opened"
    assert routing_key(common_pb2.AuditRecorded) == "common.audit_recorded"


def test_missing_or_malformed_setting_is_named() -> None:
    env = Env({"PORT": "x", "FLAG": "maybe", "EMPTY": "", "ON": "yes"})
    for read in (
        lambda: env.text("EMPTY"),
        lambda: env.integer("PORT"),
        lambda: env.flag("FLAG"),
        lambda: env.path("P"),
    ):
        with pytest.raises(ConfigError, match=r"EMPTY|PORT|FLAG|P "):
            read()
    assert (env.text("EMPTY", "d"), env.integer("N", 3), env.flag("ON"), env.flag("OFF")) == ("d", 3, True, False)
