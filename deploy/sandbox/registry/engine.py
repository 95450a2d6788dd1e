"""One command in, one answer out: routing, authorisation, the message queue, what time alone does."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from deploy.sandbox.registry import confirmations, wire
from deploy.sandbox.registry.confirmations import Confirmations
from deploy.sandbox.registry.names import CODES_BY_MAIL, zone_of
from deploy.sandbox.registry.store import Domain, Store, action_due, iso
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
        self,
        store: Store,
        tlds: frozenset[str],
        *,
        lenient_hosts: bool = False,
        transfer_seconds: float = 5 * 86_400,
        confirmations: Confirmations | None = None,
    ) -> None:
        self.store = store
        self.tlds = tlds
        self.lenient_hosts = lenient_hosts
        self.transfer_seconds = transfer_seconds
        self.confirmations = confirmations or Confirmations()

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
        """Store the effect; or, when it is to be held or the holder has to confirm it, store that it waits: 1001."""
        confirmed = self.confirmations.wanted(before, after)
        if not self.waits(context, confirmed):
            self.store.put_domain(after)
            self._mail_code(before, after)
            return answer
        waiting, now_is = before or Domain(**asdict(after)), asdict(before) if before else {}
        changes = {key: value for key, value in asdict(after).items() if before is None or value != now_is[key]}
        waiting.pending = self.action(context, command, confirmed) | {"create": before is None, "result": changes}
        self.store.put_domain(waiting)
        self.ask_holder(waiting.pending, waiting.registrant, [waiting.name], confirmed)
        answer.code = 1001
        return answer

    def waits(self, context: Context, confirmed: list[str]) -> bool:
        """Whether a command's effect waits: a test wishes so, or something of it has to be `confirmed`."""
        return context.hold or (bool(confirmed) and self.confirmations.seconds != 0)

    def action(self, context: Context, command: str, confirmed: list[str]) -> dict[str, Any]:
        """A command that waits."""
        waiting: dict[str, Any] = {
            "command": command,
            "cl_trid": context.cl_trid,
            "sv_trid": context.sv_trid,
            "registrar": context.registrar,
        }
        if confirmed:
            waiting["confirmation"] = self.confirmations.request(self.now, held=context.hold)
        return waiting

    def ask_holder(self, action: dict[str, Any], holder: str, names: Iterable[str], changes: list[str]) -> None:
        """Mail the holder of these names what there is to confirm, if anything."""
        for name in names if "confirmation" in action else ():
            text = confirmations.letter(name, changes, action["confirmation"])
            self.store.add_email(self.now, self._address(holder), name, text=text)

    def complete(self, name: str, *, approve: bool = True) -> None:
        """End a pending action, with a message (RFC 5731 section 3.3). Raises LookupError when nothing is pending."""
        with self.store.transaction():
            domain = self.store.domain(name)
            if domain is None or domain.pending is None:
                raise LookupError(f"nothing is pending for {name}")
            self._end(domain, domain.pending, approve=approve)

    def _end(self, domain: Domain, action: dict[str, Any], *, approve: bool, lapsed: bool = False) -> None:
        # What else has happened to the domain meanwhile stays.
        before = Domain(**{**asdict(domain), "pending": None})
        if approve:
            after = Domain(**{**asdict(before), **action["result"]})
            self.store.put_domain(after)
            self._mail_code(None if action["create"] else before, after)
        elif action["create"]:
            self.store.remove("domain", domain.name)
        else:
            self.store.put_domain(before)
        self.tell_end(wire.node(DOMAIN, "panData"), "name", domain.name, action, approve=approve, lapsed=lapsed)

    def tell_end(
        self, data: Element, tag: str, name: str, action: dict[str, Any], *, approve: bool, lapsed: bool = False
    ) -> None:
        """Queue what became of a pending action; `data` is the empty panData of the object that `tag` names."""
        wire.add(data, tag, name, paResult="1" if approve else "0")
        ids = wire.add(data, "paTRID")
        if action["cl_trid"]:
            wire.add(ids, "clTRID", action["cl_trid"], ns=EPP)
        wire.add(ids, "svTRID", action["sv_trid"], ns=EPP)
        wire.add(data, "paDate", iso(self.now))
        verdict = confirmations.verdict(action, approve=approve, lapsed=lapsed)
        self.tell(action["registrar"], f"Pending {action['command']} {verdict}.", data)

    def _mail_code(self, before: Domain | None, after: Domain) -> None:
        """A stand-in: the real registry mails the code when its registrar asks for it by an extension of its own; here a
        plain update of authInfo is that request."""
        if before is None or before.auth == after.auth or zone_of(after.name) not in CODES_BY_MAIL:
            return
        self.store.add_email(self.now, self._address(after.registrant), after.name, code=after.auth)

    def _address(self, contact: str) -> str:
        fields = (self.store.get("contact", contact) or {"fields": {}})["fields"]
        return "".join("".join(str(t) for t in etree.fromstring(xml).itertext()) for xml in fields.get("email", []))

    def tell(self, registrar: str, text: str, data: Element | None = None) -> None:
        """Queue a message."""
        content = None if data is None else etree.tostring(data, encoding="unicode")
        self.store.message(registrar, self.now, text, content)

    def tick(self) -> None:
        """What time alone does: holders confirm or have not, transfers nobody answered are approved, the pending delete
        ends."""
        from deploy.sandbox.registry import objects, transfers

        now = self.now.timestamp()
        for domain in self.store.due(self.now):
            with self.store.transaction():
                if (due := domain.delete_due()) is not None and due <= now:
                    self.store.remove("domain", domain.name)
                elif (due := action_due(domain.pending)) is not None and due <= now:
                    assert domain.pending is not None
                    confirmed = confirmations.by_itself(domain.pending)
                    self._end(domain, domain.pending, approve=confirmed, lapsed=not confirmed)
                else:
                    transfers.settle(self, domain, "serverApproved")
        for contact in self.store.due_contacts(self.now):
            objects.confirm_in_time(self, contact)

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
