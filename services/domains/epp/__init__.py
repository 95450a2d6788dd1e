"""An asyncio EPP client: RFC 5730-5734, grace periods (3915), DNSSEC (5910)."""

from services.domains.epp.client import Registry
from services.domains.epp.commands import RestoreReport
from services.domains.epp.errors import (
    EppError,
    EppLoginRefused,
    EppRefused,
    EppServerFailure,
    EppUnavailable,
    EppUnknown,
)
from services.domains.epp.model import (
    Availability,
    ContactData,
    ContactInfo,
    Created,
    DomainInfo,
    Done,
    DsRecord,
    HostInfo,
    PendingAction,
    PollMessage,
    Renewed,
    Transfer,
)

__all__ = [
    "Availability",
    "ContactData",
    "ContactInfo",
    "Created",
    "DomainInfo",
    "Done",
    "DsRecord",
    "EppError",
    "EppLoginRefused",
    "EppRefused",
    "EppServerFailure",
    "EppUnavailable",
    "EppUnknown",
    "HostInfo",
    "PendingAction",
    "PollMessage",
    "Registry",
    "Renewed",
    "RestoreReport",
    "Transfer",
]
