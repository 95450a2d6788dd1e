"""From a response's data to the model. Raises MalformedFrame when a promised part is missing."""

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
    queue, data = response.queue, response.data
    if response.code == 1300:
        return None
    if queue is None or not queue.get("id"):
        raise MalformedFrame("msgQ is missing")
    moved = action = None
    if data is not None and data.tag == f"{{{DOMAIN}}}trnData":
        moved = _transfer(data, pending=False)
    elif data is not None and str(data.tag).endswith("}panData"):
        action = _action(data)
    return PollMessage(
        id=queue.get("id", ""),
        count=left(response),
        text=text(queue, "msg"),
        queued_at=moment(queue, "qDate"),
        transfer=moved,
        action=action,
    )


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
    )
