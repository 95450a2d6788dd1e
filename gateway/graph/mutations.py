"""How every mutation begins and ends: the right is checked before any call, an expected refusal becomes a userError."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import strawberry

from gateway import messages
from gateway.access import SELF, Permission, needs
from gateway.access import field as access_field
from gateway.context import Acting, Request
from gateway.errors import Problem, ServiceError, error_code, input_path, problem_of
from gateway.graph.common import Blocker, BlockerCode, UserError
from portico.common.v1 import common_pb2

I = TypeVar("I")  # noqa: E741  # the input's type
P = TypeVar("P")


class Wrong(Exception):
    """An input that the gateway itself can refuse: code, the input field's path, values for the message."""

    def __init__(self, code: str, path: list[str], *, message: str = "", **values: object) -> None:
        super().__init__(code)
        self.code, self.path, self.message, self.values = code, path, message or code, values


def mutation(
    permission: Permission | None, run: Callable[[Acting, I], Awaitable[P]], input_: type[I], payload: type[P]
) -> Any:
    """A mutation field. `run` gets the account that the input names, else the default one, already permitted.

    Without a permission it is about the user itself: signed in is enough.
    """

    async def resolver(info: strawberry.Info, input: Any) -> Any:  # noqa: A002  # the argument's name in the schema
        request: Request = info.context
        coordinate = f"Mutation.{info.field_name}"
        try:
            acting = request.acting(getattr(input, "account_id", None), "input.accountId")
            acting.require(permission, coordinate)
            return await run(acting, input)
        except Wrong as error:
            text = messages.text(error.message, request.locale, error.values)
            errors = [UserError(code=error_code(error.code), message=text, field=error.path)]
        except ServiceError as error:
            errors = refusals_of(error, request.locale)
        except Problem as error:
            if error.code not in {"FORBIDDEN", "NOT_FOUND", "BAD_USER_INPUT"}:
                raise
            code = "INVALID" if error.code == "BAD_USER_INPUT" else error.code
            path = str(error.values["argument"]).split(".") if "argument" in error.values else None
            if code == "NOT_FOUND":
                path = ["input", "accountId"]
            text = messages.text(error.message, request.locale, error.values)
            errors = [UserError(code=error_code(code), message=text, field=path)]
        refused = payload(user_errors=errors)  # type: ignore[call-arg]  # every payload has them, all else is optional
        refused.refused = True  # type: ignore[attr-defined]
        return refused

    resolver.__annotations__.update(input=input_, **{"return": payload})
    return access_field(needs(permission) if permission else SELF, resolver, description=run.__doc__)


def refusals_of(error: ServiceError, locale: str) -> list[UserError]:
    """A service's refusal as userErrors. A fault, or a service that does not answer, is raised again."""
    problem = problem_of(error)
    if problem is None or problem.code == "SERVICE_UNAVAILABLE":
        raise error
    if problem.code == "BAD_USER_INPUT" and error.fields:
        return [
            UserError(code=error_code("INVALID"), message=f"{'.'.join(input_path(f))}: {text}", field=input_path(f))
            for f, text in error.fields
        ]
    code = "INVALID" if problem.code == "BAD_USER_INPUT" else problem.code
    path = input_path(error.fields[0][0]) if error.fields else None
    if path is None and code == "IDEMPOTENCY_CONFLICT":
        path = ["input", "idempotencyKey"]
    text = messages.text(problem.message, locale, problem.values)
    return [UserError(code=error_code(code), message=text, field=path, blockers=_blockers(code, text))]


def refused_item(refusal: common_pb2.Refusal, locale: str) -> UserError:
    """One refused item of a list, the others went on."""
    return refused_field(refusal, locale, str(refusal.index))


def refused_field(refusal: common_pb2.Refusal, locale: str, *item: str) -> UserError:
    """A refusal as a userError; its path is the refusal's field, and the item of it."""
    path = [*input_path(refusal.field), *item] if refusal.field else None
    text = messages.text(refusal.reason, locale, dict(refusal.metadata))
    blockers = _blockers(refusal.reason, text)
    return UserError(code=error_code(refusal.reason), message=text, field=path, blockers=blockers)


#: The mutation that clears what stands in the way.
_CLEARED_BY = {
    BlockerCode.DOMAIN_LOCKED: "setDomainLock",
    BlockerCode.DNSSEC_IN_THE_WAY: "setDnssec",
    BlockerCode.DNSSEC_FOREIGN_NAMESERVERS: "setNameservers",
}


def _blockers(reason: str, text: str) -> list[Blocker]:
    code = BlockerCode.__members__.get(reason)
    return [Blocker(code=code, message=text, resolved_by=_CLEARED_BY[code])] if code in _CLEARED_BY else []
