"""Every attack, one file each."""

from tests.hostile.attack import Attack
from tests.hostile.attacks.brute_force import BruteForce
from tests.hostile.attacks.byte_a_second import ByteASecond
from tests.hostile.attacks.datagram_flood import DatagramFlood
from tests.hostile.attacks.half_tunnels import HalfTunnels
from tests.hostile.attacks.idle_connections import IdleConnections
from tests.hostile.attacks.malformed_requests import MalformedRequests
from tests.hostile.attacks.many_setups import ManySetups
from tests.hostile.attacks.reflection import Reflection
from tests.hostile.attacks.replayed_digests import ReplayedDigests
from tests.hostile.attacks.request_flood import RequestFlood
from tests.hostile.attacks.session_hoard import SessionHoard
from tests.hostile.attacks.session_theft import SessionTheft
from tests.hostile.attacks.slow_readers import SlowReaders
from tests.hostile.attacks.vanishing_viewers import VanishingViewers
from tests.hostile.attacks.websocket_flood import WebSocketFlood

ATTACKS: tuple[Attack, ...] = (
    SlowReaders(),
    ByteASecond(),
    IdleConnections(),
    ManySetups(),
    SessionHoard(),
    VanishingViewers(),
    MalformedRequests(),
    RequestFlood(),
    HalfTunnels(),
    WebSocketFlood(),
    DatagramFlood(),
    SessionTheft(),
    Reflection(),
    ReplayedDigests(),
    BruteForce(),
)
