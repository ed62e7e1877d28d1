"""The table of settings: each is declared here, once, and everything else about it follows.

The attribute's name in capitals is the environment variable, as it stands the key in a TOML file, and with dashes
(and without a leading `stream`) the flag.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, NamedTuple, TypeVar, cast

from vstream.config.kinds import Automatic, Choice, H264Level, Integer, Kind, Number, Text, Toggle
from vstream.controls import parse_controls
from vstream.multicast_group import parse_group
from vstream.networks import parse_networks
from vstream.tunnel.origins import parse_origins

T = TypeVar("T")

Origin = Literal["default", "file", "environment", "flag", "raised"]

FILE_PREFIX = "file:"
STDIN_SOURCE = "-"

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_INTERFACE = re.compile(r"[A-Za-z0-9_.@-]{1,15}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9._-]+)?")


def _is_source(text: str) -> bool:
    return text in {"auto", "camera", "rpicam", "test", STDIN_SOURCE} or (
        text.startswith(FILE_PREFIX) and _is_file_name(text.removeprefix(FILE_PREFIX))
    )


def _is_file_name(text: str) -> bool:
    return bool(text) and "\0" not in text


def _are_controls(text: str) -> bool:
    try:
        parse_controls(text)
    except ValueError:
        return False
    return True


def _is_host(text: str) -> bool:
    return not text or _HOST.fullmatch(text) is not None


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None


def _is_username(text: str) -> bool:
    return len(text.encode()) <= 255 and text.isprintable() and not set(text) & set(':"\\')


def _is_password(text: str) -> bool:
    return bool(text.strip()) and len(text.encode()) <= 1024 and text.isprintable()


def _are_networks(text: str) -> bool:
    try:
        parse_networks(text)
    except ValueError:
        return False
    return True


def _are_origins(text: str) -> bool:
    try:
        parse_origins(text)
    except ValueError:
        return False
    return True


def _is_group(text: str) -> bool:
    try:
        parse_group(text)
    except ValueError:
        return False
    return True


def _is_interface(text: str) -> bool:
    return _INTERFACE.fullmatch(text) is not None


class _Declared(NamedTuple):
    kind: Kind[object]
    unit: str
    help: str
    example: str
    is_secret: bool
    is_reloadable: bool


def _setting(
    default: T,
    kind: Kind[T],
    help: str,
    *,
    unit: str = "",
    example: str,
    is_secret: bool = False,
    is_reloadable: bool = False,
) -> T:
    declared = _Declared(kind, unit, help, example, is_secret, is_reloadable)
    return field(default=default, metadata={"setting": declared}, repr=not is_secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force, each of them checked."""

    stream_source: str = _setting(
        "auto",
        Text("auto, camera, rpicam, test, file:PATH, or - for standard input", _is_source),
        "Where the video comes from. `auto` is the camera where there is one, otherwise the test pattern; `camera` is "
        "worked through picamera2, `rpicam` by rpicam-vid or libcamera-vid; "
        "`file:` takes Annex-B H.264, MP4, MKV and TS, played over and over; `-` is Annex-B on standard input.",
        example="file:/srv/clip.mp4",
    )
    stream_width: int = _setting(
        1920, Integer(16, 8192, multiple=2), "Width of the picture.", unit="pixels", example="1280"
    )
    stream_height: int = _setting(
        1080, Integer(16, 8192, multiple=2), "Height of the picture.", unit="pixels", example="720"
    )
    stream_fps: float = _setting(
        30.0,
        Number(1, 240),
        "Frame rate of camera and test pattern, and of H.264 without a timing of its own.",
        unit="frames/s",
        example="25",
    )
    h264_profile: str = _setting("main", Choice("baseline", "main", "high"), "H.264 profile.", example="baseline")
    h264_encoder: str = _setting(
        "auto",
        Choice("auto", "v4l2", "x264"),
        "Which encoder the camera's frames go to: `v4l2` is the Pi's own (up to Pi 4), `x264` runs on its processor "
        "(Pi 5); `auto` takes the Pi's own where there is one.",
        example="x264",
    )
    h264_level: str = _setting(
        "4.1",
        H264Level(),
        "H.264 level. Raised, with a warning, where size, frame rate or bitrate need more.",
        example="4.2",
    )
    h264_bitrate: int | None = _setting(
        None,
        Automatic(Integer(50_000, 200_000_000)),
        "Target bitrate. `auto` follows from size and frame rate: 8000000 at 1920x1080 and 30 frames/s.",
        unit="bits/s",
        example="4000000",
        is_reloadable=True,
    )
    keyframe_interval: int = _setting(
        30,
        Integer(1, 1000),
        "From one keyframe to the next. A new viewer does not wait for it: the encoder is asked for one.",
        unit="frames",
        example="60",
        is_reloadable=True,
    )
    h264_inline_headers: bool = _setting(
        True, Toggle(), "Have the encoder repeat its parameter sets at every keyframe.", example="false"
    )
    h264_low_latency: bool = _setting(
        True, Toggle(), "Encode each frame on its own time: no B-frames, no look-ahead.", example="false"
    )
    h264_flush: bool = _setting(
        True, Toggle(), "Hand each encoded frame on at once instead of with the next one.", example="false"
    )
    h264_denoise: str = _setting(
        "cdn_off",
        Choice("auto", "off", "cdn_off", "cdn_fast", "cdn_hq"),
        "The camera's noise reduction, in rpicam-vid's words; `cdn_off` leaves out the colour part, which costs time.",
        example="cdn_fast",
    )
    h264_buffer_count: int = _setting(
        6,
        Integer(2, 16),
        "Frame buffers between camera and encoder. Fewer take less memory, too few lose frames.",
        unit="buffers",
        example="4",
    )
    camera_hflip: bool = _setting(False, Toggle(), "Mirror the camera's picture left to right.", example="true")
    camera_vflip: bool = _setting(False, Toggle(), "Mirror the camera's picture top to bottom.", example="true")
    camera_rotation: int = _setting(
        0,
        Integer(0, 180, multiple=180),
        "Turn the camera's picture by 0 or 180 degrees.",
        unit="degrees",
        example="180",
    )
    camera_index: int = _setting(
        0, Integer(0, 15), "Which camera, by its number in libcamera's list.", unit="number", example="1"
    )
    camera_controls: str = _setting(
        "",
        Text("libcamera controls such as AwbMode=Daylight, Brightness=0.1", _are_controls),
        "libcamera controls, checked against what the camera offers; `vstream probe` lists them.",
        example="AeExposureMode=Short, Brightness=0.1",
    )
    lens_position: float | None = _setting(
        None,
        Automatic(Number(0, 32)),
        "Fixed focus for a camera with autofocus, as one by the distance in metres: 0 is infinity, 2 half a metre. "
        "`auto` is continuous autofocus.",
        unit="dioptres",
        example="0",
    )
    camera_fail: str = _setting(
        "exit",
        Choice("exit", "wait"),
        "What to do when restarting did not help: `exit` with a code of its own, for systemd or Kubernetes to start "
        "all afresh, or `wait` and try on with long pauses.",
        example="wait",
    )
    frame_timeout_ms: int = _setting(
        1000,
        Integer(200, 60_000),
        "How old the newest frame may be before something is done about it.",
        unit="ms",
        example="2000",
    )
    max_restarts_per_minute: int = _setting(
        5, Integer(1, 1000), "Restarts of camera and encoder within a minute before CAMERA_FAIL applies.", example="3"
    )
    rtsp_host: str = _setting(
        "",
        Text("an IP address or a host name, or nothing for every address", _is_host),
        "Address to listen on. Empty is every address, IPv4 and IPv6.",
        example="192.168.1.20",
    )
    rtsp_port: int = _setting(
        8554, Integer(0, 65535), "TCP port of the RTSP server; 0 picks a free one.", unit="port", example="554"
    )
    rtsps_port: int = _setting(
        8322,
        Integer(0, 65535),
        "TCP port of RTSP over TLS, open where there is a certificate; 0 picks a free one.",
        unit="port",
        example="322",
    )
    rtsp_tls_cert: str = _setting(
        "",
        Text("the path of a file", _is_file_name),
        "PEM file with the certificate chain for RTSPS. It and its key are read again when they change.",
        example="/etc/vstream/tls.crt",
    )
    rtsp_tls_key: str = _setting(
        "",
        Text("the path of a file", _is_file_name),
        "PEM file with the certificate's key.",
        example="/etc/vstream/tls.key",
    )
    rtsp_path: str = _setting(
        "/video",
        Text("a path such as /video: a slash, then letters, digits or . _ ~ -", _is_path),
        "Path of the stream in its URL.",
        example="/front",
    )
    rtp_port: int = _setting(
        8000,
        Integer(0, 65534, multiple=2),
        "UDP port that RTP is sent from, for all viewers; RTCP has the next one, so it is even (RFC 3550 section 11). "
        "0 picks a free pair.",
        unit="port",
        example="6970",
    )
    rtsp_mtu: int = _setting(
        1400,
        Integer(256, 8972),
        "Largest RTP packet, its header included and those of UDP and IP not. 1400 fits Ethernet and Wi-Fi with room "
        "for IPv6 or a VLAN; 1200 passes most tunnels; 8972 is the most that jumbo frames carry.",
        unit="bytes",
        example="1200",
    )
    rtsp_multicast: str = _setting(
        "",
        Text(
            "a multicast address, an even port and a TTL from 1 to 255, such as 239.255.42.1/5004/16 or "
            "ff15::42/5004/16",
            _is_group,
        ),
        "Group for viewers that ask for multicast: one copy of the stream serves all of them. The TTL is how many "
        "routers it may pass, plus one; RTCP has the next port. Empty is off, and such viewers are answered 461. "
        "Whoever joins the group can watch, RTSP_AUTH or not.",
        example="239.255.42.1/5004/16",
    )
    rtsp_multicast_interface: str = _setting(
        "",
        Text("the name or an address of a network interface, such as eth0 or 192.168.1.20", _is_interface),
        "The interface that multicast leaves by. Empty is that of RTSP_HOST, or where that is every address the one "
        "that the system's routes name.",
        example="eth0",
    )
    rtsp_avpf: str = _setting(
        "auto",
        Choice("auto", "always", "never"),
        "Who is told by the description (RTP/AVPF) that lost packets and keyframes may be asked for over UDP: `auto` "
        "tells GStreamer and the players made of ffmpeg, `always` everyone, though VLC then plays nothing.",
        example="never",
        is_reloadable=True,
    )
    rtsp_auth: bool = _setting(
        False,
        Toggle(),
        "Whether viewers need RTSP_USERNAME and a password. They are asked for Digest, by MD5 or SHA-256.",
        example="true",
        is_reloadable=True,
    )
    rtsp_username: str = _setting(
        "",
        Text("a name without colon, double quote or backslash, at most 255 bytes", _is_username),
        "The user that viewers log in as.",
        example="viewer",
        is_reloadable=True,
    )
    rtsp_password: str = _setting(
        "",
        Text("a password of at most 1024 bytes, not of blanks alone", _is_password),
        "The password that viewers log in with. There is no flag for it, as others can read a command line.",
        example="correct horse",
        is_secret=True,
        is_reloadable=True,
    )
    rtsp_password_file: str = _setting(
        "",
        Text("the path of a file", _is_file_name),
        "File that holds the password instead of RTSP_PASSWORD, on one line; a line end behind it does not count. When "
        "the file changes the new password is in force within a second.",
        example="/run/secrets/rtsp-password",
        is_reloadable=True,
    )
    rtsp_auth_basic: bool = _setting(
        False,
        Toggle(),
        "Offer Basic on unencrypted connections, too. It sends the password readable; only for players that know no "
        "Digest.",
        example="true",
        is_reloadable=True,
    )
    rtsp_auth_read_networks: str = _setting(
        "",
        Text("networks and addresses such as 192.168.0.0/16, fd00::/8, 10.0.0.7", _are_networks),
        "Who may connect at all, with or without RTSP_AUTH. Empty is everybody.",
        example="192.168.0.0/16, fd00::/8",
        is_reloadable=True,
    )
    rtsp_websocket_origins: str = _setting(
        "",
        Text("origins such as https://nvr.example, http://192.168.1.5:8080, or * for every one", _are_origins),
        "Origins of the web pages that may open the stream over WebSocket. Empty is none, as otherwise any page that "
        "somebody near the camera visits could watch it; programs that are no browser may in any case.",
        example="https://nvr.example",
        is_reloadable=True,
    )
    rtsp_max_connections: int = _setting(
        1000,
        Integer(1, 100_000),
        "Connections at a time. Beyond it the oldest without a session gives way; where there is none the newcomer is "
        "answered 503.",
        unit="connections",
        example="200",
        is_reloadable=True,
    )
    rtsp_max_connections_per_address: int = _setting(
        500,
        Integer(1, 100_000),
        "Connections at a time from one IPv4 address or one IPv6 network of 64 bits; treated as RTSP_MAX_CONNECTIONS. "
        "It may have as many sessions, too. Viewers behind one NAT or proxy count as one address.",
        unit="connections",
        example="20",
        is_reloadable=True,
    )
    rtsp_max_sessions: int = _setting(
        1000,
        Integer(1, 100_000),
        "Sessions at a time, that is viewers; beyond it SETUP is answered 453.",
        unit="sessions",
        example="50",
        is_reloadable=True,
    )
    rtsp_session_timeout_s: int = _setting(
        60,
        Integer(10, 3600),
        "How long a session over UDP, or one that never played, lives without a request or RTCP from its viewer. "
        "Players are told.",
        unit="s",
        example="30",
        is_reloadable=True,
    )
    rtsp_request_timeout_s: int = _setting(
        10,
        Integer(1, 600),
        "How long a request may take from its first byte to its last; beyond it the answer is 408.",
        unit="s",
        example="5",
        is_reloadable=True,
    )
    rtsp_max_request_line_bytes: int = _setting(
        4096,
        Integer(256, 65536),
        "Longest first line of a request; beyond it 414.",
        unit="bytes",
        example="2048",
        is_reloadable=True,
    )
    rtsp_max_header_bytes: int = _setting(
        16384,
        Integer(1024, 262_144),
        "Longest header of a request; beyond it 400.",
        unit="bytes",
        example="8192",
        is_reloadable=True,
    )
    rtsp_max_body_bytes: int = _setting(
        16384,
        Integer(0, 1 << 20),
        "Longest body of a request; beyond it 413.",
        unit="bytes",
        example="4096",
        is_reloadable=True,
    )
    rtsp_queue_bytes: int = _setting(
        1 << 20,
        Integer(1 << 16, 1 << 28),
        "What may wait for one viewer who reads too slowly; beyond it whole pictures are dropped until a keyframe.",
        unit="bytes",
        example="262144",
        is_reloadable=True,
    )
    metrics_port: int = _setting(
        9090,
        Integer(0, 65535),
        "TCP port of metrics, health and status by HTTP; 0 turns them off. Where only this default is taken, vstream "
        "warns and runs without.",
        unit="port",
        example="9100",
    )
    metrics_host: str = _setting(
        "",
        Text("an IP address or a host name, or nothing for every address", _is_host),
        "Address that METRICS_PORT listens on. Whoever reaches it reads the addresses of viewers and every setting but "
        "passwords.",
        example="127.0.0.1",
    )
    mdns: bool = _setting(
        False,
        Toggle(),
        "Announce the stream on the local network as `_rtsp._tcp` (mDNS), with its path. A server that listens on "
        "loopback alone is not announced.",
        example="true",
    )
    shutdown_grace_s: float = _setting(
        1.0,
        Number(0.1, 30),
        "How long ending may take: viewers are told, and get what is queued for them as far as they read it.",
        unit="s",
        example="3",
        is_reloadable=True,
    )
    log_level: str = _setting(
        "info",
        Choice("debug", "info", "warning", "error"),
        "Least severe log lines to write.",
        example="debug",
        is_reloadable=True,
    )
    log_format: str = _setting(
        "text",
        Choice("text", "json"),
        "Log lines for people, or one JSON object each.",
        example="json",
        is_reloadable=True,
    )
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False, compare=False)

    def given(self, name: str) -> bool:
        """Whether somebody chose this setting, rather than its default being in force."""
        return self.origins.get(name, "default") != "default"

    @property
    def encodes(self) -> bool:
        """Whether the video is encoded here; a file and standard input bring H.264 of their own."""
        return self.stream_source != STDIN_SOURCE and not self.stream_source.startswith(FILE_PREFIX)

    @property
    def bitrate_bps(self) -> int:
        """Target bitrate in bits/s with `auto` resolved.

        Twice the pixels a second need less than twice the bits: neighbouring pixels and frames grow more alike. The
        exponent 0.75 gives 4.4 Mbit/s at 720p30, 8 at 1080p30 and 22.6 at 2160p30.
        """
        if self.h264_bitrate is not None:
            return self.h264_bitrate
        full_hd = 1920 * 1080 * 30
        share = self.stream_width * self.stream_height * self.stream_fps / full_hd
        return max(100_000, round(80 * math.pow(share, 0.75)) * 100_000)


class Setting(NamedTuple):
    """One line of the table: `name` is the attribute of `Settings`."""

    name: str
    kind: Kind[object]
    default: object
    unit: str
    help: str
    example: str
    is_secret: bool
    """Whether its value is shown nowhere, and it has no flag."""
    is_reloadable: bool
    """Whether a running server takes on another value; the rest need a restart."""

    @property
    def environment(self) -> str:
        return self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.removeprefix("stream_").replace("_", "-")

    @property
    def toggles(self) -> bool:
        """Whether the flag comes as a pair, `--x` and `--no-x`, instead of taking a value."""
        return isinstance(self.kind, Toggle)


def _table() -> tuple[Setting, ...]:
    table = []
    for column in fields(Settings):
        declared = cast("_Declared | None", column.metadata.get("setting"))
        if declared is not None:
            kind, unit, help_text, example, is_secret, is_reloadable = declared
            table.append(Setting(column.name, kind, column.default, unit, help_text, example, is_secret, is_reloadable))
    return tuple(table)


SETTINGS = _table()
