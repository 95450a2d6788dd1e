"""What the identity service's RPCs, consumers and jobs are handed."""

from dataclasses import dataclass, field

from services.chassis.db import Database
from services.chassis.sealing import Sealer
from services.identity.credentials import ActorTokens
from services.identity.emails import Post
from services.identity.mailer import Mailer
from services.identity.passwords import Hasher
from services.identity.relying_party import RelyingParty
from services.identity.signing_keys import SigningKeys


@dataclass(frozen=True)
class App:
    db: Database
    hasher: Hasher
    tokens: ActorTokens
    sealer: Sealer
    post: Post
    #: The portal's own address, without a slash at the end: what links in mails begin with.
    public_url: str
    #: Where security keys and passkeys work.
    relying_party: RelyingParty
    #: None: there is no mail server, and mail stays queued.
    mailer: Mailer | None
    signing: SigningKeys = field(default_factory=SigningKeys)
