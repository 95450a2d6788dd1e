"""The services' own declarations: every RPC of the protos with what it needs, read off the classes that answer it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.access.standins import methods, proto_modules

SERVICES = Path(__file__).parents[2] / "services"
PUBLIC, SIGNED_IN = "public", "signed-in"


@dataclass(frozen=True)
class Declared:
    """An RPC of one service as the service declares it."""

    service: str
    """The Python package that answers: "billing"."""
    method: str
    access: str
    """A permission, or one of PUBLIC and SIGNED_IN."""
    step_up: bool

    @property
    def permission(self) -> str | None:
        return None if self.access in {PUBLIC, SIGNED_IN} else self.access


@cache
def declared() -> tuple[Declared, ...]:
    """Every RPC of every service. Fails naming one that nobody answers, or that declares nothing."""
    names = sorted({file.parent.name for file in SERVICES.glob("*/rpc*")})
    for name in names:
        import_module(f"services.{name}.rpc")
    import_module("services.chassis.run")
    found: list[Declared] = []
    for module in proto_modules():
        for service_name, service in module.DESCRIPTOR.services_by_name.items():
            base = getattr(import_module(f"{module.__name__}_grpc"), f"{service_name}Servicer")
            answering = [kind for kind in base.__subclasses__() if kind.__module__.startswith("services.")]
            assert answering, f"no class of a service answers {service.full_name}"
            for kind in answering:
                own = kind.__module__.split(".")[1]
                # What the chassis answers, every service mounts.
                for where in names if own == "chassis" else [own]:
                    found += [_declared(where, kind, f"/{service.full_name}/{one.name}") for one in service.methods]
    return tuple(found)


def _declared(service: str, kind: Any, method: str) -> Declared:
    function = getattr(kind, method.rpartition("/")[2])
    assert hasattr(function, "access"), f"{kind.__module__}.{kind.__name__} declares no access of {method}"
    return Declared(service, method, function.access, getattr(function, "step_up", False))


@cache
def guards() -> Mapping[str, str]:
    """RPC -> the permission that its service asks for, where it asks for one."""
    assert {one.method for one in declared()} == set(methods())
    return {one.method: one.permission for one in declared() if one.permission}
