"""Identity's service of second factors."""

from typing import Any
from uuid import uuid4

import grpc

from portico.identity.v1 import factors_pb2, factors_pb2_grpc
from services.chassis.errors import DomainError, Invalid, Unauthenticated
from tests.gateway.fakes.fake import Fake, refuse
from tests.gateway.fakes.world import uid


class Factors(Fake, factors_pb2_grpc.FactorsServiceServicer):
    """Every code "123456" is right, and every key's answer "{}"."""

    async def GetPendingSignIn(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetPendingSignIn")
        if request.secret not in self.world.pending:
            await refuse(context, _SignInExpired())
        return factors_pb2.PendingSignIn(code=True, security_key=True, recovery_code=True)

    async def BeginSignInAssertion(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BeginSignInAssertion")
        if request.secret not in self.world.pending:
            await refuse(context, _SignInExpired())
        return _OPTIONS

    async def CompleteSignIn(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CompleteSignIn")
        if request.secret not in self.world.pending:
            await refuse(context, _SignInExpired())
        if "123456" not in (request.code, request.recovery_code) and request.assertion != "{}":
            await refuse(context, _CodeWrong(field="code"))
        return self._opened(self.world.pending.pop(request.secret))

    async def CancelSignIn(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CancelSignIn")
        self.world.pending.pop(request.secret, None)
        return factors_pb2.CancelSignInResponse()

    async def BeginPasskeySignIn(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BeginPasskeySignIn")
        return _OPTIONS

    async def CompletePasskeySignIn(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CompletePasskeySignIn")
        if request.assertion != "{}":
            await refuse(context, _PasskeyRefused())
        return self._opened("owner-token")

    async def ListFactors(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListFactors")
        left = 10 if self.world.factors else 0
        return factors_pb2.ListFactorsResponse(factors=self.world.factors, recovery_codes_left=left)

    async def BeginTotp(self, request: Any, context: Any) -> Any:
        await self._confirmed(request, context, "BeginTotp")
        return factors_pb2.BeginTotpResponse(id=uid(60_001), secret="ABC", uri="otpauth://totp/x", qr_svg="<svg></svg>")

    async def ConfirmTotp(self, request: Any, context: Any) -> Any:
        await self._confirmed(request, context, "ConfirmTotp")
        if request.code != "123456":
            await refuse(context, _CodeWrong(field="code"))
        return self._add(request, factors_pb2.FACTOR_KIND_TOTP)

    async def BeginSecurityKey(self, request: Any, context: Any) -> Any:
        await self._confirmed(request, context, "BeginSecurityKey")
        options, origins = _OPTIONS.options_json, _OPTIONS.origins
        return factors_pb2.BeginSecurityKeyResponse(id=uid(60_002), options_json=options, origins=origins)

    async def ConfirmSecurityKey(self, request: Any, context: Any) -> Any:
        await self._confirmed(request, context, "ConfirmSecurityKey")
        return self._add(request, factors_pb2.FACTOR_KIND_SECURITY_KEY)

    async def RemoveFactor(self, request: Any, context: Any) -> Any:
        await self._confirmed(request, context, "RemoveFactor")
        self.world.factors = [factor for factor in self.world.factors if factor.id != request.id]
        return factors_pb2.RemoveFactorResponse()

    async def RegenerateRecoveryCodes(self, request: Any, context: Any) -> Any:
        await self._confirmed(request, context, "RegenerateRecoveryCodes")
        return factors_pb2.RegenerateRecoveryCodesResponse(codes=["aaaa-bbbb", "cccc-dddd"])

    async def BeginSecurityKeyAssertion(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BeginSecurityKeyAssertion")
        return _OPTIONS

    async def ConfirmIdentity(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ConfirmIdentity")
        if request.WhichOneof("proof") == "code" and request.code != "123456":
            await refuse(context, _CodeWrong(field="code"))
        self.world.confirmed = True
        return factors_pb2.ConfirmIdentityResponse()

    async def _confirmed(self, request: Any, context: Any, method: str) -> None:
        await self.enter(request, context, method)
        if not self.world.confirmed:
            await refuse(context, _StepUpRequired())

    def _add(self, request: Any, kind: Any) -> factors_pb2.ConfirmFactorResponse:
        factor = factors_pb2.Factor(id=request.id, kind=kind, name=request.name)
        factor.created_at.FromJsonString("2026-01-01T00:00:00Z")
        codes = [] if self.world.factors else ["aaaa-bbbb", "cccc-dddd"]
        self.world.factors.append(factor)
        return factors_pb2.ConfirmFactorResponse(factor=factor, recovery_codes=codes)

    def _opened(self, token: str) -> factors_pb2.CompleteSignInResponse:
        answer = factors_pb2.CompleteSignInResponse(secret=f"session-{uuid4().hex}")
        answer.expires_at.FromJsonString("2030-01-01T00:00:00Z")
        self.world.sessions[answer.secret] = token
        return answer


_OPTIONS = factors_pb2.AssertionOptions(options_json='{"challenge": "AAAA"}', origins=["http://localhost:8000"])


class _SignInExpired(Unauthenticated):
    reason = "SIGN_IN_EXPIRED"


class _PasskeyRefused(Unauthenticated):
    reason = "PASSKEY_REFUSED"


class _CodeWrong(Invalid):
    reason = "CODE_WRONG"


class _StepUpRequired(DomainError):
    reason = "STEP_UP_REQUIRED"
    status = grpc.StatusCode.PERMISSION_DENIED
