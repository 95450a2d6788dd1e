"""What the tickets service is made of."""

from dataclasses import dataclass

from services.chassis.db import Database


@dataclass(frozen=True)
class App:
    db: Database
