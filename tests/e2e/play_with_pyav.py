"""A viewer in PyAV: `URL TRANSPORT FRAMES`; prints how many frames it decoded."""

import sys

import av
import av.logging


def main(url: str, transport: str, frames: int) -> None:
    av.logging.set_level(av.logging.ERROR)
    av.logging.restore_default_callback()
    decoded = 0
    with av.open(url, options={"rtsp_transport": transport}) as container:
        for _ in container.decode(video=0):
            decoded += 1
            if decoded == frames:
                break
    print(decoded)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
