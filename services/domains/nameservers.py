"""A domain's nameservers: what may be one, the host objects behind them (RFC 5732), and the glue of those inside the domain."""

import ipaddress
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.actor import Actor, Scope
from services.chassis.db import Row, Tx
from services.chassis.errors import DomainError, Invalid
from services.chassis.operations import SUCCEEDED
from services.domains import changes, confirmations, hosts, names, store, transforms, zone_changes, zone_store
from services.domains.app import App, operations
from services.domains.changes import Asked
from services.domains.epp import DomainInfo
from services.domains.hosts import HostRefused
from services.domains.transforms import Command, Refused, Seen, State, Task

COMMAND = "nameservers"
OPERATION = "DOMAIN_NAMESERVERS"


class NameserverInvalid(Invalid):
    reason = "NAMESERVER_INVALID"


class NameserverRepeated(Invalid):
    reason = "NAMESERVER_REPEATED"


class NameserversTooFew(Invalid):
    reason = "NAMESERVERS_TOO_FEW"


class NameserversTooMany(Invalid):
    reason = "NAMESERVERS_TOO_MANY"


class GlueRequired(Invalid):
    reason = "GLUE_REQUIRED"


class GlueNotAllowed(Invalid):
    reason = "GLUE_NOT_ALLOWED"


class AddressInvalid(Invalid):
    reason = "ADDRESS_INVALID"


class DnssecInTheWay(DomainError):
    """Other nameservers would not know the zone's keys, and its DS would make it unreachable."""

    reason = "DNSSEC_IN_THE_WAY"


class NameserverUnknown(DomainError):
    """The registry has no such host, and lets only whoever holds its domain make it."""

    reason = "NAMESERVER_UNKNOWN"


Hosts = dict[str, list[str]]
"""Nameserver -> its addresses, which only those inside the domain have."""


async def set_nameservers(
    app: App, actor: Actor, scope: Scope, domain_id: UUID, wished: Sequence[tuple[str, Sequence[str]]], now: datetime
) -> Asked:
    """Has the registry delegate the domain to these (host, addresses). Asking for what is so changes nothing."""
    async with app.db.transaction() as tx:
        domain = await changes.lock(tx, actor, scope, domain_id)
        tld = await store.tld(tx, domain["tld"])
        hosts, problems = read(domain["name"], wished, tld)
        zone = await zone_store.lock(tx, domain["account_id"], None, domain_id)
        if zone is not None and zone["dnssec"] != "OFF" and not set(hosts) <= set(app.nameservers):
            detail = "the zone is signed; other nameservers do not know its keys"
            problems.append(DnssecInTheWay(detail, field="nameservers", name=domain["unicode_name"]))
        if problems:
            return Asked(domain, problems=problems)
        same = (set(domain["nameservers"]), domain["glue"]) == (set(hosts), glue(hosts))
        if same and await changes.at_rest(tx, domain):
            return Asked(domain)
        changes.updatable(domain)
        steps = ["registry_update", "zone"] if zone is not None and _served_here(app, hosts) else ["registry_update"]
        operation_id = await changes.ask(
            tx, domain, COMMAND, {"nameservers": hosts}, kind=OPERATION, steps=steps, actor=actor, now=now
        )
    return Asked(domain, operation_id)


def read(domain: str, wished: Sequence[tuple[str, Sequence[str]]], tld: Row) -> tuple[Hosts, list[DomainError]]:
    """The hosts in A-labels by name, and everything that is wrong, each with its path into the request."""
    hosts: Hosts = {}
    problems: list[DomainError] = []
    for index, (text, addresses) in enumerate(wished):
        field = f"nameservers[{index}]"
        try:
            host = _host(text, hosts, f"{field}.host")
        except Invalid as error:
            problems.append(error)
            continue
        hosts[host], wrong = _addresses(addresses, field)
        problems += wrong
        inside = _is_inside(host, domain)
        if inside and not addresses:
            problems.append(_glue_required(host, f"{field}.addresses"))
        elif addresses and not inside:
            detail = f"{host} is not inside {domain}: its own domain says where it is"
            problems.append(GlueNotAllowed(detail, field=f"{field}.addresses", name=host, domain=domain))
    if (wrong_number := _wrong_number(len(wished), tld)) is not None:
        problems.append(wrong_number)
    return dict(sorted(hosts.items())), problems


def for_registration(texts: Sequence[str]) -> tuple[list[str], list[Invalid]]:
    """The hosts in A-labels, in their order, that names are to be registered with; what is wrong with each."""
    hosts: list[str] = []
    problems: list[Invalid] = []
    for index, text in enumerate(texts):
        try:
            hosts.append(_host(text, hosts, f"nameservers[{index}]"))
        except Invalid as error:
            problems.append(error)
    return hosts, problems


def unfit(domain: str, hosts: Sequence[str], tld: Row) -> Invalid | None:
    """Why a domain cannot be registered with these. Nothing says there where a host inside the domain is."""
    inside = next((host for host in hosts if _is_inside(host, domain)), None)
    return _wrong_number(len(hosts), tld) or (_glue_required(inside, "nameservers") if inside else None)


def _host(text: str, present: Container[str], field: str) -> str:
    """In A-labels; NameserverInvalid, NameserverRepeated."""
    host = names.host(text)
    if host is None:
        raise NameserverInvalid("is no host name", field=field, name=text[:255])
    if host in present:
        raise NameserverRepeated("is there twice", field=field, name=host)
    return host


def _is_inside(host: str, domain: str) -> bool:
    return host.endswith(f".{domain}")


def _glue_required(host: str, field: str) -> GlueRequired:
    return GlueRequired(f"{host} is inside the domain: nobody finds it without its addresses", field=field, name=host)


def _wrong_number(count: int, tld: Row) -> Invalid | None:
    least, most = tld["min_nameservers"], tld["max_nameservers"]
    if count < least:
        return NameserversTooFew(f"at least {least}", field="nameservers", min=str(least), tld=tld["tld"])
    if count > most:
        return NameserversTooMany(f"at most {most}", field="nameservers", max=str(most), tld=tld["tld"])
    return None


def _addresses(texts: Sequence[str], field: str) -> tuple[list[str], list[DomainError]]:
    found: set[str] = set()
    problems: list[DomainError] = []
    for index, text in enumerate(texts):
        try:
            address = ipaddress.ip_address(text.strip())
        except ValueError:
            address = None
        if address is None or not _reachable(address):
            detail = "is no address that others can reach"
            problems.append(AddressInvalid(detail, field=f"{field}.addresses[{index}]", value=text[:100]))
        else:
            found.add(str(address))
    return sorted(found), problems


def _reachable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped is not None or address.scope_id is not None):
        return False
    return not (address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local)


def glue(hosts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {host: list(addresses) for host, addresses in hosts.items() if addresses}


def _served_here(app: App, hosts: Mapping[str, Any]) -> bool:
    return any(host in app.nameservers for host in hosts)


# -- at the registry


async def _send(task: Task) -> bool:
    registry, wanted = task.registry, _wanted(task)
    try:
        await hosts.ensure(task.app.db, registry, task.domain["id"], wanted)
    except HostRefused as error:
        raise Refused(NameserverUnknown.reason, str(error), host=error.host) from error
    info = await registry.info(task.domain["name"])
    present = set() if info is None else set(info.nameservers)
    added, removed = sorted(set(wanted) - present), sorted(present - set(wanted))
    if not added and not removed:
        return False
    done = await registry.update(
        task.domain["name"], add_nameservers=added, rem_nameservers=removed, cl_trid=task.cl_trid
    )
    return done.pending


_delegated = transforms.shown_by_info(lambda task, info: set(info.nameservers) == set(_wanted(task)))


async def _look(task: Task) -> Seen:
    seen = await _delegated(task)
    if seen.state is not State.DONE:
        return seen
    for host, addresses in glue(_wanted(task)).items():
        info = await task.registry.host_info(host)
        if info is None or set(info.addresses) != set(addresses):
            return Seen(State.NOT_DONE, seen.info)
    return seen


async def _succeed(tx: Tx, task: Task, _info: DomainInfo | None) -> None:
    hosts, domain = _wanted(task), task.domain
    await store.keep_nameservers(tx, domain["id"], list(hosts), glue(hosts))
    before = {"nameservers": _listed(domain["nameservers"], domain["glue"])}
    after = {"nameservers": _listed(hosts, hosts)}
    await changes.tell(tx, task.actor, domain, "domain.nameservers_changed", before=before, after=after)
    assert task.operation_id is not None
    # The zone that our nameservers serve names the same ones as its parent (RFC 1034 4.2.2). Where only others are to
    # serve the name, our zone is asked by nobody and stays as it is, ready for a way back.
    followed = _served_here(task.app, hosts) and await zone_changes.follow_delegation(
        tx, domain, hosts, task.intent["actor"], task.operation_id, task.now
    )
    if not followed:
        await operations.finish(tx, task.operation_id, SUCCEEDED)


def _listed(hosts: Sequence[str] | Mapping[str, Any], addresses: Mapping[str, Sequence[str]]) -> list[str]:
    return [" ".join([host, *addresses.get(host, ())]) for host in sorted(hosts)]


def _wanted(task: Task) -> Hosts:
    found: Hosts = task.parameters["nameservers"]
    return found


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    await changes.log_refusal(tx, task, "domain.nameservers_refused", reason)


COMMANDS = {
    COMMAND: Command(
        "registry_update",
        _send,
        _look,
        _succeed,
        _refuse,
        transforms.always(confirmations.NAMESERVERS),
        ends_operation=False,
    )
}
