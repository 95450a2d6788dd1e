"""PowerDNS Authoritative's HTTP API (doc.powerdns.com/authoritative/http-api): the nameservers that serve our zones."""

from collections.abc import Iterable, Sequence
from typing import Any

import httpx

from services.domains.epp import DsRecord
from services.domains.records import Key, RecordSet

_SHA256 = 2
_SERVER = "/api/v1/servers/localhost/zones"
_FLUSH = "/api/v1/servers/localhost/cache/flush"


class PowerDnsRefused(Exception):
    """The server understood and said no; the message is its reason."""


class PowerDnsUnavailable(Exception):
    """The server did not answer, or could not; trying again is harmless: a zone is written whole."""


class PowerDns:
    """A client of one server."""

    def __init__(self, url: str, api_key: str) -> None:
        self._http = httpx.AsyncClient(base_url=url.rstrip("/"), headers={"X-API-Key": api_key}, timeout=10)

    async def put_zone(self, name: str, nameservers: Sequence[str], record_sets: Sequence[RecordSet]) -> None:
        """Makes the zone serve exactly these record sets (and its own SOA): created when missing, else patched."""
        zone = name + "."
        existing = await self._zone(zone)
        if existing is None:
            await self._call(
                "POST",
                _SERVER,
                {
                    "name": zone,
                    "kind": "Native",
                    "nameservers": [f"{host}." for host in nameservers],
                    "soa_edit_api": "DEFAULT",
                },
                accept=(201, 409),
            )
            existing = await self._zone(zone) or []
        wanted = {(r.name, r.type): r for r in record_sets}
        gone = [(r["name"], r["type"]) for r in existing if r["type"] != "SOA" and (r["name"], r["type"]) not in wanted]
        await self.patch_zone(name, record_sets, gone)

    async def patch_zone(self, name: str, put: Sequence[RecordSet], delete: Iterable[Key]) -> bool:
        """Replaces and deletes record sets, all of them in one step; False when the server has no such zone."""
        changes: list[dict[str, Any]] = [
            {"name": owner, "type": type_, "changetype": "DELETE"} for owner, type_ in sorted(delete)
        ]
        changes += [
            {
                "name": r.name,
                "type": r.type,
                "ttl": r.ttl,
                "changetype": "REPLACE",
                "records": [{"content": content, "disabled": False} for content in r.records],
            }
            for r in put
        ]
        if not changes:
            return True
        answer = await self._call("PATCH", f"{_SERVER}/{name}.", {"rrsets": changes}, accept=(204, 404))
        return answer.status_code == 204

    async def sign(self, name: str) -> list[DsRecord]:
        """Makes the zone signed with one key (RFC 6781: a CSK), which it gets unless it has one; answers the key's DS of
        SHA-256. Signing it again changes nothing."""
        path = f"{_SERVER}/{name}./cryptokeys"
        keys = (await self._call("GET", path, None, accept=(200,))).json()
        if not any(key["active"] for key in keys):
            wanted = {"keytype": "csk", "active": True, "published": True, "algorithm": "ECDSAP256SHA256"}
            await self._call("POST", path, wanted, accept=(201,))
            keys = (await self._call("GET", path, None, accept=(200,))).json()
        await self._call("PUT", f"{_SERVER}/{name}./rectify", None, accept=(200,))
        await self._forget_answers(name)
        return [ds for key in keys if key["active"] for ds in map(_ds, key.get("ds", ())) if ds.digest_type == _SHA256]

    async def unsign(self, name: str) -> None:
        """Takes the zone's keys away; those that are gone already are as good."""
        path = f"{_SERVER}/{name}./cryptokeys"
        answer = await self._call("GET", path, None, accept=(200, 404))
        for key in answer.json() if answer.status_code == 200 else ():
            await self._call("DELETE", f"{path}/{key['id']}", None, accept=(204, 404))
        await self._forget_answers(name)

    async def _forget_answers(self, name: str) -> None:
        """Else the server gives answers without, or with, the keys for as long as its packet cache keeps them."""
        await self._call("PUT", f"{_FLUSH}?domain={name}.", None, accept=(200,))

    async def _zone(self, zone: str) -> list[dict[str, Any]] | None:
        answer = await self._call("GET", f"{_SERVER}/{zone}", None, accept=(200, 404))
        return answer.json()["rrsets"] if answer.status_code == 200 else None

    async def _call(self, method: str, path: str, body: object, *, accept: tuple[int, ...]) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise PowerDnsUnavailable(f"{type(error).__name__}: {error}") from error
        if answer.status_code in accept:
            return answer
        problem = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        if answer.status_code >= 500 or answer.status_code in {408, 429}:
            raise PowerDnsUnavailable(problem)
        raise PowerDnsRefused(problem)

    async def close(self) -> None:
        await self._http.aclose()


def _ds(text: str) -> DsRecord:
    """From "60485 13 2 2bb183af…" (RFC 4034 section 5.3)."""
    tag, algorithm, kind, digest = text.split(maxsplit=3)
    return DsRecord(int(tag), int(algorithm), int(kind), digest.replace(" ", "").upper())
