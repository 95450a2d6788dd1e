"""The registries that the house is a registrar of, each with sessions of its own: where one is away, the others go on."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from services.domains.epp import EppUnavailable, Registry


@dataclass(frozen=True, slots=True)
class Account:
    """Ours with one registry, as the operator's file has it; a file path is taken from that file's folder."""

    #: What its messages and contacts are kept under: it must stay, its host may change.
    name: str
    #: In A-labels.
    tlds: tuple[str, ...]
    host: str
    registrar: str
    password: str = field(repr=False)
    #: Of whom its certificate must be; the system's authorities without one.
    ca_file: Path | None = None
    #: Our certificate for the connection and its key, PEM, where the registry wants one.
    cert_file: Path | None = None
    key_file: Path | None = None
    port: int = 700
    #: Whom its certificate must name; without one, the host.
    server_name: str = ""
    #: How many it lets us open, beside the one that reads its messages.
    sessions: int = 4
    #: Seconds for a command.
    timeout: int = 20
    #: Seconds between two looks into its message queue.
    poll_seconds: int = 15

    def open(self) -> Registry:
        """Its sessions are opened when they are needed."""
        return Registry(
            self.host,
            self.port,
            registrar=self.registrar,
            password=self.password,
            ca_file=self.ca_file,
            server_name=self.server_name or self.host,
            client_files=(self.cert_file, self.key_file) if self.cert_file and self.key_file else None,
            sessions=self.sessions,
            timeout=self.timeout,
            name=self.name,
            tlds=self.tlds,
        )


def read(file: Path) -> list[Account]:
    """Of a JSON list of objects with the fields of Account; ValueError names the one that is wrong. OSError."""
    found = json.loads(file.read_text())
    if not isinstance(found, list) or not found:
        raise ValueError("must be a list of registries")
    accounts = [_account(one, f"[{index}]", file.parent) for index, one in enumerate(found)]
    Registries(account.open() for account in accounts)  # says whether they fit together
    return accounts


def _account(given: Any, where: str, folder: Path) -> Account:
    if not isinstance(given, dict):
        raise ValueError(f"{where} must be an object")
    known = {one.name: one for one in fields(Account)}
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"{where} has the unknown field {unknown[0]}")
    values: dict[str, Any] = {}
    for name, value in given.items():
        values[name] = _value(name, value, f"{where}.{name}", folder)
    if ("cert_file" in values) != ("key_file" in values):
        raise ValueError(f"{where} needs both cert_file and key_file, or neither")
    try:
        return Account(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {str(error).partition(' ')[2]}") from None


def _value(name: str, value: Any, where: str, folder: Path) -> Any:
    if name == "tlds":
        if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
            raise ValueError(f"{where} must be a list of top-level domains")
        return tuple(one.lower().strip(".") for one in value)
    if name in {"port", "sessions", "timeout", "poll_seconds"}:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{where} must be a whole number, at least 1")
        return value
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where} must be a text")
    return folder / value if name.endswith("_file") else value


WHILE_WAITING = 2.5
"""Seconds for an answer that somebody waits for; a job has those of the registry's account."""


class Registries:
    """ValueError when two of them run one top-level domain, or have one name."""

    def __init__(self, registries: Iterable[Registry]) -> None:
        self._by_name: dict[str, Registry] = {}
        self._by_tld: dict[str, Registry] = {}
        for registry in registries:
            if registry.name in self._by_name:
                raise ValueError(f"two registries are called {registry.name}")
            self._by_name[registry.name] = registry
            for tld in registry.tlds:
                if (other := self._by_tld.setdefault(tld, registry)) is not registry:
                    raise ValueError(f".{tld} cannot be both {other.name}'s and {registry.name}'s")

    def __iter__(self) -> Iterator[Registry]:
        return iter(self._by_name.values())

    def of(self, name: str) -> Registry:
        """Whose a domain name is, or a top-level domain. EppUnavailable where no registry of ours runs it."""
        tld = name.rpartition(".")[2]
        if tld not in self._by_tld:
            raise EppUnavailable(f"no registry is set for .{tld}")
        return self._by_tld[tld]

    def named(self, name: str) -> Registry:
        """EppUnavailable where there is none of this name any more."""
        if name not in self._by_name:
            raise EppUnavailable(f"no registry is called {name}")
        return self._by_name[name]

    def runs(self, tld: str) -> bool:
        """Whether a registry of ours runs it."""
        return tld in self._by_tld

    async def close(self) -> None:
        """Log out everywhere."""
        await asyncio.gather(*(registry.close() for registry in self))
