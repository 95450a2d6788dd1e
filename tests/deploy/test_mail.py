"""The mail catcher of `make run`."""

import asyncio
import stat
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP

from deploy.sandbox.mail import KEPT, Catcher
from deploy.stack import Stack


def mail(n: int = 0) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Portico <p@x.example>", "anna@x.example", f"Számla {n}"
    message.set_content("Fizetendő: 12\u00a0990\u00a0Ft\nhttp://127.0.0.1/reset?t=abc\n")
    message.add_alternative("<p>HTML</p>", subtype="html")
    return message


async def test_a_mail_is_shown_to_read_and_kept_for_its_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for old in range(KEPT):
        (tmp_path / f"{old:06}.eml").write_text("old")
    loop, catcher = asyncio.get_running_loop(), Catcher(tmp_path)
    async with await loop.create_server(
        lambda: SMTP(catcher, hostname="localhost", loop=loop), "127.0.0.1", 0
    ) as server:
        port = server.sockets[0].getsockname()[1]
        await aiosmtplib.send(mail(), hostname="127.0.0.1", port=port, start_tls=False, local_hostname="x")
    shown = capsys.readouterr().out
    assert "From:    Portico <p@x.example>\nTo:      anna@x.example\nSubject: Számla 0\n" in shown
    assert "Fizetendő: 12 990 Ft\nhttp://127.0.0.1/reset?t=abc\n" in shown
    assert "HTML" not in shown
    kept = sorted(tmp_path.glob("*.eml"))
    assert len(kept) == KEPT  # the oldest has gone
    assert b"Subject: " in kept[-1].read_bytes()
    assert stat.S_IMODE(kept[-1].stat().st_mode) == 0o600


def test_whoever_has_a_mail_server_gets_no_catcher(tmp_path: Path) -> None:
    own = Stack(tmp_path, smtp_url="smtp://mail.example:587")
    own._databases["identity"] = "postgresql://x"
    assert "mail" not in own.processes
    assert own.env("identity")["SMTP_URL"] == "smtp://mail.example:587"
    caught = Stack(tmp_path)
    caught._databases["identity"] = "postgresql://x"
    assert caught.env("identity")["SMTP_URL"] == f"smtp://127.0.0.1:{caught.port('mail')}"
    assert "mail" in caught.processes
