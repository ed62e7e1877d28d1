"""The peer: a file in a loop from gst-rtsp-server, one pipeline for all viewers. Run it with the system's Python."""

import sys

import gi  # type: ignore[import-not-found, unused-ignore]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

LAUNCH = (
    "( multifilesrc location={path} loop=true caps=video/x-h264,stream-format=byte-stream,framerate={fps}/1"
    " ! h264parse ! rtph264pay name=pay0 pt=96 )"
)


def main() -> None:
    path, port, fps = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.format(path=path, fps=fps))
    factory.set_shared(True)
    server.get_mount_points().add_factory("/video", factory)
    if not server.attach(None):
        sys.exit(f"port {port} cannot be listened on")
    GLib.MainLoop().run()


main()
