"""Whose eyes the proof looks with: a contact's rights in one account, and their names for the failing message."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.access.graph import GRAPH


@dataclass(frozen=True)
class Policy:
    """Permission -> ids of the resources it is limited to, None for all of them; and the coordinates denied."""

    name: str
    grants: Mapping[str, frozenset[str] | None] = field(hash=False)
    denied: frozenset[str] = frozenset()

    def holds(self, permission: str | None, resource: str | None = None) -> bool:
        """Whether a permission is held, for the object of this id where one is named. None needs nothing."""
        if permission is None:
            return True
        if permission not in self.grants:
            return False
        only = self.grants[permission]
        return only is None or resource is None or resource in only

    @property
    def odd(self) -> str | None:
        """The one permission that is held, or the one that is not: by it alone it differs from none, or from all."""
        missing = set(GRAPH.permissions) - set(self.grants)
        return next((next(iter(some)) for some in (self.grants, missing) if len(some) == 1), None)


def _of(name: str, *permissions: str) -> Policy:
    return Policy(name, dict.fromkeys(permissions))


ALL = _of("all", *GRAPH.permissions)
NONE = _of("none")


def only(permission: str) -> Policy:
    return _of(f"only-{permission}", permission)


def all_but(permission: str) -> Policy:
    return _of(f"all-but-{permission}", *(p for p in GRAPH.permissions if p != permission))


def denied(*coordinates: str) -> Policy:
    """Every permission, some fields denied."""
    return Policy(f"denied-{'-'.join(coordinates)}", ALL.grants, frozenset(coordinates))


def limited(permission: str, *resources: str) -> Policy:
    """Every permission, this one limited to named resources."""
    return Policy(f"limited-{permission}", {**ALL.grants, permission: frozenset(resources)})


def every() -> Iterator[Policy]:
    """None, each single permission, all but each, all."""
    yield NONE
    for permission in GRAPH.permissions:
        yield only(permission)
        yield all_but(permission)
    yield ALL
