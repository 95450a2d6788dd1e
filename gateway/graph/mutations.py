"""How every mutation begins and ends: the right is checked before any call, an expected refusal becomes a userError."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import strawberry
from google.protobuf.timestamp_pb2 import Timestamp

from gateway import messages
from gateway.access import Access, Permission, needs
from gateway.access import field as access_field
from gateway.context import Acting, Request
from gateway.errors import Problem, ServiceError, error_code, input_path, problem_of
from gateway.graph.common import Blocker, BlockerCode, DateTime, UserError
from gateway.messages import rules
from portico.common.v1 import common_pb2

I = TypeVar("I")  # noqa: E741  # the input's type
P = TypeVar("P")
_REFUSALS = frozenset({"FORBIDDEN", "NOT_FOUND", "BAD_USER_INPUT", "ACCOUNT_LOCKED", "READ_ONLY_SESSION"})


class Wrong(Exception):
    """An input that the gateway itself can refuse: code, the input field's path, values for the message."""

    def __init__(self, code: str, path: list[str], *, message: str = "", **values: object) -> None:
        super().__init__(code)
        self.code, self.path, self.message, self.values = code, path, message or code, values


@overload
def mutation(
    permission: Permission | None,
    run: Callable[[Acting, I], Awaitable[P]],
    input_: type[I],
    payload: type[P],
    *,
    step_up: bool = False,
) -> Any: ...


@overload
def mutation(
    permission: Permission | None,
    run: Callable[[Acting], Awaitable[P]],
    input_: None,
    payload: type[P],
    *,
    step_up: bool = False,
) -> Any: ...


def mutation(
    permission: Permission | None,
    run: Callable[..., Awaitable[P]],
    input_: Any,
    payload: type[P],
    *,
    step_up: bool = False,
) -> Any:
    """A mutation field. `run` gets the account that the input names, else the default one, already permitted; for an input
    that names none the user itself.

    Without a permission it is about the user itself: signed in is enough. Without an input `run` gets none. `step_up` says
    that the service asks for a person who has just confirmed who it is.
    """

    async def answer(info: strawberry.Info, *given: Any) -> Any:
        request: Request = info.context
        coordinate = f"Mutation.{info.field_name}"
        try:
            if request.session.operator:
                raise Problem("READ_ONLY_SESSION")
            if given and hasattr(given[0], "account_id"):
                acting = request.acting(given[0].account_id, "input.accountId")
            else:
                acting = request.own()
            acting.require(permission, coordinate)
            made = await run(acting, *given)
            if permission is not None:
                made.acting = acting  # type: ignore[attr-defined]  # what it holds is judged by the rights in that account
            return made
        except Wrong as error:
            text = messages.text(error.message, request.locale, error.values)
            errors = [UserError(code=error_code(error.code), message=text, field=error.path)]
        except ServiceError as error:
            errors = refusals_of(error, request.locale)
        except Problem as error:
            if error.code not in _REFUSALS:
                raise
            code = "INVALID" if error.code == "BAD_USER_INPUT" else error.code
            # The userError's own field tells it.
            argument = error.values.pop("argument", None)
            path = str(argument).split(".") if argument else None
            if code == "NOT_FOUND":
                path = ["input", "accountId"]
            text = messages.text(error.message, request.locale, error.values)
            errors = [UserError(code=error_code(code), message=text, field=path)]
        refused = payload(user_errors=errors)  # type: ignore[call-arg]  # every payload has them, all else is optional
        refused.refused = True  # type: ignore[attr-defined]
        return refused

    async def with_input(info: strawberry.Info, input: Any) -> Any:  # noqa: A002  # the argument's name in the schema
        return await answer(info, input)

    async def without_input(info: strawberry.Info) -> Any:
        return await answer(info)

    resolver: Callable[..., Any] = without_input if input_ is None else with_input
    resolver.__annotations__.update({"return": payload} if input_ is None else {"input": input_, "return": payload})
    rule = needs(permission, step_up=step_up) if permission else Access(self_=True, step_up=step_up or strawberry.UNSET)
    return access_field(rule, resolver, description=run.__doc__)


def moment_given(given: DateTime, code: str, path: list[str]) -> Timestamp:
    """A moment of the input; Wrong with this code at this path for one that no calendar has."""
    stamp = Timestamp()
    try:
        stamp.FromJsonString(given)
    except ValueError:
        raise Wrong(code, path) from None
    return stamp


def refusals_of(error: ServiceError, locale: str) -> list[UserError]:
    """A service's refusal as userErrors. A fault, or a service that does not answer, is raised again."""
    problem = problem_of(error)
    if problem is None or problem.code == "SERVICE_UNAVAILABLE":
        raise error
    if problem.code == "BAD_USER_INPUT" and error.fields:
        broken = [(input_path(f), rules.sentence(text, locale)) for f, text in error.fields]
        return [UserError(code=error_code("INVALID"), message=text, field=f) for f, text in broken]
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
