"""Users: who signs in."""

import strawberry

from gateway.access import PUBLIC, access
from gateway.context import global_id
from portico.identity.v1 import identity_pb2


@access(PUBLIC)
@strawberry.type(description="A login identity; it can be a contact of many accounts.")
class User:
    id: strawberry.ID
    email: str
    email_bouncing: bool = strawberry.field(
        description="Mail to this address came back. It is over when mail is taken again or the address changes."
    )
    name: str
    locale: str

    @staticmethod
    def of(pb: identity_pb2.User) -> "User":
        return User(
            id=strawberry.ID(global_id("User", pb.id)),
            email=pb.email,
            email_bouncing=pb.email_bouncing,
            name=pb.name,
            locale=pb.locale,
        )
