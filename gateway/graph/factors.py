"""The user's second factors."""

from enum import Enum

import strawberry

from gateway.access import SELF, access
from gateway.context import Acting, Request, global_id
from gateway.graph.common import DateTime, enum_map, moment, moment_of
from portico.identity.v1 import factors_pb2


@strawberry.enum
class FactorKind(Enum):
    TOTP = strawberry.enum_value("TOTP", description="An authenticator app.")
    SECURITY_KEY = strawberry.enum_value("SECURITY_KEY", description="A security key or passkey.")


KINDS = enum_map(factors_pb2.FactorKind, FactorKind, "FACTOR_KIND_")


@access(SELF)
@strawberry.type(description="What the user signs in with beside the password, or, with a passkey, instead of it.")
class Factor:
    id: strawberry.ID
    kind: FactorKind
    name: str = strawberry.field(description="What the user calls it.")
    created_at: DateTime
    last_used_at: DateTime | None

    @staticmethod
    def of(pb: factors_pb2.Factor) -> "Factor":
        return Factor(
            id=strawberry.ID(global_id("Factor", pb.id)),
            kind=KINDS[pb.kind],
            name=pb.name,
            created_at=moment(pb.created_at),
            last_used_at=moment_of(pb, "last_used_at"),
        )


async def factors(info: strawberry.Info) -> list[Factor] | None:
    return [Factor.of(pb) for pb in (await _listed(info.context)).factors]


async def recovery_codes_left(info: strawberry.Info) -> int | None:
    return (await _listed(info.context)).recovery_codes_left


async def _listed(request: Request) -> factors_pb2.ListFactorsResponse:
    acting: Acting = request.own()
    return await acting.once(
        "factors",
        lambda: acting.read("identity", acting.clients.factors.ListFactors, factors_pb2.ListFactorsRequest()),
    )
