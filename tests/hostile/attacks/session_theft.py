"""Requests for the sessions of others, from another connection and by RTCP."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.e2e.viewer import Viewer
from tests.hostile.attack import Attack
from tests.hostile.target import ATTACKER_ADDRESSES, NEWCOMER_ADDRESS, Target
from vstream import rtcp

METHODS = ("TEARDOWN", "PAUSE", "PLAY", "SETUP", "GET_PARAMETER", "SET_PARAMETER", "OPTIONS")
TRANSPORT = "RTP/AVP/TCP;unicast;interleaved=0-1"


class SessionTheft(Attack):
    """A session belongs to the connection that made it: for all others it is 454, and they may guess as they like."""

    name = "session theft"

    @contextmanager
    def wage(self, target: Target) -> Iterator[None]:
        with ExitStack() as held:
            victims = [
                held.enter_context(Viewer(target.url, source=NEWCOMER_ADDRESS)).play(transport)
                for transport in ("udp", "tcp")
            ]
            for source in (ATTACKER_ADDRESSES[0], NEWCOMER_ADDRESS):
                for victim in victims:
                    with Viewer(target.url, source=source) as thief:
                        steal(thief, victim)
            yield
            for victim in victims:
                units = victim.units()
                assert next(units)
                assert next(units)
                assert victim.ask("TEARDOWN").status == 200


def steal(thief: Viewer, victim: Viewer) -> None:
    thief.set_up("udp")
    own, thief.session = thief.session, victim.session
    assert {thief.ask(method, Transport=TRANSPORT).status for method in METHODS} == {454}
    thief.session = own
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((thief.source, 0))
        stranger.sendto(rtcp.goodbye(victim.ssrc, "stolen"), ("127.0.0.1", thief.server_ports[1]))
