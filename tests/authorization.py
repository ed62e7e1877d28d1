"""Credentials as others compute them: Digest by the standard library's HTTP client, Basic by its email package."""

import urllib.request
from email.base64mime import body_encode
from typing import cast
from urllib.request import Request

_ANYWHERE = "http://server/"


class DigestClient:
    """Answers challenges and counts its uses of a nonce."""

    def __init__(self, username: str, password: str) -> None:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, _ANYWHERE, username, password)
        self._handler = urllib.request.HTTPDigestAuthHandler(passwords)

    def header(self, challenge: str, method: str, uri: str) -> str:
        """The header line Authorization for a request; a challenge without qop gets the form of RFC 2069."""
        parameters = urllib.request.parse_keqv_list(urllib.request.parse_http_list(challenge.partition(" ")[2]))
        request = _Asked(method, uri)
        value = self._handler.get_authorization(cast("Request", request), parameters)
        return f"Authorization: Digest {value}"


class _Asked:
    """As much of an HTTP request as the handler looks at."""

    data = None
    full_url = _ANYWHERE

    def __init__(self, method: str, uri: str) -> None:
        self.selector = uri
        self._method = method

    def get_method(self) -> str:
        return self._method


def basic_header(username: str, password: str) -> str:
    """The header line Authorization for any request."""
    return f"Authorization: Basic {body_encode(f'{username}:{password}'.encode(), eol='').strip()}"
