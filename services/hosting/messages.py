"""Hosting's objects as its protos say them."""

from portico.common.v1 import common_pb2
from portico.hosting.v1 import hosting_pb2 as pb
from services.chassis import times
from services.hosting.logins import PanelLogin
from services.hosting.services import Service


def service(of: Service) -> pb.Service:
    return pb.Service(
        id=str(of.id),
        label=of.label,
        plan=pb.Plan(
            id=str(of.plan.id),
            code=of.plan.code,
            name=of.plan.name,
            disk_mib=of.plan.disk_mib,
            traffic_mib=of.plan.traffic_mib,
        ),
        state=pb.ServiceState.Value(f"SERVICE_STATE_{of.state}"),
        domain=of.domain,
        next_due_on=of.next_due_on.isoformat() if of.next_due_on else "",
        price=common_pb2.Money(minor=of.price, currency=of.currency),
        period_months=of.period_months,
        started_at=times.to_pb(of.started_at),
        created_at=times.to_pb(of.created_at),
    )


def login(of: PanelLogin) -> pb.PanelLogin:
    return pb.PanelLogin(service_id=str(of.service_id), url=of.url, username=of.username, host=of.host)
