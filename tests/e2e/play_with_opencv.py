"""A viewer in OpenCV: `URL TRANSPORT FRAMES`; prints how many frames it decoded. The environment sets the transport."""

import os
import sys

import cv2


def main(url: str, transport: str, frames: int) -> None:
    assert transport in os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"]
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    decoded = 0
    while decoded < frames and capture.read()[0]:
        decoded += 1
    capture.release()
    print(decoded)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
