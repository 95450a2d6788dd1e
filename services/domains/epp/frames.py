"""Frames: the 4-byte length (RFC 5734 section 4), hostile-proof parsing, the envelopes of RFC 5730."""

import asyncio
import struct
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from services.domains.epp.errors import MalformedFrame

Element = etree._Element

EPP = "urn:ietf:params:xml:ns:epp-1.0"
DOMAIN = "urn:ietf:params:xml:ns:domain-1.0"
CONTACT = "urn:ietf:params:xml:ns:contact-1.0"
HOST = "urn:ietf:params:xml:ns:host-1.0"
RGP = "urn:ietf:params:xml:ns:rgp-1.0"
SECDNS = "urn:ietf:params:xml:ns:secDNS-1.1"
PREFIXES = {DOMAIN: "domain", CONTACT: "contact", HOST: "host", RGP: "rgp", SECDNS: "secDNS"}

MAX_FRAME = 256 * 1024
"""Bytes, the length field included. The largest honest answer, a check of many names, stays far below."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the server says it can do."""

    server: str
    objects: frozenset[str]
    extensions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, its data still XML."""

    code: int
    message: str
    reason: str
    cl_trid: str | None
    sv_trid: str
    data: Element | None
    extensions: tuple[Element, ...]
    queue: Element | None

    @property
    def pending(self) -> bool:
        """1001: accepted, not done."""
        return self.code == 1001


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """One frame's XML. Raises MalformedFrame for a length out of bounds, IncompleteReadError at the end."""
    length: int = struct.unpack("!I", await reader.readexactly(4))[0]
    if not 4 < length <= MAX_FRAME:
        raise MalformedFrame(f"a frame of {length} bytes")
    return await reader.readexactly(length - 4)


def framed(xml: bytes) -> bytes:
    """The length counts its own four bytes. Raises ValueError past the cap."""
    if len(xml) + 4 > MAX_FRAME:
        raise ValueError("the command is too large")
    return struct.pack("!I", len(xml) + 4) + xml


def parse(xml: bytes) -> Element:
    """The child of <epp>. No DTD, no entity, no network. Raises MalformedFrame."""
    # The parser would not expand the entities of a DTD; refusing the DTD unread leaves nothing to trust.
    if b"<!DOCTYPE" in xml:
        raise MalformedFrame("a document type declaration")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedFrame(f"not XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise MalformedFrame("a document type declaration")
    if root.tag != f"{{{EPP}}}epp" or len(root) != 1:
        raise MalformedFrame("not an EPP frame")
    return root[0]


def greeting(xml: bytes) -> Greeting:
    """RFC 5730 section 2.4. Raises MalformedFrame."""
    body = parse(xml)
    if body.tag != f"{{{EPP}}}greeting":
        raise MalformedFrame("not a greeting")
    return Greeting(
        server=text(body, "svID"),
        objects=frozenset(texts(body, "svcMenu/objURI")),
        extensions=frozenset(texts(body, "svcMenu/svcExtension/extURI")),
    )


def response(xml: bytes) -> Response:
    """RFC 5730 section 2.6. Raises MalformedFrame."""
    body = parse(xml)
    result = find(body, "result")
    if body.tag != f"{{{EPP}}}response" or result is None:
        raise MalformedFrame("not a response")
    code = result.get("code", "")
    # int() takes other scripts' digits and underscores too; the protocol has exactly four ASCII digits.
    if not (len(code) == 4 and code.isascii() and code.isdecimal() and code[0] in "12"):
        raise MalformedFrame("not a result code")
    data, extension = find(body, "resData"), find(body, "extension")
    trid = find(body, "trID")
    if trid is None:
        raise MalformedFrame("no transaction ids")
    return Response(
        code=int(code),
        message=text(result, "msg"),
        reason=text(result, "extValue/reason"),
        cl_trid=text(trid, "clTRID") or None,
        sv_trid=text(trid, "svTRID"),
        data=data[0] if data is not None and len(data) else None,
        extensions=tuple(extension) if extension is not None else (),
        queue=find(body, "msgQ"),
    )


def space(element: Element) -> str:
    """The namespace."""
    return etree.QName(element).namespace or ""


def find(parent: Element, path: str) -> Element | None:
    """A descendant by local names ("authInfo/pw") in the parent's namespace."""
    ns = space(parent)
    return parent.find("/".join(f"{{{ns}}}{step}" for step in path.split("/")))


def find_all(parent: Element, path: str) -> list[Element]:
    """All such descendants."""
    ns = space(parent)
    return parent.findall("/".join(f"{{{ns}}}{step}" for step in path.split("/")))


def text(parent: Element, path: str) -> str:
    """Trimmed; empty when absent."""
    found = find(parent, path)
    return "" if found is None else (found.text or "").strip()


def texts(parent: Element, path: str) -> tuple[str, ...]:
    """Trimmed, in order."""
    return tuple((element.text or "").strip() for element in find_all(parent, path))


def required(parent: Element, path: str) -> str:
    """Raises MalformedFrame when it is absent or empty."""
    value = text(parent, path)
    if not value:
        raise MalformedFrame(f"{path} is missing")
    return value


def moment(parent: Element, path: str) -> datetime | None:
    """xs:dateTime in UTC; one without a zone is taken as UTC (RFC 5731 section 2.4). Raises MalformedFrame."""
    value = text(parent, path)
    if not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise MalformedFrame(f"{path} is not a time") from None


def boolean(element: Element, attribute: str) -> bool:
    """xs:boolean."""
    return element.get(attribute) in ("1", "true")
