"""The example accounts with their people, and how these sign in."""

import secrets
from datetime import datetime

from deploy.demo.customers import CUSTOMERS, MINTA, Customer, Person, demo_id
from services.chassis.actor import Actor
from services.chassis.db import Database, Tx
from services.identity import accounts, api_tokens, contacts, oauth_clients, oauth_store, users
from services.identity.accounts import Profile
from services.identity.passwords import Hasher
from services.identity.scopes import SCOPES

_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


def password() -> str:
    """Four groups that can be read aloud, over 60 random bits: "tavolu-mekiro-besapi-4821"."""
    words = ["".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(3)) for _ in range(3)]
    return "-".join([*words, f"{secrets.randbelow(10_000):04d}"])


_CLIENT_ID = demo_id("oauth_client", "demo")
_REDIRECT_URI = "http://127.0.0.1:8787/callback"
CLIENT = {"client_id": str(_CLIENT_ID), "redirect_uri": _REDIRECT_URI}
"""The OAuth client, as the demo file tells it."""


async def planted(db: Database) -> bool:
    """Whether the accounts are there."""
    found: bool = await db.fetchval("SELECT EXISTS (SELECT FROM accounts WHERE id = $1)", MINTA.id)
    return found


async def plant(tx: Tx) -> list[dict[str, str]]:
    """All accounts and people; how each signs in, as the demo file tells it."""
    # A number is never given out twice, so an attempt that was rolled back would leave a gap before P-10001.
    await tx.execute(
        """SELECT setval(s.sequencename::regclass, s.start_value, false) FROM pg_sequences s
           WHERE s.sequencename = 'account_numbers' AND NOT EXISTS (SELECT FROM accounts)"""
    )
    hasher = Hasher()
    told = []
    for customer in CUSTOMERS:
        account = await accounts.create_account(tx, _profile(customer), id=customer.id)
        told += [await _person(tx, hasher, customer, person, account.number) for person in customer.people]
    return told


async def _person(tx: Tx, hasher: Hasher, customer: Customer, person: Person, number: str) -> dict[str, str]:
    secret = password()
    await users.create_user(
        tx, hasher, email=person.email, password=secret, name=person.name, locale=person.locale, id=person.id
    )
    actor = Actor(kind="system", id="demo", label="demo", account_id=customer.id)
    contact_id = demo_id("contact", f"{customer.number}:{person.email}")
    await contacts.add_contact(tx, actor, person.id, person.role, id=contact_id)
    return {
        "email": person.email,
        "password": secret,
        "token": (await api_tokens.create_token(tx, actor, contact_id, "demo")).secret,
        "role": person.role,
        "account": number,
        "account_name": customer.name,
    }


async def plant_client(db: Database, now: datetime) -> None:
    """A public OAuth client that may ask for everything, unless it is there."""
    async with db.transaction() as tx:
        if await oauth_store.client(tx, _CLIENT_ID) is None:
            actor = Actor(kind="system", id="demo", label="demo", account_id=MINTA.id)
            await oauth_clients.add(
                tx,
                actor,
                _CLIENT_ID,
                "",
                name="Portico demo",
                uris=[_REDIRECT_URI],
                scopes=sorted(SCOPES),
                first_party=False,
                now=now,
            )


def _profile(customer: Customer) -> Profile:
    return Profile(
        kind="company",
        name=customer.name,
        email=customer.email,
        country=customer.country,
        currency=customer.currency,
        locale=customer.locale,
        tax_number=customer.tax_number,
        phone=customer.phone,
        postal_code=customer.postal_code,
        city=customer.city,
        street=customer.street,
    )
