"""Showing the logs of many processes as one stream that a person can read."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

COLOURS = (36, 32, 35, 33, 34, 96, 92)
DIM, RED, YELLOW = "2", "31", "33"
# Where loggers put the same thing under different names.
TIMES = ("time", "ts", "timestamp")
LEVELS = ("level", "severity")
MESSAGES = ("message", "msg", "event")
# The prefix says it, or only a machine reads it.
LEFT_OUT = {"service", "span_id", "logger"}


def _take(record: dict[str, Any], names: Sequence[str]) -> str:
    for name in names:
        if name in record:
            return str(record.pop(name))
    return ""


def _clock(stamp: str) -> str:
    """HH:MM:SS in the zone that the record was written in, or now."""
    if len(stamp) >= 19 and stamp[10] in "T ":
        return stamp[11:19]
    try:
        return time.strftime("%H:%M:%S", time.localtime(float(stamp)))
    except ValueError:
        return time.strftime("%H:%M:%S")


def _printable(text: str) -> str:
    """A log line may carry what a customer typed: no control character of it reaches the terminal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text


def show(name: str, line: str, *, colour: int, colours: bool) -> str:
    """One log line, compact: `HH:MM:SS service level message key=value`."""

    def paint(code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colours else text

    prefix = paint(str(colour), f"{name:<11}")
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        return f"{time.strftime('%H:%M:%S')} {prefix} {_printable(line)}"
    clock = _clock(_take(record, TIMES))
    level = _take(record, LEVELS).lower() or "info"
    message = _printable(_take(record, MESSAGES))
    trouble = _take(record, ("exception", "exc_info", "stack"))
    details = " ".join(
        f"{key}={_plain(str(value)[:8] if key == 'trace_id' else value)}"
        for key, value in record.items()
        if key not in LEFT_OUT and value not in (None, "")
    )
    code = RED if level in ("error", "critical") else YELLOW if level == "warning" else DIM
    text = f"{clock} {prefix} {paint(code, f'{level:<7}')} {message}"
    if details:
        text += f" {paint(DIM, _printable(details))}"
    if trouble:
        text += "".join(f"\n    {_printable(part)}" for part in trouble.splitlines())
    return text


async def follow(
    files: Sequence[tuple[str, Path]], out: Callable[[str], None], *, colours: bool, every: float = 0.2
) -> None:
    """Print what is appended to the files from now on, until cancelled."""
    places = {name: path.stat().st_size if path.exists() else 0 for name, path in files}
    rests: dict[str, bytes] = {}
    while True:
        for number, (name, path) in enumerate(files):
            try:
                size = path.stat().st_size
            except OSError:
                continue
            # A rotated log begins anew.
            at = places[name] if size >= places[name] else 0
            if size == at:
                continue
            with path.open("rb") as file:
                file.seek(at)
                new = file.read(1_000_000)
            places[name] = at + len(new)
            *lines, rests[name] = (rests.get(name, b"") + new).split(b"\n")
            for line in lines:
                if line.strip():
                    text = line.decode(errors="replace")
                    out(show(name, text, colour=COLOURS[number % len(COLOURS)], colours=colours))
        await asyncio.sleep(every)
