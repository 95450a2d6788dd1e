"""A request of an app, as authlib wants to read it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Payload


class Payload(OAuth2Payload):
    """The parameters; one without a value is as if it were not there (RFC 6749, 3.1)."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._lists: dict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            if value:
                self._lists[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._lists.items()}

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._lists


class Request(OAuth2Request):
    """One HTTP request: its parameters, and from where it came."""

    def __init__(
        self,
        method: str,
        uri: str,
        headers: Mapping[str, str],
        pairs: Iterable[tuple[str, str]],
        ip: str,
    ) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = Payload(pairs)
        self.ip = ip

    @property
    def args(self) -> dict[str, str]:
        return self.payload.data

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data

    @property
    def user_agent(self) -> str:
        return str(self.headers.get("user-agent", ""))[:1000]

    def single(self) -> None:
        """InvalidRequestError for a parameter that comes twice (RFC 6749, 3.1 and 3.2)."""
        if any(len(values) > 1 for values in self.payload.datalist.values()):
            raise InvalidRequestError("A parameter is there more than once.")

    def needed(self, name: str) -> str:
        """A parameter; InvalidRequestError when it is missing."""
        value = self.payload.data.get(name)
        if value is None:
            raise InvalidRequestError(f"Missing '{name}' in request.")
        return value
