"""Addresses that keep failing to authenticate: they wait for their answers, then are refused for a while."""

from collections import OrderedDict
from dataclasses import dataclass

from vstream.networks import site

FREE_FAILURES = 3
REFUSED_AFTER_FAILURES = 10
REFUSED_S = 60.0
FORGOTTEN_AFTER_S = 600.0
SITES_LIMIT = 4096
_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 4.0


@dataclass(slots=True)
class _Record:
    failures: int = 0
    newest_s: float = 0.0
    refused_until_s: float = 0.0


class Penalties:
    """Remembers the latest offenders, an IPv6 network of 64 bits as one; nobody else is touched by what they do."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._records)

    def failed(self, host: str, now_s: float) -> float:
        """Note a failure; gives how long the answer should wait, in seconds."""
        key = site(host)
        record = self._records.setdefault(key, _Record())
        self._records.move_to_end(key)
        if now_s - record.newest_s > FORGOTTEN_AFTER_S:
            record.failures = 0
        record.failures += 1
        record.newest_s = now_s
        if record.failures >= REFUSED_AFTER_FAILURES:
            record.refused_until_s = now_s + REFUSED_S
            # One more guess after that time, then the same again.
            record.failures = REFUSED_AFTER_FAILURES - 1
        while len(self._records) > SITES_LIMIT:
            self._records.popitem(last=False)
        beyond = record.failures - FREE_FAILURES
        return min(_FIRST_DELAY_S * 2 ** (beyond - 1), _LONGEST_DELAY_S) if beyond > 0 else 0.0

    def refuses(self, host: str, now_s: float) -> bool:
        """Whether the address is refused at this time."""
        record = self._records.get(site(host)) if self._records else None
        return record is not None and now_s < record.refused_until_s
