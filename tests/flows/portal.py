"""The portal as its users reach it: GraphQL over HTTP, with a person's API token."""

import asyncio
import email
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from time import monotonic
from typing import Any, TypeVar

import httpx

from deploy.stack import Stack

T = TypeVar("T")


@dataclass
class Answer:
    """A GraphQL answer. `data` fails the test when there are errors; `partial` does not."""

    status: int
    body: dict[str, Any]
    headers: httpx.Headers

    @property
    def data(self) -> dict[str, Any]:
        assert not self.errors, self.errors
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def partial(self) -> dict[str, Any]:
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def errors(self) -> list[dict[str, Any]]:
        errors: list[dict[str, Any]] = self.body.get("errors", [])
        return errors

    def timing(self) -> dict[str, int]:
        """{"rpc": 5, "sql": 12} from the Server-Timing header."""
        entries = [entry.strip().split(";") for entry in self.headers["server-timing"].split(",")]
        return {
            parts[0]: int(value.split("=")[1].strip('"'))
            for parts in entries
            for value in parts[1:]
            if "desc=" in value
        }


class Person:
    """Somebody with a token."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self.token = token

    async def ask(self, document: str, **variables: object) -> Answer:
        answer = await self._http.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        return Answer(answer.status_code, answer.json(), answer.headers)


@dataclass(frozen=True)
class Mail:
    """A mail as the catcher took it."""

    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    @property
    def links(self) -> list[str]:
        """The addresses in its text, in order."""
        return re.findall(r"https?://[^\s<>]+", self.text)

    def _body(self, kind: str) -> str:
        body = self.message.get_body(preferencelist=(kind,))
        assert body is not None, f"a mail without a {kind} part"
        return "\n".join(str(body.get_content()).splitlines())


class Portal:
    """The people of the demo, on a running stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx.AsyncClient(base_url=stack.url, timeout=20)
        self._tokens = {person["email"].split("@")[0]: person["token"] for person in stack.demo["people"]}

    def person(self, name: str) -> Person:
        return Person(self.http, self._tokens[name])

    def mails(self, address: str) -> list[Mail]:
        """Those caught for an address until now, the oldest first."""
        found = []
        for file in sorted(self.stack.mail_folder.glob("*.eml")):
            message = email.message_from_bytes(file.read_bytes(), policy=default)
            assert isinstance(message, EmailMessage)
            if message["To"] == address:
                found.append(Mail(message))
        return found

    async def mail(self, address: str, *parts: str, seconds: float = 30) -> Mail:
        """Waits for a mail to an address with these parts in its subject or text; the newest, when there are several."""

        async def caught() -> Mail | None:
            told = reversed(self.mails(address))
            return next((m for m in told if all(part in f"{m.subject}\n{m.text}" for part in parts)), None)

        return await eventually(f"a mail to {address} that tells of {parts}", caught, seconds)

    async def close(self) -> None:
        await self.http.aclose()


def key() -> str:
    """A fresh idempotency key."""
    return uuid.uuid4().hex


async def eventually(what: str, probe: Callable[[], Awaitable[T | None]], seconds: float = 30) -> T:
    """The probe's first answer that is not None or false; fails naming what did not happen."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        if found := await probe():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"did not happen within {seconds:.0f} s: {what}")
