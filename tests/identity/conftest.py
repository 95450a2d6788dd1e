"""The identity service, and accounts with people that sign in."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc.jwk import OKPKey

from portico.identity.v1 import (
    accounts_pb2_grpc,
    factors_pb2_grpc,
    identity_pb2_grpc,
    notifications_pb2_grpc,
    oauth_pb2_grpc,
    operator_pb2_grpc,
    passwords_pb2_grpc,
)
from services.chassis.actor import Actor, Grant, system
from services.chassis.sealing import Sealer
from services.identity import access, accounts, api_tokens, contacts, operators, users
from services.identity.app import App
from services.identity.credentials import ActorTokens
from services.identity.emails import Post
from services.identity.events import CONSUMES
from services.identity.passwords import Hasher
from services.identity.people import Profile
from services.identity.relying_party import RelyingParty
from services.identity.rpc import register
from tests.serving import Database, Serving, Stubs, confirmed, serving

SEALER = Sealer([bytes(32)])
#: As strong as nothing, so that tests spend their time elsewhere; one test uses the real parameters.
WEAK = Hasher(memory_kib=64, at_once=8)


@pytest.fixture(scope="session")
async def identity(database: Database, run_dir: Path) -> AsyncIterator[Serving]:
    signing = OKPKey.generate_key("Ed25519")
    async with serving(
        "identity",
        await database("identity"),
        run_dir,
        make_app=lambda db: App(
            db=db,
            hasher=WEAK,
            tokens=ActorTokens(signing),
            sealer=SEALER,
            post=Post(SEALER, delivers=False, public_url="https://portal.example"),
            public_url="https://portal.example",
            relying_party=RelyingParty.read("https://portal.example"),
            mailer=None,
        ),
        register=register,
        make_stub=Stubs.of(
            identity_pb2_grpc.IdentityServiceStub,
            notifications_pb2_grpc.NotificationsServiceStub,
            factors_pb2_grpc.FactorsServiceStub,
            accounts_pb2_grpc.AccountsServiceStub,
            oauth_pb2_grpc.OAuthServiceStub,
            passwords_pb2_grpc.PasswordsServiceStub,
            operator_pb2_grpc.OperatorServiceStub,
        ),
        consumes=CONSUMES,
        key=signing,
    ) as running:
        yield running


@dataclass(frozen=True)
class Member:
    """Somebody of an account who can sign in."""

    account_id: UUID
    user_id: UUID
    contact_id: UUID
    email: str
    password: str
    role: str

    def actor(self, *grants: Grant) -> Actor:
        """As identity would sign it: with the role's grants, or with these."""
        held = grants or tuple(map(Grant, sorted(access.ROLES[self.role])))
        who = Actor("user", str(self.user_id), self.email, self.account_id, self.user_id, self.contact_id)
        return replace(who, ip="192.0.2.1", grants=held)

    def confirmed(self, *grants: Grant) -> Actor:
        """As in actor, of somebody who has just confirmed who it is."""
        return confirmed(self.actor(*grants))


class Town:
    """What tests arrange through the ordinary use cases."""

    def __init__(self, identity: Serving) -> None:
        self._db = identity.db

    async def account(self, name: str = "Minta Kft.") -> UUID:
        async with self._db.transaction() as tx:
            return (await accounts.create_account(tx, Profile("company", name, "iroda@minta.example"))).id

    async def member(self, role: str = "owner", account_id: UUID | None = None, **contact: Any) -> Member:
        account_id = account_id or await self.account()
        email = f"{uuid4().hex}@minta.example"
        async with self._db.transaction() as tx:
            user_id = await users.create_user(tx, WEAK, email=email, password="helyes jelszó", name="Anna")
            contact_id = await contacts.add_contact(tx, system("test", account_id), user_id, role, **contact)
        return Member(account_id, user_id, contact_id, email, "helyes jelszó", role)

    async def factor(self, member: Member) -> None:
        """A second factor that is there, and that nobody can use."""
        await self._db.execute(
            "INSERT INTO factors (user_id, kind, name, sealed_secret, last_step) VALUES ($1, 'totp', 'x', '', 0)",
            member.user_id,
        )

    async def join(self, member: Member, account_id: UUID, role: str) -> None:
        """Makes somebody a contact of one more account."""
        async with self._db.transaction() as tx:
            await contacts.add_contact(tx, system("test", account_id), member.user_id, role)

    async def token(
        self, member: Member, grants: Sequence[Grant] | None = None, expires_at: datetime | None = None
    ) -> str:
        async with self._db.transaction() as tx:
            actor = system("test", member.account_id)
            made = await api_tokens.create_token(
                tx, actor, member.contact_id, "robot", grants=grants, expires_at=expires_at
            )
            return made.secret

    async def operator(self, *ips: str) -> tuple[str, str]:
        """(name, credential) of a new one."""
        name = f"Operator {uuid4().hex[:8]}"
        by = system("test", operators.HOUSE)
        _, secret = await operators.create(self._db, by, name, "op@portico.example", ips, datetime.now(UTC))
        return name, secret


@pytest.fixture
def town(identity: Serving) -> Town:
    return Town(identity)
