"""Runs the identity service; `python -m services.identity operator create NAME EMAIL` makes an operator."""

import os
import sys
from pathlib import Path

from services.chassis.config import Env
from services.chassis.db import Database
from services.chassis.run import serve
from services.identity import operator_command
from services.identity.app import App
from services.identity.credentials import ActorTokens
from services.identity.emails import Post
from services.identity.events import CONSUMES
from services.identity.jobs import AT_ONCE, JOBS, PERIODIC
from services.identity.mailer import SmtpMailer
from services.identity.passwords import Hasher
from services.identity.rpc import register
from services.identity.settings import Settings


def main() -> None:
    settings = Settings.read(Env(os.environ))
    mailer = SmtpMailer(settings.smtp_url, settings.mail_from) if settings.smtp_url else None

    async def build(db: Database) -> App:
        return App(
            db=db,
            hasher=Hasher(),
            tokens=ActorTokens(settings.actor_key),
            sealer=settings.sealer,
            post=Post(settings.sealer, delivers=mailer is not None, public_url=settings.public_url),
            public_url=settings.public_url,
            relying_party=settings.relying_party,
            mailer=mailer,
        )

    serve(
        "identity",
        settings.service,
        build=build,
        register=register,
        migrations=Path(__file__).parent / "migrations",
        consumes=CONSUMES,
        job_handlers=JOBS,
        at_once=AT_ONCE,
        periodic=PERIODIC,
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        operator_command.main(sys.argv[1:], Env(os.environ))
    else:
        main()
