"""What both RPCs and events say of an account."""

from portico.identity.v1 import identity_pb2 as pb
from services.chassis.times import to_pb
from services.identity.people import Account

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
