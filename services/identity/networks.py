"""Where an API token may be used from: addresses and CIDR networks."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network

from services.chassis.errors import Invalid
from services.identity.credential_store import Network


class NetworkInvalid(Invalid):
    reason = "NETWORK_INVALID"


def parse(texts: Sequence[str]) -> list[Network]:
    """The networks, each once; NetworkInvalid for what is none, or an address with bits beside its network ("10.0.0.5/8")."""
    found: dict[Network, None] = {}
    for index, text in enumerate(texts):
        try:
            # A zone ("fe80::1%eth0") means something on one machine only.
            network = ip_network("" if "%" in text else text.strip())
        except ValueError:
            field = f"ips[{index}]"
            raise NetworkInvalid(f"{text!r} is no address and no network", field=field, value=text) from None
        found[network] = None
    return list(found)


def reach(networks: Sequence[Network], ip: str) -> bool:
    """Whether the address is in one of the networks; with none it may be any."""
    if not networks:
        return True
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
