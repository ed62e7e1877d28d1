"""Which profile each player is told of: live555 drops a medium of RTP/AVPF, GStreamer and ffmpeg need it."""

import pytest

from tests.rtsp_client import URL, Client
from vstream.rtsp.profile import described_profile

# As each of them sends it; GStreamer sends a second one with OPTIONS.
GSTREAMER = ["GStreamer/1.22.0", "RealMedia Player Version 6.0.9.1235 (linux-2.0-libc6-i386-gcc2.95)"]
FFMPEG = ["Lavf59.27.100"]
MPV = ["libmpv"]
VLC = ["LibVLC/3.0.24 (LIVE555 Streaming Media v2016.11.28)"]
OTHERS = [VLC, ["openRTSP (LIVE555 Streaming Media v2026.01.12)"], ["gortsplib"], ["go2rtc/1.9.14"], [""], []]


@pytest.mark.parametrize("agents", [GSTREAMER, FFMPEG, MPV])
def test_who_reads_feedback_profiles_is_told(agents: list[str]) -> None:
    assert described_profile(agents, "auto") == "RTP/AVPF"
    assert described_profile(agents, "never") == "RTP/AVP"


@pytest.mark.parametrize("agents", OTHERS)
def test_everyone_else_is_told_what_all_know(agents: list[str]) -> None:
    assert described_profile(agents, "auto") == "RTP/AVP"
    assert described_profile(agents, "always") == "RTP/AVPF"


def test_the_description_is_asked_for_that_profile() -> None:
    client = Client()
    client.ask("DESCRIBE", URL, *[f"User-Agent: {agent}" for agent in GSTREAMER])
    client.ask("DESCRIBE", URL, *[f"User-Agent: {agent}" for agent in VLC])
    assert [profile for _, _, profile in client.media.asked] == ["RTP/AVPF", "RTP/AVP"]
