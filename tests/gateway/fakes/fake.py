"""What every stand-in does."""

import asyncio
from typing import Any

from portico.common.v1 import common_pb2
from services.chassis.errors import DomainError, to_status
from tests.gateway.fakes.world import World


def page_of(items: list[Any], page: common_pb2.PageRequest) -> tuple[list[Any], common_pb2.PageInfo]:
    begin = int(page.after or 0)
    size = page.first if page.HasField("first") else 20
    part = items[begin : begin + size]
    cursors = [str(begin + i + 1) for i in range(len(part))]
    return part, common_pb2.PageInfo(has_next=begin + size < len(items), has_previous=begin > 0, cursors=cursors)


class Fake:
    """Counts calls, lets them fail or wait as the world says, and reports two SQL statements each."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name

    async def enter(self, request: Any, context: Any, method: str) -> str:
        """The account that the actor token acts for."""
        key = f"{self.name}.{method}"
        self.world.calls[key] += 1
        self.world.requests.append(request)
        metadata = dict(context.invocation_metadata())
        self.world.traces.append(str(metadata.get("traceparent", "")))
        assert context.time_remaining() is not None, "every call has a deadline"
        context.set_trailing_metadata((("sql-statements", "2"),))
        await asyncio.sleep(self.world.slow.get(key, self.world.slow.get(self.name, 0)))
        error = self.world.broken.get(key)
        if isinstance(error, DomainError):
            status = to_status(error, self.name)
            context.set_trailing_metadata(
                (("sql-statements", "2"), ("grpc-status-details-bin", status.SerializeToString()))
            )
            await context.abort(error.status, error.detail)
        elif error is not None:
            raise error
        return str(metadata.get("authorization", "")).removeprefix("Bearer actor-")


async def refuse(context: Any, error: DomainError) -> None:
    details = to_status(error, "identity").SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", details),))
    await context.abort(error.status, error.detail)
