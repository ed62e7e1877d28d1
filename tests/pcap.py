"""Capture files written by hand, so that tshark and GStreamer judge packets that were never on a wire."""

import struct
from collections.abc import Iterable
from pathlib import Path

LINK_TYPE_RAW_IP = 101


def write_pcap(path: Path, payloads: Iterable[bytes], port: int) -> Path:
    """Write each payload as one UDP datagram over IPv4 from and to `port` on loopback, a microsecond apart."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, LINK_TYPE_RAW_IP)
    path.write_bytes(header + b"".join(_record(number, payload, port) for number, payload in enumerate(payloads)))
    return path


def _record(number: int, payload: bytes, port: int) -> bytes:
    udp = struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
    loopback = bytes([127, 0, 0, 1])
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, loopback, loopback)
    seconds, microseconds = divmod(number, 1_000_000)
    length = len(ip) + len(udp)
    return struct.pack("<IIII", seconds, microseconds, length, length) + ip + udp
