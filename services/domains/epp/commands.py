"""The commands as XML. Texts are set on elements, never concatenated."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from ipaddress import ip_address
from typing import Any

from lxml import etree

from services.domains.epp.frames import CONTACT, DOMAIN, EPP, HOST, PREFIXES, RGP, SECDNS, Element
from services.domains.epp.model import ContactData, DsRecord

UNPREFIXED: dict[Any, str] = {None: EPP}


@dataclass(frozen=True, slots=True)
class Command:
    """A frame to send. `label` ("domain:create") names it in traces; the XML stays out of repr(): it carries secrets."""

    label: str
    cl_trid: str
    xml: bytes
    query: bool
    """It changes nothing, so it may be repeated."""

    def __repr__(self) -> str:
        return f"Command({self.label!r}, {self.cl_trid!r})"


def add(parent: Element, tag: str, value: str | None = None, ns: str | None = None, **attributes: str) -> Element:
    """A child, by default in its parent's namespace."""
    made = etree.SubElement(parent, f"{{{ns or etree.QName(parent).namespace}}}{tag}", attrib=attributes)
    made.text = value
    return made


class Draft:
    """A <command>; finish() puts <extension> and <clTRID> in the order that the schema fixes."""

    def __init__(self, verb: str, cl_trid: str, *, ns: str = "", query: bool = False, op: str = "") -> None:
        if not 3 <= len(cl_trid) <= 64:
            raise ValueError("a clTRID has 3 to 64 characters")
        self._root = etree.Element(f"{{{EPP}}}epp", nsmap=UNPREFIXED)
        self._command = add(self._root, "command")
        self._cl_trid, self._query = cl_trid, query
        self._extension: Element | None = None
        self.verb = add(self._command, verb)
        if op:
            self.verb.set("op", op)
        self._label = ":".join(part for part in (PREFIXES.get(ns, ""), verb, op) if part)
        self.body = _open(self.verb, ns, verb) if ns else self.verb

    def extension(self, ns: str, tag: str) -> Element:
        """A new child of <extension>."""
        if self._extension is None:
            self._extension = etree.Element(f"{{{EPP}}}extension", nsmap=UNPREFIXED)
        return _open(self._extension, ns, tag)

    def finish(self) -> Command:
        """The frame."""
        if self._extension is not None:
            self._command.append(self._extension)
        add(self._command, "clTRID", self._cl_trid)
        xml = etree.tostring(self._root, xml_declaration=True, encoding="UTF-8")
        return Command(self._label, self._cl_trid, xml, self._query)


def _open(parent: Element, ns: str, tag: str) -> Element:
    return etree.SubElement(parent, f"{{{ns}}}{tag}", nsmap={PREFIXES[ns]: ns})


def hello() -> bytes:
    """RFC 5730 section 2.3."""
    root = etree.Element(f"{{{EPP}}}epp", nsmap=UNPREFIXED)
    add(root, "hello")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def login(registrar: str, password: str, objects: Iterable[str], extensions: Iterable[str], cl_trid: str) -> Command:
    """RFC 5730 section 2.9.1.1."""
    draft = Draft("login", cl_trid, query=True)
    add(draft.body, "clID", registrar)
    add(draft.body, "pw", password)
    options = add(draft.body, "options")
    add(options, "version", "1.0")
    add(options, "lang", "en")
    services = add(draft.body, "svcs")
    for uri in objects:
        add(services, "objURI", uri)
    offered = list(extensions)
    if offered:
        parent = add(services, "svcExtension")
        for uri in offered:
            add(parent, "extURI", uri)
    return draft.finish()


def logout(cl_trid: str) -> Command:
    """RFC 5730 section 2.9.1.2."""
    return Draft("logout", cl_trid, query=True).finish()


def poll(op: str, cl_trid: str, message_id: str = "") -> Command:
    """RFC 5730 section 2.9.2.3; an ack changes the queue."""
    draft = Draft("poll", cl_trid, query=op == "req", op=op)
    if message_id:
        draft.verb.set("msgID", message_id)
    return draft.finish()


def check(ns: str, names: Sequence[str], cl_trid: str) -> Command:
    """Any object."""
    draft = Draft("check", cl_trid, ns=ns, query=True)
    for name in names:
        add(draft.body, "id" if ns == CONTACT else "name", name)
    return draft.finish()


def info(ns: str, name: str, cl_trid: str, auth_info: str | None = None) -> Command:
    """Any object."""
    draft = Draft("info", cl_trid, ns=ns, query=True)
    add(draft.body, "id" if ns == CONTACT else "name", name)
    if auth_info is not None:
        add(add(draft.body, "authInfo"), "pw", auth_info)
    return draft.finish()


def delete(ns: str, name: str, cl_trid: str) -> Command:
    """Any object."""
    draft = Draft("delete", cl_trid, ns=ns)
    add(draft.body, "id" if ns == CONTACT else "name", name)
    return draft.finish()


def create_domain(
    name: str,
    years: int,
    registrant: str,
    contacts: Sequence[tuple[str, str]],
    nameservers: Sequence[str],
    auth_info: str,
    ds: Sequence[DsRecord],
    cl_trid: str,
) -> Command:
    """RFC 5731 section 3.2.1, name servers as host objects."""
    draft = Draft("create", cl_trid, ns=DOMAIN)
    add(draft.body, "name", name)
    add(draft.body, "period", str(years), unit="y")
    _nameservers(draft.body, nameservers)
    if registrant:
        add(draft.body, "registrant", registrant)
    _contacts(draft.body, contacts)
    add(add(draft.body, "authInfo"), "pw", auth_info)
    if ds:
        _ds(draft.extension(SECDNS, "create"), ds)
    return draft.finish()


def renew_domain(name: str, current_expiry: date, years: int, cl_trid: str) -> Command:
    """RFC 5731 section 3.2.3. The date is the registry's, in UTC."""
    if isinstance(current_expiry, datetime):
        current_expiry = current_expiry.astimezone(UTC).date()
    draft = Draft("renew", cl_trid, ns=DOMAIN)
    add(draft.body, "name", name)
    add(draft.body, "curExpDate", current_expiry.isoformat())
    add(draft.body, "period", str(years), unit="y")
    return draft.finish()


def transfer_domain(
    op: str, name: str, cl_trid: str, auth_info: str | None = None, years: int | None = None
) -> Command:
    """RFC 5731 sections 3.1.3 and 3.2.4."""
    draft = Draft("transfer", cl_trid, ns=DOMAIN, query=op == "query", op=op)
    add(draft.body, "name", name)
    if years is not None:
        add(draft.body, "period", str(years), unit="y")
    if auth_info is not None:
        add(add(draft.body, "authInfo"), "pw", auth_info)
    return draft.finish()


@dataclass(frozen=True, slots=True)
class Delta:
    """What an update adds or removes."""

    nameservers: Sequence[str] = ()
    contacts: Sequence[tuple[str, str]] = ()
    statuses: Sequence[str] = ()
    ds: Sequence[DsRecord] = ()


def update_domain(
    name: str, added: Delta, removed: Delta, registrant: str | None, auth_info: str | None, clear_ds: bool, cl_trid: str
) -> Command:
    """RFC 5731 section 3.2.5 and RFC 5910 section 5.2.5. Raises ValueError when it would change nothing."""
    draft = Draft("update", cl_trid, ns=DOMAIN)
    add(draft.body, "name", name)
    for tag, delta in (("add", added), ("rem", removed)):
        if delta.nameservers or delta.contacts or delta.statuses:
            part = add(draft.body, tag)
            _nameservers(part, delta.nameservers)
            _contacts(part, delta.contacts)
            for status in delta.statuses:
                add(part, "status", s=status)
    if registrant is not None or auth_info is not None:
        part = add(draft.body, "chg")
        if registrant is not None:
            add(part, "registrant", registrant)
        if auth_info is not None:
            add(add(part, "authInfo"), "pw", auth_info)
    signed = bool(added.ds or removed.ds or clear_ds)
    if signed:
        part = draft.extension(SECDNS, "update")
        if clear_ds:
            add(add(part, "rem"), "all", "true")
        elif removed.ds:
            _ds(add(part, "rem"), removed.ds)
        if added.ds:
            _ds(add(part, "add"), added.ds)
    if len(draft.body) == 1 and not signed:
        raise ValueError("the update changes nothing")
    return draft.finish()


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a registry wants to read before it gives a domain back (RFC 3915 section 4.2.5)."""

    before: str
    after: str
    deleted_at: datetime
    restored_at: datetime
    reason: str
    statements: tuple[str, ...]
    """One or two."""


def restore_domain(name: str, report: RestoreReport | None, cl_trid: str) -> Command:
    """The request, or with a report the report. <chg/> is empty on purpose: the schema of RFC 5731 wants one of the three."""
    draft = Draft("update", cl_trid, ns=DOMAIN)
    add(draft.body, "name", name)
    add(draft.body, "chg")
    part = add(draft.extension(RGP, "update"), "restore", op="report" if report else "request")
    if report is not None:
        body = add(part, "report")
        add(body, "preData", report.before)
        add(body, "postData", report.after)
        add(body, "delTime", _stamp(report.deleted_at))
        add(body, "resTime", _stamp(report.restored_at))
        add(body, "resReason", report.reason)
        for statement in report.statements:
            add(body, "statement", statement)
    return draft.finish()


def create_contact(contact: ContactData, cl_trid: str) -> Command:
    """RFC 5733 section 3.2.1."""
    draft = Draft("create", cl_trid, ns=CONTACT)
    add(draft.body, "id", contact.id)
    _contact(draft.body, contact)
    add(add(draft.body, "authInfo"), "pw", contact.auth_info)
    return draft.finish()


def update_contact(contact: ContactData, cl_trid: str) -> Command:
    """RFC 5733 section 3.2.5: everything is replaced; the auth code only when it is given."""
    draft = Draft("update", cl_trid, ns=CONTACT)
    add(draft.body, "id", contact.id)
    part = add(draft.body, "chg")
    _contact(part, contact, blank=True)
    if contact.auth_info:
        add(add(part, "authInfo"), "pw", contact.auth_info)
    return draft.finish()


def create_host(name: str, addresses: Sequence[str], cl_trid: str) -> Command:
    """RFC 5732 section 3.2.1."""
    draft = Draft("create", cl_trid, ns=HOST)
    add(draft.body, "name", name)
    _addresses(draft.body, addresses)
    return draft.finish()


def update_host(name: str, added: Sequence[str], removed: Sequence[str], cl_trid: str) -> Command:
    """RFC 5732 section 3.2.5: addresses. Raises ValueError when it would change nothing."""
    draft = Draft("update", cl_trid, ns=HOST)
    add(draft.body, "name", name)
    for tag, addresses in (("add", added), ("rem", removed)):
        if addresses:
            _addresses(add(draft.body, tag), addresses)
    if len(draft.body) == 1:
        raise ValueError("the update changes nothing")
    return draft.finish()


def _addresses(parent: Element, addresses: Sequence[str]) -> None:
    for address in addresses:
        add(parent, "addr", address, ip=f"v{ip_address(address).version}")


def _nameservers(parent: Element, names: Sequence[str]) -> None:
    if names:
        part = add(parent, "ns")
        for name in names:
            add(part, "hostObj", name)


def _contacts(parent: Element, contacts: Sequence[tuple[str, str]]) -> None:
    for role, contact in contacts:
        add(parent, "contact", contact, type=role)


def _ds(parent: Element, records: Sequence[DsRecord]) -> None:
    for record in records:
        part = add(parent, "dsData")
        add(part, "keyTag", str(record.key_tag))
        add(part, "alg", str(record.algorithm))
        add(part, "digestType", str(record.digest_type))
        add(part, "digest", record.digest)


def _contact(parent: Element, contact: ContactData, *, blank: bool = False) -> None:
    """With `blank`, what is empty is said to be empty: an update leaves alone what it does not name."""
    postal = add(parent, "postalInfo", type=contact.kind)
    add(postal, "name", contact.name)
    if contact.org or blank:
        add(postal, "org", contact.org)
    address = add(postal, "addr")
    for line in contact.street:
        add(address, "street", line)
    add(address, "city", contact.city)
    if contact.province or blank:
        add(address, "sp", contact.province)
    if contact.postal_code or blank:
        add(address, "pc", contact.postal_code)
    add(address, "cc", contact.country)
    if contact.voice or blank:
        add(parent, "voice", contact.voice)
    if contact.fax:
        add(parent, "fax", contact.fax)
    add(parent, "email", contact.email)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
