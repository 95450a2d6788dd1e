"""An app and its user, as the tests of OAuth arrange them over gRPC."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from portico.identity.v1 import oauth_pb2 as pb
from services.chassis.actor import Actor, Grant
from tests.serving import Refused, Serving

CALLBACK = "http://127.0.0.1/callback"
VERIFIER = "v" * 43
#: Makes a session one in which an operator looks at the portal.
LOOKING = """operator = 'root', grants = '[]', confirmed_at = NULL, expires_at = created_at + interval '30 minutes',
             contact_id = (SELECT id FROM contacts c WHERE c.user_id = sessions.user_id LIMIT 1)"""
OPERATOR = Actor("operator", "root", "root", UUID(int=7), grants=(Grant("operator"),))
ALLOW = pb.ContinueAuthorizationRequest.ANSWER_ALLOW
DENY = pb.ContinueAuthorizationRequest.ANSWER_DENY
SIGN_IN = pb.ContinueAuthorizationResponse.STEP_SIGN_IN
CONSENT = pb.ContinueAuthorizationResponse.STEP_CONSENT
DONE = pb.ContinueAuthorizationResponse.STEP_DONE


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def registration(**given: Any) -> pb.RegisterOAuthClientRequest:
    asked: dict[str, Any] = {
        "request_id": uuid4().hex,
        "name": "Próba",
        "redirect_uris": [CALLBACK],
        "scopes": ["openid", "profile", "email", "offline_access", "domains.read", "dns.write", "all"],
    }
    return pb.RegisterOAuthClientRequest(**(asked | given))


@dataclass
class App:
    """A registered client, on identity's own RPCs."""

    identity: Serving
    id: str
    secret: str = ""
    shown: pb.ClientCredentials = field(init=False)

    def __post_init__(self) -> None:
        self.shown = pb.ClientCredentials(client_id=self.id, client_secret=self.secret)

    @classmethod
    async def register(cls, identity: Serving, **given: Any) -> "App":
        made = await identity.call(OPERATOR, "RegisterOAuthClient", registration(**given))
        return cls(identity, made.client.id, made.secret)

    def asked(self, *scopes: str, **given: Any) -> pb.StartAuthorizationRequest:
        fields: dict[str, Any] = {
            "client_id": self.id,
            "redirect_uri": CALLBACK,
            "scopes": scopes or ("openid", "offline_access"),
            "code_challenge": challenge(),
        }
        return pb.StartAuthorizationRequest(**(fields | given))

    async def start(self, *scopes: str, **given: Any) -> str:
        answer = await self.identity.call(None, "StartAuthorization", self.asked(*scopes, **given))
        return str(answer.request)

    async def go_on(self, request: str, session: str = "", **given: Any) -> pb.ContinueAuthorizationResponse:
        asked = pb.ContinueAuthorizationRequest(request=request, session=session, **given)
        answer = await self.identity.call(None, "ContinueAuthorization", asked)
        assert isinstance(answer, pb.ContinueAuthorizationResponse)
        return answer

    async def code(self, session: str, *scopes: str, **given: Any) -> str:
        """A code that the user of this browser session allows."""
        request = await self.start(*scopes, **given)
        found = await self.go_on(request, session)
        if found.step == CONSENT:
            found = await self.go_on(request, session, answer=ALLOW, user_id=found.user_id)
        assert found.step == DONE
        assert found.code
        return found.code

    def redemption(self, code: str, **given: Any) -> pb.RedeemCodeRequest:
        fields: dict[str, Any] = {
            "client": self.shown,
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "ip": "192.0.2.7",
            "user_agent": "Próba/1",
        }
        return pb.RedeemCodeRequest(**(fields | given))

    async def redeem(self, code: str, **given: Any) -> pb.OAuthTokens:
        answer = await self.identity.call(None, "RedeemCode", self.redemption(code, **given))
        assert isinstance(answer, pb.OAuthTokens)
        return answer

    async def refused(self, code: str, **given: Any) -> Refused:
        return await self.identity.refused(None, "RedeemCode", self.redemption(code, **given))

    async def tokens(self, session: str, *scopes: str, **given: Any) -> pb.OAuthTokens:
        return await self.redeem(await self.code(session, *scopes, **given))

    def renewal(self, refresh_token: str, *scopes: str) -> pb.RefreshOAuthTokensRequest:
        return pb.RefreshOAuthTokensRequest(client=self.shown, refresh_token=refresh_token, scopes=scopes)

    async def refresh(self, refresh_token: str, *scopes: str) -> pb.OAuthTokens:
        answer = await self.identity.call(None, "RefreshOAuthTokens", self.renewal(refresh_token, *scopes))
        assert isinstance(answer, pb.OAuthTokens)
        return answer

    async def not_refreshed(self, refresh_token: str, *scopes: str) -> str:
        return (await self.identity.refused(None, "RefreshOAuthTokens", self.renewal(refresh_token, *scopes))).reason

    async def introspect(self, token: str) -> pb.IntrospectOAuthTokenResponse:
        asked = pb.IntrospectOAuthTokenRequest(client=self.shown, token=token)
        answer = await self.identity.call(None, "IntrospectOAuthToken", asked)
        assert isinstance(answer, pb.IntrospectOAuthTokenResponse)
        return answer
