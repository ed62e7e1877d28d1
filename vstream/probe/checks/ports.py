"""Whether the ports that the settings name are free, and who has them otherwise."""

import socket
from typing import NamedTuple

from vstream.config import Settings
from vstream.errors import ListenError
from vstream.probe.finding import Finding, failure, ok, warning
from vstream.probe.port_holder import port_holder
from vstream.probe.subject import Subject
from vstream.server.sockets import bind

_TCP, _UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


class _Port(NamedTuple):
    setting: str
    kind: socket.SocketKind
    host: str
    number: int

    @property
    def words(self) -> str:
        return f"{'TCP' if self.kind == _TCP else 'UDP'} {self.number} ({self.setting})"


def check(subject: Subject) -> Finding:
    """Listen on each for a moment, as the server would."""
    described: list[object] = []
    taken = []
    for port in _ports(subject.settings):
        reason = _refusal(port)
        holder = port_holder(subject.machine, port.kind == _TCP, port.number) if reason else None
        described.append(
            {
                "setting": port.setting,
                "protocol": "tcp" if port.kind == _TCP else "udp",
                "port": port.number,
                "free": reason is None,
                "holder": None if holder is None else {"name": holder.name, "pid": holder.pid},
            }
        )
        if reason is not None:
            taken.append((port, holder, reason))
    facts: dict[str, object] = {"ports": described}
    if not taken:
        return ok(", ".join(port.words for port in _ports(subject.settings)) + " are free", facts)
    seen = "; ".join(f"{port.words}: {f'held by {holder}' if holder else reason}" for port, holder, reason in taken)
    if all(holder is not None and holder.name == "vstream" for _, holder, _ in taken):
        return warning(seen, "vstream runs already: `vstream status` shows how it is", facts)
    if all(port.setting == "METRICS_PORT" and not subject.settings.given("metrics_port") for port, _, _ in taken):
        return warning(f"{seen}: vstream would run without metrics", "choose another METRICS_PORT", facts)
    return failure(seen, "end who has it, or choose another port", facts)


def _ports(settings: Settings) -> list[_Port]:
    host = settings.rtsp_host
    ports = [_Port("RTSP_PORT", _TCP, host, settings.rtsp_port)]
    if settings.rtsp_tls_cert:
        ports.append(_Port("RTSPS_PORT", _TCP, host, settings.rtsps_port))
    ports.append(_Port("RTP_PORT", _UDP, host, settings.rtp_port))
    if settings.rtp_port:
        ports.append(_Port("RTP_PORT + 1", _UDP, host, settings.rtp_port + 1))
    if settings.metrics_port:
        ports.append(_Port("METRICS_PORT", _TCP, settings.metrics_host, settings.metrics_port))
    return ports


def _refusal(port: _Port) -> str | None:
    try:
        with bind(port.kind, port.host, port.number, port.setting) as bound:
            if port.kind == _TCP:
                bound.listen(1)
    except ListenError as error:
        cause = error.__cause__
        return cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    except OSError as error:
        return error.strerror or str(error)
    return None
