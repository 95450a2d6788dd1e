"""What the identity service is told by its environment."""

from dataclasses import dataclass

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.chassis.config import ConfigError, Env
from services.chassis.run import ServiceSettings
from services.chassis.sealing import Sealer
from services.identity.relying_party import RelyingParty


@dataclass(frozen=True)
class Settings:
    service: ServiceSettings
    actor_key: OKPKey
    sealer: Sealer
    public_url: str
    relying_party: RelyingParty
    smtp_url: str | None
    mail_from: str

    @classmethod
    def read(cls, env: Env) -> "Settings":
        """ACTOR_KEY_FILE is an Ed25519 private key in PKCS8 PEM, SEALING_KEYS_FILE as Sealer.read takes it, PASSKEY_ORIGINS
        (PUBLIC_URL without it) as RelyingParty.read does; ConfigError."""
        try:
            key = OKPKey.import_key(env.path("ACTOR_KEY_FILE").read_text())
        except (OSError, ValueError, JoseError) as error:
            raise ConfigError(f"ACTOR_KEY_FILE is not usable: {error}") from None
        if not key.is_private or key.curve_name != "Ed25519":
            raise ConfigError("ACTOR_KEY_FILE must hold an Ed25519 private key")
        try:
            sealer = Sealer.read(env.path("SEALING_KEYS_FILE").read_text())
        except (OSError, ValueError) as error:
            raise ConfigError(f"SEALING_KEYS_FILE is not usable: {error}") from None
        public_url = env.text("PUBLIC_URL").rstrip("/")
        try:
            relying_party = RelyingParty.read(env.text("PASSKEY_ORIGINS", public_url))
        except ValueError as error:
            raise ConfigError(f"PASSKEY_ORIGINS is not usable: {error}") from None
        return cls(
            ServiceSettings.read(env),
            key,
            sealer,
            public_url,
            relying_party,
            env.optional("SMTP_URL"),
            env.text("MAIL_FROM", "Portico <no-reply@portico.example>"),
        )
