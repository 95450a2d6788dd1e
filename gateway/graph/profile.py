"""The subscriber's data: what it is, what of it can be changed here and why not, and the change."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gateway import messages
from gateway.access import PUBLIC, Permission, access, needs
from gateway.context import Acting
from gateway.graph.common import CurrencyCode, DateTime, UserError, enum_map, moment_of
from gateway.graph.mutations import Wrong, mutation
from portico.identity.v1 import accounts_pb2, identity_pb2

if TYPE_CHECKING:
    from gateway.graph.account import Account


@strawberry.enum
class AccountKind(Enum):
    PERSON = "PERSON"
    COMPANY = "COMPANY"


@strawberry.enum(description="Why a field of the profile cannot be changed.")
class ProfileLock(Enum):
    CONTRACT = "CONTRACT"
    INVOICING = "INVOICING"
    OPERATOR = "OPERATOR"
    NO_PERMISSION = "NO_PERMISSION"


KINDS = enum_map(identity_pb2.AccountKind, AccountKind, "ACCOUNT_KIND_")
FIELDS = {
    "kind": "kind",
    "name": "name",
    "tax_number": "taxNumber",
    "eu_vat_id": "euVatId",
    "email": "email",
    "phone": "phone",
    "country": "country",
    "postal_code": "postalCode",
    "city": "city",
    "street": "street",
    "currency": "currency",
    "locale": "locale",
}
"""The proto's name of what can be changed -> the schema's."""
_CLEARABLE = frozenset({"tax_number", "eu_vat_id", "phone"})


@access(needs(Permission.ACCOUNT_READ))
@strawberry.type(description="Whether a field of the profile can be changed by you, and why not.")
class ProfileField:
    name: str = strawberry.field(description="As in AccountProfile and in the input of updateAccountProfile.")
    editable: bool
    reason: ProfileLock | None
    message: str | None = strawberry.field(description="Why not, in the reader's language.")
    resolved_by: str | None = strawberry.field(description="The mutation that leads on: openTicket, updateContact.")


@access(needs(Permission.ACCOUNT_READ))
@strawberry.type(description="Person or company data of the account.")
class AccountProfile:
    kind: AccountKind
    name: str
    tax_number: str | None
    eu_vat_id: str | None
    email: str | None
    phone: str | None
    country: str | None
    postal_code: str | None
    city: str | None
    street: str | None
    currency: str
    locale: str
    since: DateTime | None
    version: int = strawberry.field(description="Grows with every change; see updateAccountProfile's ifVersion.")
    fields: list[ProfileField] = strawberry.field(description="What of it you can change.")

    @staticmethod
    def of(acting: Acting, pb: identity_pb2.Account) -> "AccountProfile":
        locks = {lock.field: lock.reason.upper() for lock in pb.locks}
        return AccountProfile(
            kind=KINDS[pb.kind],
            name=pb.name,
            tax_number=pb.tax_number or None,
            eu_vat_id=pb.eu_vat_id or None,
            email=pb.email or None,
            phone=pb.phone or None,
            country=pb.country or None,
            postal_code=pb.postal_code or None,
            city=pb.city or None,
            street=pb.street or None,
            currency=pb.currency,
            locale=pb.locale,
            since=moment_of(pb, "since"),
            version=pb.version,
            fields=[_field(acting, name, shown, locks.get(name)) for name, shown in FIELDS.items()],
        )


def _field(acting: Acting, name: str, shown: str, locked: str | None) -> ProfileField:
    if locked is None and acting.policy.allows(Permission.ACCOUNT_WRITE):
        return ProfileField(name=shown, editable=True, reason=None, message=None, resolved_by=None)
    # A reason that a newer identity knows is still the operator's to lift.
    reason = ProfileLock.__members__.get(locked, ProfileLock.OPERATOR) if locked else ProfileLock.NO_PERMISSION
    text = messages.text(f"LOCK_{reason.value}", acting.locale, {"permission": Permission.ACCOUNT_WRITE.value})
    resolved_by = "openTicket" if locked else "updateContact"
    return ProfileField(name=shown, editable=False, reason=reason, message=text, resolved_by=resolved_by)


@access(PUBLIC)
@strawberry.type
class AccountPayload:
    account: Annotated["Account", strawberry.lazy("gateway.graph.account")] | None = None
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input(description="Only what is given changes; null empties a field, where it may be empty.")
class UpdateAccountProfileInput:
    if_version: int = strawberry.field(
        description="AccountProfile.version that you have seen: CONFLICT when somebody changed it since."
    )
    kind: AccountKind | None = strawberry.UNSET
    name: str | None = strawberry.UNSET
    tax_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="In Hungary 12345678-1-12; elsewhere 4 to 30 letters and digits."
    )
    eu_vat_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="With the member state in front: HU12345678."
    )
    email: str | None = strawberry.UNSET
    phone: str | None = strawberry.field(default=strawberry.UNSET, description="+36.525550101")
    country: str | None = strawberry.field(default=strawberry.UNSET, description="ISO 3166: HU.")
    postal_code: str | None = strawberry.UNSET
    city: str | None = strawberry.UNSET
    street: str | None = strawberry.UNSET
    currency: CurrencyCode | None = strawberry.UNSET
    locale: str | None = strawberry.field(default=strawberry.UNSET, description="hu or en: of invoices and mails.")
    account_id: strawberry.ID | None = None


async def update_account_profile(acting: Acting, input_: UpdateAccountProfileInput) -> AccountPayload:
    """Changes the account's data. A locked field answers FIELD_LOCKED; AccountProfile.fields says which and why."""
    from gateway.graph.account import Account

    request = accounts_pb2.UpdateAccountProfileRequest(if_version=input_.if_version, **_changes(input_))
    answer = await acting.write("identity", acting.clients.accounts.UpdateAccountProfile, request)
    acting.note("account", answer)
    account = Account.of(acting)
    account.name = answer.name
    return AccountPayload(account=account)


def _changes(input_: UpdateAccountProfileInput) -> dict[str, Any]:
    """The fields that the input gives, as the proto has them: an empty one is emptied."""
    numbers = {kind: number for number, kind in KINDS.items()}
    found: dict[str, Any] = {}
    for name, shown in FIELDS.items():
        value = getattr(input_, name)
        if value is strawberry.UNSET:
            continue
        if value is None and name not in _CLEARABLE:
            raise Wrong("FIELD_REQUIRED", ["input", shown], name=shown)
        found[name] = numbers[value] if isinstance(value, AccountKind) else value or ""
    return found


@strawberry.type
class ProfileMutations:
    update_account_profile: AccountPayload = mutation(
        Permission.ACCOUNT_WRITE, update_account_profile, UpdateAccountProfileInput, AccountPayload
    )
