"""python -m deploy.sandbox.registry --tls-dir DIR [--port 0 --control-port 0 --ready-file FILE --state FILE ...]"""

import argparse
import asyncio
import json
import os
import signal
import sqlite3
from pathlib import Path

from deploy.sandbox.registry import confirmations, tls
from deploy.sandbox.registry.confirmations import Confirmations
from deploy.sandbox.registry.control import Control
from deploy.sandbox.registry.engine import Engine
from deploy.sandbox.registry.server import Options, Server
from deploy.sandbox.registry.store import Store


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="registry", description="A sandbox domain registry: EPP over TLS.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7700, help="EPP; 0 takes a free one")
    parser.add_argument("--control-port", type=int, default=7701, help="HTTP on loopback; 0 takes a free one")
    parser.add_argument("--ready-file", type=Path, help="JSON with the ports, written when both listen")
    parser.add_argument("--state", default=":memory:", help="an SQLite file, or :memory:")
    parser.add_argument(
        "--inherit",
        type=Path,
        metavar="FILE",
        help="a state to begin with when there is none yet, unless it is absent too",
    )
    parser.add_argument("--tls-dir", type=Path, required=True, help="ca.pem, server.pem, server.key; made when missing")
    parser.add_argument("--delay-ms", type=float, default=0, help="before every command")
    parser.add_argument("--registrar", action="append", default=[], metavar="ID=PASSWORD", help="repeatable")
    parser.add_argument("--tlds", default="hu,com,net,org,eu,info,dev")
    parser.add_argument("--nameserver", action="append", default=[], help="a host object that exists from the start")
    parser.add_argument("--lenient-hosts", action="store_true", help="make outside name servers on first use")
    parser.add_argument(
        "--transfer-seconds", type=float, default=432_000, help="until a transfer is approved by itself"
    )
    parser.add_argument(
        "--confirmed",
        action="append",
        default=[],
        metavar="ZONE=CHANGE,…",
        help=f"changes that the holder has to confirm, of {', '.join(confirmations.CHANGES)}; repeatable",
    )
    parser.add_argument(
        "--confirm-seconds",
        type=float,
        help="until the holder confirms by itself, 0: before the command is answered; without it, never",
    )
    parser.add_argument(
        "--confirm-within",
        type=float,
        default=14 * 86_400,
        metavar="SECONDS",
        help="until what was not confirmed lapses",
    )
    parser.add_argument("--client-ca", type=Path, help="PEM: registrars must show a certificate of it")
    parser.add_argument("--idle-seconds", type=float, default=600, help="until an idle session is closed")
    parser.add_argument("--max-sessions", type=int, default=32, help="for each registrar")
    return parser.parse_args()


def registrars(pairs: list[str]) -> dict[str, str]:
    """ID=PASSWORD. Two accounts by default, so that transfers have two sides."""
    found = {}
    for pair in pairs or ["portico=portico-epp", "other=other-epp"]:
        name, _, password = pair.partition("=")
        if not 3 <= len(name) <= 16 or not 6 <= len(password) <= 16:
            raise SystemExit(f"registrar {name}: an id has 3 to 16 characters, a password 6 to 16 (RFC 5730)")
        found[name] = password
    return found


def inherit(source: Path, state: Path) -> None:
    """Begin where another registry has come to: its zones were split. Also what it had not yet written to its file."""
    if state.exists() or not source.exists():
        return
    draft = state.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    old, new = sqlite3.connect(source), sqlite3.connect(draft)
    old.backup(new)
    old.close()
    new.close()
    os.replace(draft, state)


def confirmed(options: argparse.Namespace) -> Confirmations:
    """What holders have to confirm."""
    try:
        zones = confirmations.read(options.confirmed)
    except ValueError as error:
        raise SystemExit(f"--confirmed: {error}") from None
    return Confirmations(zones, options.confirm_seconds, options.confirm_within)


async def main() -> None:
    """Until SIGTERM or SIGINT."""
    options = arguments()
    tls.ensure(options.tls_dir)
    if options.inherit is not None:
        inherit(options.inherit, Path(options.state))
    store = Store(options.state)
    engine = Engine(
        store,
        frozenset(str(options.tlds).lower().split(",")),
        lenient_hosts=options.lenient_hosts,
        transfer_seconds=options.transfer_seconds,
        confirmations=confirmed(options),
    )
    for name in options.nameserver:
        if store.get("host", name.lower()) is None:
            engine.make_host(name.lower(), "registry", [])
    server = Server(
        engine,
        Options(
            registrars=registrars(options.registrar),
            delay=options.delay_ms / 1000,
            idle=options.idle_seconds,
            max_sessions=options.max_sessions,
            client_ca=options.client_ca,
        ),
    )
    control = Control(server)
    port = await server.start(options.host, options.port, options.tls_dir)
    control_port = await control.start(options.control_port)
    if options.ready_file is not None:
        ready = {"port": port, "control_port": control_port, "ca_file": str((options.tls_dir / tls.CA).resolve())}
        draft = options.ready_file.with_suffix(".draft")
        draft.write_text(json.dumps(ready))
        os.replace(draft, options.ready_file)
    print(f"ready epp={port} control={control_port}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await control.close()
    await server.close()
    store.close()


if __name__ == "__main__":
    asyncio.run(main())
