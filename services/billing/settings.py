"""What the billing service is told by its environment."""

from dataclasses import dataclass
from pathlib import Path

from services.billing.parties import Seller
from services.chassis.config import Env
from services.chassis.run import ServiceSettings

_SAMPLE_SELLER = str(Path(__file__).parent / "seller.json")


@dataclass(frozen=True)
class Settings:
    service: ServiceSettings
    seller: Seller

    @classmethod
    def read(cls, env: Env) -> "Settings":
        """SELLER_FILE is a JSON file like seller.json, which is a sample; ConfigError when it is not usable."""
        return cls(ServiceSettings.read(env), Seller.read(env.path("SELLER_FILE", _SAMPLE_SELLER)))
