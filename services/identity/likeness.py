"""What people type into a search, as a LIKE pattern."""

import re


def containing(part: str) -> str:
    """The pattern of texts that contain exactly these characters."""
    escaped = re.sub(r"([\\%_])", r"\\\1", part)
    return f"%{escaped}%"
