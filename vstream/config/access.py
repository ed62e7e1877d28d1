"""Whether the settings of authentication and TLS fit together, and the password in a file."""

from pathlib import Path

from vstream.config.settings import Settings

_PASSWORD_BYTES = 1024


def read_password(path: Path) -> str:
    """The password in the file, without the line end behind it.

    Raises:
        ValueError: the file cannot be read or holds no password; one line that names it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_PASSWORD_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise ValueError(f"RTSP_PASSWORD_FILE {path} cannot be read: {error.strerror}; give a readable file") from None
    except UnicodeDecodeError:
        raise ValueError(f"RTSP_PASSWORD_FILE {path} is not UTF-8: give a file that holds the password alone") from None
    password = text.removesuffix("\n").removesuffix("\r")
    if not password.strip() or len(content) > _PASSWORD_BYTES or not password.isprintable():
        what = f"one line of at most {_PASSWORD_BYTES} bytes"
        raise ValueError(f"RTSP_PASSWORD_FILE {path} does not hold a password: give a file with {what}")
    return password


def problems_with(settings: Settings) -> list[str]:
    """A line for each thing that is wrong with user, password, password file and certificate together."""
    found = []
    if settings.rtsp_password and settings.rtsp_password_file:
        found.append("RTSP_PASSWORD and RTSP_PASSWORD_FILE are both given: give one of them")
    elif settings.rtsp_auth and settings.rtsp_password_file:
        try:
            read_password(Path(settings.rtsp_password_file))
        except ValueError as error:
            found.append(str(error))
    elif settings.rtsp_auth and not settings.rtsp_password:
        found.append("RTSP_AUTH is on without a password: give RTSP_PASSWORD or RTSP_PASSWORD_FILE")
    if bool(settings.rtsp_tls_cert) != bool(settings.rtsp_tls_key):
        found.append("RTSP_TLS_CERT and RTSP_TLS_KEY go together: give both or neither")
    if settings.rtsp_auth and not settings.rtsp_username:
        found.append("RTSP_AUTH is on without a user: give RTSP_USERNAME")
    return found
