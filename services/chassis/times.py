"""Between datetime (aware, UTC) and protobuf's Timestamp; and as people write it."""

from datetime import UTC, date, datetime

from google.protobuf.timestamp_pb2 import Timestamp

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def to_pb(at: datetime | None) -> Timestamp | None:
    """None stays None, so that the field stays unset."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def from_pb(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def day(at: date, locale: str) -> str:
    """A day as people write it: "2027. 11. 23." in Hungarian, else "23 November 2027"."""
    if locale == "hu":
        return f"{at.year}. {at.month:02}. {at.day:02}."
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def minute(at: datetime, locale: str) -> str:
    """A minute as people write it: "2027. 11. 23. 14:05 (UTC)" in Hungarian, else "23 November 2027, 14:05 (UTC)"."""
    at = at.astimezone(UTC)
    return f"{day(at, locale)}{'' if locale == 'hu' else ','} {at:%H:%M} (UTC)"
