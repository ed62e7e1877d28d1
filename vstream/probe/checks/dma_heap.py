"""The heap that frame buffers come from, and whether a stream's fit into it."""

import re

from vstream.probe.finding import Finding, failure, ok, warning
from vstream.probe.subject import Need, Subject

PATTERN = "/dev/dma_heap/*"
_BYTES_A_PIXEL = 1.5
_ADVICE = 'a udev rule opens it: SUBSYSTEM=="dma_heap", GROUP="video", MODE="0660"'


def check(subject: Subject) -> Finding:
    """Whether there is a dma_heap that we may use, with room for the buffers that the settings ask for."""
    machine, settings = subject.machine, subject.settings
    heaps = machine.find(PATTERN)
    if not heaps:
        return subject.absence(
            "no /dev/dma_heap", "picamera2 takes frame buffers from there: hand it into the container"
        )
    free_mib = _cma_free_mib(machine.text("/proc/meminfo") or "")
    frame_bytes = settings.stream_width * settings.stream_height * _BYTES_A_PIXEL
    needed_mib = round(frame_bytes * settings.h264_buffer_count / (1 << 20))
    usable = [heap.name for heap in heaps if machine.refusal(heap) is None]
    facts: dict[str, object] = {
        "heaps": [heap.name for heap in heaps],
        "usable": usable,
        "cma_free_mib": free_mib,
        "needed_mib": needed_mib,
    }
    seen = f"{', '.join(heap.name for heap in heaps)}"
    if not usable and subject.need is not Need.NONE:
        return failure(f"{seen}: we may use none of them", _ADVICE, facts)
    if free_mib is not None:
        seen += f"; {free_mib} MiB of contiguous memory free, frames take {needed_mib}"
    if free_mib is not None and free_mib < needed_mib and subject.need is not Need.NONE:
        return warning(
            seen, "lower the size or H264_BUFFER_COUNT, or reserve more: dtoverlay=vc4-kms-v3d,cma-512", facts
        )
    return ok(seen, facts)


def _cma_free_mib(meminfo: str) -> int | None:
    """Free memory of the contiguous allocator; None where the kernel has none."""
    total, free = (re.search(rf"^{name}:\s+(\d+) kB", meminfo, re.MULTILINE) for name in ("CmaTotal", "CmaFree"))
    return int(free[1]) // 1024 if total and free and int(total[1]) else None
