"""python -m deploy.bench"""

import os
import sys
import time
from pathlib import Path

import grpc
import psutil
import uvloop

from deploy.bench import domains, events, load, per_document, target, transfers, zones
from deploy.bench.documents import DASHBOARD, DOMAIN_PAGE
from deploy.bench.events import Outcome
from deploy.bench.fanout import Fanout
from deploy.bench.http import Client, Failed
from deploy.bench.load import Phase
from deploy.bench.target import LARGE, SMALL, NoStack, Target

ROOT = Path(__file__).resolve().parent.parent.parent
BASE = Path(os.environ.get("PORTICO_RUN_DIR") or ROOT / ".run")
CLIENTS = 16
#: Of the small account; what is done to it is taken back.
ZONE = "minta.hu"
#: Stretches of each kind in turn, so that what else the machine does meets all of them.
_STRETCHES, _SECONDS, _WARM_UP = 3, 1.5, 1.0


def main() -> None:
    """Prints the tables; status 1 when the numbers per document grow with the account."""
    try:
        where = target.read(BASE)
        equal = uvloop.run(_bench(where))
    except (NoStack, Failed, transfers.Stuck) as error:
        raise SystemExit(str(error)) from None
    except ConnectionError as error:
        raise SystemExit(f"the stack does not answer: {error}") from None
    except grpc.aio.AioRpcError as error:
        raise SystemExit(f"a service does not answer: {error.code().name} {error.details()}") from None
    sys.exit(0 if equal else 1)


async def _bench(where: Target) -> bool:
    began = time.monotonic()
    print(f"Portico at {where.url}, {psutil.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the bench\n")
    equal = await _per_document(where)
    await _against_fanout(where)
    await _zone_changes(where)
    await _domain_lists(where)
    await _moving_in(where)
    _tell_events(await events.measure(where.databases["domains"], where.databases["identity"]))
    print(f"\nMeasured in {time.monotonic() - began:.0f} s.")
    return equal


# -- RPCs and SQL statements


async def _per_document(where: Target) -> bool:
    client = await Client.connect(where.url)
    equal = True
    print("Per document             domains    RPCs   SQL    credential asked anew: RPCs   SQL")
    for name, document in (("dashboard", DASHBOARD), ("page of 20 domains", DOMAIN_PAGE)):
        small, large = [await per_document.of(client, document, where.tokens[a]) for a in (SMALL, LARGE)]
        for one in (small, large):
            print(
                f"  {name:<21} {one.domains:>8,} {one.kept.rpcs:>7} {one.kept.sql:>5}"
                f" {one.anew.rpcs:>27} {one.anew.sql:>5}"
            )
        equal = equal and (small.kept, small.anew) == (large.kept, large.anew)
    client.close()
    print("  equal for both accounts\n" if equal else "  NOT EQUAL: a document costs more for a larger account\n")
    return equal


# -- the gateway beside the raw fan-out


async def _against_fanout(where: Target) -> None:
    clients = [await Client.connect(where.url) for _ in range(CLIENTS)]
    fanout = Fanout.connect(where.addresses)
    request = clients[0].request(DASHBOARD, where.tokens[SMALL])
    documents = [lambda client=client: client.send(request) for client in clients]
    rounds = [fanout.round] * CLIENTS
    one, many, raw_one, raw_many = Phase(), Phase(), Phase(), Phase()

    def gateway_cpu() -> float:
        used = where.gateway.cpu_times()
        return used.user + used.system

    try:
        for stretch in range(-1, _STRETCHES):
            # A token lives shorter than the bench; the warm-up is measured and thrown away.
            await fanout.sign_in(where.tokens[SMALL])
            phases = (one, raw_one, many, raw_many) if stretch >= 0 else (Phase(), Phase(), Phase(), Phase())
            seconds = _SECONDS if stretch >= 0 else _WARM_UP / 2
            await load.run(phases[0], documents[:1], seconds, gateway_cpu)
            await load.run(phases[1], rounds[:1], seconds, time.process_time)
            await load.run(phases[2], documents, seconds, gateway_cpu)
            await load.run(phases[3], rounds, seconds, time.process_time)
    finally:
        for client in clients:
            client.close()
        await fanout.close()
    _tell_fanout(one, raw_one, many, raw_many, fanout.rpcs)


def _tell_fanout(one: Phase, raw_one: Phase, many: Phase, raw_many: Phase, rpcs: int) -> None:
    print(
        f"The dashboard                          gateway   raw fan-out   ratio    (raw: its {rpcs} RPCs, grpc.aio client)"
    )
    _row("CPU ms each, 1 client", one.cpu_ms, raw_one.cpu_ms, 2)
    _row(f"CPU ms each, {CLIENTS} clients", many.cpu_ms, raw_many.cpu_ms, 2)
    _row(f"each second, {CLIENTS} clients", many.per_second, raw_many.per_second, 0)
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        _row(f"{name} ms, 1 client", one.quantile_ms(part), raw_one.quantile_ms(part), 1)
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        _row(f"{name} ms, {CLIENTS} clients", many.quantile_ms(part), raw_many.quantile_ms(part), 1)
    print(
        f"  {len(one.latencies) + len(many.latencies):,} documents, {len(raw_one.latencies) + len(raw_many.latencies):,} rounds\n"
    )


def _row(what: str, gateway: float, raw: float, decimals: int) -> None:
    print(f"  {what:<32} {gateway:>11,.{decimals}f} {raw:>13,.{decimals}f} {gateway / raw:>7.2f}")


# -- zones


async def _zone_changes(where: Target) -> None:
    client = await Client.connect(where.url)
    few, many, imported = await zones.measure(client, where.tokens[SMALL], ZONE)
    client.close()
    print(f"One record changed in a zone of       few sets   {zones.LARGE_ZONE:,} sets   ratio")
    for what, small, large in (
        ("ms until answered, p50", few.answered, many.answered),
        ("ms until served, p50", few.served, many.served),
    ):
        print(f"  {what:<32} {small:>11,.1f} {large:>13,.1f} {large / small:>7.2f}")
    print(f"  importing {zones.LARGE_ZONE:,} record sets, until served: {imported:.1f} s; taken back afterwards\n")


# -- lists of domains


async def _domain_lists(where: Target) -> None:
    outcomes, made = await domains.measure(where.databases["domains"])
    print(
        f"Domains of an account, p50 ms         {domains.FEW:>9,} {domains.MANY:>13,}   ratio    (flat: at most 1.30)"
    )
    for one in outcomes:
        print(f"  {one.what:<32} {one.few:>11,.2f} {one.many:>13,.2f} {one.many / one.few:>7.2f}")
    print(f"  on a table of the bench's own, made in {made:.0f} s and dropped\n")


# -- transfers


async def _moving_in(where: Target) -> None:
    client = await Client.connect(where.url)
    of = await transfers.measure(client, where.tokens[SMALL], SMALL, where.databases, BASE)
    client.close()
    names = transfers.NAMES
    print(f"{names:,} names moved in, the registry answering in 5 ms      names/s   EPP alone   ratio")
    rate, bare = names / (of.asked + of.settled), names / of.bare
    print(f"  {'from the order to the last one ours':<49} {rate:>11,.0f} {bare:>11,.0f} {rate / bare:>7.2f}")
    print(
        f"  {of.asked:.1f} s until all are asked for, {of.settled:.1f} s from the registry's yes until all are ours\n"
    )


# -- events


def _tell_events(of: Outcome) -> None:
    print(
        "Events, outbox to inbox                 events   bare commits   ratio    (commits: 16 connections, same database)"
    )
    ratio = of.per_second / of.commits_per_second
    print(f"  {'each second':<32} {of.per_second:>11,.0f} {of.commits_per_second:>14,.0f} {ratio:>7.2f}")
    if of.arrived < of.sent:
        print(f"  only {of.arrived:,} of {of.sent:,} arrived within {of.seconds:.0f} s")
    print(
        f"  {of.sent:,} audit records of {events.ACCOUNTS} accounts that only the bench has; "
        "the event log is append-only, so they stay"
    )


if __name__ == "__main__":
    main()
