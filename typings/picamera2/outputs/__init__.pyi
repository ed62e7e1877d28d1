class Output:
    def __init__(self, pts: str | None = None) -> None: ...
    def outputframe(
        self,
        frame: bytes,
        keyframe: bool = True,
        timestamp: int | None = None,
        packet: object = None,
        audio: bool = False,
    ) -> None: ...
