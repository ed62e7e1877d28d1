from io import FileIO
from queue import Queue

from picamera2.encoders.encoder import Encoder

class V4L2Encoder(Encoder):
    vd: FileIO
    framerate: float | None
    _enable_framerate: bool
    _controls: list[tuple[int, int]]

    def __init__(self, bitrate: int, pixformat: int) -> None: ...
    def thread_poll(self, buf_available: Queue[int]) -> None: ...
