"""Typed settings. Only a program's settings module makes an Env; everything else is handed values."""

from collections.abc import Mapping
from pathlib import Path


class ConfigError(Exception):
    """A setting is missing or malformed; the message names it."""


class Env:
    """Reads settings from a mapping, normally os.environ."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str | None = None) -> str:
        value = self._values.get(name, "")
        if value:
            return value
        if default is None:
            raise ConfigError(f"{name} is not set")
        return default

    def optional(self, name: str) -> str | None:
        return self._values.get(name) or None

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.text(name, None if default is None else str(default))
        try:
            return int(value)
        except ValueError:
            raise ConfigError(f"{name} must be a whole number, not {value!r}") from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name, "1" if default else "0").lower()
        if value not in {"0", "1", "true", "false", "yes", "no"}:
            raise ConfigError(f"{name} must be 1 or 0, not {value!r}")
        return value in {"1", "true", "yes"}

    def path(self, name: str, default: str | None = None) -> Path:
        return Path(self.text(name, default))
