"""What each path of the HTTP port answers."""

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from prometheus_client.exposition import choose_encoder

from vstream.http.health import Verdict, live, ready
from vstream.http.metrics import registry
from vstream.http.rates import Rates
from vstream.http.status import health, status, verdict
from vstream.service import Service

_JSON = "application/json"


class Page(NamedTuple):
    """One answer; `content_type` is a media type."""

    status: int
    content_type: str
    body: bytes


class Pages:
    """Makes each page when it is asked for."""

    def __init__(self, service: Service, rates: Rates) -> None:
        self._service = service
        self._rates = rates
        self._registry = registry(service, rates)
        self._by_path: Mapping[str, Callable[[str], Page]] = {
            "/metrics": self._metrics,
            "/livez": lambda _: _checked(live(service)),
            "/readyz": lambda _: _checked(ready(service)),
            "/healthz": lambda _: self._health(),
            "/status": lambda _: _in_json(200, status(service, rates)),
        }

    def page(self, path: str, accept: str) -> Page:
        """The answer to GET for a path without its query; `accept` is the request's Accept field."""
        make = self._by_path.get(path)
        if make is None:
            return Page(404, "text/plain", f"Here are {', '.join(self._by_path)}\n".encode())
        return make(accept)

    def _metrics(self, accept: str) -> Page:
        encode, content_type = choose_encoder(accept)
        return Page(200, content_type, encode(self._registry))

    def _health(self) -> Page:
        is_well = live(self._service).is_good and ready(self._service).is_good
        return _in_json(200 if is_well else 503, {"ok": is_well, **health(self._service)})


def _checked(given: Verdict) -> Page:
    return _in_json(200 if given.is_good else 503, verdict(given))


def _in_json(code: int, content: Mapping[str, object]) -> Page:
    return Page(code, _JSON, (json.dumps(content, indent=2) + "\n").encode())
