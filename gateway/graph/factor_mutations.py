"""Adding and removing second factors, recovery codes, and step-up. All of it is for a person who has signed in."""

import orjson
import strawberry

from gateway.access import PUBLIC, SELF, access, field
from gateway.context import Acting, global_id, read_id
from gateway.graph.common import DateTime, Json, UserError, moment
from gateway.graph.factors import Factor
from gateway.graph.mutations import Wrong, mutation
from gateway.graph.viewer import Viewer, ViewerPayload
from portico.identity.v1 import factors_pb2


@access(PUBLIC)
@strawberry.type
class BeginTotpPayload:
    id: strawberry.ID | None = field(SELF, default=None, description="For confirmTotp; the factor's id afterwards.")
    secret: str | None = field(SELF, default=None, description="Base32, for typing into the authenticator app.")
    uri: str | None = field(SELF, default=None, description="otpauth://totp/…")
    qr_svg: str | None = field(SELF, default=None, description="The URI as a QR code: an <svg> element.")
    expires_at: DateTime | None = field(SELF, default=None)
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@access(PUBLIC)
@strawberry.type
class BeginSecurityKeyPayload:
    id: strawberry.ID | None = field(
        SELF, default=None, description="For confirmSecurityKey; the factor's id afterwards."
    )
    options: Json | None = field(
        SELF, default=None, description="PublicKeyCredentialCreationOptionsJSON, for navigator.credentials.create."
    )
    origins: list[str] | None = field(SELF, default=None, description="Where security keys work.")
    expires_at: DateTime | None = field(SELF, default=None)
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@access(PUBLIC)
@strawberry.type
class BeginSecurityKeyAssertionPayload:
    options: Json | None = field(
        SELF, default=None, description="PublicKeyCredentialRequestOptionsJSON, for navigator.credentials.get."
    )
    origins: list[str] | None = field(SELF, default=None, description="Where security keys work.")
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@access(PUBLIC)
@strawberry.type
class FactorPayload:
    factor: Factor | None = field(SELF, default=None)
    recovery_codes: list[str] | None = field(
        SELF, default=None, description="Made with the first factor; shown in this answer and never again."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@access(PUBLIC)
@strawberry.type
class RecoveryCodesPayload:
    codes: list[str] | None = field(
        SELF, default=None, description="In place of all earlier ones; shown in this answer and never again."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input
class ConfirmTotpInput:
    id: strawberry.ID
    code: str = strawberry.field(description="What the authenticator app shows now.")
    name: str = strawberry.field(description="1 to 100 characters, for you to know it by.")


@strawberry.input
class ConfirmSecurityKeyInput:
    id: strawberry.ID
    credential: Json = strawberry.field(description="RegistrationResponseJSON: the browser's credential, its toJSON().")
    name: str = strawberry.field(description="1 to 100 characters, for you to know it by.")


@strawberry.input
class RemoveFactorInput:
    id: strawberry.ID
    current_password: str | None = strawberry.field(
        default=None, description="Needed for the last factor: the password alone must then be long enough."
    )


@strawberry.input(description="Exactly one. Whoever has a second factor confirms with one, not with the password.")
class ConfirmIdentityInput:
    password: str | None = None
    code: str | None = strawberry.field(default=None, description="What an authenticator app shows now.")
    recovery_code: str | None = None
    assertion: Json | None = strawberry.field(
        default=None, description="AuthenticationResponseJSON: the browser's credential, its toJSON()."
    )


async def begin_totp(acting: Acting) -> BeginTotpPayload:
    """Begins to add an authenticator app; confirmTotp adds it."""
    answer = await acting.write("identity", acting.clients.factors.BeginTotp, factors_pb2.BeginTotpRequest())
    return BeginTotpPayload(
        id=strawberry.ID(global_id("Factor", answer.id)),
        secret=answer.secret,
        uri=answer.uri,
        qr_svg=answer.qr_svg,
        expires_at=moment(answer.expires_at),
    )


async def confirm_totp(acting: Acting, input_: ConfirmTotpInput) -> FactorPayload:
    """Adds the authenticator app, for a code that it shows. The same again changes nothing."""
    id_ = read_id(input_.id, "input.id", "Factor").key
    request = factors_pb2.ConfirmTotpRequest(id=id_, code=input_.code, name=input_.name)
    return _added(await acting.write("identity", acting.clients.factors.ConfirmTotp, request))


async def begin_security_key(acting: Acting) -> BeginSecurityKeyPayload:
    """Begins to add a security key or passkey; confirmSecurityKey adds it."""
    request = factors_pb2.BeginSecurityKeyRequest()
    answer = await acting.write("identity", acting.clients.factors.BeginSecurityKey, request)
    return BeginSecurityKeyPayload(
        id=strawberry.ID(global_id("Factor", answer.id)),
        options=Json(orjson.loads(answer.options_json)),
        origins=list(answer.origins),
        expires_at=moment(answer.expires_at),
    )


async def confirm_security_key(acting: Acting, input_: ConfirmSecurityKeyInput) -> FactorPayload:
    """Adds the security key or passkey. The same again changes nothing."""
    request = factors_pb2.ConfirmSecurityKeyRequest(
        id=read_id(input_.id, "input.id", "Factor").key,
        credential=orjson.dumps(input_.credential).decode(),
        name=input_.name,
    )
    return _added(await acting.write("identity", acting.clients.factors.ConfirmSecurityKey, request))


async def remove_factor(acting: Acting, input_: RemoveFactorInput) -> ViewerPayload:
    """Removes a second factor; with the last one the recovery codes go too."""
    request = factors_pb2.RemoveFactorRequest(
        id=read_id(input_.id, "input.id", "Factor").key, current_password=input_.current_password or ""
    )
    await acting.write("identity", acting.clients.factors.RemoveFactor, request)
    return ViewerPayload(viewer=Viewer.of(acting.request))


async def regenerate_recovery_codes(acting: Acting) -> RecoveryCodesPayload:
    """Makes ten new recovery codes; the old ones are good no more."""
    request = factors_pb2.RegenerateRecoveryCodesRequest()
    answer = await acting.write("identity", acting.clients.factors.RegenerateRecoveryCodes, request)
    return RecoveryCodesPayload(codes=list(answer.codes))


async def begin_security_key_assertion(acting: Acting) -> BeginSecurityKeyAssertionPayload:
    """What a security key of the user is to sign for confirmIdentity."""
    request = factors_pb2.BeginSecurityKeyAssertionRequest()
    answer = await acting.write("identity", acting.clients.factors.BeginSecurityKeyAssertion, request)
    options = Json(orjson.loads(answer.options_json))
    return BeginSecurityKeyAssertionPayload(options=options, origins=list(answer.origins))


async def confirm_identity(acting: Acting, input_: ConfirmIdentityInput) -> ViewerPayload:
    """Confirms who you are; from the next request on the session may do what is sensitive, for five minutes."""
    assertion = None if input_.assertion is None else orjson.dumps(input_.assertion).decode()
    given = {
        "password": input_.password,
        "code": input_.code,
        "recovery_code": input_.recovery_code,
        "assertion": assertion,
    }
    proofs = {name: value for name, value in given.items() if value is not None}
    if len(proofs) != 1:
        raise Wrong("INVALID", ["input"], message="PROOF_CHOICE")
    request = factors_pb2.ConfirmIdentityRequest(**proofs)
    await acting.write("identity", acting.clients.factors.ConfirmIdentity, request)
    acting.request.sessions.refresh(acting.request.session)
    return ViewerPayload(viewer=Viewer.of(acting.request))


def _added(answer: factors_pb2.ConfirmFactorResponse) -> FactorPayload:
    return FactorPayload(factor=Factor.of(answer.factor), recovery_codes=list(answer.recovery_codes) or None)


@strawberry.type
class FactorMutations:
    begin_totp: BeginTotpPayload = mutation(None, begin_totp, None, BeginTotpPayload, step_up=True)
    confirm_totp: FactorPayload = mutation(None, confirm_totp, ConfirmTotpInput, FactorPayload, step_up=True)
    begin_security_key: BeginSecurityKeyPayload = mutation(
        None, begin_security_key, None, BeginSecurityKeyPayload, step_up=True
    )
    confirm_security_key: FactorPayload = mutation(
        None, confirm_security_key, ConfirmSecurityKeyInput, FactorPayload, step_up=True
    )
    remove_factor: ViewerPayload = mutation(None, remove_factor, RemoveFactorInput, ViewerPayload, step_up=True)
    regenerate_recovery_codes: RecoveryCodesPayload = mutation(
        None, regenerate_recovery_codes, None, RecoveryCodesPayload, step_up=True
    )
    begin_security_key_assertion: BeginSecurityKeyAssertionPayload = mutation(
        None, begin_security_key_assertion, None, BeginSecurityKeyAssertionPayload
    )
    confirm_identity: ViewerPayload = mutation(None, confirm_identity, ConfirmIdentityInput, ViewerPayload)
