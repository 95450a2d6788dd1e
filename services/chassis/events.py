"""What an event is called on the wire: portico.billing.v1.InvoicePaid travels as "billing.invoice_paid"."""

import re
from functools import cache

from google.protobuf.message import Message


def routing_key(event: type[Message]) -> str:
    """The routing key of an event's class."""
    return _key(event.DESCRIPTOR.full_name)


@cache
def _key(full_name: str) -> str:
    package, _, name = full_name.rpartition(".")
    return f"{package.split('.')[1]}.{re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()}"
