"""Between the protos and the use cases of second factors."""

from uuid import UUID

from portico.identity.v1 import factors_pb2 as pb
from portico.identity.v1.factors_pb2_grpc import FactorsServiceServicer
from services.chassis.db import Row
from services.chassis.errors import Invalid
from services.chassis.grpc import Call, public, requires
from services.chassis.times import to_pb
from services.identity import confirmations, factors, pending_sign_ins, recovery_codes, security_keys, totp
from services.identity.app import App
from services.identity.factors import Added
from services.identity.proofs import FIELDS, Proof
from services.identity.sessions import NewSession


class FactorsRpc(FactorsServiceServicer):
    def __init__(self, app: App) -> None:
        self._app = app

    @public
    async def GetPendingSignIn(self, request: pb.GetPendingSignInRequest, call: Call) -> pb.PendingSignIn:
        pending, kinds = await pending_sign_ins.get(self._app, request.secret, call.now)
        return pb.PendingSignIn(
            code=totp.KIND in kinds,
            security_key=security_keys.KIND in kinds,
            recovery_code=recovery_codes.KIND in kinds,
            expires_at=to_pb(pending["expires_at"]),
        )

    @public
    async def BeginSignInAssertion(self, request: pb.BeginSignInAssertionRequest, call: Call) -> pb.AssertionOptions:
        options = await pending_sign_ins.begin_assertion(self._app, request.secret, request.ip, call.now)
        return self._options(options)

    @public
    async def CompleteSignIn(self, request: pb.CompleteSignInRequest, call: Call) -> pb.CompleteSignInResponse:
        made = await pending_sign_ins.complete(
            self._app, request.secret, _proof(request), ip=request.ip, user_agent=request.user_agent, now=call.now
        )
        return _opened(made)

    @public
    async def CancelSignIn(self, request: pb.CancelSignInRequest, call: Call) -> pb.CancelSignInResponse:
        await pending_sign_ins.cancel(self._app, request.secret)
        return pb.CancelSignInResponse()

    @public
    async def BeginPasskeySignIn(self, request: pb.BeginPasskeySignInRequest, call: Call) -> pb.AssertionOptions:
        return self._options(await pending_sign_ins.begin_passkey(self._app, request.ip, call.now))

    @public
    async def CompletePasskeySignIn(
        self, request: pb.CompletePasskeySignInRequest, call: Call
    ) -> pb.CompleteSignInResponse:
        made = await pending_sign_ins.complete_passkey(
            self._app, request.assertion, ip=request.ip, user_agent=request.user_agent, now=call.now
        )
        return _opened(made)

    @requires(None)
    async def ListFactors(self, request: pb.ListFactorsRequest, call: Call) -> pb.ListFactorsResponse:
        found, left = await factors.of_actor(self._app.db, call.actor)
        return pb.ListFactorsResponse(factors=map(_factor, found), recovery_codes_left=left)

    @requires(None, step_up=True)
    async def BeginTotp(self, request: pb.BeginTotpRequest, call: Call) -> pb.BeginTotpResponse:
        begun = await totp.begin(self._app.db, self._app.sealer, call.actor, call.now)
        return pb.BeginTotpResponse(
            id=str(begun.id),
            secret=begun.secret,
            uri=begun.uri,
            qr_svg=begun.qr_svg,
            expires_at=to_pb(begun.expires_at),
        )

    @requires(None, step_up=True)
    async def ConfirmTotp(self, request: pb.ConfirmTotpRequest, call: Call) -> pb.ConfirmFactorResponse:
        app = self._app
        return _added(
            await totp.confirm(
                app.db, app.sealer, app.post, call.actor, UUID(request.id), request.code, request.name, call.now
            )
        )

    @requires(None, step_up=True)
    async def BeginSecurityKey(self, request: pb.BeginSecurityKeyRequest, call: Call) -> pb.BeginSecurityKeyResponse:
        party = self._app.relying_party
        begun = await security_keys.begin(self._app.db, party, call.actor, call.now)
        return pb.BeginSecurityKeyResponse(
            id=str(begun.id), options_json=begun.options, origins=party.origins, expires_at=to_pb(begun.expires_at)
        )

    @requires(None, step_up=True)
    async def ConfirmSecurityKey(self, request: pb.ConfirmSecurityKeyRequest, call: Call) -> pb.ConfirmFactorResponse:
        app, id_ = self._app, UUID(request.id)
        return _added(
            await security_keys.confirm(
                app.db, app.relying_party, app.post, call.actor, id_, request.credential, request.name, call.now
            )
        )

    @requires(None, step_up=True)
    async def RemoveFactor(self, request: pb.RemoveFactorRequest, call: Call) -> pb.RemoveFactorResponse:
        app, id_ = self._app, UUID(request.id)
        await factors.remove(app.db, app.hasher, app.post, call.actor, id_, request.current_password, call.now)
        return pb.RemoveFactorResponse()

    @requires(None, step_up=True)
    async def RegenerateRecoveryCodes(
        self, request: pb.RegenerateRecoveryCodesRequest, call: Call
    ) -> pb.RegenerateRecoveryCodesResponse:
        codes = await recovery_codes.regenerate(self._app.db, self._app.post, call.actor, call.now)
        return pb.RegenerateRecoveryCodesResponse(codes=codes)

    @requires(None)
    async def BeginSecurityKeyAssertion(
        self, request: pb.BeginSecurityKeyAssertionRequest, call: Call
    ) -> pb.AssertionOptions:
        return self._options(await confirmations.begin_assertion(self._app, call.actor, call.now))

    @requires(None)
    async def ConfirmIdentity(self, request: pb.ConfirmIdentityRequest, call: Call) -> pb.ConfirmIdentityResponse:
        if request.WhichOneof("proof") == "password":
            until = await confirmations.with_password(self._app, call.actor, request.password, call.now)
        else:
            until = await confirmations.with_proof(self._app, call.actor, _proof(request), call.now)
        return pb.ConfirmIdentityResponse(confirmed_until=to_pb(until))

    def _options(self, options: str) -> pb.AssertionOptions:
        return pb.AssertionOptions(options_json=options, origins=self._app.relying_party.origins)


_KINDS = {totp.KIND: pb.FACTOR_KIND_TOTP, security_keys.KIND: pb.FACTOR_KIND_SECURITY_KEY}
_PROOFS = {field: kind for kind, field in FIELDS.items()}


def _proof(request: pb.CompleteSignInRequest | pb.ConfirmIdentityRequest) -> Proof:
    field = request.WhichOneof("proof")
    if field is None:
        raise Invalid("exactly one proof is needed", field="code")
    return Proof(_PROOFS[field], getattr(request, field))


def _opened(made: NewSession) -> pb.CompleteSignInResponse:
    return pb.CompleteSignInResponse(secret=made.secret, expires_at=to_pb(made.expires_at))


def _added(added: Added) -> pb.ConfirmFactorResponse:
    return pb.ConfirmFactorResponse(factor=_factor(added.factor), recovery_codes=added.recovery_codes)


def _factor(row: Row) -> pb.Factor:
    return pb.Factor(
        id=str(row["id"]),
        kind=_KINDS[row["kind"]],
        name=row["name"],
        created_at=to_pb(row["created_at"]),
        last_used_at=to_pb(row["last_used_at"]),
    )
