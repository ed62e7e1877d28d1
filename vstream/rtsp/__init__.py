"""RTSP 1.0 without input or output: bytes and the time go in, answers and effects come out (RFC 2326)."""
