"""What Prometheus scrapes: read from the live objects when asked, so that no frame waits for it."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import PROCESS_COLLECTOR, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from vstream import __version__
from vstream.counters import counters
from vstream.histogram import Histogram
from vstream.http.rates import Rates
from vstream.rtsp.auth import Reason
from vstream.server.crowd import Limit
from vstream.server.viewer import Viewer
from vstream.service import Service

RTP_HEADER_BYTES = 12
VIEWERS_LIMIT = 100
"""How many viewers have series of their own; the worst values of the rest share one."""

_PREFIX = "video_streamer_"
_TRANSPORTS = ("udp", "tcp", "http", "websocket", "multicast")
_FEEDBACK = ("nack", "pli", "fir")
_RESTART_REASONS = ("camera", "source")
_AUTH_REASONS = tuple(reason.name.lower() for reason in Reason)
_CONNECTION_REASONS = ("network", "failures", "handshake", *(limit.value for limit in Limit))
_REST = "rest"


def registry(service: Service, rates: Rates) -> CollectorRegistry:
    """All that is scraped: the service's own metrics, and the process's memory, CPU and descriptors."""
    all_metrics = CollectorRegistry()
    all_metrics.register(ServiceMetrics(service, rates))
    all_metrics.register(PROCESS_COLLECTOR)
    return all_metrics


class ServiceMetrics(Collector):
    """One thread collects at a time."""

    def __init__(self, service: Service, rates: Rates) -> None:
        self._service = service
        self._rates = rates
        self._places: dict[int, int] = {}
        self._queue_full = 0

    def collect(self) -> Iterator[Metric]:
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily(_PREFIX + "build", "Version of vstream and of Python.", build)
        yield from self._source()
        yield from self._sent()
        yield from self._latencies()
        yield from self._refused()
        viewers = list(self._service.server.viewers.values())
        yield self._clients(viewers)
        yield from self._reception(viewers)

    def _source(self) -> Iterator[Metric]:
        stream = self._service.stream
        remedies = (remedy.name for remedy in self._service.source.remedies if remedy.interrupts)
        restarts = dict.fromkeys((*_RESTART_REASONS, *remedies), 0) | self._service.supervisor.restarts
        yield _by_label("pipeline_restarts", "Restarts of the source, by what made them necessary.", "reason", restarts)
        yield _counter("frames_encoded", "Frames that the source gave.", stream.fanout.units)
        yield _counter("keyframes", "Keyframes among the frames that the source gave.", stream.fanout.keyframes)
        yield _gauge("frames_per_second", "Frames a second over the last seconds.", self._rates.fps())
        yield _gauge(
            "bitrate_bytes_per_second",
            "Bytes a second of the source over the last seconds.",
            self._rates.bitrate_bps() / 8,
        )
        yield _gauge(
            "newest_frame_age_seconds", "Since the newest frame, or the start.", stream.newest_frame_age_us / 1e6
        )

    def _sent(self) -> Iterator[Metric]:
        fanout = self._service.stream.fanout
        packets, octets = fanout.packets_sent, fanout.octets_sent
        yield _counter("rtp_packets_sent", "RTP packets sent to all viewers.", packets)
        total_bytes = octets + RTP_HEADER_BYTES * packets
        yield _counter(
            "rtp_bytes_sent", "Bytes of RTP packets sent, without the headers of UDP, TCP and IP.", total_bytes
        )
        yield _counter(
            "rtp_packets_retransmitted", "Of these, packets that were sent again.", fanout.packets_retransmitted
        )
        feedback = dict.fromkeys(_FEEDBACK, 0) | counters.feedback
        yield _by_label("feedback_requests", "RTCP feedback of viewers, by what it asks for.", "kind", feedback)
        dropped, skipped = fanout.units_dropped, fanout.units_skipped
        # Both may grow between the two looks, and Prometheus counts one that went down anew, from nothing.
        self._queue_full = max(self._queue_full, dropped - skipped)
        yield _by_label(
            "frames_dropped",
            "Frames that a viewer did not get: its queue was full, or it waited for a keyframe after that.",
            "reason",
            {"queue_full": self._queue_full, "awaiting_keyframe": skipped},
        )

    def _latencies(self) -> Iterator[Metric]:
        stream = self._service.stream
        stages = HistogramMetricFamily(
            _PREFIX + "stage_duration_seconds",
            "How long frames took: encode from capture on, packetize after that, write to all viewers after that.",
            labels=["stage"],
        )
        for name, histogram in stream.stages.by_name().items():
            stages.add_metric([name], *_cumulative(histogram))
        yield stages
        joins = HistogramMetricFamily(_PREFIX + "join_duration_seconds", "From PLAY to a viewer's first keyframe.")
        joins.add_metric([], *_cumulative(stream.joins))
        yield joins

    def _refused(self) -> Iterator[Metric]:
        failures = dict.fromkeys(_AUTH_REASONS, 0) | counters.auth_failures
        yield _by_label("auth_failures", "Refused credentials.", "reason", failures)
        refused = dict.fromkeys(_CONNECTION_REASONS, 0) | counters.connections_refused
        yield _by_label("connections_refused", "Connections refused, or closed for others.", "reason", refused)
        yield _by_label(
            "requests_refused",
            "Requests beyond a limit, or none, by the answer's status.",
            "status",
            counters.requests_refused,
        )
        yield _counter(
            "accept_pauses", "Times newcomers had to wait as file descriptors ran short.", counters.accept_pauses
        )

    def _clients(self, viewers: Sequence[Viewer]) -> Metric:
        clients = GaugeMetricFamily(_PREFIX + "active_clients", "Viewers that play.", labels=["transport"])
        playing = dict.fromkeys(_TRANSPORTS, 0)
        for viewer in viewers:
            transport = viewer.carrier.name.lower()
            playing[transport] = playing.get(transport, 0) + viewer.is_playing
        for transport, count in playing.items():
            clients.add_metric([transport], count)
        return clients

    def _reception(self, viewers: Sequence[Viewer]) -> Iterator[Metric]:
        """Each viewer's own report of how the stream arrives."""
        self._seat(viewers)
        info = InfoMetricFamily(_PREFIX + "viewer", "Who the viewer with that place is.", labels=["viewer"])
        for viewer in viewers:
            place = self._places.get(viewer.number)
            if place is not None:
                # Not its number, which rises for ever: each viewer would make a series of its own.
                who = {"address": viewer.peer.host, "transport": viewer.carrier.name.lower()}
                info.add_metric([str(place)], who)
        yield info
        yield self._worst(
            "loss_ratio", "Share of packets lost.", viewers, lambda viewer: viewer.reception.fraction_lost
        )
        yield self._worst("jitter_seconds", "Interarrival jitter.", viewers, lambda viewer: viewer.reception.jitter_s)
        yield self._worst("round_trip_seconds", "Round trip.", viewers, lambda viewer: viewer.reception.round_trip_s)

    def _seat(self, viewers: Sequence[Viewer]) -> None:
        """Give each viewer a place to be labelled by; who leaves makes room, so labels stay few however many come."""
        present = {viewer.number for viewer in viewers}
        self._places = {number: place for number, place in self._places.items() if number in present}
        free = sorted(set(range(1, VIEWERS_LIMIT + 1)) - set(self._places.values()), reverse=True)
        for number in sorted(present - self._places.keys()):
            if free:
                self._places[number] = free.pop()

    def _worst(
        self, name: str, help_text: str, viewers: Sequence[Viewer], value: Callable[[Viewer], float | None]
    ) -> Metric:
        """A gauge for each viewer with a place, and one with the worst value of those without."""
        gauge = GaugeMetricFamily(_PREFIX + "viewer_" + name, help_text + " By RTCP.", labels=["viewer"])
        worst: dict[str, float] = {}
        for viewer in viewers:
            known = value(viewer)
            if known is not None:
                label = str(self._places.get(viewer.number, _REST))
                worst[label] = max(worst.get(label, 0.0), known)
        for label, known in worst.items():
            gauge.add_metric([label], known)
        return gauge


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(_PREFIX + name, help_text, value=value)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, help_text, value=value)


def _by_label(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    counter = CounterMetricFamily(_PREFIX + name, help_text, labels=[label])
    for value, count in dict(values).items():
        counter.add_metric([value.replace(" ", "_")], count)
    return counter


def _cumulative(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Buckets as Prometheus has them, each with all below it, and the sum of all durations in seconds."""
    sum_s, total = histogram.sum_s, 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, histogram.bounds_s), "+Inf"), list(histogram.counts), strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets, sum_s
