"""Frames: 4-byte length and XML (RFC 5734 section 4), the envelopes and result texts of RFC 5730."""

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lxml import etree

Element = etree._Element

EPP = "urn:ietf:params:xml:ns:epp-1.0"
DOMAIN = "urn:ietf:params:xml:ns:domain-1.0"
CONTACT = "urn:ietf:params:xml:ns:contact-1.0"
HOST = "urn:ietf:params:xml:ns:host-1.0"
RGP = "urn:ietf:params:xml:ns:rgp-1.0"
SECDNS = "urn:ietf:params:xml:ns:secDNS-1.1"
PREFIXES = {DOMAIN: "domain", CONTACT: "contact", HOST: "host", RGP: "rgp", SECDNS: "secDNS"}
OBJECTS = (DOMAIN, CONTACT, HOST)
EXTENSIONS = (RGP, SECDNS)

MAX_FRAME = 256 * 1024

MESSAGES = {
    1000: "Command completed successfully",
    1001: "Command completed successfully; action pending",
    1300: "Command completed successfully; no messages",
    1301: "Command completed successfully; ack to dequeue",
    1500: "Command completed successfully; ending session",
    2000: "Unknown command",
    2001: "Command syntax error",
    2002: "Command use error",
    2003: "Required parameter missing",
    2004: "Parameter value range error",
    2005: "Parameter value syntax error",
    2100: "Unimplemented protocol version",
    2101: "Unimplemented command",
    2102: "Unimplemented option",
    2103: "Unimplemented extension",
    2104: "Billing failure",
    2105: "Object is not eligible for renewal",
    2106: "Object is not eligible for transfer",
    2200: "Authentication error",
    2201: "Authorization error",
    2202: "Invalid authorization information",
    2300: "Object pending transfer",
    2301: "Object not pending transfer",
    2302: "Object exists",
    2303: "Object does not exist",
    2304: "Object status prohibits operation",
    2305: "Object association prohibits operation",
    2306: "Parameter value policy error",
    2307: "Unimplemented object service",
    2308: "Data management policy violation",
    2400: "Command failed",
    2500: "Command failed; server closing connection",
    2501: "Authentication error; server closing connection",
    2502: "Session limit exceeded; server closing connection",
}


class MalformedError(Exception):
    """The bytes are not an EPP frame: not XML, a DTD, another root, or an impossible length."""


class RefusedError(Exception):
    """The command is refused with an RFC 5730 result code; `reason` and `value` go into <extValue>."""

    def __init__(self, code: int, reason: str = "", value: tuple[str, str, str] | None = None) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
        self.value = value
        """(namespace, element, text) that the result objects to."""


@dataclass(slots=True)
class Answer:
    """What a command answers: its code and the parts of <response>."""

    code: int = 1000
    data: Element | None = None
    extensions: Sequence[Element] = ()
    queue: Element | None = None
    reason: str = ""
    value: tuple[str, str, str] | None = None
    notes: dict[str, str] = field(default_factory=dict)


def parse(frame: bytes) -> Element:
    """The <epp> element. A DTD is refused before anything reads it. Raises MalformedError."""
    if b"<!DOCTYPE" in frame:
        raise MalformedError("a document type declaration is not allowed")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(frame, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedError(str(error)) from None
    if root.tag != f"{{{EPP}}}epp" or len(root) != 1:
        raise MalformedError("not an EPP frame")
    return root


def node(ns: str, tag: str, text: str | None = None, **attributes: str) -> Element:
    """An element on its own, with the usual prefix of its namespace."""
    prefixes: dict[Any, str] = {PREFIXES.get(ns): ns}
    made = etree.Element(f"{{{ns}}}{tag}", attrib=attributes, nsmap=prefixes)
    made.text = text
    return made


def add(parent: Element, tag: str, text: str | None = None, ns: str | None = None, **attributes: str) -> Element:
    """A child, by default in its parent's namespace."""
    made = etree.SubElement(parent, f"{{{ns or space(parent)}}}{tag}", attrib=attributes)
    made.text = text
    return made


def space(element: Element) -> str:
    """The namespace of an element."""
    return etree.QName(element).namespace or ""


def local(element: Element) -> str:
    """The local name of an element."""
    return etree.QName(element).localname


def text_of(parent: Element, path: str) -> str | None:
    """The trimmed text of a child in the parent's namespace ("authInfo/pw"); None when it is absent."""
    found = find(parent, path)
    return None if found is None else (found.text or "").strip()


def find(parent: Element, path: str) -> Element | None:
    """A descendant by local names in the parent's namespace."""
    return parent.find("/".join(f"{{{space(parent)}}}{step}" for step in path.split("/")))


def find_all(parent: Element, path: str) -> list[Element]:
    """All descendants by local names in the parent's namespace."""
    return parent.findall("/".join(f"{{{space(parent)}}}{step}" for step in path.split("/")))


def require(parent: Element, path: str) -> str:
    """The text of a child that must be there and not empty. Raises RefusedError 2003."""
    value = text_of(parent, path)
    if not value:
        raise RefusedError(2003, f"{path} is missing")
    return value


def stamp(at: datetime) -> str:
    """xs:dateTime in UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def greeting(server_id: str, now: datetime) -> bytes:
    """RFC 5730 section 2.4."""
    root = node(EPP, "epp")
    hello = add(root, "greeting")
    add(hello, "svID", server_id)
    add(hello, "svDate", stamp(now))
    menu = add(hello, "svcMenu")
    add(menu, "version", "1.0")
    add(menu, "lang", "en")
    for uri in OBJECTS:
        add(menu, "objURI", uri)
    extension = add(menu, "svcExtension")
    for uri in EXTENSIONS:
        add(extension, "extURI", uri)
    policy = add(hello, "dcp")
    add(add(policy, "access"), "all")
    statement = add(policy, "statement")
    purpose = add(statement, "purpose")
    add(purpose, "admin")
    add(purpose, "prov")
    recipient = add(statement, "recipient")
    add(recipient, "ours")
    add(recipient, "public")
    add(add(statement, "retention"), "stated")
    return _bytes(root)


def response(answer: Answer, cl_trid: str | None, sv_trid: str) -> bytes:
    """RFC 5730 section 2.6."""
    root = node(EPP, "epp")
    body = add(root, "response")
    result = add(body, "result", code=str(answer.code))
    add(result, "msg", MESSAGES.get(answer.code, "Command failed"))
    if answer.reason:
        detail = add(result, "extValue")
        ns, tag, text = answer.value or (EPP, "undef", "")
        add(detail, "value").append(node(ns, tag, text or None))
        add(detail, "reason", answer.reason)
    if answer.queue is not None:
        body.append(answer.queue)
    if answer.data is not None:
        add(body, "resData").append(answer.data)
    if answer.extensions:
        add(body, "extension").extend(answer.extensions)
    ids = add(body, "trID")
    if cl_trid is not None:
        add(ids, "clTRID", cl_trid)
    add(ids, "svTRID", sv_trid)
    return _bytes(root)


def _bytes(root: Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def framed(xml: bytes) -> bytes:
    """The length counts its own four bytes."""
    return struct.pack("!I", len(xml) + 4) + xml


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """One frame; None at a clean end. Raises MalformedError for an impossible length."""
    try:
        header = await reader.readexactly(4)
    except asyncio.IncompleteReadError:
        return None
    length = struct.unpack("!I", header)[0]
    if not 4 < length <= MAX_FRAME:
        raise MalformedError(f"a frame of {length} bytes")
    try:
        return await reader.readexactly(length - 4)
    except asyncio.IncompleteReadError:
        return None
