from collections.abc import Mapping
from types import TracebackType

import libcamera
import numpy as np
import numpy.typing as npt

class CompletedRequest:
    def get_metadata(self) -> Mapping[str, object]: ...
    request: libcamera.Request

class MappedArray:
    def __init__(self, request: CompletedRequest, stream: str) -> None: ...
    @property
    def array(self) -> npt.NDArray[np.uint8]: ...
    def __enter__(self) -> MappedArray: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
