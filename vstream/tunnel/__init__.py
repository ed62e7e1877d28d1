"""RTSP inside of HTTP: what carries it through proxies and into browsers. Nothing here does I/O."""
