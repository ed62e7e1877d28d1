"""Asks a running server how it is, for `vstream status` and `vstream healthcheck`."""

import json
import re
from collections.abc import Mapping
from http.client import HTTPException
from typing import cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from vstream.config import Settings
from vstream.errors import UnreachableError

_TIMEOUT_S = 5.0
_EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}

Document = Mapping[str, object]


def base_url(settings: Settings) -> str:
    """Where a server with these settings answers on this machine."""
    host = settings.metrics_host
    authority = _EVERY_ADDRESS.get(host) or (f"[{host}]" if ":" in host else host)
    return f"http://{authority}:{settings.metrics_port}"


def fetch(url: str, key: str) -> tuple[int, Document]:
    """The HTTP status and the JSON document behind a URL; never by a proxy.

    Raises:
        UnreachableError: nobody answers there, or not with a JSON object that has `key`, as vstream's has.
    """
    if not _is_url(url):
        raise UnreachableError(f"{url} is no URL of a server: give one such as http://127.0.0.1:9090")
    try:
        status, body = _answer(url)
    except HTTPException as error:
        raise UnreachableError(f"{url} answers, but is no vstream") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise UnreachableError(f"{url} does not answer: {why}; METRICS_PORT says where a server does") from error
    return status, _document(url, body, key)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # looked at, it is refused where it is none
        return parts.scheme in {"http", "https"} and not re.search(r"[\x00-\x20\x7f]", text)
    except ValueError:
        return False


def _answer(url: str) -> tuple[int, bytes]:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT_S) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def _document(url: str, body: bytes, key: str) -> Document:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or key not in found:
        raise UnreachableError(f"{url} answers, but is no vstream")
    return cast(Document, found)
