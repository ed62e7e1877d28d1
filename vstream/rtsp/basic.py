"""Basic authentication: user name and password as they are, fit for encrypted connections only (RFC 7617)."""

import base64
import binascii
import hmac

from vstream.rtsp.credentials import Credentials


def challenge(realm: str) -> str:
    """The value of WWW-Authenticate."""
    return f'Basic realm="{realm}"'


def decode(text: str) -> Credentials:
    """What the client sent behind `Basic`.

    Raises:
        ValueError: it is no base64 of `user:password`.
    """
    try:
        username, colon, password = base64.b64decode(text.strip(" \t"), validate=True).partition(b":")
    except binascii.Error:
        raise ValueError("credentials that are no base64") from None
    if not colon:
        raise ValueError("credentials without a password")
    return Credentials(username, password)


def matches(given: Credentials, known: Credentials) -> bool:
    """Whether both are the same; takes as long for a wrong user as for a wrong password."""
    user_is_right = hmac.compare_digest(given.username, known.username)
    password_is_right = hmac.compare_digest(given.password, known.password)
    return user_is_right & password_is_right
