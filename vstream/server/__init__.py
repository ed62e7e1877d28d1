"""Sockets, threads and the clock around the RTSP core."""
