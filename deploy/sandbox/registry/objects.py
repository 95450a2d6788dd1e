"""Contacts (RFC 5733) and hosts (RFC 5732)."""

import ipaddress
import re
from copy import deepcopy
from typing import Any

from lxml import etree

from deploy.sandbox.registry import confirmations, wire
from deploy.sandbox.registry.engine import Context, Engine, handles
from deploy.sandbox.registry.names import host_name
from deploy.sandbox.registry.store import action_due, iso
from deploy.sandbox.registry.wire import CONTACT, HOST, Answer, Element, RefusedError

PHONE = re.compile(r"\+[0-9]{1,3}\.[0-9]{1,14}\Z")
IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{3,16}\Z")
COPIED = ("postalInfo", "voice", "fax", "email")
"""Kept as the XML that the registrar sent: the registry only stores and shows them."""


@handles(CONTACT, "check")
def check_contacts(engine: Engine, _context: Context, body: Element) -> Answer:
    """Availability of ids."""
    data = wire.node(CONTACT, "chkData")
    for element in wire.find_all(body, "id"):
        asked = (element.text or "").strip()
        taken = engine.store.get("contact", asked) is not None
        one = wire.add(data, "cd")
        wire.add(one, "id", asked, avail="0" if taken else "1")
        if taken:
            wire.add(one, "reason", "In use")
    return Answer(data=data)


@handles(CONTACT, "create")
def create_contact(engine: Engine, context: Context, body: Element) -> Answer:
    """2302 when the id is taken."""
    identifier = wire.require(body, "id")
    if not IDENTIFIER.match(identifier):
        raise RefusedError(2005, "Not a contact id", (CONTACT, "id", identifier))
    if wire.find(body, "authInfo") is None:
        raise RefusedError(2003, "authInfo is missing")
    _proper(body)
    if engine.store.get("contact", identifier) is not None:
        raise RefusedError(2302, "In use", (CONTACT, "id", identifier))
    made: dict[str, Any] = {
        "id": identifier,
        "roid": engine.store.roid("C"),
        "sponsor": context.registrar,
        "created": iso(engine.now),
        "auth": wire.text_of(body, "authInfo/pw") or "",
        "statuses": [],
        "fields": _fields(body),
    }
    if context.hold:
        made["pending"] = engine.action(context, "create", []) | {"result": {}}
    engine.store.put("contact", identifier, made)
    data = wire.node(CONTACT, "creData")
    wire.add(data, "id", identifier)
    wire.add(data, "crDate", made["created"])
    return Answer(1001 if context.hold else 1000, data=data)


@handles(CONTACT, "info")
def contact_info(engine: Engine, context: Context, body: Element) -> Answer:
    """Personal data: only for the sponsor, and for whoever knows the auth code."""
    contact = _contact(engine, wire.require(body, "id"))
    given = wire.text_of(body, "authInfo/pw")
    if contact["sponsor"] != context.registrar:
        if given is None:
            raise RefusedError(2201, "Sponsored by another registrar", (CONTACT, "id", contact["id"]))
        if not contact["auth"] or given != contact["auth"]:
            raise RefusedError(2202, "Wrong auth code", (CONTACT, "id", contact["id"]))
    data = wire.node(CONTACT, "infData")
    wire.add(data, "id", contact["id"])
    wire.add(data, "roid", contact["roid"])
    statuses = [*contact["statuses"], *_pending_statuses(contact)]
    _show_statuses(data, statuses, linked=engine.store.linked("contact", contact["id"]))
    for tag in COPIED:
        for xml in contact["fields"].get(tag, []):
            data.append(etree.fromstring(xml))
    wire.add(data, "clID", contact["sponsor"])
    wire.add(data, "crID", contact["sponsor"])
    wire.add(data, "crDate", contact["created"])
    if contact.get("updated"):
        wire.add(data, "upID", contact["sponsor"])
        wire.add(data, "upDate", contact["updated"])
    if contact["auth"]:
        wire.add(wire.add(data, "authInfo"), "pw", contact["auth"])
    for xml in contact["fields"].get("disclose", []):
        data.append(etree.fromstring(xml))
    return Answer(data=data)


@handles(CONTACT, "update")
def update_contact(engine: Engine, context: Context, body: Element) -> Answer:
    """chg replaces the fields that it names. Another name of a holder may have to be confirmed like another holder."""
    contact = _own(context, _contact(engine, wire.require(body, "id")), CONTACT, "id")
    removed, added, changed = (wire.find(body, part) for part in ("rem", "add", "chg"))
    if removed is None and added is None and changed is None:
        raise RefusedError(2003, "add, rem or chg is missing")
    if contact.get("pending"):
        raise RefusedError(2304, "An action is pending", (CONTACT, "id", contact["id"]))
    before = deepcopy(contact)
    _change_statuses(contact, removed, added, CONTACT)
    if changed is not None:
        _proper(changed, partial=True)
        contact["fields"].update(_fields(changed))
        code = wire.text_of(changed, "authInfo/pw")
        contact["auth"] = contact["auth"] if code is None else code
    contact["updated"] = iso(engine.now)
    names = engine.confirmations.of_contact(before, contact, engine.store.holdings(contact["id"]))
    confirmed = ["registrant"] if names else []
    if engine.waits(context, confirmed):
        before["pending"] = engine.action(context, "update", confirmed) | {"result": contact}
        engine.store.put("contact", contact["id"], before, action_due(before["pending"]))
        engine.ask_holder(before["pending"], contact["id"], names, confirmed)
        return Answer(1001)
    engine.store.put("contact", contact["id"], contact)
    return Answer()


def _pending_statuses(contact: dict[str, Any]) -> list[str]:
    return [f"pending{contact['pending']['command'].capitalize()}"] if contact.get("pending") else []


def complete_contact(engine: Engine, identifier: str, *, approve: bool = True) -> None:
    """The holder has confirmed what was created or updated, or has not, with a message (RFC 5733 section 3.3)."""
    with engine.store.transaction():
        contact = engine.store.get("contact", identifier) or {}
        action = contact.pop("pending", None)
        if action is None:
            raise LookupError(f"nothing is pending for {identifier}")
        _end(engine, contact, action, approve=approve)


def confirm_in_time(engine: Engine, identifier: str) -> None:
    """Ends what is pending for a contact and due."""
    with engine.store.transaction():
        contact = engine.store.get("contact", identifier) or {}
        action = contact.pop("pending")
        confirmed = confirmations.by_itself(action)
        _end(engine, contact, action, approve=confirmed, lapsed=not confirmed)


def _end(
    engine: Engine, contact: dict[str, Any], action: dict[str, Any], *, approve: bool, lapsed: bool = False
) -> None:
    identifier = contact["id"]
    if action["command"] == "create" and not approve:
        engine.store.remove("contact", identifier)
    else:
        engine.store.put("contact", identifier, action["result"] if approve and action["result"] else contact)
    engine.tell_end(wire.node(CONTACT, "panData"), "id", identifier, action, approve=approve, lapsed=lapsed)


@handles(CONTACT, "delete")
def delete_contact(engine: Engine, context: Context, body: Element) -> Answer:
    """2305 while a domain uses it."""
    contact = _own(context, _contact(engine, wire.require(body, "id")), CONTACT, "id")
    if engine.store.linked("contact", contact["id"]):
        raise RefusedError(2305, "A domain uses it", (CONTACT, "id", contact["id"]))
    engine.store.remove("contact", contact["id"])
    return Answer()


@handles(HOST, "check")
def check_hosts(engine: Engine, _context: Context, body: Element) -> Answer:
    """Availability of names."""
    data = wire.node(HOST, "chkData")
    for element in wire.find_all(body, "name"):
        asked = (element.text or "").strip()
        taken = engine.store.get("host", asked.lower()) is not None
        one = wire.add(data, "cd")
        wire.add(one, "name", asked, avail="0" if taken else "1")
        if taken:
            wire.add(one, "reason", "In use")
    return Answer(data=data)


@handles(HOST, "create")
def create_host(engine: Engine, context: Context, body: Element) -> Answer:
    """A host inside the registry's zones needs its domain and an address; outside it must not have one."""
    name = host_name(wire.require(body, "name"))
    addresses = _addresses(body)
    if engine.store.get("host", name) is not None:
        raise RefusedError(2302, "In use", (HOST, "name", name))
    _glue(engine, context, name, addresses)
    made = engine.make_host(name, context.registrar, addresses)
    data = wire.node(HOST, "creData")
    wire.add(data, "name", name)
    wire.add(data, "crDate", made["created"])
    return Answer(data=data)


@handles(HOST, "info")
def host_info(engine: Engine, _context: Context, body: Element) -> Answer:
    """Open to every registrar."""
    host = _host(engine, wire.require(body, "name"))
    data = wire.node(HOST, "infData")
    wire.add(data, "name", host["name"])
    wire.add(data, "roid", host["roid"])
    _show_statuses(data, host["statuses"], linked=engine.store.linked("host", host["name"]))
    for address in host["addresses"]:
        wire.add(data, "addr", address, ip=f"v{ipaddress.ip_address(address).version}")
    wire.add(data, "clID", host["sponsor"])
    wire.add(data, "crID", host["sponsor"])
    wire.add(data, "crDate", host["created"])
    return Answer(data=data)


@handles(HOST, "update")
def update_host(engine: Engine, context: Context, body: Element) -> Answer:
    """Addresses and statuses; renaming is not offered."""
    host = _own(context, _host(engine, wire.require(body, "name")), HOST, "name")
    removed, added = wire.find(body, "rem"), wire.find(body, "add")
    if wire.find(body, "chg") is not None:
        raise RefusedError(2102, "Renaming is not offered")
    if removed is None and added is None:
        raise RefusedError(2003, "add or rem is missing")
    _change_statuses(host, removed, added, HOST)
    gone = _addresses(removed) if removed is not None else []
    new = _addresses(added) if added is not None else []
    host["addresses"] = [a for a in host["addresses"] if a not in gone] + [a for a in new if a not in host["addresses"]]
    _glue(engine, context, host["name"], host["addresses"])
    engine.store.put("host", host["name"], host)
    return Answer()


@handles(HOST, "delete")
def delete_host(engine: Engine, context: Context, body: Element) -> Answer:
    """2305 while a domain uses it."""
    host = _own(context, _host(engine, wire.require(body, "name")), HOST, "name")
    if engine.store.linked("host", host["name"]):
        raise RefusedError(2305, "A domain uses it", (HOST, "name", host["name"]))
    engine.store.remove("host", host["name"])
    return Answer()


def _contact(engine: Engine, identifier: str) -> dict[str, Any]:
    found = engine.store.get("contact", identifier)
    if found is None:
        raise RefusedError(2303, "No such contact", (CONTACT, "id", identifier))
    return found


def _host(engine: Engine, name: str) -> dict[str, Any]:
    found = engine.store.get("host", name.lower())
    if found is None:
        raise RefusedError(2303, "No such host", (HOST, "name", name))
    return found


def _own(context: Context, thing: dict[str, Any], ns: str, key: str) -> dict[str, Any]:
    if thing["sponsor"] != context.registrar:
        raise RefusedError(2201, "Sponsored by another registrar", (ns, key, thing[key]))
    return thing


def _fields(body: Element) -> dict[str, list[str]]:
    """The XML of the copied parts, by tag."""
    found: dict[str, list[str]] = {}
    for tag in (*COPIED, "disclose"):
        elements = wire.find_all(body, tag)
        if elements:
            found[tag] = [etree.tostring(e, encoding="unicode", with_tail=False) for e in elements]
    return found


def _proper(body: Element, *, partial: bool = False) -> None:
    """Raises 2003 for a missing part, 2005 for one that is not well formed."""
    if not partial or wire.find(body, "email") is not None:
        email = wire.require(body, "email")
        if "@" not in email:
            raise RefusedError(2005, "Not an e-mail address", (CONTACT, "email", email))
    postal = wire.find_all(body, "postalInfo")
    if not postal and not partial:
        raise RefusedError(2003, "postalInfo is missing")
    for element in postal:
        if element.get("type") not in ("int", "loc"):
            raise RefusedError(2003, "postalInfo type is missing")
        if not partial or wire.find(element, "addr") is not None:
            wire.require(element, "addr/city")
            if not re.fullmatch(r"[A-Z]{2}", wire.require(element, "addr/cc")):
                raise RefusedError(2005, "Not a country code", (CONTACT, "cc", wire.require(element, "addr/cc")))
        if not partial:
            wire.require(element, "name")
        if element.get("type") == "int" and not "".join(str(t) for t in element.itertext()).isascii():
            raise RefusedError(2005, "An international address is ASCII", (CONTACT, "postalInfo", ""))
    for tag in ("voice", "fax"):
        number = wire.text_of(body, tag)
        if number and not PHONE.match(number):
            raise RefusedError(2005, "Not a number like +36.12345678", (CONTACT, tag, number))


def _addresses(body: Element) -> list[str]:
    """Raises 2005."""
    found = []
    for element in wire.find_all(body, "addr"):
        value = (element.text or "").strip()
        try:
            found.append(str(ipaddress.ip_address(value)))
        except ValueError:
            raise RefusedError(2005, "Not an address", (HOST, "addr", value)) from None
    return found


def _glue(engine: Engine, context: Context, name: str, addresses: list[str]) -> None:
    labels = name.split(".")
    if labels[-1] not in engine.tlds:
        if addresses:
            raise RefusedError(2306, "Glue is kept only for hosts inside the registry's zones", (HOST, "name", name))
        return
    engine.sponsored(context, ".".join(labels[-2:]))
    if not addresses:
        raise RefusedError(2003, "addr is missing")


def _show_statuses(data: Element, statuses: list[str], *, linked: bool) -> None:
    shown = statuses or ["ok"]
    for status in [*shown, "linked"] if linked else shown:
        wire.add(data, "status", s=status)


def _change_statuses(thing: dict[str, Any], removed: Element | None, added: Element | None, ns: str) -> None:
    for part, adding in ((removed, False), (added, True)):
        for element in [] if part is None else wire.find_all(part, "status"):
            status = element.get("s", "")
            if not status.startswith("client") or (status in thing["statuses"]) == adding:
                raise RefusedError(2306, "Status", (ns, "status", status))
            thing["statuses"] = (
                [*thing["statuses"], status] if adding else [s for s in thing["statuses"] if s != status]
            )
