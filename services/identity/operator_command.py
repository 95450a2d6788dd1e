"""python -m services.identity operator create|renew: how the first operator gets in.

For the machine that has identity's database settings: whoever holds those can do all of this anyway, so no power is
given away, and no default password stands open until somebody thinks of it. Operators make further operators.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from services.chassis.actor import system
from services.chassis.config import ConfigError, Env
from services.chassis.db import CONNECTION_ERRORS, connect
from services.chassis.errors import DomainError
from services.identity import operators


def main(argv: Sequence[str], env: Env) -> None:
    """Writes the credential, and nothing else, to standard output; SystemExit with the cause of a refusal."""
    given = _parser().parse_args(argv)
    try:
        secret = asyncio.run(_run(given, env.text("DATABASE_URL")))
    except DomainError as error:
        raise SystemExit(f"{error.reason}: {error.detail}") from None
    except ConfigError as error:
        raise SystemExit(str(error)) from None
    except CONNECTION_ERRORS as error:
        raise SystemExit(f"the database is away: {error}") from None
    sys.stderr.write(f"The credential of {given.name}, good for {operators.CREDENTIAL_LIFE.days} days:\n")
    sys.stdout.write(f"{secret}\n")


async def _run(given: argparse.Namespace, database_url: str) -> str:
    db = await connect(database_url, min_size=1, max_size=1)
    by, now = system("identity", operators.HOUSE), datetime.now(UTC)
    try:
        if given.verb == "create":
            return (await operators.create(db, by, given.name, given.email, given.ip, now))[1]
        return (await operators.renew(db, by, given.name, given.ip, now))[1]
    finally:
        await db.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.identity", description=__doc__)
    verbs = parser.add_subparsers(required=True).add_parser("operator").add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", help="a new operator")
    renew = verbs.add_parser("renew", help="another credential, in place of one that is lost or has expired")
    for verb in (create, renew):
        verb.add_argument("name", help="what customers read in their event log")
        verb.add_argument(
            "--ip", action="append", default=[], help="the credential is good from this address or network alone"
        )
    create.add_argument("email")
    return parser
