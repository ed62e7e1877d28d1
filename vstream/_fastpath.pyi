"""Split -> packetize -> send, in that order, without the GIL (RFC 6184, RFC 3550)."""

from typing import Self, final

from typing_extensions import Buffer, disjoint_base

def nal_starts(data: Buffer, offset: int = 0) -> list[int]:
    """Where NAL units begin in an Annex-B byte stream: the index of each NAL header, searched from `offset` on."""

def split(data: Buffer) -> list[tuple[int, int]]:
    """Find the NAL units of an Annex-B byte stream: (offset, length) each, without start codes or trailing zeros."""

@final
class Train:
    """One access unit as RTP packets, built once and shared by every viewer."""

    @property
    def keyframe(self) -> bool:
        """Whether decoding can start here: an IDR picture, or a recovery point SEI (ITU-T H.264 D.2.8)."""

    @property
    def timestamp(self) -> int:
        """RTP timestamp, 90 kHz, 32 bits."""

    @property
    def first_sequence(self) -> int:
        """RTP sequence number of the first packet, 16 bits."""

    @property
    def packet_count(self) -> int: ...
    def postpone(self, by_us: int) -> None:
        """Make its timestamp later, while nobody was given it yet."""

    def packets(self) -> list[bytes]:
        """Each RTP packet, header included, in sending order."""

    def interleaved(self, channel: int) -> bytes:
        """The packets framed for TCP: `$`, channel, 16-bit length before each (RFC 2326 section 10.12)."""

@final
class Packetizer:
    """Turns access units into RTP packets (RFC 6184): single NAL unit, STAP-A for parameter sets, FU-A.

    Remembers the parameter sets it saw and puts them before every keyframe that comes without. Drops access
    unit delimiters, end markers and filler. One thread calls it.
    """

    def __new__(cls, *, ssrc: int, payload_type: int, max_packet_bytes: int, sequence: int) -> Self: ...
    def packetize(self, data: Buffer, timestamp: int) -> Train | None:
        """Packetize one Annex-B access unit; None where it holds nothing to send.

        `timestamp` is 90 kHz, taken mod 2**32.

        Raises:
            ValueError: the access unit has more than 256 MiB.
            MemoryError: there is no memory for its packets.
        """

    @property
    def sps(self) -> tuple[bytes, ...]:
        """The sequence parameter sets in force, by id."""

    @property
    def leading_sps(self) -> bytes | None:
        """The SPS that came first in the newest access unit with any, which its pictures use; None before one came."""

    @property
    def pps(self) -> tuple[bytes, ...]:
        """The picture parameter sets in force, by id."""

    @property
    def generation(self) -> int:
        """Rises whenever a parameter set is added or changes, or another SPS leads."""

    @property
    def next_sequence(self) -> int:
        """The sequence number that the next packet gets."""

@disjoint_base
class Writer:
    """How a viewer is served, whatever its transport."""

    @property
    def queued_bytes(self) -> int: ...
    @property
    def stalled_us(self) -> int:
        """How long the queue has made no progress, in microseconds; 0 with nothing queued."""

    @property
    def packets_sent(self) -> int: ...
    @property
    def octets_sent(self) -> int:
        """RTP payload octets, as a sender report counts them (RFC 3550 section 6.4.1)."""

    @property
    def units_sent(self) -> int: ...
    @property
    def units_dropped(self) -> int: ...
    @property
    def awaiting_keyframe(self) -> bool: ...
    @property
    def begun_us(self) -> int:
        """When it was given its first keyframe since it joined (CLOCK_MONOTONIC); 0 before."""

    @property
    def error(self) -> int:
        """The errno that broke the connection (TCP) or that was met last (UDP); 0 without."""

@final
class TlsContext:
    """A certificate chain and its key, from PEM files, for TLS 1.2 and later.

    Raises:
        ValueError: one cannot be read, or they do not belong together; the text names the file.
        ImportError: this system has no OpenSSL.
    """

    def __new__(cls, certificate: str, key: str) -> Self: ...

@final
class TcpWriter(Writer):
    """The only writer of one RTSP connection: answers, RTCP and media leave through one queue.

    Arms EPOLLOUT for `fd` in the epoll set `epoll_fd` while the socket is full; whoever polls it calls `flush`.
    """

    def __new__(cls, fd: int, *, limit_bytes: int, epoll_fd: int = -1, tls: TlsContext | None = None) -> Self: ...
    def use_websocket(self) -> None:
        """From here on make each write, and each packet, a binary message of its own (RFC 6455 section 5.6).

        Only before it joins a fanout.
        """

    def write(self, data: bytes, *, verbatim: bool = False) -> bool:
        """Queue bytes behind all that is queued and write what the socket takes; False where they do not fit.

        They fit into the queue's limit or, behind media that fills it, into 64 KiB beyond it.

        `verbatim` is for what is a WebSocket frame already.
        """

    def receive(self, size: int) -> bytes | None:
        """Read from a TLS connection, at most `size` bytes: None where nothing is there yet, empty at its end.

        Raises:
            OSError: the connection broke, or its peer speaks no TLS.
        """

    @property
    def shakes_hands(self) -> bool:
        """Whether it is a TLS connection whose handshake is not over."""

    def flush(self) -> None: ...
    def say_end(self) -> None:
        """Tell a TLS peer, behind all that is queued, that nothing more comes; `close` does so by itself."""

    def close(self) -> None:
        """Forget the socket and all that is queued; the caller closes the descriptor."""

def derive_key(master: bytes, label: int, size: int) -> bytes:
    """A session key of SRTP, from a master key of 16 bytes and its salt of 14 (RFC 3711 section 4.3).

    Raises:
        ValueError: the master key has another length.
        ImportError: this system has no OpenSSL.
    """

@final
class Srtp:
    """One viewer's SRTP and SRTCP, by AES-CM with 128 bits and HMAC-SHA1 (RFC 3711).

    `sending` and `receiving` are master keys of 16 bytes, each with its salt of 14 behind it; `tag_bytes`, 4 or 10, is
    the length of the tag of RTP. RTCP's has 10 (RFC 4568 section 6.2).

    Raises:
        ValueError: a length that is none of these.
        ImportError: this system has no OpenSSL.
    """

    def __new__(cls, sending: bytes, receiving: bytes, *, tag_bytes: int) -> Self: ...
    def seal_rtcp(self, packet: bytes) -> bytes:
        """Encrypt and sign a compound packet; each call uses up one of 2**31 numbers."""

    def open_rtcp(self, packet: bytes) -> bytes | None:
        """What the viewer sent; None where it is not signed with its key, or came before."""

@final
class UdpWriter(Writer):
    """One viewer's address on the shared RTP socket `fd`; a `source` is the local address to send from.

    With `srtp` its media is encrypted, with sequence numbers of its own.
    """

    def __new__(
        cls,
        fd: int,
        host: bytes,
        port: int,
        *,
        limit_bytes: int,
        scope_id: int = 0,
        source: bytes = b"",
        segmentation: bool = True,
        srtp: Srtp | None = None,
        rtx_payload_type: int = 0,
        rtx_ssrc: int = 0,
        rtx_sequence: int = 0,
    ) -> Self:
        """With an `rtx_payload_type` lost packets are sent again as RFC 4588 has it, in a stream of that SSRC.

        `rtx_sequence` is that stream's first sequence number. Without one they are sent again as they were.
        """

    def set_port(self, port: int) -> None:
        """Send to another port of the same address.

        Raises:
            ValueError: it is no port, or the writer has joined a fanout and did not leave.
        """

    @property
    def packets_retransmitted(self) -> int: ...
    @property
    def octets_retransmitted(self) -> int:
        """RTP payload octets of those, with the original sequence number that RFC 4588 puts before each."""

@final
class Pacer:
    """Waits for trains to be due, until it is told to stop.

    A train is too late when more than `lag_limit_us` have passed since it was due.
    """

    def __new__(cls, *, lag_limit_us: int) -> Self: ...
    def stop(self) -> None:
        """End what waits within 100 ms, for good; on any thread."""

    @property
    def stopped(self) -> bool: ...

@final
class Fanout:
    """Hands each train to every viewer, on the thread that brings it, waiting for none."""

    def __new__(cls, *, gop_limit_bytes: int, history_us: int = 0) -> Self:
        """What was sent within the last `history_us` can be sent again."""

    def publish(self, train: Train, handed_us: int) -> bool:
        """Send a train to all; `handed_us` is when its access unit was handed over (CLOCK_MONOTONIC).

        Gives whether a UDP viewer has a backlog now, for `flush_udp` to send on.
        """

    def play(
        self, trains: list[Train], due_us: list[int], pacer: Pacer, begin: int
    ) -> tuple[list[tuple[int, int]], int, bool]:
        """Send the trains from number `begin` on when they are due, without a turn of the interpreter between them.

        When one is too late for `pacer`, it and all later ones move: they are due so much later, and their timestamps
        with them. It ends early when `pacer` was stopped, and behind a train that leaves a UDP viewer with a backlog.

        Gives for each that was sent how late it was taken up and how long writing it took, by how much trains moved,
        and whether there is a backlog; all times in microseconds, on CLOCK_MONOTONIC.

        Raises:
            ValueError: there is no time for each train, or no train of that number.
            MemoryError: there is no memory for the plan.
        """

    def join_tcp(self, writer: TcpWriter, *, channel: int, cached: bool) -> None:
        """Serve a connection on an interleaved channel: from the cached keyframe on, or from the next one.

        Raises:
            ValueError: the writer has joined this or another fanout and did not leave.
            MemoryError: there is no memory for another viewer.
        """

    def join_udp(self, writer: UdpWriter, *, cached: bool) -> None:
        """Serve an address over UDP; raises as `join_tcp` does."""
    def leave_tcp(self, writer: TcpWriter) -> None:
        """Stop media after the access unit that is being written; answers still pass.

        Without effect on one that has not joined.
        """

    def leave_udp(self, writer: UdpWriter) -> None: ...
    def flush_udp(self) -> bool:
        """Send one burst of each UDP viewer's backlog; whether any is left (then call again in a millisecond)."""

    def cached(self) -> tuple[int, int, int] | None:
        """The cached keyframe's sequence number, RTP timestamp and arrival (us, CLOCK_MONOTONIC); None without one."""

    def retransmit(self, writer: UdpWriter, sequences: list[int]) -> int:
        """Send the packets of these sequence numbers again, to one viewer; gives how many were.

        What is kept no more is left out, and so is what is older than the keyframe the viewer began or went on with.
        A viewer of SRTP gets nothing.
        In all it gets no more than a fourth of what it was sent, and of one list the first 1024 are looked at.
        """

    def interrupt(self) -> None:
        """The source begins anew: forget the kept pictures; every viewer goes on with the next keyframe."""

    def delay_us(self, share: float) -> int:
        """The given share (0..1) of access units was written within so many microseconds of being handed over."""

    @property
    def units(self) -> int: ...
    @property
    def unit_bytes(self) -> int:
        """Bytes of those access units, as the packetizer was given them."""

    @property
    def keyframes(self) -> int: ...
    @property
    def newest_us(self) -> int:
        """When the newest access unit was written (CLOCK_MONOTONIC); 0 before the first."""

    @property
    def packets_sent(self) -> int: ...
    @property
    def octets_sent(self) -> int: ...
    @property
    def packets_retransmitted(self) -> int: ...
    @property
    def units_dropped(self) -> int: ...
    @property
    def units_skipped(self) -> int:
        """Of those dropped, the ones between a loss and the next keyframe."""
