"""What the hosting service's RPCs and consumers are handed."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.chassis.db import Database


@dataclass(frozen=True)
class App:
    db: Database
    time_zone: ZoneInfo
