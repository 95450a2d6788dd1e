"""The control listener: JSON over HTTP on loopback, for tests and for the demo data."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lxml import etree

from deploy.sandbox.registry import happenings, objects, transfers, wire
from deploy.sandbox.registry.names import later
from deploy.sandbox.registry.server import Server, shown
from deploy.sandbox.registry.store import Domain, at, iso
from deploy.sandbox.registry.wire import CONTACT

MAX_BODY = 32 * 1024 * 1024
SOMEBODY = {"name": "Seeded contact", "city": "Budapest", "country": "HU", "email": "contact@example.com"}
"""What a contact says that is seeded by its id alone."""


class Control:
    """POST, GET, DELETE /faults; GET, PUT, DELETE /domains/{name}; GET, PUT /contacts/{id}; GET /hosts/{name};
    GET /emails/{domain}; POST /seed; GET, DELETE /log; POST /pending/{name}/complete, /pending-contacts/{id}/complete,
    and /confirm instead of /complete for what a holder is asked about;
    POST /transfers/{name}; POST /happenings/{name} (see happenings.py), /messages; POST /disconnect; GET /health."""

    def __init__(self, server: Server) -> None:
        self._registry = server
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen on loopback only; the port that was taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            status, body = await asyncio.wait_for(self._request(reader), 30)
            content = json.dumps(body, ensure_ascii=False).encode()
            head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + content)
            await writer.drain()
        writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> tuple[int, Any]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        # A page in a browser can reach loopback too, through a name of its own.
        if headers.get("host", "").rsplit(":", 1)[0] not in ("127.0.0.1", "localhost"):
            return 403, {"error": "loopback names only"}
        try:
            method, target, _ = request.split(" ")
            length = int(headers.get("content-length", "0"))
            if not 0 <= length <= MAX_BODY:
                return 413, {"error": "too large"}
            raw = await reader.readexactly(length)
            body = json.loads(raw) if raw else {}
            parts = urlsplit(target)
            path = [unquote(step) for step in parts.path.strip("/").split("/")]
            return self._route(method, path, dict(parse_qsl(parts.query)), body)
        except LookupError as error:
            return 404, {"error": str(error)}
        except (ValueError, TypeError, AttributeError) as error:
            return 400, {"error": str(error)}

    def _route(self, method: str, path: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        registry = self._registry
        registry.engine.tick()
        match method, path:
            case "GET", ["health"]:
                return 200, {"ok": True}
            case "POST", ["faults"]:
                for wish in body if isinstance(body, list) else [body]:
                    registry.faults.add(wish)
                return 201, registry.faults.listed()
            case "GET", ["faults"]:
                return 200, registry.faults.listed()
            case "DELETE", ["faults"]:
                registry.faults.clear()
                return 200, []
            case "GET", ["log"]:
                return 200, registry.log.entries(query)
            case "DELETE", ["log"]:
                registry.log.clear()
                return 200, []
            case "POST", ["disconnect"]:
                return 200, {"sessions": registry.disconnect()}
            case "GET", ["domains", name]:
                found = shown(registry, name)
                return (404, {"error": "no such domain"}) if found is None else (200, found)
            case "PUT", ["domains", name]:
                with registry.engine.store.transaction():
                    self._seed({**body, "name": name})
                return 200, shown(registry, name)
            case "DELETE", ["domains", name]:
                registry.engine.store.remove("domain", name.lower())
                return 200, {}
            case "POST", ["seed"]:
                with registry.engine.store.transaction():
                    for one in body:
                        self._seed(one)
                return 200, {"domains": len(body)}
            case "GET", ["emails", name]:
                return 200, registry.engine.store.emails(name.lower())
            case "GET", ["contacts", identifier]:
                contact = registry.engine.store.get("contact", identifier)
                return (404, {"error": "no such contact"}) if contact is None else (200, contact)
            case "PUT", ["contacts", identifier]:
                with registry.engine.store.transaction():
                    self._put_contact(str(body.pop("registrar", "portico")), identifier, body)
                return 200, registry.engine.store.get("contact", identifier)
            case "GET", ["hosts", name]:
                host = registry.engine.store.get("host", name.lower())
                return (404, {"error": "no such host"}) if host is None else (200, host)
            case "POST", ["pending-contacts", identifier, "complete"]:
                objects.complete_contact(registry.engine, identifier, approve=bool(body.get("approve", True)))
                return 200, registry.engine.store.get("contact", identifier) or {}
            case "POST", ["pending", name, "complete"]:
                registry.engine.complete(name.lower(), approve=bool(body.get("approve", True)))
                return 200, shown(registry, name) or {}
            case "POST", ["pending-contacts" | "pending" as kind, key, "confirm"]:
                self._confirm(kind, key, approve=bool(body.get("approve", True)))
                return 200, {}
            case "POST", ["transfers", name]:
                return 200, self._transfer(name.lower(), approve=bool(body.get("approve", True)))
            case "POST", ["happenings", name]:
                happenings.happen(registry.engine, name.lower(), str(body.get("what")), body)
                return 200, shown(registry, name) or {}
            case "POST", ["messages"]:
                registry.engine.tell(str(body.get("registrar", "portico")), str(body["text"]))
                return 200, {}
        return 404, {"error": f"{method} /{'/'.join(path)}"}

    def _confirm(self, kind: str, key: str, *, approve: bool) -> None:
        """What the holder does with the registry's letter."""
        engine = self._registry.engine
        if kind == "pending":
            domain = engine.store.domain(key.lower())
            action = None if domain is None else domain.pending
        else:
            action = (engine.store.get("contact", key) or {}).get("pending")
        if action is None or "confirmation" not in action:
            raise LookupError(f"its holder is asked nothing: {key}")
        if kind == "pending":
            engine.complete(key.lower(), approve=approve)
        else:
            objects.complete_contact(engine, key, approve=approve)

    def _transfer(self, name: str, *, approve: bool) -> Any:
        """What the losing registrar would do, done by the registry."""
        engine = self._registry.engine
        domain = engine.store.domain(name)
        if domain is None or domain.transfer is None or domain.transfer["status"] != "pending":
            raise LookupError(f"no transfer is pending for {name}")
        with engine.store.transaction():
            transfers.settle(engine, domain, "serverApproved" if approve else "serverCancelled")
        return shown(self._registry, name)

    def _seed(self, wish: dict[str, Any]) -> None:
        """Put a domain as it is, with the contacts and hosts that it mentions. Unknown keys are refused."""
        engine = self._registry.engine
        known = {
            "name", "registrar", "created", "expires", "updated", "transferred", "statuses", "auth", "nameservers",
            "registrant", "contacts", "admin", "tech", "ds", "grace", "deleted", "restoring",
        }  # fmt: skip
        if unknown := set(wish) - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        name = str(wish["name"]).lower()
        registrar = str(wish.get("registrar", "portico"))
        before = engine.store.domain(name)
        created = at(wish.get("created")) if wish.get("created") else engine.now - timedelta(days=400)
        expires = at(wish["expires"]) if wish.get("expires") else later(created, 1)
        while not wish.get("expires") and expires < engine.now:
            expires = later(expires, 1)
        registrant = str(wish.get("registrant") or f"SEED-{registrar[:11]}")
        contacts = [[str(role), str(contact)] for role, contact in wish.get("contacts", [])]
        contacts += [[role, str(wish[role])] for role in ("admin", "tech") if wish.get(role)]
        nameservers = [str(n).lower() for n in wish.get("nameservers", [])]
        for contact in {registrant, *(c[1] for c in contacts)}:
            self._seed_contact(registrar, contact)
        for host in nameservers:
            if engine.store.get("host", host) is None:
                engine.make_host(host, registrar, [])
        domain = Domain(
            name=name,
            roid=before.roid if before else engine.store.roid("D"),
            sponsor=registrar,
            creator=registrar,
            created=iso(created),
            expires=iso(expires),
            registrant=registrant,
            contacts=contacts,
            nameservers=nameservers,
            auth=str(wish.get("auth", "")),
            statuses=list(wish.get("statuses", [])),
            ds=[[str(part) for part in record] for record in wish.get("ds", [])],
            updated=iso(at(wish["updated"])) if wish.get("updated") else "",
            updater=registrar if wish.get("updated") else "",
            transferred=iso(at(wish["transferred"])) if wish.get("transferred") else "",
            grace={str(k): iso(at(v)) for k, v in dict(wish.get("grace", {})).items()},
            deleted=iso(at(wish["deleted"])) if wish.get("deleted") else "",
            restoring=bool(wish.get("restoring", False)),
        )
        engine.store.put_domain(domain)

    def _seed_contact(self, registrar: str, identifier: str) -> None:
        if self._registry.engine.store.get("contact", identifier) is None:
            self._put_contact(registrar, identifier, SOMEBODY)

    def _put_contact(self, registrar: str, identifier: str, person: dict[str, Any]) -> None:
        """Put a contact as it is. KeyError names what is missing."""
        engine = self._registry.engine
        postal = wire.node(CONTACT, "postalInfo", type="loc")
        wire.add(postal, "name", person["name"])
        if person.get("org"):
            wire.add(postal, "org", person["org"])
        address = wire.add(postal, "addr")
        for tag, value in (
            *(("street", line) for line in person.get("street", [])),
            ("city", person["city"]),
            ("pc", person.get("postal_code")),
            ("cc", person["country"]),
        ):
            if value:
                wire.add(address, tag, value)
        fields = {"postalInfo": [postal], "email": [wire.node(CONTACT, "email", person["email"])]}
        if person.get("phone"):
            fields["voice"] = [wire.node(CONTACT, "voice", person["phone"])]
        made = {
            "id": identifier,
            "roid": engine.store.roid("C"),
            "sponsor": registrar,
            "created": iso(engine.now),
            "auth": "",
            "statuses": [],
            "fields": {
                tag: [etree.tostring(one, encoding="unicode") for one in elements] for tag, elements in fields.items()
            },
        }
        engine.store.put("contact", identifier, made)
