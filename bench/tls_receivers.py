"""Plain receivers over TLS, on a thread of their own: each asks to PLAY, then drains and counts the packets."""

import selectors
import ssl
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from bench.receivers import Counters, Playing
from bench.rtsp_client import Viewer

READ_BYTES = 1 << 16
RTP_CHANNEL = 0
DOLLAR = 0x24


class _Stream:
    """What one connection brought."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self.connection = connection
        self.closed = False
        self.packets = 0
        self.bytes = 0
        self._rest = b""

    def drain(self) -> None:
        try:
            while data := self.connection.recv(READ_BYTES):
                self._take(data)
        except ssl.SSLWantReadError:
            return
        except OSError:
            pass
        self.closed = True

    def _take(self, data: bytes) -> None:
        """Count whole interleaved packets; the answer to PLAY and what the server says at its end are passed over."""
        data, at = self._rest + data, 0
        while len(data) - at >= 4:
            is_frame = data[at] == DOLLAR
            end = at + 4 + (data[at + 2] << 8 | data[at + 3]) if is_frame else data.find(b"\r\n\r\n", at) + 4
            if end < 4 or end > len(data):
                break
            if is_frame and data[at + 1] == RTP_CHANNEL:
                self.packets += 1
                self.bytes += end - at - 4
            at = end
        self._rest = data[at:]


class TlsReceivers(Playing):
    """Counts for every viewer given. They lose nothing: what TLS carries comes whole or not at all."""

    def __init__(self, viewers: Sequence[Viewer]) -> None:
        self._streams = [
            _Stream(viewer.connection) for viewer in viewers if isinstance(viewer.connection, ssl.SSLSocket)
        ]
        self.count = len(self._streams)
        self._selector = selectors.DefaultSelector()
        for viewer, stream in zip(viewers, self._streams, strict=True):
            stream.connection.sendall(viewer.play)
            stream.connection.setblocking(False)
            self._selector.register(stream.connection, selectors.EVENT_READ, stream)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._selector.close()

    def counters(self) -> Counters:
        """Give the counters as they stand now."""
        packets, received = (sum(getattr(stream, name) for stream in self._streams) for name in ("packets", "bytes"))
        playing = sum(stream.packets > 0 for stream in self._streams)
        return Counters(packets, 0, received, playing, sum(stream.closed for stream in self._streams))

    def _run(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(timeout=0.1):
                stream: _Stream = key.data
                stream.drain()
                if stream.closed:
                    self._selector.unregister(stream.connection)
