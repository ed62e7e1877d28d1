"""What an attack is."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from tests.hostile.target import Target


class Attack(ABC):
    """One way to harm a server; each sees for itself that it is answered as it should be."""

    name: ClassVar[str]
    flags: ClassVar[tuple[str, ...]] = ()
    """What the server is started with, so that its limits are reached soon."""

    needs_login: ClassVar[bool] = False
    """Whether the server asks for a password; good viewers have it."""

    @abstractmethod
    def wage(self, target: Target) -> AbstractContextManager[None]:
        """Attack: the block runs at the height of it, and nothing of the attackers is left behind it."""
