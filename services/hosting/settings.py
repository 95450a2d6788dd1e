"""What the hosting service is told by its environment."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.chassis.config import ConfigError, Env
from services.chassis.run import ServiceSettings


@dataclass(frozen=True)
class Settings:
    service: ServiceSettings
    time_zone: ZoneInfo

    @classmethod
    def read(cls, env: Env) -> "Settings":
        """TIME_ZONE says when a due date's day begins; ConfigError when it is none."""
        name = env.text("TIME_ZONE", "Europe/Budapest")
        try:
            return cls(ServiceSettings.read(env), ZoneInfo(name))
        except (ValueError, ZoneInfoNotFoundError):
            raise ConfigError(f"TIME_ZONE must be like Europe/Budapest, not {name!r}") from None
