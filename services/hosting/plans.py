"""What a hosting service may use."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Plan:
    """`traffic_mib` is per month."""

    id: UUID
    code: str
    name: str
    disk_mib: int
    traffic_mib: int
