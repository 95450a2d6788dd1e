"""What can be done with a domain now, why not, and its next dates."""

from collections.abc import Mapping

from gateway import messages
from gateway.access import Permission
from gateway.context import Acting
from gateway.graph.common import Blocker, BlockerCode, DateTime, Permit, moment_of
from portico.domains.v1 import lifecycle_pb2

#: The permission that each action takes beside what the domain allows.
_NEEDS = {
    "renew": Permission.DOMAINS_ORDER,
    "restore": Permission.DOMAINS_ORDER,
    "transferOut": Permission.DOMAINS_AUTHCODE,
    "requestAuthCode": Permission.DOMAINS_AUTHCODE,
    "setDnssec": Permission.DNS_WRITE,
}


async def load(acting: Acting, domain_id: str) -> lifecycle_pb2.DomainLifecycle | None:
    """A domain's; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, lifecycle_pb2.DomainLifecycle]:
        request = lifecycle_pb2.BatchGetLifecyclesRequest(domain_ids=ids)
        answer = await acting.read("domains", acting.clients.lifecycle.BatchGetLifecycles, request)
        return {pb.domain_id: pb for pb in answer.lifecycles}

    found: lifecycle_pb2.DomainLifecycle | None = await acting.loader("domain lifecycles", fetch).load(domain_id)
    return found


async def permits(acting: Acting, domain_id: str, name: str) -> list[Permit]:
    """Of the domain, for the contact who asks: a right that is missing is a blocker like others."""
    found = await load(acting, domain_id)
    return [_permit(acting, domain_id, name, pb) for pb in (found.permits if found is not None else ())]


def _permit(acting: Acting, domain_id: str, name: str, pb: lifecycle_pb2.DomainPermit) -> Permit:
    blockers = [
        Blocker(
            code=BlockerCode[one.code],
            message=messages.text(one.code, acting.locale, {"name": name, **one.metadata}),
            until=moment_of(one, "until"),
            resolved_by=one.resolved_by or None,
        )
        for one in pb.blockers
    ]
    permission = _NEEDS.get(pb.action, Permission.DOMAINS_MANAGE)
    if not acting.policy.allows(permission, domain_id):
        text = messages.text("FORBIDDEN", acting.locale, {"permission": permission.value})
        blockers.append(Blocker(code=BlockerCode.FORBIDDEN, message=text))
    return Permit(action=pb.action, allowed=not blockers, blockers=blockers, confirmed_by_holder=pb.confirmed_by_holder)


async def deadline(acting: Acting, domain_id: str, name: str) -> DateTime | None:
    """One of the dates of a DomainLifecycle."""
    found = await load(acting, domain_id)
    return moment_of(found, name) if found is not None else None
