"""What the identity service's RPCs, consumers and jobs are handed."""

from dataclasses import dataclass

from services.chassis.db import Database
from services.identity.credentials import ActorTokens
from services.identity.mailer import Mailer
from services.identity.passwords import Hasher


@dataclass(frozen=True)
class App:
    db: Database
    hasher: Hasher
    tokens: ActorTokens
    #: None: there is no mail server, and mail stays queued.
    mailer: Mailer | None
