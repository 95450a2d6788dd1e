"""Stand-ins of the five services that speak the real protos over real gRPC, with a small world in memory."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from portico.billing.v1 import billing_pb2, billing_pb2_grpc
from portico.common.v1 import common_pb2
from portico.domains.v1 import (
    domains_pb2,
    domains_pb2_grpc,
    lifecycle_pb2,
    lifecycle_pb2_grpc,
    management_pb2,
    management_pb2_grpc,
)
from portico.hosting.v1 import hosting_pb2, hosting_pb2_grpc
from portico.identity.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    factors_pb2,
    factors_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    notifications_pb2,
    notifications_pb2_grpc,
    operator_pb2,
    operator_pb2_grpc,
    passwords_pb2,
    passwords_pb2_grpc,
)
from portico.tickets.v1 import tickets_pb2, tickets_pb2_grpc
from services.chassis.errors import DomainError, Invalid, NotFound, Unauthenticated, to_status

ALL = [
    "account.read",
    "account.write",
    "contacts.manage",
    "log.read",
    "emails.read",
    "domains.read",
    "domains.manage",
    "domains.order",
    "domains.authcode",
    "dns.read",
    "dns.write",
    "hosting.read",
    "hosting.manage",
    "hosting.credentials",
    "hosting.order",
    "billing.read",
    "billing.pay",
    "tickets.read",
    "tickets.write",
]
ACCOUNTANT = ["account.read", "billing.read", "billing.pay", "tickets.read", "tickets.write"]


OVER = Timestamp(seconds=1_700_000_000)


def uid(number: int) -> str:
    return str(UUID(int=number))


@dataclass
class World:
    """What the services know and what they were asked."""

    tokens: dict[str, list[identity_pb2.Contact]] = field(default_factory=dict)
    users: dict[str, identity_pb2.User] = field(default_factory=dict)
    domains: dict[str, list[domains_pb2.Domain]] = field(default_factory=dict)
    services: dict[str, list[hosting_pb2.Service]] = field(default_factory=dict)
    invoices: dict[str, list[billing_pb2.Invoice]] = field(default_factory=dict)
    tickets: dict[str, list[tickets_pb2.Ticket]] = field(default_factory=dict)
    operations: dict[str, list[common_pb2.Operation]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    requests: list[Any] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    api_tokens: dict[str, identity_pb2.ApiToken] = field(default_factory=dict)
    emails: list[identity_pb2.Email] = field(default_factory=list)
    switched_off: set[tuple[str, str]] = field(default_factory=set)
    factors: list[factors_pb2.Factor] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)
    """Sign-ins that wait for a second factor: secret -> token of the person."""
    confirmed: bool = False
    account_locks: dict[str, str] = field(default_factory=dict)
    """Account -> why it is locked."""
    operators: dict[str, str] = field(default_factory=dict)
    """Token -> the operator who looks through it."""
    links: dict[str, str] = field(default_factory=dict)
    """Code of an operator's link -> the token that it is good for."""
    rights: dict[str, accounts_pb2.GetRightsResponse] = field(default_factory=dict)
    locks: list[identity_pb2.FieldLock] = field(default_factory=list)
    link_used: bool = False
    vpn: passwords_pb2.VpnAccess | None = None

    def person(self, token: str, *contacts: identity_pb2.Contact, locale: str = "en") -> None:
        self.tokens[token] = list(contacts)
        self.users[token] = identity_pb2.User(id=str(uuid4()), email=f"{token}@x.example", name=token, locale=locale)

    def explain(
        self,
        known: identity_pb2.Contact,
        *,
        kind: str = "user",
        held: Iterable[str] | None = None,
        confirmed: bool = False,
    ) -> None:
        """What GetRights answers in the contact's account; `held` where the credential may less."""
        grants = known.grants if held is None else [identity_pb2.Grant(permission=p) for p in held]
        made = accounts_pb2.GetRightsResponse(contact=known, credential_grants=grants, credential_kind=kind)
        if confirmed:
            made.confirmed_until.FromJsonString("2030-01-01T00:00:00Z")
        self.rights[known.account_id] = made

    def clear_counts(self) -> None:
        self.calls.clear()
        self.requests.clear()


def contact(
    account: int,
    permissions: Iterable[str],
    *,
    denied: Iterable[str] = (),
    resources: dict[str, list[str]] | None = None,
    over: Iterable[str] = (),
) -> identity_pb2.Contact:
    """`over` are permissions that ran out."""
    grants = [identity_pb2.Grant(permission=p, resources=(resources or {}).get(p, [])) for p in permissions]
    return identity_pb2.Contact(
        id=uid(900 + account),
        account_id=uid(account),
        account_number=f"P-{10000 + account}",
        account_name=f"Account {account}",
        role="custom",
        state=identity_pb2.CONTACT_STATE_ACTIVE,
        user=identity_pb2.User(id=uid(800 + account), email=f"c{account}@x.example", name="C", locale="en"),
        email=f"c{account}@x.example",
        grants=grants,
        denied_fields=list(denied),
        own_grants=[identity_pb2.Grant(permission=p, expires_at=OVER) for p in over],
    )


def domain(number: int, **values: Any) -> domains_pb2.Domain:
    made = domains_pb2.Domain(
        id=uid(10_000 + number),
        name=f"d{number}.hu",
        unicode_name=f"d{number}.hu",
        state=domains_pb2.DOMAIN_STATE_ACTIVE,
        statuses=["ok"],
        nameservers=[domains_pb2.Nameserver(host="ns1.portico.example")],
        tld="hu",
        **values,
    )
    made.expires_at.FromJsonString("2027-01-01T00:00:00Z")
    return made


def zone(domain_id: str) -> domains_pb2.Zone:
    return domains_pb2.Zone(
        id=str(UUID(int=UUID(domain_id).int + 50_000)),
        domain_id=domain_id,
        name="z.hu",
        version=3,
        dnssec=domains_pb2.DNSSEC_STATE_OFF,
    )


def registry_contact(number: int, **values: Any) -> management_pb2.RegistryContact:
    return management_pb2.RegistryContact(
        id=uid(60_000 + number),
        handle=f"PT{number}",
        data=management_pb2.ContactData(name=f"Person {number}", email=f"p{number}@x.example", country="HU"),
        verification=management_pb2.CONTACT_VERIFICATION_VERIFIED,
        domains=2,
        **values,
    )


def money(minor: int) -> common_pb2.Money:
    return common_pb2.Money(minor=minor, currency="HUF")


def invoice(number: int, **values: Any) -> billing_pb2.Invoice:
    return billing_pb2.Invoice(
        id=uid(20_000 + number),
        kind=billing_pb2.INVOICE_KIND_PROFORMA,
        number=f"D-{number}",
        state=billing_pb2.INVOICE_STATE_OPEN,
        issued_on="2026-01-01",
        due_on="2026-01-09",
        net=money(1000),
        vat=money(270),
        gross=money(1270),
        paid=money(0),
        due=money(1270),
        **values,
    )


def service(number: int) -> hosting_pb2.Service:
    return hosting_pb2.Service(
        id=uid(30_000 + number),
        label=f"web {number}",
        plan=hosting_pb2.Plan(id=uid(1), code="web-m", name="Web M", disk_mib=10240, traffic_mib=5_000_000_000),
        state=hosting_pb2.SERVICE_STATE_ACTIVE,
        price=money(2000),
        period_months=12,
    )


def ticket(number: int, **values: Any) -> tickets_pb2.Ticket:
    made = tickets_pb2.Ticket(
        id=uid(40_000 + number),
        number=f"T-{number:06}",
        subject="Hello",
        state=tickets_pb2.TICKET_STATE_OPEN,
        priority=tickets_pb2.PRIORITY_NORMAL,
        department=tickets_pb2.Department(id=uid(2), code="domains", name_hu="Domainek", name_en="Domains"),
        **values,
    )
    made.opened_at.FromJsonString("2026-01-01T00:00:00Z")
    made.updated_at.FromJsonString("2026-01-01T00:00:00Z")
    return made


def operation(number: int, state: str = "RUNNING") -> common_pb2.Operation:
    made = common_pb2.Operation(
        id=uid(50_000 + number),
        kind="DOMAIN_REGISTRATION",
        state=common_pb2.OperationState.Value(f"OPERATION_STATE_{state}"),
        progress=0.5,
        subject_type="Domain",
        subject_id=uid(10_001),
        steps=[common_pb2.OperationStep(name="payment", state=common_pb2.OPERATION_STATE_SUCCEEDED)],
    )
    made.started_at.FromJsonString("2026-01-01T00:00:00Z")
    return made


def page_of(items: list[Any], page: common_pb2.PageRequest) -> tuple[list[Any], common_pb2.PageInfo]:
    begin = int(page.after or 0)
    size = page.first if page.HasField("first") else 20
    part = items[begin : begin + size]
    cursors = [str(begin + i + 1) for i in range(len(part))]
    return part, common_pb2.PageInfo(has_next=begin + size < len(items), has_previous=begin > 0, cursors=cursors)


class Fake:
    """Counts calls, lets them fail or wait as the world says, and reports two SQL statements each."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name

    async def enter(self, request: Any, context: Any, method: str) -> str:
        """The account that the actor token acts for."""
        key = f"{self.name}.{method}"
        self.world.calls[key] += 1
        self.world.requests.append(request)
        metadata = dict(context.invocation_metadata())
        self.world.traces.append(str(metadata.get("traceparent", "")))
        assert context.time_remaining() is not None, "every call has a deadline"
        context.set_trailing_metadata((("sql-statements", "2"),))
        await asyncio.sleep(self.world.slow.get(key, self.world.slow.get(self.name, 0)))
        error = self.world.broken.get(key)
        if isinstance(error, DomainError):
            status = to_status(error, self.name)
            context.set_trailing_metadata(
                (("sql-statements", "2"), ("grpc-status-details-bin", status.SerializeToString()))
            )
            await context.abort(error.status, error.detail)
        elif error is not None:
            raise error
        return str(metadata.get("authorization", "")).removeprefix("Bearer actor-")


class Identity(Fake, identity_pb2_grpc.IdentityServiceServicer):
    async def Authenticate(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "Authenticate")
        token = self.world.sessions.get(request.credential, request.credential)
        if token not in self.world.tokens:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "unknown credential")
        members = [
            identity_pb2.Membership(contact=c, actor_token=f"actor-{c.account_id}", lock=self._lock(c.account_id))
            for c in self.world.tokens[token]
        ]
        return identity_pb2.AuthenticateResponse(
            user=self.world.users[token],
            memberships=members,
            credential_kind="token",
            operator=self.world.operators.get(token, ""),
        )

    def _lock(self, account: str) -> identity_pb2.Lock | None:
        return (
            identity_pb2.Lock(reason=self.world.account_locks[account]) if account in self.world.account_locks else None
        )

    async def CreateSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CreateSession")
        token = request.email.partition("@")[0]
        if token not in self.world.tokens or request.password != "right":
            await _refuse(context, _SignInFailed())
        if self.world.factors:
            answer = identity_pb2.CreateSessionResponse(pending_secret=f"pending-{uuid4().hex}")
            self.world.pending[answer.pending_secret] = token
        else:
            answer = identity_pb2.CreateSessionResponse(secret=f"session-{uuid4().hex}")
            self.world.sessions[answer.secret] = token
        answer.expires_at.FromJsonString("2030-01-01T00:00:00Z")
        return answer

    async def EndSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "EndSession")
        self.world.sessions.pop(request.secret, None)
        return identity_pb2.EndSessionResponse()

    async def GetDashboard(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetDashboard")
        return identity_pb2.GetDashboardResponse(warnings=[identity_pb2.SecurityWarning(code="SINGLE_OWNER")])

    async def GetAccount(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "GetAccount")
        return identity_pb2.Account(
            id=account,
            number="P-1",
            kind=identity_pb2.ACCOUNT_KIND_COMPANY,
            name="Minta",
            currency="HUF",
            locale="hu",
            version=3,
            locks=self.world.locks,
        )

    async def ListContacts(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "ListContacts")
        found = [c for contacts in self.world.tokens.values() for c in contacts if c.account_id == account]
        return identity_pb2.ListContactsResponse(contacts=found)

    async def ListEvents(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListEvents")
        event = identity_pb2.Event(
            id=uid(5),
            actor=common_pb2.ActorRef(kind="user", label="anna"),
            action="domain.registration_ordered",
            subject_type="Domain",
            subject_id=uid(10_001),
            subject_label="d1.hu",
            after_json='{"state": "PENDING_PAYMENT"}',
        )
        event.occurred_at.FromJsonString("2026-01-01T00:00:00Z")
        return identity_pb2.ListEventsResponse(events=[event], page=common_pb2.PageInfo(cursors=["1"]))

    async def ListEmails(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListEmails")
        return emails_page(self.world)

    async def ListSessions(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListSessions")
        found = [identity_pb2.Session(id=session_id(secret), user_agent="curl/8") for secret in self.world.sessions]
        return identity_pb2.ListSessionsResponse(sessions=found)

    async def RevokeSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeSession")
        secret = next((s for s in self.world.sessions if session_id(s) == request.id), None)
        if secret is None:
            await _refuse(context, _SessionNotFound(field="id"))
        self.world.sessions.pop(secret or "")
        return identity_pb2.RevokeSessionResponse()

    async def RevokeAllSessions(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeAllSessions")
        self.world.sessions.clear()
        return identity_pb2.RevokeAllSessionsResponse()

    async def ListApiTokens(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListApiTokens")
        return identity_pb2.ListApiTokensResponse(tokens=self.world.api_tokens.values())

    async def CreateApiToken(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "CreateApiToken")
        if request.request_id in self.world.api_tokens:
            return identity_pb2.CreateApiTokenResponse(token=self.world.api_tokens[request.request_id])
        grants = [identity_pb2.Grant(permission=p) for p in request.permissions]
        made = identity_pb2.ApiToken(
            id=str(uuid4()),
            name=request.name,
            account_id=account,
            grants=grants,
            expires_at=request.expires_at,
            ips=request.ips,
        )
        self.world.api_tokens[request.request_id] = made
        self.world.person(f"made-{made.id}", contact(UUID(account).int, request.permissions))
        return identity_pb2.CreateApiTokenResponse(token=made, secret=f"made-{made.id}")

    async def RevokeApiToken(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeApiToken")
        self.world.tokens.pop(f"made-{request.id}", None)
        return identity_pb2.RevokeApiTokenResponse()


class Notifications(Fake, notifications_pb2_grpc.NotificationsServiceServicer):
    async def ListNotificationPreferences(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "ListNotificationPreferences")
        found = [self.preference(account, category, request.locale) for category in ("billing", "support", "security")]
        return notifications_pb2.ListNotificationPreferencesResponse(preferences=found)

    async def SetNotificationPreference(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "SetNotificationPreference")
        if request.category == "billing" and not request.enabled and request.acknowledgement != "billing-1":
            await _refuse(context, _AcknowledgementRequired(field="acknowledgement", warning=f"!{request.locale}!"))
        if request.enabled:
            self.world.switched_off.discard((account, request.category))
        else:
            self.world.switched_off.add((account, request.category))
        return self.preference(account, request.category, request.locale)

    async def ListOwnEmails(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListOwnEmails")
        return emails_page(self.world)

    async def RecordBounce(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RecordBounce")
        return notifications_pb2.RecordBounceResponse()

    def preference(self, account: str, category: str, locale: str) -> notifications_pb2.NotificationPreference:
        essential = category == "billing"
        return notifications_pb2.NotificationPreference(
            category=category,
            enabled=(account, category) not in self.world.switched_off,
            essential=essential,
            optional=category != "security",
            warning=f"!{locale}!" if essential else "",
            acknowledgement="billing-1" if essential else "",
        )


def emails_page(world: World) -> identity_pb2.ListEmailsResponse:
    info = common_pb2.PageInfo(cursors=[mail.id for mail in world.emails])
    return identity_pb2.ListEmailsResponse(emails=world.emails, page=info)


class _AcknowledgementRequired(DomainError):
    reason = "ACKNOWLEDGEMENT_REQUIRED"


class Factors(Fake, factors_pb2_grpc.FactorsServiceServicer):
    """Every code "123456" is right, and every key's answer "{}"."""

    async def GetPendingSignIn(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetPendingSignIn")
        if request.secret not in self.world.pending:
            await _refuse(context, _SignInExpired())
        return factors_pb2.PendingSignIn(code=True, security_key=True, recovery_code=True)

    async def BeginSignInAssertion(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BeginSignInAssertion")
        if request.secret not in self.world.pending:
            await _refuse(context, _SignInExpired())
        return _OPTIONS

    async def CompleteSignIn(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CompleteSignIn")
        if request.secret not in self.world.pending:
            await _refuse(context, _SignInExpired())
        if "123456" not in (request.code, request.recovery_code) and request.assertion != "{}":
            await _refuse(context, _CodeWrong(field="code"))
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
            await _refuse(context, _PasskeyRefused())
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
            await _refuse(context, _CodeWrong(field="code"))
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
            await _refuse(context, _CodeWrong(field="code"))
        self.world.confirmed = True
        return factors_pb2.ConfirmIdentityResponse()

    async def _confirmed(self, request: Any, context: Any, method: str) -> None:
        await self.enter(request, context, method)
        if not self.world.confirmed:
            await _refuse(context, _StepUpRequired())

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


class Operator(Fake, operator_pb2_grpc.OperatorServiceServicer):
    async def RedeemSignInLink(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RedeemSignInLink")
        token = self.world.links.pop(request.code, None)
        if token is None:
            await _refuse(context, _SignInLinkInvalid())
        secret = f"session-{uuid4().hex}"
        self.world.sessions[secret] = token or ""
        answer = operator_pb2.RedeemSignInLinkResponse(secret=secret)
        answer.expires_at.FromJsonString("2030-01-01T00:00:00Z")
        return answer


class _SignInLinkInvalid(NotFound):
    reason = "SIGN_IN_LINK_INVALID"


class Accounts(Fake, accounts_pb2_grpc.AccountsServiceServicer):
    """Answers writes with what was asked for; what GetRights says, the world arranges by account."""

    async def GetRights(self, request: Any, context: Any) -> Any:
        return self.world.rights[await self.enter(request, context, "GetRights")]

    async def ListRoles(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListRoles")
        roles = [accounts_pb2.Role(name="accountant", permissions=ACCOUNTANT), accounts_pb2.Role(name="custom")]
        return accounts_pb2.ListRolesResponse(roles=roles)

    async def UpdateAccountProfile(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "UpdateAccountProfile")
        return identity_pb2.Account(
            id=account,
            number="P-1",
            kind=identity_pb2.ACCOUNT_KIND_COMPANY,
            name="Saved",
            version=request.if_version + 1,
        )

    async def SetDefaultAccount(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetDefaultAccount")
        return accounts_pb2.SetDefaultAccountResponse()

    async def InviteContact(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "InviteContact")
        return identity_pb2.Contact(
            id=uid(951),
            account_id=account,
            state=identity_pb2.CONTACT_STATE_INVITED,
            email=request.email,
            role=request.role,
            own_grants=request.grants,
            denied_fields=request.denied_fields,
        )

    async def UpdateContact(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "UpdateContact")
        return identity_pb2.Contact(id=request.id, account_id=account, state=identity_pb2.CONTACT_STATE_ACTIVE)

    async def RevokeContact(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "RevokeContact")
        return identity_pb2.Contact(id=request.id, account_id=account, state=identity_pb2.CONTACT_STATE_REVOKED)


class Passwords(Fake, passwords_pb2_grpc.PasswordsServiceServicer):
    """Its one good link is "good-link", until it is used."""

    async def ChangePassword(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ChangePassword")
        if request.current_password != "right":
            await _refuse(context, _PasswordWrong(field="current_password"))
        return passwords_pb2.ChangePasswordResponse(ended_sessions=2 if request.end_other_sessions else 0)

    async def RequestPasswordReset(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RequestPasswordReset")
        return passwords_pb2.RequestPasswordResetResponse()

    async def GetPasswordReset(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetPasswordReset")
        if request.secret != "good-link" or self.world.link_used:
            await _refuse(context, _LinkInvalid())
        return passwords_pb2.GetPasswordResetResponse(email="anna@x.example", min_length=15)

    async def ResetPassword(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ResetPassword")
        if request.secret != "good-link" or self.world.link_used:
            await _refuse(context, _LinkInvalid())
        if len(request.new_password) < 15:
            await _refuse(context, _PasswordTooShort(field="new_password", least="15"))
        self.world.link_used = True
        return passwords_pb2.ResetPasswordResponse()

    async def GetVpnAccess(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetVpnAccess")
        return passwords_pb2.GetVpnAccessResponse(access=self.world.vpn)

    async def SetVpnPassword(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetVpnPassword")
        self.world.vpn = passwords_pb2.VpnAccess(username="vpn-anna")
        self.world.vpn.set_at.FromJsonString("2026-01-01T00:00:00Z")
        made = "" if request.HasField("password") else "made-up"
        return passwords_pb2.SetVpnPasswordResponse(access=self.world.vpn, generated_password=made)

    async def RemoveVpnPassword(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RemoveVpnPassword")
        self.world.vpn = None
        return passwords_pb2.RemoveVpnPasswordResponse()


class _PasswordWrong(Invalid):
    reason = "PASSWORD_WRONG"


class _PasswordTooShort(Invalid):
    reason = "PASSWORD_TOO_SHORT"


class _LinkInvalid(DomainError):
    reason = "RESET_LINK_INVALID"


class _SignInFailed(DomainError):
    reason = "SIGN_IN_FAILED"
    status = grpc.StatusCode.UNAUTHENTICATED


class _SessionNotFound(NotFound):
    reason = "SESSION_NOT_FOUND"


async def _refuse(context: Any, error: DomainError) -> None:
    details = to_status(error, "identity").SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", details),))
    await context.abort(error.status, error.detail)


def session_id(secret: str) -> str:
    return str(uuid5(NAMESPACE_OID, secret))


class Domains(Fake, domains_pb2_grpc.DomainsServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "GetDashboard"), [])
        return domains_pb2.GetDashboardResponse(
            domains=found[:5],
            expiring=found[:5],
            counts=[domains_pb2.DomainCount(state=domains_pb2.DOMAIN_STATE_ACTIVE, count=len(found))],
        )

    async def ListDomains(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "ListDomains"), [])
        part, info = page_of([d for d in found if request.search in d.name], request.page)
        return domains_pb2.ListDomainsResponse(domains=part, page=info)

    async def BatchGetDomains(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "BatchGetDomains"), [])
        return domains_pb2.BatchGetDomainsResponse(domains=[d for d in found if d.id in set(request.ids)])

    async def GetDomainByName(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "GetDomainByName"), [])
        for one in found:
            if one.name == request.name:
                return one
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such domain")

    async def CheckAvailability(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CheckAvailability")
        items = [
            domains_pb2.Availability(input=n, name=n, unicode_name=n, available=True, tld="hu") for n in request.names
        ]
        return domains_pb2.CheckAvailabilityResponse(items=items)

    async def RegisterDomains(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RegisterDomains")
        answer = domains_pb2.RegisterDomainsResponse()
        for index, name in enumerate(request.names):
            if name.startswith("taken"):
                answer.refusals.add(index=index, reason="DOMAIN_TAKEN", field="names", metadata={"name": name})
            else:
                answer.order.id = uid(77)
                answer.order.created_at.FromJsonString("2026-01-01T00:00:00Z")
                answer.order.items.add(name=name, domain_id=uid(10_001), operation=operation(1, "WAITING"))
        return answer

    async def RequestAuthCode(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RequestAuthCode")
        return domains_pb2.RequestAuthCodeResponse(delivery=domains_pb2.AUTH_CODE_DELIVERY_SHOWN, code="s3cret")

    async def BatchGetZones(self, request: Any, context: Any) -> Any:
        own = {d.id for d in self.world.domains.get(await self.enter(request, context, "BatchGetZones"), [])}
        zones = [zone(d) for d in request.domain_ids if d in own]
        return domains_pb2.BatchGetZonesResponse(zones=zones)

    async def ListRecordSets(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListRecordSets")
        pages = []
        for zone in request.zone_ids:
            record = domains_pb2.RecordSet(
                id=uid(8), zone_id=zone, name="z.hu.", type="A", ttl=60, records=["192.0.2.1"]
            )
            info = common_pb2.PageInfo(cursors=["1"])
            pages.append(domains_pb2.RecordSetPage(zone_id=zone, record_sets=[record], page=info))
        return domains_pb2.ListRecordSetsResponse(pages=pages)

    async def ListOperations(self, request: Any, context: Any) -> Any:
        found = self.world.operations.get(await self.enter(request, context, "ListOperations"), [])
        part, info = page_of(found, request.page)
        return domains_pb2.ListOperationsResponse(operations=part, page=info)

    async def BatchGetOperations(self, request: Any, context: Any) -> Any:
        found = self.world.operations.get(await self.enter(request, context, "BatchGetOperations"), [])
        return domains_pb2.BatchGetOperationsResponse(operations=[o for o in found if o.id in set(request.ids)])


class Lifecycle(Fake, lifecycle_pb2_grpc.LifecycleServiceServicer):
    """Every domain can be renewed; its holder confirms its nameservers; it is locked for a while after its registration."""

    async def BatchGetLifecycles(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "BatchGetLifecycles"), [])
        lifecycles = []
        for one in found:
            if one.id in set(request.domain_ids):
                made = lifecycle_pb2.DomainLifecycle(domain_id=one.id)
                made.permits.add(action="renew")
                made.permits.add(action="setNameservers", confirmed_by_holder=True)
                blockers = made.permits.add(action="transferOut").blockers
                blockers.add(code="TRANSFER_LOCK_PERIOD").until.FromJsonString("2026-07-01T00:00:00Z")
                blockers.add(code="DOMAIN_LOCKED", resolved_by="setDomainLock")
                made.transfer_locked_until.FromJsonString("2026-07-01T00:00:00Z")
                lifecycles.append(made)
        return lifecycle_pb2.BatchGetLifecyclesResponse(lifecycles=lifecycles)


class Hosting(Fake, hosting_pb2_grpc.HostingServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "GetDashboard"), [])
        return hosting_pb2.GetDashboardResponse(services=found, due=found, total=len(found))

    async def ListServices(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "ListServices"), [])
        part, info = page_of(found, request.page)
        return hosting_pb2.ListServicesResponse(services=part, page=info)

    async def BatchGetServices(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "BatchGetServices"), [])
        return hosting_pb2.BatchGetServicesResponse(services=[s for s in found if s.id in set(request.ids)])

    async def BatchGetLogins(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BatchGetLogins")
        logins = [
            hosting_pb2.PanelLogin(service_id=s, url="https://panel.example", username="u", host="h")
            for s in request.service_ids
        ]
        return hosting_pb2.BatchGetLoginsResponse(logins=logins)


class Management(Fake, management_pb2_grpc.ManagementServiceServicer):
    async def BatchGetDomainContacts(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BatchGetDomainContacts")
        found = [
            management_pb2.DomainContacts(domain_id=d, registrant=registry_contact(1), tech=registry_contact(2))
            for d in request.domain_ids
        ]
        return management_pb2.BatchGetDomainContactsResponse(contacts=found)

    async def ListRegistryContacts(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListRegistryContacts")
        info = common_pb2.PageInfo(cursors=["1"], has_next=True)
        return management_pb2.ListRegistryContactsResponse(contacts=[registry_contact(1)], page=info)

    async def SetNameservers(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetNameservers")
        refusals = [
            common_pb2.Refusal(
                reason="GLUE_REQUIRED", field="nameservers[1].addresses", metadata={"name": "ns1.d1.hu"}
            ),
            common_pb2.Refusal(reason="DNSSEC_IN_THE_WAY", field="nameservers", metadata={"name": "d1.hu"}),
        ]
        return management_pb2.ChangeDomainResponse(domain=domain(1), refusals=refusals)

    async def SetDomainLock(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetDomainLock")
        return management_pb2.ChangeDomainResponse(domain=domain(1), operation=operation(1))

    async def UpdateDomainContacts(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "UpdateDomainContacts")
        return management_pb2.ChangeDomainResponse(domain=domain(1))

    async def SetAutoRenew(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetAutoRenew")
        refusals = [common_pb2.Refusal(index=1, reason="DOMAIN_NOT_FOUND", field="domain_ids")]
        return management_pb2.SetAutoRenewResponse(domains=[domain(1)], found=1, changed=1, refusals=refusals)

    async def SetDnssec(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetDnssec")
        return management_pb2.SetDnssecResponse(zone=zone(request.domain_id), operation=operation(1))


class Billing(Fake, billing_pb2_grpc.BillingServiceServicer):
    balance = billing_pb2.Balance(outstanding=money(1270), overdue=money(0), credit=money(5000))

    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "GetDashboard"), [])
        return billing_pb2.GetDashboardResponse(invoices=found[:5], balance=self.balance)

    async def ListInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "ListInvoices"), [])
        part, info = page_of(found, request.page)
        return billing_pb2.ListInvoicesResponse(invoices=part, page=info)

    async def BatchGetInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "BatchGetInvoices"), [])
        return billing_pb2.BatchGetInvoicesResponse(invoices=[i for i in found if i.id in set(request.ids)])

    async def GetBalance(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetBalance")
        return self.balance

    async def PayInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "PayInvoices"), [])
        paid = [i for i in found if i.id in set(request.invoice_ids)]
        return billing_pb2.PayInvoicesResponse(invoices=paid, balance=self.balance)

    async def ListPrices(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListPrices")
        prices = [
            billing_pb2.Price(action=a, item="hu", period_months=12, net=money(2990))
            for a in ("DOMAIN_REGISTER", "DOMAIN_RENEW")
        ]
        return billing_pb2.ListPricesResponse(prices=prices)


class Tickets(Fake, tickets_pb2_grpc.TicketsServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "GetDashboard"), [])
        return tickets_pb2.GetDashboardResponse(tickets=found, open_total=len(found))

    async def ListTickets(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "ListTickets"), [])
        part, info = page_of(found, request.page)
        return tickets_pb2.ListTicketsResponse(tickets=part, page=info)

    async def BatchGetTickets(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "BatchGetTickets"), [])
        return tickets_pb2.BatchGetTicketsResponse(tickets=[t for t in found if t.id in set(request.ids)])

    async def ListMessages(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListMessages")
        return tickets_pb2.ListMessagesResponse()


async def serve(world: World) -> tuple[dict[str, grpc.aio.Server], dict[str, str]]:
    """The five services, each its own server on a free port of loopback: (servers, addresses) by name."""
    made: dict[str, list[tuple[Any, Any]]] = {
        "identity": [
            (identity_pb2_grpc.add_IdentityServiceServicer_to_server, Identity),
            (factors_pb2_grpc.add_FactorsServiceServicer_to_server, Factors),
            (accounts_pb2_grpc.add_AccountsServiceServicer_to_server, Accounts),
            (passwords_pb2_grpc.add_PasswordsServiceServicer_to_server, Passwords),
            (operator_pb2_grpc.add_OperatorServiceServicer_to_server, Operator),
            (notifications_pb2_grpc.add_NotificationsServiceServicer_to_server, Notifications),
        ],
        "domains": [
            (domains_pb2_grpc.add_DomainsServiceServicer_to_server, Domains),
            (management_pb2_grpc.add_ManagementServiceServicer_to_server, Management),
            (lifecycle_pb2_grpc.add_LifecycleServiceServicer_to_server, Lifecycle),
        ],
        "hosting": [(hosting_pb2_grpc.add_HostingServiceServicer_to_server, Hosting)],
        "billing": [(billing_pb2_grpc.add_BillingServiceServicer_to_server, Billing)],
        "tickets": [(tickets_pb2_grpc.add_TicketsServiceServicer_to_server, Tickets)],
    }
    servers: dict[str, grpc.aio.Server] = {}
    addresses: dict[str, str] = {}
    for name, kinds in made.items():
        server = grpc.aio.server()
        for add, kind in kinds:
            add(kind(world, "passwords" if kind is Passwords else name), server)
        addresses[name] = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        servers[name] = server
    return servers, addresses
