"""The code that moves a domain to another registrar (RFC 5731 authInfo): asked for by somebody, written to the event log."""

from uuid import UUID

from services.chassis import audit
from services.chassis.actor import Actor, Scope
from services.chassis.errors import DomainError, NotFound
from services.domains import store
from services.domains.app import App
from services.domains.epp import EppRefused, EppUnavailable, EppUnknown
from services.domains.orders import RegistryUnavailable


class DomainNotFound(NotFound):
    reason = "DOMAIN_NOT_FOUND"


class DomainNotActive(DomainError):
    reason = "DOMAIN_NOT_ACTIVE"


class AuthCodeByRegistry(DomainError):
    """The registry itself mails the code to the holder; asking it to is not offered yet."""

    reason = "AUTH_CODE_BY_REGISTRY"


async def request(app: App, actor: Actor, scope: Scope, domain_id: UUID) -> str:
    """The domain's present code. The request is in the event log before the registry is asked."""
    async with app.db.transaction() as tx:
        found = await store.by_ids(tx, actor.account_id, scope.resources, [domain_id])
        if not found:
            raise DomainNotFound("no such domain", field="domain_id")
        domain = found[0]
        if domain["state"] != "ACTIVE":
            raise DomainNotActive(f"the domain is {domain['state']}", name=domain["unicode_name"])
        if (await store.tlds(tx))[domain["tld"]]["auth_code_delivery"] != "SHOWN":
            raise AuthCodeByRegistry(f".{domain['tld']} mails the code to the holder", tld=domain["tld"])
        await audit.record(
            tx, actor, "domain.auth_code_requested", subject=("Domain", domain_id, domain["unicode_name"])
        )
    try:
        info = await app.registry.info(domain["name"])
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise RegistryUnavailable(f"the registry does not answer: {error}") from error
    if info is None or not info.auth_info:
        raise DomainNotActive("the registry holds no code of this domain for us", name=domain["unicode_name"])
    return info.auth_info
