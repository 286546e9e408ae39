"""Functions on networks (specification section 2.15, "Networking")."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_network
from typing import TYPE_CHECKING

from bakex.bake.functions.arguments import whole
from bakex.bake.functions.function import FunctionError
from bakex.bake.functions.strings import strings
from bakex.bake.values.value import Value, string

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Network

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

_PREFIX = re.compile(r"[^/]+/(?:0|[1-9][0-9]{0,2})", re.ASCII)
_MAPPED_BITS = 96  # of an IPv6 address, before the IPv4 address that it holds
_MAX_EXTENSION = 32  # bits at a time, as in the reference


def _network(prefix: Value) -> Network:
    """Return the network of an address and the length of its prefix; host bits are dropped."""
    try:
        if "%" not in prefix.text and _PREFIX.fullmatch(prefix.text):
            return ip_network(prefix.text, strict=False)
    except ValueError:
        pass
    raise FunctionError(
        f'"{prefix.text[:60]}" is not a network', 0, hint="write it like 10.0.0.0/8"
    )


def _host_bits(network: Network) -> int:
    return network.max_prefixlen - network.prefixlen


def cidrhost(prefix: Value, hostnum: Value) -> Value:
    """Return the address of a host in a network; negative numbers count from the end."""
    network = _network(prefix)
    host = whole(hostnum, 1, "hostnum")
    size = 1 << _host_bits(network)
    if not -size <= host < size:
        raise FunctionError(f"the network {network} has no host {host}", 1)
    first = int(network.network_address)
    number = host if host >= 0 else size + host
    if _is_mapped(network.network_address):
        # The reference takes such a network for one of IPv4, and so puts the number where the host
        # bits of an address with four bytes would be.
        number <<= _MAPPED_BITS
    return string(_shown(type(network.network_address)(first | number)))


def cidrnetmask(prefix: Value) -> Value:
    """Return the mask of a network."""
    return string(str(_network(prefix).netmask))


def cidrsubnet(prefix: Value, newbits: Value, netnum: Value) -> Value:
    """Return a network inside a network."""
    network = _network(prefix)
    bits, chosen = whole(newbits, 1, "newbits"), whole(netnum, 2, "netnum")
    _check_extension(network, bits, 1)
    if not 0 <= chosen < 1 << bits:
        raise FunctionError(f"{bits} more bits have no network {chosen}", 2)
    length = network.prefixlen + bits
    step = 1 << (network.max_prefixlen - length)
    return string(_written(network, int(network.network_address) + chosen * step, length))


def cidrsubnets(prefix: Value, *newbits: Value) -> Value:
    """Return networks inside a network, one behind the other."""
    network = _network(prefix)
    first = int(network.network_address)
    last = first + (1 << _host_bits(network)) - 1
    found: list[str] = []
    current = first
    for at, value in enumerate(newbits):
        bits = whole(value, at + 1, "newbits")
        if bits < 1:
            raise FunctionError("a part must have at least one more bit", at + 1)
        _check_extension(network, bits, at + 1)
        length = network.prefixlen + bits
        size = 1 << (network.max_prefixlen - length)
        start = -(-current // size) * size  # networks start at multiples of their size
        if start + size - 1 > last:
            raise FunctionError(f"there is no room left for a network of {length} bits", at + 1)
        found.append(_written(network, start, length))
        current = start + size
    return strings(found)


def _check_extension(network: Network, bits: int, argument: int) -> None:
    if bits < 0:
        raise FunctionError("the number of bits cannot be negative", argument)
    if bits > _MAX_EXTENSION:
        raise FunctionError(f"at most {_MAX_EXTENSION} bits can be added", argument)
    if bits > _host_bits(network):
        raise FunctionError(
            f"{network.prefixlen + bits} bits are more than an IPv{network.version} address has",
            argument,
        )


def _written(network: Network, address: int, length: int) -> str:
    found = type(network.network_address)(address)
    if _is_mapped(found):
        length = max(0, length - _MAPPED_BITS)
    return f"{_shown(found)}/{length}"


def _is_mapped(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def _shown(address: Address) -> str:
    # An IPv6 address that holds one of IPv4 is written as that one, as Go does.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(address if mapped is None else mapped)
