"""A viewer of the probe's own: it plays a stream over TCP and notes when each picture is complete (RFC 2326)."""

import re
import socket
import struct
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedReader

from vstream.errors import UnreachableError

_INTERLEAVED = b"$"
_RTP_CHANNEL = 0
_BODY_LIMIT_BYTES = 1 << 16


@dataclass
class Play:
    """How playing went. Times are of CLOCK_MONOTONIC, in microseconds."""

    asked_us: int
    """When PLAY was sent."""
    pictures: list[tuple[int, int]] = field(default_factory=list)
    """RTP timestamp of each picture, and when its last packet came."""
    lost_packets: int = 0


class Player:
    """One connection to a server on this machine."""

    def __init__(self, port: int, path: str, username: str, password: str, timeout_s: float) -> None:
        """Connect.

        Raises:
            OSError: nobody listens there.
        """
        self._connection = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._connection.settimeout(timeout_s)
        self._reader: BufferedReader = self._connection.makefile("rb")
        self._url = f"rtsp://127.0.0.1:{port}{path}"
        self._credentials = b64encode(f"{username}:{password}".encode()).decode()
        self._cseq = 0

    def set_up(self) -> str:
        """DESCRIBE and SETUP; gives the session.

        Raises:
            OSError: the server does not answer in time.
            UnreachableError: it refuses.
        """
        _, sdp = self._ask("DESCRIBE", self._url, "Accept: application/sdp")
        control = re.search(r"^m=video.*?^a=control:(\S+)", sdp, re.MULTILINE | re.DOTALL)
        if control is None:
            raise UnreachableError("the session description has no video")
        track = control[1] if control[1].startswith("rtsp://") else f"{self._url}/{control[1]}"
        headers, _ = self._ask("SETUP", track, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        return headers.get("session", "").partition(";")[0]

    def play(self, session: str, now_us: Callable[[], int], enough: Callable[[Play], bool]) -> Play:
        """PLAY until `enough` says so, after each picture; raises as `set_up` does."""
        played = Play(now_us())
        self._ask("PLAY", self._url, f"Session: {session}")
        expected: int | None = None
        while not enough(played):
            channel, packet = self._packet()
            if channel != _RTP_CHANNEL or len(packet) < 12:
                continue
            marked, sequence, timestamp = packet[1] >> 7, *struct.unpack_from(">HI", packet, 2)
            if expected is not None:
                played.lost_packets += (sequence - expected) & 0xFFFF
            expected = (sequence + 1) & 0xFFFF
            if marked:
                played.pictures.append((timestamp, now_us()))
        return played

    def close(self) -> None:
        self._reader.close()
        self._connection.close()

    def _ask(self, method: str, url: str, *headers: str) -> tuple[dict[str, str], str]:
        """Give the answer's header fields, their names in small letters, and its body."""
        self._cseq += 1
        own = [f"CSeq: {self._cseq}", f"Authorization: Basic {self._credentials}"]
        self._connection.sendall("\r\n".join([f"{method} {url} RTSP/1.0", *own, *headers, "", ""]).encode())
        while (first := self._reader.peek(1)[:1]) == _INTERLEAVED:
            self._packet()
        if not first:
            raise UnreachableError(f"the server closed the connection instead of answering {method}")
        status = self._line()
        fields = (line.partition(":") for line in iter(self._line, ""))
        found = {name.strip().lower(): value.strip() for name, _, value in fields}
        body = self._exactly(min(int(found.get("content-length", "0")), _BODY_LIMIT_BYTES))
        if status.split(" ")[1:2] != ["200"]:
            raise UnreachableError(f"{method} is answered with {status}")
        return found, body.decode(errors="replace")

    def _packet(self) -> tuple[int, bytes]:
        """One interleaved packet with its channel (section 10.12)."""
        magic, channel, size = struct.unpack(">cBH", self._exactly(4))
        if magic != _INTERLEAVED:
            raise UnreachableError("what the server sends is no interleaved packet")
        return channel, self._exactly(size)

    def _line(self) -> str:
        return self._reader.readline(_BODY_LIMIT_BYTES).decode(errors="replace").strip()

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise UnreachableError("the server closed the connection")
        return data
