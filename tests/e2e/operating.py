"""What an operator does with a running server: ask its HTTP port, and scrape its metrics."""

import json
import random
import socket
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 20
PREFIX = "video_streamer_"


class Operator:
    """Knows where one server's HTTP port is. Each has a loopback address of its own, so that no two tests meet."""

    def __init__(self) -> None:
        self.host = f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(1, 255)}"
        with socket.create_server((self.host, 0)) as free:
            self.port: int = free.getsockname()[1]

    @property
    def flags(self) -> tuple[str, ...]:
        """What makes a server listen there."""
        return "--metrics-host", self.host, "--metrics-port", str(self.port)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of one page."""
        try:
            with urlopen(self.url + path, timeout=TIMEOUT_S) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def json(self, path: str) -> Any:
        return json.loads(self.get(path)[1])

    def metrics(self) -> Mapping[str, float]:
        """Every sample by its name without the prefix, labels as `name{label=value}`."""
        samples = {}
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
                samples[sample.name.removeprefix(PREFIX) + (f"{{{labels}}}" if labels else "")] = sample.value
        return samples
