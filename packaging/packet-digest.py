"""Print the SHA-256 of what the fast path makes of access units that are the same on every machine.

Two architectures that print the same digest build the same bytes.
"""

import hashlib
import random

from vstream._fastpath import Packetizer, split

UNITS = 2_000
LIMIT_BYTES = 9_000
START_CODES = (b"\0\0\1", b"\0\0\0\1")
# Bytes among which start codes, and what only looks like one, come up by themselves.
ALPHABETS = (bytes(range(256)), b"\0\1\3\xff", b"\0\0\0\0\1\x80")
HEADERS = (0x67, 0x68, 0x06, 0x65, 0x41, 0x01, 0x09, 0x0C)


def access_unit(source: random.Random) -> bytes:
    """Give some NAL units, empty and odd ones among them."""
    parts = []
    for _ in range(source.randint(1, 6)):
        size = int(LIMIT_BYTES * source.random() ** 4)
        body = bytes(source.choices(source.choice(ALPHABETS), k=size))
        parts.append(source.choice(START_CODES) + bytes([source.choice(HEADERS)]) + body)
    return b"".join(parts)


def main() -> None:
    source = random.Random(6184)
    packetizer = Packetizer(ssrc=0x11223344, payload_type=96, max_packet_bytes=1400, sequence=65_000)
    digest = hashlib.sha256()
    for number in range(UNITS):
        unit = access_unit(source)
        digest.update(repr(split(unit)).encode())
        train = packetizer.packetize(unit, number * 3000 % 2**32)
        for packet in train.packets() if train else []:
            digest.update(len(packet).to_bytes(2, "big") + packet)
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
