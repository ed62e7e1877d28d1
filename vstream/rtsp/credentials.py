"""The user name and password that open the stream."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """One user; players send both as UTF-8, so both are kept as such. The password is in no repr."""

    username: bytes
    password: bytes = field(repr=False)
