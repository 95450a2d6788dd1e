"""The site that security keys are bound to: WebAuthn's relying party."""

import ipaddress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from services.chassis.errors import DomainError


class SecurityKeysUnavailable(DomainError):
    """The portal has no name that keys could be bound to: an IP address is none."""

    reason = "SECURITY_KEYS_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who keys are bound to: `id` is a host name (None: security keys cannot be used), `origins` where pages are."""

    id: str | None
    origins: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Self:
        """From origins with commas between them, "https://portal.example"; the first one's host is the id. ValueError."""
        origins = tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())
        hosts = [urlsplit(origin).hostname for origin in origins]
        for origin, host in zip(origins, hosts, strict=True):
            parts = urlsplit(origin)
            whole = f"{parts.scheme}://{parts.netloc}"
            if not host or "@" in origin or whole != origin or parts.scheme not in {"http", "https"}:
                raise ValueError(f"{origin} is no origin such as https://portal.example")
        if not hosts or not hosts[0]:
            raise ValueError("there must be one origin")
        return cls(None if _is_address(hosts[0]) else hosts[0], origins)

    def required_id(self) -> str:
        if self.id is None:
            raise SecurityKeysUnavailable("the portal's address is an IP address; set PASSKEY_ORIGINS")
        return self.id


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
