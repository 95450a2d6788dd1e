"""What is changed of domains at their registries."""

from typing import Any

from portico.common.v1 import common_pb2
from portico.domains.v1 import management_pb2, management_pb2_grpc
from tests.gateway.fakes.domains import domain, operation, zone
from tests.gateway.fakes.fake import Fake
from tests.gateway.fakes.world import uid


def registry_contact(number: int, **values: Any) -> management_pb2.RegistryContact:
    return management_pb2.RegistryContact(
        id=uid(60_000 + number),
        handle=f"PT{number}",
        data=management_pb2.ContactData(name=f"Person {number}", email=f"p{number}@x.example", country="HU"),
        verification=management_pb2.CONTACT_VERIFICATION_VERIFIED,
        domains=2,
        **values,
    )


class Management(Fake, management_pb2_grpc.ManagementServiceServicer):
    async def BatchGetDomainContacts(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BatchGetDomainContacts")
        found = [
            management_pb2.DomainContacts(domain_id=d, registrant=registry_contact(1), tech=registry_contact(2))
            for d in request.domain_ids
        ]
        return management_pb2.BatchGetDomainContactsResponse(contacts=found)

    async def ListRegistryContacts(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListRegistryContacts")
        info = common_pb2.PageInfo(cursors=["1"], has_next=True)
        return management_pb2.ListRegistryContactsResponse(contacts=[registry_contact(1)], page=info)

    async def SetNameservers(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetNameservers")
        refusals = [
            common_pb2.Refusal(
                reason="GLUE_REQUIRED", field="nameservers[1].addresses", metadata={"name": "ns1.d1.hu"}
            ),
            common_pb2.Refusal(reason="DNSSEC_IN_THE_WAY", field="nameservers", metadata={"name": "d1.hu"}),
        ]
        return management_pb2.ChangeDomainResponse(domain=domain(1), refusals=refusals)

    async def SetDomainLock(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetDomainLock")
        return management_pb2.ChangeDomainResponse(domain=domain(1), operation=operation(1))

    async def UpdateDomainContacts(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "UpdateDomainContacts")
        return management_pb2.ChangeDomainResponse(domain=domain(1))

    async def SetAutoRenew(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetAutoRenew")
        refusals = [common_pb2.Refusal(index=1, reason="DOMAIN_NOT_FOUND", field="domain_ids")]
        return management_pb2.SetAutoRenewResponse(domains=[domain(1)], found=1, changed=1, refusals=refusals)

    async def SetDnssec(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetDnssec")
        return management_pb2.SetDnssecResponse(zone=zone(request.domain_id), operation=operation(1))
