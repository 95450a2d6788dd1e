"""Between the protos and the use cases: who wants which mail, a user's own mail, bounces."""

from portico.identity.v1 import identity_pb2, notifications_pb2_grpc
from portico.identity.v1 import notifications_pb2 as pb
from services.chassis import pages
from services.chassis.grpc import Call, requires
from services.chassis.times import to_pb
from services.identity import emails, notifications
from services.identity.app import App
from services.identity.rpc.emails import created, email, email_filter


class NotificationsRpc(notifications_pb2_grpc.NotificationsServiceServicer):
    def __init__(self, app: App) -> None:
        self._app = app

    @requires(None)
    async def ListNotificationPreferences(
        self, request: pb.ListNotificationPreferencesRequest, call: Call
    ) -> pb.ListNotificationPreferencesResponse:
        found = await notifications.of_actor(self._app.db, call.actor)
        return pb.ListNotificationPreferencesResponse(preferences=[_preference(p, request.locale) for p in found])

    @requires(None)
    async def SetNotificationPreference(
        self, request: pb.SetNotificationPreferenceRequest, call: Call
    ) -> pb.NotificationPreference:
        preference = await notifications.set_preference(
            self._app.db,
            call.actor,
            request.category,
            enabled=request.enabled,
            acknowledgement=request.acknowledgement,
            locale=request.locale,
            now=call.now,
        )
        return _preference(preference, request.locale)

    @requires(None)
    async def ListOwnEmails(self, request: pb.ListOwnEmailsRequest, call: Call) -> identity_pb2.ListEmailsResponse:
        page = pages.read(request.page)
        rows = await emails.own_page(self._app.db, call.actor, email_filter(request), page)
        kept, info = page.cut(rows, created)
        return identity_pb2.ListEmailsResponse(emails=map(email, kept), page=info)

    @requires("operator")
    async def RecordBounce(self, request: pb.RecordBounceRequest, call: Call) -> pb.RecordBounceResponse:
        await emails.record_bounce(
            self._app.db, call.actor, request.message_id, request.status, request.diagnostic, call.now
        )
        return pb.RecordBounceResponse()


def _preference(of: notifications.Preference, locale: str) -> pb.NotificationPreference:
    return pb.NotificationPreference(
        category=of.category,
        enabled=of.enabled,
        essential=of.essential,
        optional=of.optional,
        warning=notifications.warning(of.category, locale),
        acknowledgement=notifications.version(of.category),
        disabled_at=to_pb(of.disabled_at),
    )
