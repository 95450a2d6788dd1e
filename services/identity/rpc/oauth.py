"""OAuth and OpenID Connect, between the protos and the use cases."""

from datetime import datetime
from uuid import UUID

from portico.identity.v1 import oauth_pb2 as pb
from portico.identity.v1.oauth_pb2_grpc import OAuthServiceServicer
from services.chassis import pages
from services.chassis.db import Row
from services.chassis.grpc import Call, public, requires
from services.chassis.times import to_pb
from services.identity import id_tokens, oauth_clients, oauth_codes, oauth_tokens, redirect_uris, signing_keys
from services.identity.app import App
from services.identity.oauth_clients import Credentials

_STEPS = {
    "sign_in": pb.ContinueAuthorizationResponse.STEP_SIGN_IN,
    "consent": pb.ContinueAuthorizationResponse.STEP_CONSENT,
    "done": pb.ContinueAuthorizationResponse.STEP_DONE,
}
_ANSWERS = {
    pb.ContinueAuthorizationRequest.ANSWER_ALLOW: "allow",
    pb.ContinueAuthorizationRequest.ANSWER_DENY: "deny",
}


class OAuthRpc(OAuthServiceServicer):
    def __init__(self, app: App) -> None:
        self._app = app

    @public
    async def FindOAuthClient(self, request: pb.FindOAuthClientRequest, call: Call) -> pb.FindOAuthClientResponse:
        row = await oauth_clients.find(self._app.db, request.client_id)
        return pb.FindOAuthClientResponse(
            client=_client(row),
            secret_matches=oauth_clients.has_secret(row, request.client_secret),
            redirect_uri_matches=redirect_uris.matches(row["redirect_uris"], request.redirect_uri),
        )

    @public
    async def StartAuthorization(
        self, request: pb.StartAuthorizationRequest, call: Call
    ) -> pb.StartAuthorizationResponse:
        made = await oauth_codes.start(
            self._app,
            request.client_id,
            redirect_uri=request.redirect_uri,
            scopes=request.scopes,
            state=request.state,
            nonce=request.nonce,
            code_challenge=request.code_challenge,
            prompt=request.prompt,
            max_age=request.max_age if request.HasField("max_age") else None,
            id_token_hint=request.id_token_hint,
            ip=request.ip,
            now=call.now,
        )
        return pb.StartAuthorizationResponse(request=made)

    @public
    async def ContinueAuthorization(
        self, request: pb.ContinueAuthorizationRequest, call: Call
    ) -> pb.ContinueAuthorizationResponse:
        found = await oauth_codes.proceed(
            self._app.db,
            request.request,
            request.session,
            answer=_ANSWERS.get(request.answer, ""),
            user_id=request.user_id,
            now=call.now,
        )
        answer = pb.ContinueAuthorizationResponse(
            step=_STEPS[found.step],
            client_name=found.request["client_name"],
            redirect_uri=found.request["redirect_uri"],
            state=found.request["state"],
            scopes=found.request["scopes"],
            code=found.code,
            error=found.error,
        )
        if found.user is not None:
            answer.user_id = str(found.user.id)
            answer.user_email = found.user.email
            answer.user_locale = found.user.locale
        return answer

    @public
    async def RedeemCode(self, request: pb.RedeemCodeRequest, call: Call) -> pb.OAuthTokens:
        return _tokens(
            await oauth_codes.redeem(
                self._app,
                _credentials(request.client),
                request.code,
                redirect_uri=request.redirect_uri,
                verifier=request.code_verifier,
                ip=request.ip,
                user_agent=request.user_agent,
                now=call.now,
            )
        )

    @public
    async def RefreshOAuthTokens(self, request: pb.RefreshOAuthTokensRequest, call: Call) -> pb.OAuthTokens:
        return _tokens(
            await oauth_tokens.refresh(
                self._app,
                _credentials(request.client),
                request.refresh_token,
                wanted=request.scopes,
                ip=request.ip,
                now=call.now,
            )
        )

    @public
    async def RevokeOAuthToken(self, request: pb.RevokeOAuthTokenRequest, call: Call) -> pb.RevokeOAuthTokenResponse:
        await oauth_tokens.revoke(
            self._app.db, _credentials(request.client), request.token, ip=request.ip, now=call.now
        )
        return pb.RevokeOAuthTokenResponse()

    @public
    async def IntrospectOAuthToken(
        self, request: pb.IntrospectOAuthTokenRequest, call: Call
    ) -> pb.IntrospectOAuthTokenResponse:
        found = await oauth_tokens.introspect(self._app.db, _credentials(request.client), request.token, call.now)
        if found is None:
            return pb.IntrospectOAuthTokenResponse(active=False)
        return pb.IntrospectOAuthTokenResponse(
            active=True,
            client_id=str(found.row["client_id"]),
            scopes=found.row["scopes"],
            subject=str(found.row["user_id"]),
            issued_at=to_pb(found.row["created_at"]),
            expires_at=to_pb(found.row["expires_at"]),
            access_token=found.access,
        )

    @public
    async def GetUserinfo(self, request: pb.GetUserinfoRequest, call: Call) -> pb.Userinfo:
        user, held = await oauth_tokens.userinfo(self._app.db, request.access_token, call.now)
        told = id_tokens.claims(user, held)
        return pb.Userinfo(
            subject=str(told["sub"]),
            name=str(told.get("name", "")),
            locale=str(told.get("locale", "")),
            email=str(told.get("email", "")),
            email_verified=bool(told.get("email_verified", False)),
        )

    @public
    async def ListSigningKeys(self, request: pb.ListSigningKeysRequest, call: Call) -> pb.ListSigningKeysResponse:
        jwks = await signing_keys.public(self._app.db, self._app.sealer, call.now)
        return pb.ListSigningKeysResponse(jwks_json=jwks)

    @requires("operator")
    async def RotateSigningKey(self, request: pb.RotateSigningKeyRequest, call: Call) -> pb.RotateSigningKeyResponse:
        key_id = await signing_keys.rotate(
            self._app.db, self._app.sealer, call.actor, request, request.request_id, call.now
        )
        return pb.RotateSigningKeyResponse(key_id=key_id)

    @requires("operator")
    async def RegisterOAuthClient(
        self, request: pb.RegisterOAuthClientRequest, call: Call
    ) -> pb.RegisterOAuthClientResponse:
        row, secret = await oauth_clients.register(
            self._app.db,
            call.actor,
            request,
            request_id=request.request_id,
            name=request.name,
            uris=request.redirect_uris,
            scopes=request.scopes,
            first_party=request.first_party,
            confidential=request.confidential,
            now=call.now,
        )
        return pb.RegisterOAuthClientResponse(client=_client(row), secret=secret)

    @requires("operator")
    async def ListOAuthClients(self, request: pb.ListOAuthClientsRequest, call: Call) -> pb.ListOAuthClientsResponse:
        page = pages.read(request.page)
        kept, info = page.cut(await oauth_clients.page(self._app.db, page), _created)
        return pb.ListOAuthClientsResponse(clients=map(_client, kept), page=info)

    @requires("operator")
    async def DisableOAuthClient(
        self, request: pb.DisableOAuthClientRequest, call: Call
    ) -> pb.DisableOAuthClientResponse:
        await oauth_clients.disable(self._app.db, call.actor, UUID(request.client_id), call.now)
        return pb.DisableOAuthClientResponse()


def _credentials(client: pb.ClientCredentials) -> Credentials:
    return Credentials(client.client_id, client.client_secret)


def _client(row: Row) -> pb.OAuthClient:
    return pb.OAuthClient(
        id=str(row["id"]),
        name=row["name"],
        redirect_uris=row["redirect_uris"],
        scopes=row["scopes"],
        first_party=row["first_party"],
        confidential=row["secret_hash"] is not None,
        created_at=to_pb(row["created_at"]),
        disabled_at=to_pb(row["disabled_at"]),
    )


def _tokens(tokens: oauth_tokens.Tokens) -> pb.OAuthTokens:
    return pb.OAuthTokens(
        access_token=tokens.access_token,
        expires_in_seconds=int(tokens.expires_in.total_seconds()),
        scopes=tokens.scopes,
        refresh_token=tokens.refresh_token,
        id_token=tokens.id_token,
    )


def _created(row: Row) -> tuple[datetime, UUID]:
    return row["created_at"], row["id"]
