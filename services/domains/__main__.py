"""python -m services.domains"""

from pathlib import Path

from services.chassis.db import Database
from services.chassis.run import serve
from services.domains import messages, settings
from services.domains.app import App
from services.domains.events import CONSUMES
from services.domains.jobs import JOBS, PERIODIC
from services.domains.powerdns import PowerDns
from services.domains.registries import Registries
from services.domains.rpc import register


def main() -> None:
    conf = settings.read()

    async def build(db: Database) -> App:
        return App(
            db=db,
            registries=Registries(account.open() for account in conf.registries),
            powerdns=PowerDns(conf.powerdns_url, conf.powerdns_api_key),
            nameservers=conf.nameservers,
            sealer=conf.sealer,
        )

    serve(
        "domains",
        conf.service,
        build=build,
        register=register,
        migrations=Path(__file__).parent / "migrations",
        consumes=CONSUMES,
        job_handlers=JOBS,
        periodic=PERIODIC
        | {f"poll {one.name}": (one.poll_seconds, messages.polling(one.name)) for one in conf.registries},
        close=App.close,
    )


if __name__ == "__main__":
    main()
