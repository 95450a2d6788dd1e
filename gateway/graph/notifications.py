"""Which e-mail a contact gets."""

import strawberry

from gateway.access import PUBLIC, SELF, access, field
from gateway.context import Acting
from gateway.graph.common import DateTime, UserError, moment_of
from gateway.graph.emails import EmailCategory
from gateway.graph.mutations import mutation
from portico.identity.v1 import notifications_pb2


@access(SELF)
@strawberry.type(description="Whether the caller gets the account's e-mail of a category.")
class NotificationPreference:
    category: EmailCategory
    enabled: bool
    essential: bool = strawberry.field(
        description="Whether missing it can cost the service; switching it off then demands an acknowledgement."
    )
    optional: bool = strawberry.field(description="Whether it can be switched off at all.")
    warning: str | None = strawberry.field(description="What is to be acknowledged before it is switched off.")
    acknowledgement: str | None = strawberry.field(
        description="The version of the warning: what setNotificationPreference takes as acknowledgement."
    )
    disabled_at: DateTime | None

    @staticmethod
    def of(pb: notifications_pb2.NotificationPreference) -> "NotificationPreference":
        return NotificationPreference(
            category=EmailCategory(pb.category),
            enabled=pb.enabled,
            essential=pb.essential,
            optional=pb.optional,
            warning=pb.warning or None,
            acknowledgement=pb.acknowledgement or None,
            disabled_at=moment_of(pb, "disabled_at"),
        )


async def preferences(acting: Acting) -> list[NotificationPreference]:
    request = notifications_pb2.ListNotificationPreferencesRequest(locale=acting.locale)
    answer = await acting.read("identity", acting.clients.notifications.ListNotificationPreferences, request)
    return [NotificationPreference.of(pb) for pb in answer.preferences]


@strawberry.input
class SetNotificationPreferenceInput:
    category: EmailCategory
    enabled: bool
    acknowledgement: str | None = strawberry.field(
        default=None,
        description="To switch off what is essential: the acknowledgement of the preference whose warning was read.",
    )
    account_id: strawberry.ID | None = None


@access(PUBLIC)
@strawberry.type
class NotificationPreferencePayload:
    preference: NotificationPreference | None = field(SELF, default=None)
    user_errors: list[UserError] = strawberry.field(default_factory=list)


async def set_preference(acting: Acting, input_: SetNotificationPreferenceInput) -> NotificationPreferencePayload:
    """Switches the account's e-mail of a category off or on for the caller. Switching off what is essential answers
    ACKNOWLEDGEMENT_REQUIRED, with the warning as its message, until that is acknowledged."""
    request = notifications_pb2.SetNotificationPreferenceRequest(
        category=input_.category.value,
        enabled=input_.enabled,
        acknowledgement=input_.acknowledgement or "",
        locale=acting.locale,
    )
    answer = await acting.write("identity", acting.clients.notifications.SetNotificationPreference, request)
    return NotificationPreferencePayload(preference=NotificationPreference.of(answer))


@strawberry.type
class NotificationMutations:
    set_notification_preference: NotificationPreferencePayload = mutation(
        None, set_preference, SetNotificationPreferenceInput, NotificationPreferencePayload
    )
