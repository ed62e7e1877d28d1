"""The event loop: events, due times, waking from elsewhere, and that no handler ends it."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.network import wait_until
from vstream.server import loop as loop_module
from vstream.server.loop import EventLoop

# epoll_wait and epoll_pwait of x86-64, epoll_pwait of arm64.
EPOLL_CALLS = {"232", "281", "22"}
LATE_S = 20.0


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    loop = EventLoop()
    yield loop
    loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


Pair = tuple[socket.socket, socket.socket]


def failing(*_: int) -> None:
    raise RuntimeError("a handler that fails")


def once(loop: EventLoop, ours: socket.socket, heard: list[bytes], *, last: bool = False) -> Callable[[int], None]:
    def handle(_events: int) -> None:
        heard.append(ours.recv(100))
        if last:
            loop.stop()

    return handle


def test_a_handler_is_called_for_its_descriptor(loop: EventLoop, pair: Pair) -> None:
    heard: list[bytes] = []
    loop.add(pair[0].fileno(), once(loop, pair[0], heard, last=True))
    pair[1].send(b"hello")
    loop.run()
    assert heard == [b"hello"]


def test_due_times_come_in_order_and_not_early(loop: EventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, float]] = []
    begun_s = time.monotonic()
    with monkeypatch.context() as at_one_instant:
        at_one_instant.setattr(loop_module, "time", SimpleNamespace(monotonic=lambda: begun_s))
        for name, delay_s in (("third", 0.03), ("first", 0.0), ("second", 0.01)):
            loop.after(delay_s, lambda name=name: called.append((name, time.monotonic() - begun_s)))  # type: ignore[misc]
        loop.after(0.03, loop.stop)
    loop.run()
    assert [name for name, _ in called] == ["first", "second", "third"]
    assert [at_s >= due_s for (_, at_s), due_s in zip(called, (0.0, 0.01, 0.03), strict=True)] == [True] * 3


def test_another_thread_wakes_it(loop: EventLoop) -> None:
    loop.on_wake(loop.stop)
    waker = threading.Thread(target=loop.wake)
    waker.start()
    loop.run()
    waker.join()


def test_a_signal_stops_it(loop: EventLoop) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: loop.stop())
    try:
        loop.after(0, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        loop.run()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_that_interrupts_another_thread_stops_it_at_once(loop: EventLoop) -> None:
    """As one does that comes when this thread is about to wait: its handler runs behind the wait."""
    before = signal.signal(signal.SIGUSR1, lambda *_: loop.stop())
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    signal.set_wakeup_fd(loop.wake_fd)
    waiting = Path(f"/proc/self/task/{threading.get_native_id()}/syscall")

    def interrupted() -> None:
        wait_until(lambda: waiting.read_text().split()[0] in EPOLL_CALLS, "the loop to wait")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        os.kill(os.getpid(), signal.SIGUSR1)

    other = threading.Thread(target=interrupted)
    try:
        loop.after(0, other.start)
        loop.after(LATE_S, loop.stop)
        begun_s = time.monotonic()
        loop.run()
        lasted_s = time.monotonic() - begun_s
        other.join()
    finally:
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        signal.signal(signal.SIGUSR1, before)
    assert lasted_s < LATE_S


def test_what_a_handler_raises_ends_nothing_else(loop: EventLoop, pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[bytes] = []
    loop.on_wake(failing)
    loop.after(0, failing)
    loop.wake()
    loop.add(pair[0].fileno(), once(loop, pair[0], heard, last=True))
    pair[1].send(b"still here")
    loop.run()
    assert heard == [b"still here"]
    assert caplog.text.count("RuntimeError: a handler that fails") == 2


def test_what_is_done_again_and_again_outlives_a_failure(loop: EventLoop) -> None:
    calls: list[int] = []

    def sometimes() -> None:
        calls.append(1)
        if len(calls) == 3:
            loop.stop()
        failing()

    loop.every(0.001, sometimes)
    loop.run()
    assert len(calls) == 3


def test_a_paused_descriptor_is_silent_until_resumed(loop: EventLoop, pair: Pair) -> None:
    heard: list[bytes] = []
    loop.add(pair[0].fileno(), once(loop, pair[0], heard, last=True))
    loop.pause(pair[0].fileno())
    pair[1].send(b"early")
    silent: list[bool] = []
    loop.after(0.01, lambda: silent.append(not heard))
    loop.after(0.01, lambda: loop.resume(pair[0].fileno()))
    loop.run()
    assert (silent, heard) == ([True], [b"early"])


def test_a_removed_descriptor_is_forgotten(loop: EventLoop, pair: Pair) -> None:
    loop.add(pair[0].fileno(), failing)
    loop.remove(pair[0].fileno())
    loop.remove(pair[0].fileno())
    pair[1].send(b"nobody listens")
    loop.after(0.01, loop.stop)
    loop.run()
    loop.add(pair[0].fileno(), lambda _: None)


def test_a_descriptor_that_cannot_be_watched_leaves_nothing_behind(loop: EventLoop) -> None:
    with Path(__file__).open("rb") as plain:
        with pytest.raises(PermissionError):
            loop.add(plain.fileno(), failing)
        loop.remove(plain.fileno())


def test_it_can_be_woken_and_stopped_once_it_is_closed() -> None:
    loop = EventLoop()
    loop.close()
    with socket.socket() as newcomer:
        assert newcomer.fileno() >= 0, "which may have got the descriptor's number"
        loop.wake()
        loop.stop()


def test_what_falls_due_again_and_again_keeps_no_socket_waiting(loop: EventLoop, pair: Pair) -> None:
    heard: list[bytes] = []
    rounds = iter(range(1000))
    loop.add(pair[0].fileno(), once(loop, pair[0], heard))

    def again() -> None:
        if next(rounds, None) is not None:
            loop.after(0, again)

    again()
    pair[1].send(b"hello")
    loop.run_until(lambda: bool(heard))
    assert next(rounds, None) is not None
