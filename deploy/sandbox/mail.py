"""A mail server that delivers to nobody: it shows each mail in its log and keeps it as a file. python -m deploy.sandbox.mail

Its folder holds links with which one signs in as somebody: it is the developer's alone.
"""

import argparse
import asyncio
import email
import os
import signal
import time
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

KEPT = 1000
MOST_BYTES = 10_000_000


class Catcher:
    """What aiosmtpd hands a mail to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = 0

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        self._keep(raw)
        print(readable(raw, envelope.rcpt_tos), flush=True)
        return "250 2.0.0 caught"

    def _keep(self, raw: bytes) -> None:
        """Whole under its name, or not at all; the oldest go when there are many."""
        self._numbers += 1
        name = f"{time.time_ns()}-{self._numbers:06}.eml"
        part = self._folder / f".{name}"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(raw)
        part.rename(self._folder / name)
        for old in sorted(self._folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)


def readable(raw: bytes, recipients: list[str]) -> str:
    """Sender, recipients, subject and text, for a person."""
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(preferencelist=("plain", "html"))
    # As a terminal likes it: no carriage return, no space that does not break.
    text = "\n".join(str(body.get_content()).replace("\u00a0", " ").splitlines()) if body is not None else ""
    head = f"From:    {message['From']}\nTo:      {', '.join(recipients)}\nSubject: {message['Subject']}"
    return "\n".join(["─" * 72, head, "", text.rstrip(), "─" * 72])


async def serve(port: int, folder: Path) -> None:
    """Until SIGTERM or SIGINT, on loopback."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    catcher = Catcher(folder)

    def session() -> SMTP:
        return SMTP(catcher, data_size_limit=MOST_BYTES, enable_SMTPUTF8=True, hostname="localhost", loop=loop)

    server = await loop.create_server(session, "127.0.0.1", port)
    print(f"catching mail on 127.0.0.1:{port}, kept in {folder}", flush=True)
    async with server:
        await stop.wait()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--folder", type=Path, required=True)
    given = options.parse_args()
    asyncio.run(serve(given.port, given.folder))


if __name__ == "__main__":
    main()
