"""The gateway's parts, wired once, and how a request becomes a session or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from gateway import messages, schema
from gateway.access import Fields, Policies
from gateway.clients import Calls, Clients
from gateway.context import Request
from gateway.documents import Documents
from gateway.events import Hub
from gateway.execution import Engine
from gateway.oauth.server import Authority
from gateway.sessions import Credential, Session, Sessions
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that handlers use; made once a process."""

    settings: Settings
    clients: Clients
    sessions: Sessions
    fields: Fields
    documents: Documents
    engine: Engine
    hub: Hub
    oauth: Authority

    @classmethod
    def make(cls, settings: Settings) -> "Gateway":
        core, table = schema.executable(schema.build())
        clients = Clients.connect(settings.addresses)
        return cls(
            settings,
            clients,
            Sessions(clients, Policies(table)),
            Fields.of(core, table),
            Documents(core, table),
            Engine(core, table),
            Hub(settings.amqp_url),
            Authority(settings.public_url, settings.addresses["identity"]),
        )

    def request(self, session: Session, locale: str, ip: str, calls: Calls) -> Request:
        return Request(self.clients, schema.NODES, self.fields, self.hub, self.sessions, session, locale, ip, calls)

    async def session(self, credential: Credential, ip: str, calls: Calls) -> Session:
        """Raises BadCredential, ServiceError."""
        return await self.sessions.authenticate(credential, ip, calls)


def client_ip(connection: HTTPConnection) -> str:
    """The caller's address; uvicorn has already believed or ignored X-Forwarded-For."""
    return connection.client.host if connection.client else ""


def locale_of(headers: Mapping[str, str], session: Session | None = None) -> str:
    """The reader's language: the user's own, else what the browser prefers, else Hungarian."""
    own = session.user.locale if session else ""
    return own if own in messages.LOCALES else messages.choose_locale(headers.get("accept-language", "")) or "hu"


def same_origin(connection: HTTPConnection) -> bool:
    """Whether a browser's request comes from this site's own pages; true for what is no browser.

    Browsers send Sec-Fetch-Site or Origin with every request that another site could have caused.
    """
    headers = connection.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return True
    scheme = {"ws": "http", "wss": "https"}.get(connection.url.scheme, connection.url.scheme)
    return origin == f"{scheme}://{headers.get('host', '')}"
