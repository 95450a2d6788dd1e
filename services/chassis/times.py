"""Between datetime (aware, UTC) and protobuf's Timestamp."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def to_pb(at: datetime | None) -> Timestamp | None:
    """None stays None, so that the field stays unset."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def from_pb(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
