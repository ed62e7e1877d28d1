"""How the camera's process and the server talk: frames and events one way, commands the other, on one socket.

A frame is handed over by one copy into the socket and one out of it; docs/architecture.md has the measured cost.
"""

import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import asdict
from typing import Literal, NamedTuple, TypedDict

from vstream.sources.camerasetup import CameraSetup
from vstream.sources.videoformat import VideoFormat

FRAME, EVENT = 1, 2

_HEADER = struct.Struct("<IBq")
_BUFFER_BYTES = 4 << 20
_LIMIT_BYTES = 64 << 20
_COMMAND_BYTES = 65536

Ending = Literal["broke", "missing", "setup"]
"""Why the camera's process ends: camera or encoder broke, software is missing, or the settings ask the impossible."""


class Event(TypedDict, total=False):
    """What the camera's process reports: a log line, that the camera opened, that it cannot yet, or why it ends."""

    log: tuple[int, str, str]
    opened: bool
    refused: str
    ending: tuple[Ending, str]


class Command(TypedDict, total=False):
    """What the server asks of the camera's process; the first is `begin`."""

    do: Literal["begin", "keyframe", "bitrate", "interval", "encoder", "camera", "stop"]
    number: int
    setup: dict[str, object]


class Message(NamedTuple):
    """A frame (Annex-B, with its capture time) or an event (JSON); `data` is valid until the next is read."""

    kind: int
    pts_us: int
    data: memoryview


def open_pair() -> tuple[socket.socket, socket.socket]:
    """A connected pair with room for the largest frames."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    return pair


def send_frame(end: socket.socket, data: bytes | memoryview, pts_us: int) -> None:
    """Hand a frame to the server; waits while the socket is full.

    Raises:
        OSError: the server is gone.
    """
    _send(end, _HEADER.pack(len(data), FRAME, pts_us), data)


def send_event(end: socket.socket, event: Event) -> None:
    """Report an event; raises as `send_frame` does."""
    data = json.dumps(event).encode()
    _send(end, _HEADER.pack(len(data), EVENT, 0), data)


def _send(end: socket.socket, header: bytes, data: bytes | memoryview) -> None:
    sent = end.sendmsg([header, data])
    if sent < len(header):
        end.sendall(header[sent:])
        sent = len(header)
    if sent < len(header) + len(data):
        end.sendall(memoryview(data)[sent - len(header) :])


def send_command(end: socket.socket, command: Command) -> None:
    """Ask something of the camera's process, without waiting: one that takes nothing any more is not worth it."""
    try:
        end.send(json.dumps(command).encode() + b"\n", socket.MSG_DONTWAIT)
    except OSError:
        return


def commands(end: socket.socket) -> Iterator[Command]:
    """The server's commands as they come, until it is gone."""
    waiting = b""
    while data := end.recv(_COMMAND_BYTES):
        *lines, waiting = (waiting + data).split(b"\n")
        yield from (json.loads(line) for line in lines)


def begin(setup: CameraSetup, log_level: int) -> Command:
    """The first command: what the camera is asked for, and which log lines are wanted."""
    return {"do": "begin", "setup": asdict(setup), "number": log_level}


def setup_of(command: Command) -> CameraSetup:
    """The setup in a `begin` that was sent over the socket."""
    given = dict(command["setup"])
    video = given.pop("video")
    assert isinstance(video, dict)
    return CameraSetup(video=VideoFormat(**video), **given)  # type: ignore[arg-type]


class Inbox:
    """Reads messages out of few large reads, into one buffer that only grows."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._buffer = bytearray(1 << 18)
        self._begin = self._filled = 0

    def read(self) -> bool:
        """Wait for data; False at the end.

        Raises:
            OSError: the connection broke.
            ValueError: what came is no message.
        """
        self._make_room()
        try:
            count = self._end.recv_into(memoryview(self._buffer)[self._filled :])
        except ConnectionResetError:
            return False  # it ended with commands that it had not read
        self._filled += count
        return count > 0

    def messages(self) -> Iterator[Message]:
        """The complete messages that were read.

        Raises:
            ValueError: what came is no message.
        """
        view = memoryview(self._buffer)
        while (head := self._head()) is not None:
            size, kind, pts_us = head
            start = self._begin + _HEADER.size
            if self._filled < start + size:
                return
            self._begin = start + size
            yield Message(kind, pts_us, view[start : start + size])

    def _head(self) -> tuple[int, int, int] | None:
        """Size, kind and time of the message that begins, once its header is there."""
        if self._filled - self._begin < _HEADER.size:
            return None
        size, kind, pts_us = _HEADER.unpack_from(self._buffer, self._begin)
        if size > _LIMIT_BYTES or kind not in {FRAME, EVENT}:
            raise ValueError("what the camera's process sends is no message")
        return size, kind, pts_us

    def _make_room(self) -> None:
        head = self._head()
        needed = _HEADER.size + (head[0] if head else 0)
        if self._begin:
            self._buffer[: self._filled - self._begin] = self._buffer[self._begin : self._filled]
            self._filled -= self._begin
            self._begin = 0
        if needed > len(self._buffer):
            self._buffer = self._buffer[: self._filled] + bytes(needed * 2 - self._filled)
