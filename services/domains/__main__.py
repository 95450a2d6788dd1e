"""python -m services.domains"""

from pathlib import Path

from services.chassis.db import Database
from services.chassis.run import serve
from services.domains import messages, settings
from services.domains.app import App
from services.domains.epp import Registry
from services.domains.events import CONSUMES
from services.domains.jobs import JOBS, PERIODIC
from services.domains.powerdns import PowerDns
from services.domains.rpc import register


def main() -> None:
    conf = settings.read()

    async def build(db: Database) -> App:
        return App(
            db=db,
            registry=Registry(
                conf.epp_host,
                conf.epp_port,
                registrar=conf.epp_registrar,
                password=conf.epp_password,
                ca_file=conf.epp_ca_file,
                name=conf.epp_name,
            ),
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
        periodic={**PERIODIC, "poll the registry": (conf.epp_poll_seconds, messages.poll)},
        close=App.close,
    )


if __name__ == "__main__":
    main()
