"""A viewer that joins gets parameter sets and a keyframe at once, and disturbs nobody."""

import time
from pathlib import Path

import pytest

from tests.depacketizer import ReceivedUnit
from tests.e2e.clips import FPS, encode
from tests.e2e.server import serving
from tests.e2e.viewer import Viewer

IDR, SPS, PPS = 5, 7, 8
JOINING = 20
LONG_GOP = 300
ONE_KEYFRAME = ["--width", "320", "--height", "240", "--keyframe-interval", "1000"]


def kinds(unit: ReceivedUnit) -> list[int]:
    return [nal[0] & 0x1F for nal in unit.units]


def begins_decoding(unit: ReceivedUnit) -> bool:
    found = kinds(unit)
    return IDR in found and found.index(SPS) < found.index(PPS) < found.index(IDR)


@pytest.fixture(scope="module")
def long_gop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds from one keyframe to the next: who waits for that shows it."""
    x264 = f"keyint={LONG_GOP}:min-keyint={LONG_GOP}:scenecut=0:bframes=0"
    return encode(tmp_path_factory.mktemp("clip") / "long.h264", x264, frames=LONG_GOP)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_file_gives_its_newest_keyframe_and_all_that_follows(long_gop: Path, transport: str) -> None:
    with serving(long_gop) as server, Viewer(server.url).play("tcp") as early:
        watched = early.units()
        first = next(watched)
        for _ in range(FPS):
            latest = next(watched)
        with Viewer(server.url).play(transport) as late:
            units = late.units()
            joined = next(units)
            assert begins_decoding(joined)
            assert joined == first, "the keyframe that the early viewer began with"
            while next(units).timestamp != latest.timestamp:
                pass
        assert next(watched).timestamp != latest.timestamp


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_encoder_is_asked_for_a_keyframe(transport: str) -> None:
    with serving("test", *ONE_KEYFRAME) as server, Viewer(server.url).play("tcp") as early:
        watched = early.units()
        for _ in range(FPS):
            next(watched)
        with Viewer(server.url).play(transport) as late:
            assert begins_decoding(next(late.units()))


def test_many_joins_make_few_keyframes() -> None:
    with serving("test", *ONE_KEYFRAME) as server, Viewer(server.url).play("tcp") as early:
        watched = early.units()
        for _ in range(FPS):
            next(watched)
        late = [Viewer(server.url).set_up("tcp") for _ in range(JOINING)]
        begun_s = time.monotonic()
        for viewer in late:
            viewer.send("PLAY")
        assert [viewer.reply().status for viewer in late] == [200] * JOINING
        newest = max(next(viewer.units()).timestamp for viewer in late)
        lasted_s = time.monotonic() - begun_s
        keyframes = 0
        while (unit := next(watched)).timestamp != newest:
            keyframes += begins_decoding(unit)
        assert keyframes <= 2 + lasted_s / 0.2
        for viewer in late:
            viewer.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_rtp_info_names_the_first_packet(long_gop: Path, transport: str) -> None:
    with serving(long_gop) as server, Viewer(server.url).set_up(transport) as viewer:
        info = viewer.ask("PLAY").headers["RTP-Info"]
        packet = viewer.rtp()
        assert f"seq={int.from_bytes(packet[2:4], 'big')}" in info
        assert f"rtptime={int.from_bytes(packet[4:8], 'big')}" in info


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_sender_report_ties_rtp_time_to_the_wall_clock(clip: Path, transport: str) -> None:
    with serving(clip) as server, Viewer(server.url).play(transport) as viewer:
        report = viewer.rtcp()
        assert (report[0] >> 6, report[1]) == (2, 200)
        assert int.from_bytes(report[4:8], "big") == viewer.ssrc
