"""What tests of second factors do again and again, through the RPCs."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest

from portico.identity.v1 import factors_pb2 as pb
from services.chassis.actor import Actor
from services.chassis.throttle import Allowance
from services.identity import throttle
from tests.identity.authenticator import Authenticator
from tests.identity.conftest import Member, Town
from tests.identity.test_own_credentials import session_of
from tests.identity.test_sign_in import sign_in
from tests.serving import Serving, confirmed


@dataclass
class App:
    """An authenticator app: the secret, and a clock that tests may move."""

    totp: pyotp.TOTP
    id: str

    def code(self, steps: int = 1) -> str:
        """The code of so many steps later than now: of the next one, because confirming used up that of this one."""
        return self.totp.at(datetime.now(UTC) + timedelta(seconds=30 * steps))


async def person(identity: Serving, town: Town) -> tuple[Member, Actor]:
    """Somebody who has just signed in, without a second factor."""
    member = await town.member()
    return member, await session_of(identity, member)


async def add_totp(identity: Serving, who: Actor, name: str = "telefon") -> tuple[App, list[str]]:
    """A new authenticator app and the recovery codes."""
    begun = await identity.call(confirmed(who), "BeginTotp", pb.BeginTotpRequest())
    totp = pyotp.parse_uri(begun.uri)
    assert isinstance(totp, pyotp.TOTP)
    app = App(totp, begun.id)
    request = pb.ConfirmTotpRequest(id=begun.id, code=app.code(0), name=name)
    answer = await identity.call(confirmed(who), "ConfirmTotp", request)
    return app, list(answer.recovery_codes)


async def add_key(identity: Serving, who: Actor, key: Authenticator, name: str = "kulcs") -> pb.ConfirmFactorResponse:
    begun = await identity.call(confirmed(who), "BeginSecurityKey", pb.BeginSecurityKeyRequest())
    request = pb.ConfirmSecurityKeyRequest(id=begun.id, credential=key.register(begun.options_json), name=name)
    answer: pb.ConfirmFactorResponse = await identity.call(confirmed(who), "ConfirmSecurityKey", request)
    return answer


async def pending(identity: Serving, member: Member) -> str:
    """The secret of a sign-in that waits for its second step."""
    answer = await identity.call(None, "CreateSession", sign_in(member))
    assert not answer.secret
    return str(answer.pending_secret)


async def challenge(identity: Serving, secret: str) -> str:
    """What a key is to sign for a pending sign-in."""
    answer = await identity.call(None, "BeginSignInAssertion", pb.BeginSignInAssertionRequest(secret=secret))
    return str(answer.options_json)


def step(secret: str, **proof: Any) -> pb.CompleteSignInRequest:
    return pb.CompleteSignInRequest(secret=secret, ip="", user_agent="pytest", **proof)


async def forget_guesses(identity: Serving) -> None:
    """As if much time had gone by."""
    await identity.db.execute("DELETE FROM guesses")


def allow_many(patch: pytest.MonkeyPatch) -> None:
    """So that it is not the throttle that keeps all but one of many from being believed."""
    many = Allowance(1000, throttle.PER_CODE.every)
    for kind, known in throttle.CODES.items():
        patch.setitem(throttle.CODES, kind, replace(known, per_address=many, per_ip=many))
