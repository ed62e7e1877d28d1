"""What ffmpeg decodes: one hash a picture, so that two streams can be compared bit by bit."""

import subprocess
from pathlib import Path


def picture_hashes(path: Path) -> list[str]:
    """Decode a file and give the MD5 of every picture in the order shown; anything on stderr fails the test."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:v"]
    command += ["-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return hashes_of(done.stdout)


def hashes_of(framehash: str) -> list[str]:
    """Cut the hashes out of the framehash muxer's lines."""
    return [line.rsplit(",", 1)[1].strip() for line in framehash.splitlines() if line and not line.startswith("#")]


def assert_is_run_of(pictures: list[str], source: list[str]) -> None:
    """See that `pictures` are the source's, one after the other, beginning anywhere and going round."""
    assert len(set(source)) == len(source), "pictures that look alike prove nothing"
    begin = source.index(pictures[0])
    assert pictures == [source[(begin + number) % len(source)] for number in range(len(pictures))]
