"""Accepts RTSP connections."""

import errno
import logging
import socket
from collections.abc import Callable

from vstream.server.loop import EventLoop
from vstream.server.sockets import Endpoint, bind, endpoint

_BACKLOG = 512
_ACCEPTS_A_TURN = 64
_PAUSE_S = 1.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = logging.getLogger(__name__)


class Listener:
    """A listening TCP port; `accepted` gets each connection and where it comes from."""

    def __init__(
        self,
        host: str,
        port: int,
        loop: EventLoop,
        accepted: Callable[[socket.socket, Endpoint], None],
        purpose: str = "RTSP (RTSP_PORT)",
    ) -> None:
        """`purpose` says in an error what the port is for.

        Raises:
            ListenError: the port is taken, or the address is not this machine's.
        """
        self.is_accepting = True
        """Whether newcomers get in; not while descriptors are short."""
        self._loop = loop
        self._accepted = accepted
        self._socket = bind(socket.SOCK_STREAM, host, port, purpose)
        self._socket.listen(_BACKLOG)
        loop.add(self._socket.fileno(), self._accept)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self.is_accepting = False
        self._loop.remove(self._socket.fileno())
        self._socket.close()

    def _accept(self, _events: int) -> None:
        for _ in range(_ACCEPTS_A_TURN):
            try:
                connection, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                continue  # the peer was gone before it was accepted
            self._accepted(connection, endpoint(address))

    def _pause(self, error: OSError) -> None:
        """Those who wait stay in the backlog; accepting goes on when something was freed."""
        log.warning("Accepting pauses for %g s: %s", _PAUSE_S, error.strerror)
        self.is_accepting = False
        self._loop.pause(self._socket.fileno())
        self._loop.after(_PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        if self._socket.fileno() >= 0:
            self.is_accepting = True
            self._loop.resume(self._socket.fileno())
