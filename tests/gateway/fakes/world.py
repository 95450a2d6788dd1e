"""What the stand-ins know, and what they were asked."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from portico.billing.v1 import billing_pb2
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2
from portico.hosting.v1 import hosting_pb2
from portico.identity.v1 import accounts_pb2, factors_pb2, identity_pb2, passwords_pb2
from portico.tickets.v1 import tickets_pb2

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
