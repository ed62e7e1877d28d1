"""A network that loses packets: what real players ask for, and what they have of it."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import pytest

from tests.framed_rtp import WholeUnits, packets
from tests.netns import losing, lossy_network, run_in_own_network
from tests.network import wait_until
from tests.served import Served, served
from vstream.counters import counters

UNITS = 1500
UNIT_BYTES = 7000
PER_SECOND = 75
LATENCY_MS = 2000
TRAILING = 4 * PER_SECOND
"""Published at the end, so that the units before them are complete or given up."""

gstreamer = pytest.mark.skipif(not shutil.which("gst-launch-1.0"), reason="no GStreamer")


def publish(running: Served, count: int) -> None:
    """Access units at a steady pace, a keyframe every fifty."""
    due_s = time.monotonic()
    for number in range(count):
        (running.picture if number % 50 else running.keyframe)(UNIT_BYTES)
        due_s += 1 / PER_SECOND
        time.sleep(max(0.0, due_s - time.monotonic()))


@contextmanager
def playing(running: Served, pipeline: str) -> Iterator[subprocess.Popen[bytes]]:
    """GStreamer that plays over UDP; `pipeline` goes on where its rtspsrc ends."""
    running.keyframe()
    source = f"rtspsrc location={running.url} protocols=udp latency={LATENCY_MS} {pipeline}"
    with subprocess.Popen(["gst-launch-1.0", "-q", *source.split()], stdout=subprocess.PIPE) as player:
        try:
            wait_until(lambda: any(one.is_playing for one in running.server.viewers.values()), "GStreamer to play")
            yield player
        finally:
            player.kill()


@gstreamer
@lossy_network
def test_with_two_percent_lost_gstreamer_has_all_but_a_thousandth_of_the_frames() -> None:
    run_in_own_network(losing(2), f"{__name__}:has_nearly_all")


def has_nearly_all() -> None:
    with served() as running, playing(running, "do-retransmission=true ! rtpstreampay ! fdsink fd=1") as player:
        assert player.stdout
        whole, pipe = WholeUnits(), player.stdout

        def receive() -> None:
            for packet in packets(pipe):
                whole.push(packet)

        receiver = threading.Thread(target=receive)
        receiver.start()
        publish(running, UNITS + TRAILING)
        last = running.count - TRAILING
        wait_until(lambda: bool(whole.numbers) and whole.numbers[-1] >= last, "the last of the frames")
        player.kill()
        receiver.join()
        frames = [number for number in whole.numbers if number < last]
        sent = last - frames[0]
        assert sent >= UNITS * 0.95
        assert (sent - len(set(frames))) / sent < 0.001
        # Seven packets each, of which one in fifty is lost: else there was nothing to make good.
        assert running.stream.fanout.packets_retransmitted > UNITS * 7 / 50 / 2


@gstreamer
@lossy_network
def test_gstreamer_that_asks_for_a_keyframe_is_given_one() -> None:
    run_in_own_network(losing(5), f"{__name__}:is_given_a_keyframe")


def is_given_a_keyframe() -> None:
    asked = threading.Event()

    def request_keyframe() -> bool:
        asked.set()
        return True

    pipeline = "do-retransmission=false ! rtph264depay request-keyframe=true ! fakesink"
    with served(request_keyframe=request_keyframe) as running, playing(running, pipeline):
        running.keyframes_until_one_is_sent()
        asked.clear()  # it has joined, for which a keyframe may have been asked for
        deadline_s = time.monotonic() + 40
        while not asked.is_set():
            assert time.monotonic() < deadline_s
            publish(running, 1)
        assert counters.feedback["fir"] + counters.feedback["pli"] > 0
        assert counters.feedback["nack"] == 0


@lossy_network
def test_ffmpeg_is_sent_what_it_asks_for() -> None:
    run_in_own_network(losing(5), f"{__name__}:is_sent_it_again")


def is_sent_it_again() -> None:
    with served() as running:
        running.keyframe()
        player = threading.Thread(target=_play_with_ffmpeg, args=(running.url,), daemon=True)
        player.start()
        deadline_s = time.monotonic() + 40
        while running.stream.fanout.packets_retransmitted < 3:
            assert time.monotonic() < deadline_s, counters
            publish(running, 1)


def _play_with_ffmpeg(url: str) -> None:
    options = {"rtsp_transport": "udp", "analyzeduration": "0", "probesize": "32"}
    with av.open(url, options=options) as container:
        for _ in container.demux(video=0):
            pass
