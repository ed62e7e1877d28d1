from libcamera import ControlId

SensorTimestamp: ControlId

class draft: ...  # noqa: N801
