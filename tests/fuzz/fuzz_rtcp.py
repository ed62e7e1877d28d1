"""Fuzz target: any datagram gives RTCP packets or RtcpError, never anything else and never without bound.

Feedback in it is read as feedback to the stream that it names, and to another.
"""

import sys

from vstream import feedback, rtcp
from vstream.errors import RtcpError


def fuzz_one(data: bytes) -> None:
    try:
        packets = rtcp.parse(data)
    except RtcpError:
        return
    assert packets, "a compound that is accepted begins with a report"
    assert 4 * len(packets) <= len(data) <= rtcp.MAX_COMPOUND_BYTES
    for packet in packets:
        check(packet)


def check(packet: rtcp.Packet) -> None:
    if isinstance(packet, rtcp.SenderReport | rtcp.ReceiverReport):
        assert len(packet.reports) <= 31
        for block in packet.reports:
            assert 0 <= block.fraction_lost < 256
            assert -(1 << 23) <= block.cumulative_lost < 1 << 23
            round_trip = rtcp.round_trip_s(block.last_sr, block.delay_since_last_sr, block.jitter)
            assert round_trip is None or 0 <= round_trip < 32768
    elif isinstance(packet, rtcp.Goodbye) and packet.ssrcs and len(packet.reason.encode()) <= 255:
        rebuilt = rtcp.parse(rtcp.goodbye(packet.ssrcs[0], packet.reason))
        assert rebuilt[-1] == rtcp.Goodbye(packet.ssrcs[:1], packet.reason)
    elif isinstance(packet, rtcp.FeedbackPacket):
        for ssrc in {packet.media_ssrc, int.from_bytes(packet.fci[:4]), 1}:
            check_feedback(packet, ssrc)


def check_feedback(packet: rtcp.FeedbackPacket, ssrc: int) -> None:
    try:
        request = feedback.read(packet, ssrc)
    except RtcpError:
        return
    if isinstance(request, feedback.Nack):
        assert packet.media_ssrc == ssrc
        assert 1 <= len(request.sequences) <= min(1024, 17 * len(packet.fci) // 4)
        assert all(0 <= sequence < 1 << 16 for sequence in request.sequences)
    elif isinstance(request, feedback.FullIntraRequest):
        assert ssrc.to_bytes(4) in packet.fci
        assert 0 <= request.number < 256


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
