"""What RPCs and events say of accounts, users and contacts."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from portico.identity.v1 import identity_pb2 as pb
from services.chassis.actor import Grant
from services.chassis.times import from_pb, to_pb
from services.identity.people import Account, Contact, Lock, User

_KINDS = {"person": pb.ACCOUNT_KIND_PERSON, "company": pb.ACCOUNT_KIND_COMPANY}
_STATES = {
    "invited": pb.CONTACT_STATE_INVITED,
    "active": pb.CONTACT_STATE_ACTIVE,
    "expired": pb.CONTACT_STATE_EXPIRED,
    "revoked": pb.CONTACT_STATE_REVOKED,
}


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
        eu_vat_id=profile.eu_vat_id,
        version=account.version,
        locks=[pb.FieldLock(field=field, reason=account.locks[field]) for field in sorted(account.locks)],
    )


def kind_from_pb(kind: int) -> str:
    """Empty for what is no kind of account."""
    return next((name for name, number in _KINDS.items() if number == kind), "")


def user_to_pb(user: User) -> pb.User:
    return pb.User(
        id=str(user.id), email=user.email, name=user.name, locale=user.locale, email_bouncing=user.email_bouncing
    )


def contact_to_pb(contact: Contact, grants: Iterable[Grant], now: datetime) -> pb.Contact:
    """`grants` are what it, or a credential of it, may at `now`."""
    invitation = contact.invitation
    return pb.Contact(
        id=str(contact.id),
        account_id=str(contact.account_id),
        account_number=contact.account_number,
        account_name=contact.account_name,
        user=user_to_pb(contact.user) if contact.joined else None,
        role=contact.role,
        grants=map(grant_to_pb, grants),
        denied_fields=contact.denied_fields,
        since=to_pb(contact.since),
        state=_STATES[contact.state(now)],
        expires_at=to_pb(contact.expires_at),
        own_grants=map(grant_to_pb, contact.own),
        email=contact.user.email,
        name=contact.user.name,
        invitation=None
        if invitation is None
        else pb.Invitation(
            sent_at=to_pb(invitation.sent_at), expires_at=to_pb(invitation.expires_at), outcome=invitation.outcome
        ),
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


def grant_from_pb(grant: pb.Grant) -> Grant:
    """ValueError for a resource that is no UUID or a moment that no calendar has."""
    resources = frozenset(map(UUID, grant.resources)) or None
    return Grant(grant.permission, resources, moment(grant.expires_at) if grant.HasField("expires_at") else None)


def moment(stamp: Timestamp) -> datetime:
    """ValueError for a moment that no calendar has."""
    try:
        return from_pb(stamp)
    except OverflowError as error:
        raise ValueError(str(error)) from None
