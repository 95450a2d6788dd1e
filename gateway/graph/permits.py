"""May I do this, and why not: the rules of access, explained to whom they concern."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from gateway import messages
from gateway.access import Permission
from gateway.context import Acting, Ref, read_id
from gateway.errors import Problem
from gateway.graph.common import Blocker, BlockerCode, Permit, moment
from portico.identity.v1 import accounts_pb2, identity_pb2


class Action(NamedTuple):
    """What is asked about: a permission, or what a field or mutation needs. `personal`: no program may."""

    coordinate: str
    permission: Permission | None
    step_up: bool = False
    personal: bool = False


class Subject(NamedTuple):
    """What it would be done to: the id that grants name, the object where the caller may see it, or that there is none."""

    key: str | None = None
    node: Any = None
    missing: Blocker | None = None


async def of_caller(acting: Acting, action: str, subject: str | None) -> Permit:
    """Of the caller with this credential. Nothing is asked of identity unless there is something to explain."""
    wanted = _action(acting, action)
    if acting.policy.lock and wanted.permission is not None:
        locked = _blocker(acting, BlockerCode.ACCOUNT_LOCKED, {"reason": acting.policy.lock}, None)
        return _permit(action, [locked], Subject())
    about = await _subject(acting, subject)
    blockers: list[Blocker] = []
    allowed = wanted.permission is None or acting.policy.allows(wanted.permission, about.key)
    if wanted.personal or not allowed or wanted.coordinate in acting.policy.denied_fields:
        rights = await _rights(acting)
        blockers = _of_rights(acting, rights.contact, wanted, about)
        if not blockers:
            blockers = _of_credential(acting, rights, wanted, about)
    return _permit(action, blockers, about)


async def of_contact(acting: Acting, contact: identity_pb2.Contact, action: str, subject: str | None) -> Permit:
    """Of somebody else's contact, whichever credential it uses."""
    wanted, about = _action(acting, action), await _subject(acting, subject)
    return _permit(action, _of_rights(acting, contact, wanted, about), about)


def _permit(action: str, blockers: list[Blocker], about: Subject) -> Permit:
    if not blockers and about.missing is not None:
        blockers = [about.missing]
    return Permit(action=action, allowed=not blockers, blockers=blockers)


def _action(acting: Acting, action: str) -> Action:
    """A permission ("dns.write"), a mutation ("requestAuthCode") or a coordinate ("Domain.zone")."""
    for permission in Permission:
        if permission.value == action:
            return Action("", permission)
    table = acting.request.fields.table
    for coordinate in (action, f"Mutation.{action}"):
        rule = table.get(coordinate)
        if rule is not None:
            # What changes the user itself is refused to its tokens.
            personal = bool(rule.step_up) or (bool(rule.self_) and coordinate.startswith("Mutation."))
            return Action(coordinate, rule.permission or None, bool(rule.step_up), personal)
    raise Problem("BAD_USER_INPUT", message="UNKNOWN_ACTION", action=repr(action[:60]))


async def _subject(acting: Acting, subject: str | None) -> Subject:
    if not subject:
        return Subject()
    ref: Ref = read_id(subject, "subject")
    kind = acting.request.nodes.get(ref.type)
    if kind is None or (kind.permission is not None and not acting.policy.allows(kind.permission)):
        return Subject(ref.key)  # whether it exists is not this contact's to know
    node = await acting.node(ref)
    if node is None:
        values = {"what": ref.type, "id": subject}
        return Subject(ref.key, missing=_blocker(acting, BlockerCode.NOT_FOUND, values, None))
    # Grants name the domain, whichever of its parts is asked about.
    return Subject(getattr(node, "resource", ref.key), node)


async def _rights(acting: Acting) -> accounts_pb2.GetRightsResponse:
    """The caller's; one RPC however many fields ask."""

    async def ask() -> accounts_pb2.GetRightsResponse:
        return await acting.read("identity", acting.clients.accounts.GetRights, accounts_pb2.GetRightsRequest())

    return await acting.once("rights", ask)


def _of_rights(acting: Acting, contact: identity_pb2.Contact, wanted: Action, about: Subject) -> list[Blocker]:
    """What of the contact's own rights stands against it."""
    over = _of_state(acting, contact)
    if over is not None:
        return [over]
    found = []
    if wanted.coordinate in contact.denied_fields:
        values = {"coordinate": wanted.coordinate}
        found.append(_blocker(acting, BlockerCode.FIELD_DENIED, values, "updateContact", about.node))
    if wanted.permission is not None and not _holds(contact.grants, wanted.permission, about.key):
        found.append(_missing(acting, contact, wanted.permission, about))
    return found


def _of_state(acting: Acting, contact: identity_pb2.Contact) -> Blocker | None:
    if contact.state == identity_pb2.CONTACT_STATE_REVOKED:
        return _blocker(acting, BlockerCode.CONTACT_REVOKED, {}, "inviteContact")
    if contact.state == identity_pb2.CONTACT_STATE_INVITED:
        return _blocker(acting, BlockerCode.CONTACT_INVITED, {}, "resendInvitation")
    if contact.state == identity_pb2.CONTACT_STATE_EXPIRED:
        lapsed = not contact.HasField("user")
        ended = contact.invitation.expires_at if lapsed else contact.expires_at
        resolved_by = "resendInvitation" if lapsed else "updateContact"
        return _blocker(acting, BlockerCode.CONTACT_EXPIRED, {}, resolved_by, since=ended)
    return None


def _missing(acting: Acting, contact: identity_pb2.Contact, permission: Permission, about: Subject) -> Blocker:
    """Which of the three ways in which the contact does not hold a permission."""
    values = {"permission": permission.value}
    # Nothing in force reaches the subject, so whatever of its own does has run out.
    over = [grant.expires_at for grant in contact.own_grants if _reaches(grant, permission, about.key)]
    if over:
        since = max(over, key=lambda stamp: stamp.ToNanoseconds())
        return _blocker(acting, BlockerCode.GRANT_EXPIRED, values, "updateContact", about.node, since)
    limited = any(grant.permission == permission.value for grant in contact.grants)
    code = BlockerCode.RESOURCE_NOT_GRANTED if limited else BlockerCode.FORBIDDEN
    return _blocker(acting, code, values, "updateContact", about.node)


def _of_credential(
    acting: Acting, rights: accounts_pb2.GetRightsResponse, wanted: Action, about: Subject
) -> list[Blocker]:
    """What of the credential stands against what its contact may."""
    if wanted.permission is not None and not _holds(rights.credential_grants, wanted.permission, about.key):
        values = {"permission": wanted.permission.value}
        return [_blocker(acting, BlockerCode.TOKEN_NARROWER, values, "createApiToken", about.node)]
    if wanted.personal and rights.credential_kind != "user":
        return [_blocker(acting, BlockerCode.TOKEN_MAY_NOT, {}, None, about.node)]
    if wanted.step_up and not rights.HasField("confirmed_until"):
        return [_blocker(acting, BlockerCode.STEP_UP_REQUIRED, {}, "confirmIdentity", about.node)]
    return []


def _holds(grants: Iterable[identity_pb2.Grant], permission: Permission, key: str | None) -> bool:
    return any(_reaches(grant, permission, key) for grant in grants)


def _reaches(grant: identity_pb2.Grant, permission: Permission, key: str | None) -> bool:
    return grant.permission == permission.value and (key is None or not grant.resources or key in grant.resources)


def _blocker(
    acting: Acting,
    code: BlockerCode,
    values: dict[str, str],
    resolved_by: str | None,
    node: Any = None,
    since: Timestamp | None = None,
) -> Blocker:
    if since is not None:
        values = {**values, "since": since.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")}
    return Blocker(
        code=code,
        message=messages.text(code.value, acting.locale, values),
        since=None if since is None else moment(since),
        resolved_by=resolved_by,
        subject=node,
    )
