"""H.264 clips made by x264, so small that a server, its players and the tests share two cores."""

import subprocess
from pathlib import Path

FPS = 30


def encode(
    path: Path, x264: str, *, frames: int = 90, size: str = "320x240", picture: str = "testsrc2", more: str = ""
) -> Path:
    """Encode pictures at 30 frames/s into `path`, whose suffix names the container; `more` are output options."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"{picture}=size={size}:rate={FPS}"]
    command += ["-frames:v", str(frames), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast"]
    subprocess.run([*command, "-x264-params", x264, *more.split(), str(path)], check=True)
    return path
