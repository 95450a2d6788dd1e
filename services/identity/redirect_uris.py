"""Where the browser may be sent back to: registered URIs, compared character by character (OAuth 2.1, 2.3)."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from services.chassis.errors import Invalid

_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?((?:[/?].*)?)")
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


class RedirectUriInvalid(Invalid):
    reason = "REDIRECT_URI_INVALID"


def check(uris: Sequence[str]) -> list[str]:
    """Each once; RedirectUriInvalid for what is neither https, nor http on this machine, nor an app's own scheme (RFC 8252)."""
    for index, uri in enumerate(uris):
        problem = _problem(uri)
        if problem:
            raise RedirectUriInvalid(problem, field=f"redirect_uris[{index}]", value=uri)
    return list(dict.fromkeys(uris))


def matches(registered: Sequence[str], asked: str) -> bool:
    """Whether it is one of the registered; that of a loopback address with any port, which a native app is given by
    its system when it starts to listen (RFC 8252, 7.3)."""
    if asked in registered:
        return True
    port_free = _without_port(asked)
    return port_free is not None and port_free in map(_without_port, registered)


def _without_port(uri: str) -> tuple[str, str] | None:
    found = _LOOPBACK.fullmatch(uri)
    if found is None or not _CHARACTERS.fullmatch(uri) or not 0 < int(found[2] or 80) < 65536:
        return None
    return found[1], found[3]


def _problem(uri: str) -> str:
    if not _CHARACTERS.fullmatch(uri):
        return "it holds characters that no redirect URI has; a fragment is none of it"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no URI"
    if "@" in parts.netloc or "*" in parts.netloc:
        return "it must name one host, without a user and without a wildcard"
    if parts.scheme in {"http", "https"}:
        if not host:
            return "it names no host"
        if parts.scheme == "http" and host not in _LOCAL:
            return "http is for this machine alone, 127.0.0.1 or [::1]; use https"
        return ""
    # An app's own scheme is a domain name of its maker turned round; "javascript:" and the like have no dot.
    if "." not in parts.scheme or not (parts.netloc or parts.path.startswith("/")):
        return "an app's own scheme is a reversed domain name with a path: com.example.app:/signed-in"
    return ""
