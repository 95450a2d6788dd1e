"""What several RPCs, and events, say of accounts and people."""

from collections.abc import Iterable

from portico.identity.v1 import identity_pb2 as pb
from services.chassis.actor import Grant
from services.chassis.times import to_pb
from services.identity.people import Account, Contact, Lock, User

_KINDS = {"person": pb.ACCOUNT_KIND_PERSON, "company": pb.ACCOUNT_KIND_COMPANY}


def account_to_pb(account: Account) -> pb.Account:
    profile = account.profile
    return pb.Account(
        id=str(account.id),
        number=account.number,
        kind=_KINDS[profile.kind],
        name=profile.name,
        tax_number=profile.tax_number,
        email=profile.email,
        phone=profile.phone,
        country=profile.country,
        postal_code=profile.postal_code,
        city=profile.city,
        street=profile.street,
        currency=profile.currency,
        locale=profile.locale,
        since=to_pb(account.since),
    )


def user_to_pb(user: User) -> pb.User:
    return pb.User(id=str(user.id), email=user.email, name=user.name, locale=user.locale)


def contact_to_pb(contact: Contact, grants: Iterable[Grant]) -> pb.Contact:
    return pb.Contact(
        id=str(contact.id),
        account_id=str(contact.account_id),
        account_number=contact.account_number,
        account_name=contact.account_name,
        user=user_to_pb(contact.user),
        role=contact.role,
        grants=map(grant_to_pb, grants),
        denied_fields=contact.denied_fields,
        since=to_pb(contact.since),
    )


def grant_to_pb(grant: Grant) -> pb.Grant:
    return pb.Grant(
        permission=grant.permission,
        resources=sorted(map(str, grant.resources or ())),
        expires_at=to_pb(grant.expires_at),
    )


def lock_to_pb(lock: Lock | None) -> pb.Lock | None:
    """None stays None, so that the field stays unset."""
    return pb.Lock(at=to_pb(lock.at), reason=lock.reason) if lock else None
