"""portico.domains.v1.ManagementService: between protos and use cases, nothing else."""

from datetime import datetime
from uuid import UUID

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, management_pb2_grpc
from portico.domains.v1 import management_pb2 as pb
from services.chassis import operations, pages, times
from services.chassis.db import Row
from services.chassis.errors import Invalid
from services.chassis.grpc import Call, requires
from services.domains import auto_renew, contact_store, contacts, dnssec, locks, nameservers, store
from services.domains.app import App
from services.domains.changes import Asked
from services.domains.contact_data import Person
from services.domains.rpc.domains import to_pb
from services.domains.rpc.zones import refusal, zone_to_pb


class ManagementRpc(management_pb2_grpc.ManagementServiceServicer):
    def __init__(self, app: App) -> None:
        self.app = app
        self.db = app.db

    @requires("domains.manage")
    async def SetNameservers(self, req: pb.SetNameserversRequest, call: Call) -> pb.ChangeDomainResponse:
        wished = [(one.host, list(one.addresses)) for one in req.nameservers]
        asked = await nameservers.set_nameservers(
            self.app, call.actor, call.scope, UUID(req.domain_id), wished, call.now
        )
        return await self._answer(call, asked)

    @requires("domains.manage")
    async def SetDomainLock(self, req: pb.SetDomainLockRequest, call: Call) -> pb.ChangeDomainResponse:
        asked = await locks.set_lock(self.app, call.actor, call.scope, UUID(req.domain_id), req.locked, call.now)
        return await self._answer(call, asked)

    @requires("domains.manage")
    async def UpdateDomainContacts(self, req: pb.UpdateDomainContactsRequest, call: Call) -> pb.ChangeDomainResponse:
        choices = {role: _choice(getattr(req, role)) for role in contacts.ROLES if req.HasField(role)}  # type: ignore[arg-type]
        asked = await contacts.update(self.app, call.actor, call.scope, UUID(req.domain_id), choices, call.now)
        return await self._answer(call, asked)

    @requires("domains.read")
    async def BatchGetDomainContacts(
        self, req: pb.BatchGetDomainContactsRequest, call: Call
    ) -> pb.BatchGetDomainContactsResponse:
        ids = [UUID(id_) for id_ in req.domain_ids]
        found = await contacts.of_domains(self.app, call.actor, call.scope, ids)
        return pb.BatchGetDomainContactsResponse(
            contacts=[
                pb.DomainContacts(
                    domain_id=str(domain_id), **{role: _contact(row, call.now) for role, row in roles.items()}
                )
                for domain_id, roles in found.items()
            ]
        )

    @requires("domains.read")
    async def ListRegistryContacts(
        self, req: pb.ListRegistryContactsRequest, call: Call
    ) -> pb.ListRegistryContactsResponse:
        search = f"%{store.escape_like(req.search.strip())}%" if req.search.strip() else ""
        rows, info = await contact_store.page(
            self.db, call.actor.account_id, call.scope.resources, search, pages.read(req.page)
        )
        return pb.ListRegistryContactsResponse(contacts=[_contact(row, call.now) for row in rows], page=info)

    @requires("domains.manage")
    async def SetAutoRenew(self, req: pb.SetAutoRenewRequest, call: Call) -> pb.SetAutoRenewResponse:
        if bool(req.domain_ids) == req.HasField("filter"):
            raise Invalid("either domain ids or a filter", field="domain_ids")
        wanted: list[UUID] | auto_renew.Filter = [UUID(id_) for id_ in req.domain_ids]
        if req.HasField("filter"):
            states = [domains_pb2.DomainState.Name(s).removeprefix("DOMAIN_STATE_") for s in req.filter.states]
            wanted = auto_renew.Filter(states, req.filter.search)
        wished = await auto_renew.set_auto_renew(self.app, call.actor, call.scope, wanted, req.auto_renew)
        return pb.SetAutoRenewResponse(
            domains=map(to_pb, wished.domains),
            found=wished.found,
            changed=wished.changed,
            refusals=[
                common_pb2.Refusal(index=index, reason=error.reason, field="domain_ids", metadata=error.metadata)
                for index, error in wished.problems
            ],
        )

    @requires("dns.write")
    async def SetDnssec(self, req: pb.SetDnssecRequest, call: Call) -> pb.SetDnssecResponse:
        zone, operation_id = await dnssec.set_dnssec(
            self.app, call.actor, call.scope, UUID(req.domain_id), req.enabled, call.now
        )
        return pb.SetDnssecResponse(zone=zone_to_pb(zone), operation=await self._operation(call, operation_id))

    async def _answer(self, call: Call, asked: Asked) -> pb.ChangeDomainResponse:
        return pb.ChangeDomainResponse(
            domain=to_pb(asked.domain),
            operation=await self._operation(call, asked.operation_id),
            refusals=map(refusal, asked.problems),
        )

    async def _operation(self, call: Call, operation_id: UUID | None) -> common_pb2.Operation | None:
        if operation_id is None:
            return None
        [row] = await operations.by_ids(self.db, call.actor.account_id, [operation_id])
        return operations.to_pb(row)


def _choice(choice: pb.ContactChoice) -> contacts.Choice:
    data = choice.data
    person = Person(
        name=data.name,
        org=data.org,
        street=tuple(data.street),
        city=data.city,
        province=data.province,
        postal_code=data.postal_code,
        country=data.country,
        phone=data.phone,
        email=data.email,
    )
    return contacts.Choice(
        UUID(choice.contact_id) if choice.contact_id else None, person if choice.HasField("data") else None
    )


def _contact(row: Row, now: datetime) -> pb.RegistryContact:
    expired = row["verified_until"] is not None and row["verified_until"] <= now
    verification = "EXPIRED" if expired else row["verification"]
    return pb.RegistryContact(
        id=str(row["id"]),
        handle=row["handle"],
        data=pb.ContactData(**Person.of_json(row).to_json()),
        verification=pb.ContactVerification.Value(f"CONTACT_VERIFICATION_{verification}"),
        verified_at=times.to_pb(row["verified_at"]),
        verified_until=times.to_pb(row["verified_until"]),
        domains=row["domains"],
        registry=row["registry"],
    )
