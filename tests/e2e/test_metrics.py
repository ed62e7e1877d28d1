"""Metrics against the truth: what receivers counted, and what Prometheus' own tools say of the text."""

import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from tests.depacketizer import Depacketizer
from tests.e2e.operating import PREFIX, Operator
from tests.e2e.server import Server, serving, start
from tests.e2e.viewer import PAYLOAD_TYPE, Viewer
from tests.network import free_udp_pair, wait_until
from vstream._fastpath import split

FRAMES = 90
WRITES = "stage_duration_seconds_count{stage=write}"
DELIMITER = b"\0\0\0\1\x09\xf0"
"""An access unit delimiter: the picture before it is complete, though nobody knows yet when the next one comes."""
NEEDED = (
    "pipeline_restarts_total{reason=camera}",
    "active_clients{transport=udp}",
    "active_clients{transport=tcp}",
    "active_clients{transport=http}",
    "active_clients{transport=websocket}",
    "active_clients{transport=multicast}",
    "frames_encoded_total",
    "rtp_packets_sent_total",
    "rtp_packets_retransmitted_total",
    "feedback_requests_total{kind=nack}",
    "feedback_requests_total{kind=pli}",
    "feedback_requests_total{kind=fir}",
)


@pytest.fixture(scope="module")
def server(clip: Path, operator: Operator) -> Iterator[Server]:
    with serving(clip, *operator.flags) as running:
        yield running


@contextmanager
def piped(*flags: str) -> Iterator[tuple[Server, FileIO]]:
    """A server that plays what is written to it."""
    read_end, write_end = os.pipe()
    server = start("-", *flags, stdin=read_end)
    os.close(read_end)
    try:
        with FileIO(write_end, "wb") as feed:
            server.wait_for("Serving rtsp://")
            yield server, feed
        assert (server.wait_for_end(), server.complaints()) == (0, [])
    finally:
        server.process.kill()
        server.wait_for_end()


class Counting:
    """Counts what reaches one viewer, packet by packet."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._receiver = Depacketizer(ssrc=viewer.ssrc, payload_type=PAYLOAD_TYPE, max_packet_bytes=1400)
        self.packets = self.bytes = self.frames = 0

    def frames_until(self, frames: int) -> None:
        while self.frames < frames:
            packet = self._viewer.rtp()
            self.packets += 1
            self.bytes += len(packet)
            self.frames += self._receiver.push(packet) is not None


def test_packets_and_frames_are_those_that_receivers_count(clip: Path) -> None:
    data = clip.read_bytes()
    second_picture = pictures_begin_at(data)[1]
    operator = Operator()
    with piped(*operator.flags) as (server, feed):
        feed.write(data[:second_picture] + DELIMITER)
        wait_until(lambda: operator.json("/status")["source"]["frames"] == 1, "the first frame")
        with Viewer(server.url).play("udp") as over_udp, Viewer(server.url).play("tcp") as over_tcp:
            feed.write(data[second_picture:] + DELIMITER)
            wait_until(lambda: operator.json("/status")["source"]["frames"] == FRAMES, "all frames")
            counted = [Counting(over_udp), Counting(over_tcp)]
            for one in counted:
                one.frames_until(FRAMES)
            # Viewers may have the last frame a moment before its sending is counted.
            wait_until(lambda: operator.metrics()[WRITES] == FRAMES, "all frames being counted")
            metrics = operator.metrics()
    assert metrics["frames_encoded_total"] == FRAMES
    assert metrics["rtp_packets_sent_total"] == sum(one.packets for one in counted)
    assert metrics["rtp_bytes_sent_total"] == sum(one.bytes for one in counted)
    assert metrics["keyframes_total"] == 3
    assert (metrics["active_clients{transport=udp}"], metrics["active_clients{transport=tcp}"]) == (1, 1)
    for stage in ("encode", "packetize", "write"):
        assert metrics[f"stage_duration_seconds_count{{stage={stage}}}"] == FRAMES


def pictures_begin_at(data: bytes) -> list[int]:
    """Where each picture of a stream with one slice a picture begins, its parameter sets and SEI included."""
    starts, fresh = [], True
    for offset, _ in split(data):
        kind = data[offset] & 31
        if fresh:
            starts.append(data.rindex(b"\0\0\1", 0, offset))
        fresh = kind in {1, 5}
    return starts


def test_a_stream_that_nobody_watches_has_every_series(server: Server, operator: Operator) -> None:
    metrics = operator.metrics()
    assert [name for name in NEEDED if name not in metrics] == []
    assert metrics["process_resident_memory_bytes"] > 0
    assert metrics["auth_failures_total{reason=credentials}"] == 0


def test_a_viewer_who_comes_again_makes_no_new_series(server: Server, operator: Operator) -> None:
    """A recorder that connects anew each minute would make tens of thousands a month."""
    seen: set[frozenset[str]] = set()
    for _ in range(2):
        wait_until(lambda: operator.metrics()["active_clients{transport=udp}"] == 0, "nobody else")
        with Viewer(server.url).play("udp") as viewer:
            next(viewer.units())
            seen.add(frozenset(name for name in operator.metrics() if name.startswith("viewer_info")))
    assert seen == {frozenset({"viewer_info{address=127.0.0.1,transport=udp,viewer=1}"})}


def test_viewers_by_multicast_are_counted_and_what_they_share_is_counted_once(clip: Path) -> None:
    operator = Operator()
    group = f"239.255.{random.randrange(256)}.{random.randrange(256)}/{free_udp_pair()}/1"
    with piped("--rtsp-multicast", group, *operator.flags) as (server, feed):
        data = clip.read_bytes()
        second_picture = pictures_begin_at(data)[1]
        feed.write(data[:second_picture] + DELIMITER)
        wait_until(lambda: operator.json("/status")["source"]["frames"] == 1, "the first frame")
        with Viewer(server.url).play("multicast") as one, Viewer(server.url).play("multicast"):
            server.wait_for("Client connected", times=2)
            feed.write(data[second_picture:] + DELIMITER)
            wait_until(lambda: operator.json("/status")["source"]["frames"] == FRAMES, "all frames")
            markers = packets = 0
            while markers < FRAMES:
                packets += 1
                markers += one.rtp()[1] >> 7
            wait_until(lambda: operator.metrics()[WRITES] == FRAMES, "all frames being counted")
            metrics, viewers = operator.metrics(), operator.json("/status")["viewers"]
    assert metrics["active_clients{transport=multicast}"] == 2
    assert metrics["rtp_packets_sent_total"] == packets
    assert [(viewer["transport"], viewer["packets"]) for viewer in viewers] == [("multicast", packets)] * 2


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool (Debian: prometheus)")
def test_promtool_has_no_complaint(server: Server, operator: Operator) -> None:
    with Viewer(server.url).play("udp") as viewer:
        next(viewer.units())
        text = operator.get("/metrics")[1]
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("prometheus"), reason="no prometheus (Debian: prometheus)")
def test_prometheus_scrapes_it(server: Server, operator: Operator, tmp_path: Path) -> None:
    with socket.create_server((operator.host, 0)) as free:
        address = f"{operator.host}:{free.getsockname()[1]}"
    config = tmp_path / "prometheus.yml"
    target = f"{operator.host}:{operator.port}"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [{"job_name": "camera", "static_configs": [{"targets": [target]}]}],
            }
        )
    )
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    with (
        Viewer(server.url).play("tcp"),
        subprocess.Popen(
            [*command, f"--web.listen-address={address}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as prometheus,
    ):
        try:
            wait_until(lambda: queried(address, f'{PREFIX}active_clients{{transport="tcp"}}') == ["1"], "a scrape")
            wait_until(lambda: queried(address, "up") == ["1"], "its word that the scrape went well")
        finally:
            prometheus.kill()


def queried(address: str, query: str) -> list[str]:
    try:
        with urlopen(f"http://{address}/api/v1/query?query={quote(query)}", timeout=5) as answer:
            return [result["value"][1] for result in json.load(answer)["data"]["result"]]
    except OSError:
        time.sleep(0.1)
        return []
