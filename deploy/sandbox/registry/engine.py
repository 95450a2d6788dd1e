"""One command in, one answer out: routing, authorisation, the message queue, what time alone does."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from deploy.sandbox.registry import wire
from deploy.sandbox.registry.names import CODES_BY_MAIL, zone_of
from deploy.sandbox.registry.store import Domain, Store, iso
from deploy.sandbox.registry.wire import CONTACT, DOMAIN, EPP, HOST, Answer, Element, RefusedError


@dataclass(slots=True)
class Context:
    """Who sends which command."""

    registrar: str
    sv_trid: str
    cl_trid: str | None = None
    extensions: dict[str, Element] = field(default_factory=dict)
    """{namespace}tag -> element of <extension>."""
    hold: bool = False
    """A fault asks that the effect waits: answer 1001."""


Handler = Callable[["Engine", Context, Element], Answer]
HANDLERS: dict[tuple[str, str], Handler] = {}
"""(namespace, verb) -> what carries it out; filled by the modules of the objects."""


def handles(ns: str, verb: str) -> Callable[[Handler], Handler]:
    """Enter a function in the table."""

    def enter(handler: Handler) -> Handler:
        HANDLERS[ns, verb] = handler
        return handler

    return enter


class Engine:
    """The registry without its sockets."""

    def __init__(
        self, store: Store, tlds: frozenset[str], *, lenient_hosts: bool = False, transfer_seconds: float = 5 * 86_400
    ) -> None:
        self.store = store
        self.tlds = tlds
        self.lenient_hosts = lenient_hosts
        self.transfer_seconds = transfer_seconds

    @property
    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC)

    def execute(self, context: Context, verb: str, body: Element) -> Answer:
        """Carry out a command in one transaction. A refusal becomes an answer."""
        ns = wire.space(body)
        if ns not in wire.OBJECTS:
            return Answer(2307, reason="Unknown object service")
        handler = HANDLERS.get((ns, verb))
        if handler is None:
            return Answer(2101, reason=f"{wire.PREFIXES[ns]}:{verb} is not offered")
        if wire.local(body) != verb:
            return Answer(2001, reason="The object's element differs from the command")
        try:
            with self.store.transaction():
                return handler(self, context, body)
        except RefusedError as refusal:
            return Answer(refusal.code, reason=refusal.reason, value=refusal.value)

    def poll(self, context: Context, element: Element) -> Answer:
        """RFC 5730 section 2.9.2.3."""
        operation = element.get("op")
        if operation == "req":
            head = self.store.oldest(context.registrar)
            if head is None:
                return Answer(1300)
            number, when, text, data = head
            queue = wire.node(EPP, "msgQ", count=str(self.store.waiting(context.registrar)), id=str(number))
            wire.add(queue, "qDate", when)
            wire.add(queue, "msg", text)
            return Answer(1301, queue=queue, data=None if data is None else etree.fromstring(data))
        if operation == "ack":
            identifier = element.get("msgID") or ""
            if not identifier:
                return Answer(2003, reason="msgID is missing")
            if not identifier.isdecimal() or not self.store.acknowledge(context.registrar, int(identifier)):
                return Answer(2303, reason="No such message", value=(EPP, "undef", identifier))
            left = self.store.waiting(context.registrar)
            return Answer(queue=wire.node(EPP, "msgQ", count=str(left), id=identifier) if left else None)
        return Answer(2005, reason="op must be req or ack")

    # What the objects share

    def existing(self, name: str) -> Domain:
        """Raises 2303."""
        domain = self.store.domain(name.lower())
        if domain is None:
            raise RefusedError(2303, "No such domain", (DOMAIN, "name", name))
        return domain

    def sponsored(self, context: Context, name: str) -> Domain:
        """The registrar's own domain. Raises 2303, 2201."""
        domain = self.existing(name)
        if domain.sponsor != context.registrar:
            raise RefusedError(2201, "Sponsored by another registrar", (DOMAIN, "name", name))
        return domain

    @staticmethod
    def permitted(domain: Domain, *kinds: str) -> None:
        """Raises 2304 when a client or server status forbids it, or something else about it is pending."""
        for kind in kinds:
            for status in (f"client{kind}Prohibited", f"server{kind}Prohibited"):
                if status in domain.statuses:
                    raise RefusedError(2304, status, (DOMAIN, "name", domain.name))
        if domain.pending:
            raise RefusedError(2304, "An action is pending", (DOMAIN, "name", domain.name))
        if domain.deleted:
            raise RefusedError(2304, "pendingDelete", (DOMAIN, "name", domain.name))

    def keep(self, context: Context, command: str, before: Domain | None, after: Domain, answer: Answer) -> Answer:
        """Store the effect; or, when the action is to be held, store that it waits and answer 1001."""
        if not context.hold:
            self.store.put_domain(after)
            self._mail_code(before, after)
            return answer
        waiting = before or Domain(**asdict(after))
        waiting.pending = {
            "command": command,
            "cl_trid": context.cl_trid,
            "sv_trid": context.sv_trid,
            "registrar": context.registrar,
            "create": before is None,
            "result": asdict(after),
        }
        self.store.put_domain(waiting)
        answer.code = 1001
        return answer

    def complete(self, name: str, *, approve: bool = True) -> Domain | None:
        """End a pending action, with a message (RFC 5731 section 3.3). Raises LookupError when nothing is pending."""
        with self.store.transaction():
            domain = self.store.domain(name)
            if domain is None or domain.pending is None:
                raise LookupError(f"nothing is pending for {name}")
            action: dict[str, Any] = domain.pending
            after: Domain | None = Domain(**action["result"])
            if not approve:
                domain.pending = None
                after = None if action["create"] else domain
            if after is None:
                self.store.remove("domain", name)
            else:
                self.store.put_domain(after)
                self._mail_code(None if action["create"] else domain, after)
            self.tell_end(wire.node(DOMAIN, "panData"), "name", name, action, approve=approve)
            return after

    def tell_end(self, data: Element, tag: str, name: str, action: dict[str, Any], *, approve: bool) -> None:
        """Queue what became of a pending action; `data` is the empty panData of the object that `tag` names."""
        wire.add(data, tag, name, paResult="1" if approve else "0")
        ids = wire.add(data, "paTRID")
        if action["cl_trid"]:
            wire.add(ids, "clTRID", action["cl_trid"], ns=EPP)
        wire.add(ids, "svTRID", action["sv_trid"], ns=EPP)
        wire.add(data, "paDate", iso(self.now))
        verdict = "completed" if approve else "refused"
        self.tell(action["registrar"], f"Pending {action['command']} {verdict}.", data)

    def _mail_code(self, before: Domain | None, after: Domain) -> None:
        """A stand-in: the real registry mails the code when its registrar asks for it by an extension of its own; here a
        plain update of authInfo is that request."""
        if before is None or before.auth == after.auth or zone_of(after.name) not in CODES_BY_MAIL:
            return
        holder = self.store.get("contact", after.registrant) or {"fields": {}}
        address = "".join(
            "".join(str(t) for t in etree.fromstring(xml).itertext()) for xml in holder["fields"].get("email", [])
        )
        self.store.add_email(self.now, address, after.name, after.auth)

    def tell(self, registrar: str, text: str, data: Element | None = None) -> None:
        """Queue a message."""
        content = None if data is None else etree.tostring(data, encoding="unicode")
        self.store.message(registrar, self.now, text, content)

    def tick(self) -> None:
        """What time alone does: transfers nobody answered are approved, the pending delete ends."""
        from deploy.sandbox.registry import transfers

        for domain in self.store.due(self.now):
            with self.store.transaction():
                if domain.transfer and domain.transfer["status"] == "pending":
                    transfers.settle(self, domain, "serverApproved")
                else:
                    self.store.remove("domain", domain.name)

    def contact_exists(self, contact: str) -> str:
        """Raises 2303."""
        if self.store.get("contact", contact) is None:
            raise RefusedError(2303, "No such contact", (CONTACT, "id", contact))
        return contact

    def host_exists(self, name: str) -> str:
        """Raises 2303, unless hosts outside the registry's zones are made on sight."""
        if self.store.get("host", name) is None:
            if not self.lenient_hosts or name.rsplit(".", 1)[-1] in self.tlds:
                raise RefusedError(2303, "No such host", (HOST, "name", name))
            self.make_host(name, "registry", [])
        return name

    def make_host(self, name: str, sponsor: str, addresses: list[str]) -> dict[str, Any]:
        """Store a host object."""
        made = {
            "name": name,
            "roid": self.store.roid("H"),
            "sponsor": sponsor,
            "created": iso(self.now),
            "addresses": addresses,
            "statuses": [],
        }
        self.store.put("host", name, made)
        return made
