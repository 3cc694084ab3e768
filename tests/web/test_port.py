"""The port, taken before anything is loaded: who knocks early waits, and who cannot have it hears why."""

import socket

import pytest

from bot.web import port
from bot.web.port import PortUnavailable


def test_who_knocks_before_anybody_answers_waits_and_is_not_refused() -> None:
    taken = port.take("127.0.0.1", 0)
    with socket.create_connection(taken.sockets[0].getsockname()):
        assert taken.url == f"http://127.0.0.1:{taken.sockets[0].getsockname()[1]}"
    taken.close()


def test_a_name_with_several_addresses_has_one_port() -> None:
    taken = port.take("localhost", 0)
    assert len({one.getsockname()[1] for one in taken.sockets}) == 1
    taken.close()


def test_a_port_that_another_program_has_is_told_with_what_to_do() -> None:
    taken = port.take("127.0.0.1", 0)
    number = taken.sockets[0].getsockname()[1]
    with pytest.raises(PortUnavailable, match=f"port {number} of 127.0.0.1 .*another program.*COMEBACK_PORT"):
        port.take("127.0.0.1", number)
    taken.close()
    port.take("127.0.0.1", number).close()  # and is free as soon as it was let go


@pytest.mark.parametrize(("host", "said"), [("nobody.invalid", "nobody knows the host"), ("192.0.2.1", "does not have this address")])
def test_a_host_that_is_not_here_is_told(host: str, said: str) -> None:
    with pytest.raises(PortUnavailable, match=said):
        port.take(host, 0)
