"""What the registry's answers say. Times are aware datetimes in UTC; secrets stay out of repr()."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Availability:
    """One name or id of a check."""

    name: str
    available: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DsRecord:
    """A delegation signer record (RFC 5910 section 4.1); the digest in upper-case hex."""

    key_tag: int
    algorithm: int
    digest_type: int
    digest: str


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """domain:infData (RFC 5731 section 3.1.2). `statuses` and `rgp_statuses` as the registry spells them."""

    name: str
    roid: str
    cl_id: str
    statuses: tuple[str, ...] = ()
    rgp_statuses: tuple[str, ...] = ()
    registrant: str = ""
    contacts: tuple[tuple[str, str], ...] = ()
    """(admin | tech | billing, contact id)."""
    nameservers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Subordinate hosts."""
    cr_id: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    transferred_at: datetime | None = None
    auth_info: str | None = field(default=None, repr=False)
    ds: tuple[DsRecord, ...] = ()

    def contacts_of(self, role: str) -> tuple[str, ...]:
        """Contact ids of a role."""
        return tuple(contact for kind, contact in self.contacts if kind == role)


@dataclass(frozen=True, slots=True)
class Done:
    """A transform without data. `pending`: accepted (1001), the outcome arrives in the message queue."""

    pending: bool = False
    sv_trid: str = ""
    rgp_status: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """domain:creData."""

    name: str
    created_at: datetime | None
    expires_at: datetime | None
    pending: bool = False
    sv_trid: str = ""


@dataclass(frozen=True, slots=True)
class Renewed:
    """domain:renData."""

    name: str
    expires_at: datetime | None
    pending: bool = False
    sv_trid: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """domain:trnData. `status`: pending, clientApproved, clientRejected, clientCancelled, serverApproved, serverCancelled."""

    name: str
    status: str
    requested_by: str
    requested_at: datetime | None
    acting: str
    """The registrar that has to act or has acted."""
    acts_at: datetime | None
    """When it acted, or must."""
    expires_at: datetime | None = None
    """The domain's expiry once the transfer is done."""
    pending: bool = False


@dataclass(frozen=True, slots=True)
class PendingAction:
    """panData: the outcome of a command that was answered 1001."""

    name: str
    succeeded: bool
    cl_trid: str
    sv_trid: str
    at: datetime | None
    of_domain: bool = True
    """Otherwise of a contact, and `name` is its id."""


@dataclass(frozen=True, slots=True)
class PollMessage:
    """The head of the message queue (RFC 5730 section 2.9.2.3)."""

    id: str
    count: int
    """Messages in the queue, this one included."""
    text: str
    queued_at: datetime | None
    xml: str = field(default="", repr=False)
    """The whole frame, with passwords and auth codes taken out."""
    transfer: Transfer | None = None
    action: PendingAction | None = None
    info: DomainInfo | None = None
    """A domain as it is now, where the registry sends it along."""
    renewed: Renewed | None = None

    @property
    def domain(self) -> str:
        """The domain that it is about; empty when about none, or when the message does not say in its data."""
        action = self.action if self.action is not None and self.action.of_domain else None
        about = self.transfer or action or self.info or self.renewed
        return "" if about is None else about.name


@dataclass(frozen=True, slots=True)
class ContactData:
    """A contact (RFC 5733). `kind`: "loc" takes any script, "int" is ASCII. Phones as +36.12345678; `country` ISO 3166."""

    id: str
    name: str
    city: str
    country: str
    email: str
    street: tuple[str, ...] = ()
    org: str = ""
    province: str = ""
    postal_code: str = ""
    voice: str = ""
    fax: str = ""
    kind: str = "loc"
    auth_info: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ContactInfo:
    """contact:infData."""

    data: ContactData
    roid: str
    cl_id: str
    statuses: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HostInfo:
    """host:infData (RFC 5732)."""

    name: str
    roid: str
    cl_id: str
    statuses: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    created_at: datetime | None = None
