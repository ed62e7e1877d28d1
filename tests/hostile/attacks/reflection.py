"""Asking the server to send its stream to a third party."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.target import ATTACKER_ADDRESSES, Target
from tests.network import free_udp_pair

THIRD_PARTY = "127.0.0.99"
WAYS = (
    "RTP/AVP;unicast;destination={host};client_port={port}-{next}",
    'RTP/AVP;unicast;destination="{host}";client_port={port}-{next}',
    "RTP/AVP/UDP;unicast;client_port={port}-{next};DESTINATION={host}",
    "RTP/AVP;unicast;destination=[::ffff:{host}];client_port={port}-{next}",
    "RTP/AVP;unicast;destination={host}:{port};client_port={port}-{next}",
    "RTP/AVP;unicast;destination=localhost;client_port={port}-{next}",
)


class Reflection(Attack):
    """Media goes where the request came from, or nowhere."""

    name = "reflection"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        port = free_udp_pair()
        with ExitStack() as held:
            victim = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            victim.bind((THIRD_PARTY, port))
            victim.setblocking(False)
            attacker = held.enter_context(Viewer(target.url, source=ATTACKER_ADDRESSES[0]))
            for way in WAYS:
                wanted = way.format(host=THIRD_PARTY, port=port, next=port + 1)
                assert attacker.ask("SETUP", Transport=wanted).status == 461
            # Without a destination, and from the third party's own port: media comes to the attacker itself.
            mirrored = held.enter_context(Viewer(target.url, source=ATTACKER_ADDRESSES[0])).play("udp")
            claim_from(THIRD_PARTY, mirrored)
            yield
            assert mirrored.rtp()
            with contextlib.suppress(BlockingIOError):
                raise AssertionError(f"the third party got {len(victim.recv(65536))} bytes")


def claim_from(address: str, viewer: Viewer) -> None:
    """Send what a player sends to open its NAT, from a third party's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forged:
        forged.bind((address, 0))
        for port in viewer.server_ports:
            forged.sendto(b"\xce\xfa\xed\xfe", ("127.0.0.1", port))
