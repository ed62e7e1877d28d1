"""Accepts RTSP connections."""

import errno
import logging
import os
import socket
from collections.abc import Callable

from vstream.counters import counters
from vstream.server.descriptors import has_descriptors
from vstream.server.loop import EventLoop
from vstream.server.sockets import Endpoint, bind, endpoint

_BACKLOG = 512
_ACCEPTS_A_TURN = 64
_PAUSE_S = 0.1
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
        *,
        spares: int = 0,
    ) -> None:
        """`purpose` says in an error what the port is for; `spares` is how many file descriptors are left to others.

        Raises:
            ListenError: the port is taken, or the address is not this machine's.
        """
        self.is_accepting = True
        """Whether newcomers get in; not while descriptors are short."""
        self._loop = loop
        self._accepted = accepted
        self._spares = spares
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
                if not self._has_descriptors():
                    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
                connection, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                continue  # the peer was gone before it was accepted
            self._accepted(connection, endpoint(address))

    def _has_descriptors(self) -> bool:
        return has_descriptors(self._spares, self._socket.fileno())

    def _pause(self, error: OSError) -> None:
        """Those who wait stay in the backlog; accepting goes on when something was freed."""
        log.warning("Accepting pauses: %s", error.strerror)
        counters.accept_pauses += 1
        self.is_accepting = False
        self._loop.pause(self._socket.fileno())
        self._loop.after(_PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        if self._socket.fileno() < 0:
            return
        if not self._has_descriptors():
            self._loop.after(_PAUSE_S, self._go_on)
            return
        self.is_accepting = True
        self._loop.resume(self._socket.fileno())
