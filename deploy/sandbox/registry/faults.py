"""What a test asks to go wrong, and the log of what was received."""

from collections import deque
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

ACTIONS = {
    "delay": "wait `seconds`, then carry out and answer",
    "delay_after": "carry out, wait `seconds`, then answer",
    "cut_before": "close the connection, nothing carried out",
    "cut_after": "carry out, then close without an answer",
    "cut_late": "close without an answer; carried out when the next such command for the name arrives, before that one",
    "result": "answer `code`, nothing carried out",
    "pending": "answer 1001; the effect waits for POST /pending/{name}/complete",
    "wrong_trid": "carry out, answer with another clTRID",
    "never_end": "carry out, announce a frame and send only half of it",
    "garbage": "carry out, answer with a frame that is not XML",
    "doctype": "carry out, answer with a frame that carries a DTD and an entity",
    "oversized": "carry out, announce a frame of 1 GiB",
}


@dataclass
class Fault:
    """One wish. `command` is "create", "domain:create", "transfer:cancel" or "update:report"; `name` exact, a glob or None;
    `times` None = ever."""

    action: str
    command: str | None = None
    name: str | None = None
    times: int | None = 1
    seconds: float = 0.0
    code: int = 2400

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")

    def matches(self, kind: str, verb: str, names: list[str], operation: str | None = None) -> bool:
        """Whether the command is meant."""
        if self.command is not None and self.command not in (verb, f"{kind}:{verb}", f"{verb}:{operation}"):
            return False
        return self.name is None or any(fnmatchcase(name, self.name.lower()) for name in names)


class Faults:
    """The wishes in the order in which they came; the first that matches is used."""

    def __init__(self) -> None:
        self._wishes: list[Fault] = []

    def add(self, wish: dict[str, Any]) -> None:
        """Raises TypeError or ValueError for a wish that nobody understands."""
        self._wishes.append(Fault(**wish))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._wishes.clear()

    def listed(self) -> list[dict[str, Any]]:
        """What is still to go wrong."""
        return [asdict(wish) for wish in self._wishes]

    def take(self, kind: str, verb: str, names: list[str], operation: str | None = None) -> Fault | None:
        """The fault for this command, counted down."""
        for wish in self._wishes:
            if wish.matches(kind, verb, names, operation):
                if wish.times is not None:
                    wish.times -= 1
                    if wish.times <= 0:
                        self._wishes.remove(wish)
                return wish
        return None


class Log:
    """The last commands received, without passwords and auth codes. Not kept over a restart."""

    def __init__(self, size: int = 20_000) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=size)

    def add(self, **entry: Any) -> dict[str, Any]:
        """Returns the entry, so that the result code can be filled in afterwards."""
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget."""
        self._entries.clear()

    def entries(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        """Entries whose fields equal the filters ("command=create&name=a.hu")."""
        return [e for e in self._entries if all(str(e.get(k)) == v for k, v in filters.items())]
