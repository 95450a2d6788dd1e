"""From a response's data to the model. Raises MalformedFrame when a promised part is missing."""

from copy import deepcopy
from typing import Any

from lxml import etree

from services.domains.epp.errors import MalformedFrame
from services.domains.epp.frames import (
    CONTACT,
    DOMAIN,
    EPP,
    HOST,
    RGP,
    SECDNS,
    Element,
    Response,
    boolean,
    find,
    find_all,
    moment,
    required,
    space,
    text,
    texts,
)
from services.domains.epp.model import (
    Availability,
    ContactData,
    ContactInfo,
    Created,
    DomainInfo,
    Done,
    DsRecord,
    HostInfo,
    PendingAction,
    PollMessage,
    Renewed,
    Transfer,
)


def _data(response: Response, ns: str, tag: str) -> Element:
    if response.data is None or response.data.tag != f"{{{ns}}}{tag}":
        raise MalformedFrame(f"{tag} is missing")
    return response.data


def availability(response: Response) -> dict[str, Availability]:
    """chkData of any object, by lower-case name (contact ids as they are)."""
    if response.data is None or not str(response.data.tag).endswith("}chkData"):
        raise MalformedFrame("chkData is missing")
    key = "id" if space(response.data) == CONTACT else "name"
    found = {}
    for one in find_all(response.data, "cd"):
        element = find(one, key)
        if element is None or not element.text or element.get("avail") is None:
            raise MalformedFrame("a check without a name")
        name = element.text.strip() if key == "id" else element.text.strip().lower()
        found[name] = Availability(name, boolean(element, "avail"), text(one, "reason"))
    return found


def done(response: Response) -> Done:
    """A transform without data; with the RGP status of a restore."""
    grace = [str(s.get("s")) for e in response.extensions if space(e) == RGP for s in find_all(e, "rgpStatus")]
    return Done(response.pending, response.sv_trid, grace[0] if grace else "")


def created(response: Response) -> Created:
    """domain:creData."""
    data = _data(response, DOMAIN, "creData")
    return Created(
        required(data, "name").lower(),
        moment(data, "crDate"),
        moment(data, "exDate"),
        response.pending,
        response.sv_trid,
    )


def renewed(response: Response) -> Renewed:
    """domain:renData."""
    data = _data(response, DOMAIN, "renData")
    return Renewed(required(data, "name").lower(), moment(data, "exDate"), response.pending, response.sv_trid)


def transfer(response: Response) -> Transfer:
    """domain:trnData."""
    return _transfer(_data(response, DOMAIN, "trnData"), pending=response.pending)


def _transfer(data: Element, *, pending: bool) -> Transfer:
    return Transfer(
        name=required(data, "name").lower(),
        status=required(data, "trStatus"),
        requested_by=text(data, "reID"),
        requested_at=moment(data, "reDate"),
        acting=text(data, "acID"),
        acts_at=moment(data, "acDate"),
        expires_at=moment(data, "exDate"),
        pending=pending,
    )


def domain(response: Response) -> DomainInfo:
    """domain:infData with the extensions beside it."""
    data = _data(response, DOMAIN, "infData")
    grace: list[str] = []
    ds: list[DsRecord] = []
    for extension in response.extensions:
        if extension.tag == f"{{{RGP}}}infData":
            grace += [s.get("s", "") for s in find_all(extension, "rgpStatus")]
        elif extension.tag == f"{{{SECDNS}}}infData":
            ds += [_ds(record) for record in find_all(extension, "dsData")]
    return DomainInfo(
        name=required(data, "name").lower(),
        roid=required(data, "roid"),
        cl_id=required(data, "clID"),
        statuses=_statuses(data),
        rgp_statuses=tuple(grace),
        registrant=text(data, "registrant"),
        contacts=tuple((c.get("type", ""), (c.text or "").strip()) for c in find_all(data, "contact")),
        nameservers=tuple(n.lower() for n in (*texts(data, "ns/hostObj"), *texts(data, "ns/hostAttr/hostName"))),
        hosts=tuple(n.lower() for n in texts(data, "host")),
        cr_id=text(data, "crID"),
        created_at=moment(data, "crDate"),
        updated_at=moment(data, "upDate"),
        expires_at=moment(data, "exDate"),
        transferred_at=moment(data, "trDate"),
        auth_info=text(data, "authInfo/pw") or None,
        ds=tuple(ds),
    )


def _ds(record: Element) -> DsRecord:
    try:
        tag, algorithm, kind = (int(required(record, name)) for name in ("keyTag", "alg", "digestType"))
    except ValueError:
        raise MalformedFrame("a DS record") from None
    return DsRecord(tag, algorithm, kind, required(record, "digest").upper())


def _statuses(data: Element) -> tuple[str, ...]:
    return tuple(s.get("s", "") for s in find_all(data, "status"))


def contact(response: Response) -> ContactInfo:
    """contact:infData; of two postal forms the localised one, which has the real script."""
    data = _data(response, CONTACT, "infData")
    forms = {p.get("type", ""): p for p in find_all(data, "postalInfo")}
    kind = "loc" if "loc" in forms else "int"
    postal = forms.get(kind)
    if postal is None:
        raise MalformedFrame("postalInfo is missing")
    return ContactInfo(
        data=ContactData(
            id=required(data, "id"),
            name=text(postal, "name"),
            city=text(postal, "addr/city"),
            country=text(postal, "addr/cc"),
            email=text(data, "email"),
            street=texts(postal, "addr/street"),
            org=text(postal, "org"),
            province=text(postal, "addr/sp"),
            postal_code=text(postal, "addr/pc"),
            voice=text(data, "voice"),
            fax=text(data, "fax"),
            kind=kind,
            auth_info=text(data, "authInfo/pw"),
        ),
        roid=required(data, "roid"),
        cl_id=required(data, "clID"),
        statuses=_statuses(data),
        created_at=moment(data, "crDate"),
        updated_at=moment(data, "upDate"),
    )


def contact_id(response: Response) -> str:
    """The id of contact:creData: a registry may choose another one than asked for."""
    return required(_data(response, CONTACT, "creData"), "id")


def host(response: Response) -> HostInfo:
    """host:infData."""
    data = _data(response, HOST, "infData")
    return HostInfo(
        name=required(data, "name").lower(),
        roid=required(data, "roid"),
        cl_id=required(data, "clID"),
        statuses=_statuses(data),
        addresses=texts(data, "addr"),
        created_at=moment(data, "crDate"),
    )


def message(response: Response) -> PollMessage | None:
    """None on 1300."""
    queue = response.queue
    if response.code == 1300:
        return None
    if queue is None or not queue.get("id"):
        raise MalformedFrame("msgQ is missing")
    return PollMessage(
        id=queue.get("id", ""),
        count=left(response),
        text=text(queue, "msg"),
        queued_at=moment(queue, "qDate"),
        xml=_without_secrets(queue),
        **_told(response),
    )


def _told(response: Response) -> dict[str, Any]:
    """The fields of a PollMessage that its data fill. A message that cannot be read must not hold up those behind it:
    it is one whose text alone is known."""
    data = response.data
    if data is None:
        return {}
    try:
        if data.tag == f"{{{DOMAIN}}}trnData":
            return {"transfer": _transfer(data, pending=False)}
        if data.tag == f"{{{DOMAIN}}}infData":
            return {"info": domain(response)}
        if data.tag == f"{{{DOMAIN}}}renData":
            return {"renewed": renewed(response)}
        return {"action": _action(data)} if str(data.tag).endswith("}panData") else {}
    except MalformedFrame:
        return {}


def _without_secrets(part: Element) -> str:
    root = deepcopy(part.getroottree().getroot())
    for element in root.iter("{*}pw", "{*}newPW", "{*}authInfo"):
        element.text = None
        for child in list(element):
            element.remove(child)
    return etree.tostring(root, encoding="unicode")


def left(response: Response) -> int:
    """Messages in the queue; 0 when the registry does not say."""
    count = "" if response.queue is None else response.queue.get("count", "")
    return int(count) if count.isascii() and count.isdecimal() else 0


def _action(data: Element) -> PendingAction:
    element = find(data, "id" if space(data) == CONTACT else "name")
    ids = find(data, "paTRID")
    if element is None or ids is None:
        raise MalformedFrame("panData without a name")
    return PendingAction(
        name=(element.text or "").strip().lower(),
        succeeded=boolean(element, "paResult"),
        cl_trid=(ids.findtext(f"{{{EPP}}}clTRID") or "").strip(),
        sv_trid=(ids.findtext(f"{{{EPP}}}svTRID") or "").strip(),
        at=moment(data, "paDate"),
        of_domain=space(data) == DOMAIN,
    )
