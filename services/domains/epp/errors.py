"""What can go wrong, by what the caller may do next."""


class EppError(Exception):
    """Anything that went wrong between us and the registry."""


class EppRefused(EppError):
    """The registry refused: nothing happened, and the same command would be refused again. Codes: RFC 5730 section 3."""

    def __init__(self, code: int, message: str, reason: str = "") -> None:
        super().__init__(f"{code} {message}" + (f" ({reason})" if reason else ""))
        self.code = code
        self.message = message
        self.reason = reason


class EppServerFailure(EppRefused):
    """2400 or 25xx: by the RFC the command failed, through no fault of ours. Catch it before EppRefused, settle a
    transform with info before repeating it: registries have answered 2400 for work they had done."""


class EppUnavailable(EppError):
    """Certainly nothing was changed: no connection, no login, or a query that got no answer. Safe to repeat."""


class EppLoginRefused(EppUnavailable):
    """The registry does not let us in; repeating helps only once somebody has changed something."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"login refused: {code} {message}")
        self.code = code


class EppUnknown(EppError):
    """The command was on its way and no proper answer came: it may have been carried out. Settle with info first."""


class MalformedFrame(EppError):
    """What arrived is not EPP. Never reaches callers: it becomes EppUnknown or EppUnavailable."""
