"""The fast path once more in plain Python, written from the standards alone: the oracle of its property tests."""

import re
import struct
from dataclasses import dataclass, field

START_CODE = re.compile(rb"\x00\x00\x01")
PARAMETER_SETS = (7, 8)
AGGREGATED = (6, 7, 8)
SLICES = range(1, 6)
SENT = [*range(1, 9), *range(13, 24)]
ID_LIMITS = {7: 32, 8: 256}


def split(data: bytes) -> list[tuple[int, int]]:
    """Find NAL units as (offset, length): ITU-T H.264 annex B.1.1, trailing_zero_8bits left out."""
    marks = list(START_CODE.finditer(data))
    ends = [mark.start() for mark in marks] + [len(data)]
    units = [(mark.end(), data[mark.end() : end].rstrip(b"\0")) for mark, end in zip(marks, ends[1:], strict=True)]
    return [(offset, len(unit)) for offset, unit in units if unit]


def unescape(unit: bytes) -> bytes:
    """Drop the emulation prevention bytes (ITU-T H.264 7.4.1)."""
    return re.sub(rb"\x00\x00\x03", b"\0\0", unit)


def exp_golomb(data: bytes) -> int | None:
    """Read ue(v) at the beginning of `data` (ITU-T H.264 9.1); None where it ends too soon."""
    bits = "".join(f"{byte:08b}" for byte in data)
    zeros = len(bits) - len(bits.lstrip("0"))
    code = bits[zeros : 2 * zeros + 1]
    return int(code, 2) - 1 if len(code) == zeros + 1 else None


def parameter_set_id(unit: bytes) -> int | None:
    """Give the id of an SPS or PPS; None where it has no valid one (ITU-T H.264 7.3.2.1.1, 7.3.2.2)."""
    kind = unit[0] & 0x1F
    number = exp_golomb(unit[4:40] if kind == 7 else unit[1:40])
    return number if number is not None and number < ID_LIMITS[kind] else None


def has_recovery_point(unit: bytes) -> bool:
    """Whether an SEI NAL unit carries payload type 6 (ITU-T H.264 7.3.2.3.1, D.1.8)."""
    message = re.compile(rb"(\xff*)([^\xff])(\xff*)([^\xff])", re.DOTALL)
    payload = unescape(unit)[1:]
    while (found := message.match(payload)) and len(payload) > 2:
        kind = 255 * len(found[1]) + found[2][0]
        if kind == 6:
            return True
        payload = payload[found.end() + 255 * len(found[3]) + found[4][0] :]
    return False


@dataclass
class ReferenceTrain:
    """What one access unit becomes."""

    packets: list[bytes]
    keyframe: bool


@dataclass
class ReferencePacketizer:
    """RFC 6184 packetization mode 1 over RTP (RFC 3550 section 5.1), with parameter sets before every keyframe."""

    ssrc: int
    payload_type: int
    max_packet_bytes: int
    sequence: int
    sets: dict[tuple[int, int], bytes] = field(default_factory=dict)

    @property
    def room(self) -> int:
        return self.max_packet_bytes - 12

    def packetize(self, data: bytes, timestamp: int) -> ReferenceTrain | None:
        units = self._to_send([data[offset : offset + length] for offset, length in split(data)])
        kinds = {unit[0] & 0x1F for unit in units}
        has_slice = bool(kinds & set(SLICES))
        starts = 5 in kinds or any(has_recovery_point(unit) for unit in units if unit[0] & 0x1F == 6)
        keyframe = has_slice and starts and {kind for kind, _ in self.sets} == set(PARAMETER_SETS)
        if keyframe and not kinds >= set(PARAMETER_SETS):
            own = [unit for unit in units if unit[0] & 0x1F not in PARAMETER_SETS]
            units = [self.sets[key] for key in sorted(self.sets)] + own
        payloads = [payload for group in self._groups(units) for payload in self._payloads(group)]
        last = len(payloads) - 1
        packets = [self._packet(payload, timestamp, marker=at == last) for at, payload in enumerate(payloads)]
        return ReferenceTrain(packets, keyframe) if packets else None

    def _to_send(self, units: list[bytes]) -> list[bytes]:
        sent: list[bytes] = []
        for unit in units:
            kind = unit[0] & 0x1F
            if kind not in SENT:
                continue
            if kind in PARAMETER_SETS:
                changed = self._remember(unit)
                if not changed and any(other[0] & 0x1F in SLICES for other in sent):
                    continue
            sent.append(unit)
        return sent

    def _remember(self, unit: bytes) -> bool:
        number = parameter_set_id(unit)
        if number is None or self.sets.get((unit[0] & 0x1F, number)) == unit:
            return False
        self.sets[unit[0] & 0x1F, number] = unit
        return True

    def _groups(self, units: list[bytes]) -> list[list[bytes]]:
        """Put neighbours that fit one STAP-A together; every other unit stands alone."""
        groups: list[list[bytes]] = []
        for unit in units:
            joint = [*groups[-1], unit] if groups else [unit]
            if all(part[0] & 0x1F in AGGREGATED for part in joint) and len(self._stap_a(joint)) <= self.room and groups:
                groups[-1] = joint
            else:
                groups.append([unit])
        return groups

    def _payloads(self, group: list[bytes]) -> list[bytes]:
        if len(group) > 1:
            return [self._stap_a(group)]
        (unit,) = group
        return [unit] if len(unit) <= self.room else self._fu_a(unit)

    def _stap_a(self, units: list[bytes]) -> bytes:
        """RFC 6184 section 5.7.1: F is set if any unit's is, NRI is the highest of all."""
        forbidden = max(unit[0] & 0x80 for unit in units)
        importance = max(unit[0] & 0x60 for unit in units)
        return bytes([forbidden | importance | 24]) + b"".join(struct.pack("!H", len(unit)) + unit for unit in units)

    def _fu_a(self, unit: bytes) -> list[bytes]:
        """RFC 6184 section 5.8."""
        part = self.room - 2
        parts = [unit[1 + at : 1 + at + part] for at in range(0, len(unit) - 1, part)]
        flags = [0x80, *[0] * (len(parts) - 2), 0x40]
        indicator, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
        return [bytes([indicator, flag | kind]) + body for flag, body in zip(flags, parts, strict=True)]

    def _packet(self, payload: bytes, timestamp: int, *, marker: bool) -> bytes:
        second = marker << 7 | self.payload_type
        header = struct.pack("!BBHII", 0x80, second, self.sequence, timestamp % 2**32, self.ssrc)
        self.sequence = (self.sequence + 1) % 2**16
        return header + payload
