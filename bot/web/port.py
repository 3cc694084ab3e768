"""Takes the port, before the rest of the house is loaded: whoever knocks while it is waits a moment, and is not refused.

Light to import, for that reason.
"""

import errno
import os
import socket
from dataclasses import dataclass
from typing import Any

BACKLOG = 1024  # callers who wait while the house is loaded, about a second
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})  # a name with an IPv6 address on a machine without IPv6


class PortUnavailable(Exception):
    """The port is not to be had. The message is a sentence for the owner."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that is ours, on every address its host has."""

    sockets: tuple[socket.socket, ...]

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        host, number = self.sockets[0].getsockname()[:2]
        return f"http://[{host}]:{number}" if ":" in host else f"http://{host}:{number}"

    def close(self) -> None:
        """Let go of it, if nobody did."""
        for one in self.sockets:
            one.close()


def take(host: str, number: int) -> Port:
    """Listen on a port (0: any that is free). Raises PortUnavailable."""
    try:
        addresses = dict.fromkeys((found[0], found[4]) for found in socket.getaddrinfo(host, number, type=socket.SOCK_STREAM))
    except OSError:
        remedy = "give 127.0.0.1 for this machine alone, 0.0.0.0 for every network"
        raise PortUnavailable(f"COMEBACK_HOST: nobody knows the host '{host}': {remedy}") from None
    taken: list[socket.socket] = []
    faults: list[OSError] = []
    for family, address in addresses:
        try:
            taken.append(_listen(family, address if not taken else (address[0], taken[0].getsockname()[1], *address[2:])))
        except OSError as fault:
            faults.append(fault)
    grave = [fault for fault in faults if fault.errno not in _NOT_HERE or not taken]
    if grave:
        for one in taken:
            one.close()
        raise PortUnavailable(f"port {number} of {host} cannot be opened: {_why(grave[0])}") from grave[0]
    return Port(tuple(taken))


def _listen(family: int, address: tuple[Any, ...]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not refused because of connections that ended a moment ago
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # the IPv4 address has a socket of its own
        one.bind(address)
        one.listen(BACKLOG)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _why(fault: OSError) -> str:
    match fault.errno:
        case errno.EADDRINUSE:
            return "another program listens there. Stop it, or choose another with COMEBACK_PORT"
        case errno.EACCES:
            return "this user may not. Choose one above 1023 with COMEBACK_PORT"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have this address. Choose another with COMEBACK_HOST"
        case _:
            return os.strerror(fault.errno or 0)
