"""The network interfaces, and the URLs at which viewers find the stream."""

from vstream.addresses import local_addresses
from vstream.probe.finding import Finding, ok, warning
from vstream.probe.machine import Machine
from vstream.probe.subject import Subject
from vstream.urls import EVERY_ADDRESS, stream_urls


def check(subject: Subject) -> Finding:
    """Each interface but loopback with its state, and what to open."""
    settings, machine = subject.settings, subject.machine
    interfaces = [_described(machine, path.name) for path in machine.find("/sys/class/net/*") if path.name != "lo"]
    urls = stream_urls(settings.rtsp_host, settings.rtsp_port, settings.rtsp_path)
    facts: dict[str, object] = {"interfaces": interfaces, "urls": urls}
    names = ", ".join(f"{one['name']} {one['state']}" for one in interfaces) or "no interface"
    seen = f"{names}; {' '.join(urls)}"
    if settings.rtsp_host in EVERY_ADDRESS and all(address.is_loopback for address in local_addresses()):
        return warning(seen, "only this machine itself reaches the stream: connect a network", facts)
    slow = [one for one in interfaces if _carries_too_little(one, settings.bitrate_bps)]
    if slow:
        names = ", ".join(str(one["name"]) for one in slow)
        return warning(f"{seen}; {names} has little room for the stream", "lower H264_BITRATE, check the cable", facts)
    return ok(seen, facts)


def _described(machine: Machine, name: str) -> dict[str, object]:
    folder = f"/sys/class/net/{name}"
    speed_mbps = machine.number(f"{folder}/speed")
    return {
        "name": name,
        "state": machine.text(f"{folder}/operstate") or "unknown",
        "wireless": machine.path(f"{folder}/wireless").exists() or machine.path(f"{folder}/phy80211").exists(),
        "speed_mbps": speed_mbps if speed_mbps is not None and speed_mbps > 0 else None,
    }


def _carries_too_little(interface: dict[str, object], bitrate_bps: int) -> bool:
    """Tunnels and cards without a cable name a speed, too, of 10 Mbit/s for want of another; they are not "up"."""
    speed_mbps = interface["speed_mbps"]
    return interface["state"] == "up" and isinstance(speed_mbps, int) and speed_mbps * 1e6 < 2 * bitrate_bps
