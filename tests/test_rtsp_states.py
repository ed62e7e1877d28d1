"""Each method in each state of a session (RFC 2326 appendix A.2): the status, and the state after it."""

import pytest

from tests.rtsp_client import TRACK, URL, Client

TRANSPORT = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
NEUTRAL = ("OPTIONS", "DESCRIBE", "GET_PARAMETER", "SET_PARAMETER")
REFUSED = {"ANNOUNCE": 405, "RECORD": 405, "REDIRECT": 405, "DANCE": 501}

TABLE: dict[tuple[str, str], tuple[int, str]] = {
    ("init", "SETUP"): (200, "ready"),
    ("init", "PLAY"): (455, "init"),
    ("init", "PAUSE"): (455, "init"),
    ("init", "TEARDOWN"): (455, "init"),
    ("ready", "SETUP"): (200, "ready"),
    ("ready", "PLAY"): (200, "playing"),
    ("ready", "PAUSE"): (200, "ready"),
    ("ready", "TEARDOWN"): (200, "init"),
    ("playing", "SETUP"): (455, "playing"),
    ("playing", "PLAY"): (200, "playing"),
    ("playing", "PAUSE"): (200, "ready"),
    ("playing", "TEARDOWN"): (200, "init"),
    **{(state, method): (200, state) for state in ("init", "ready", "playing") for method in NEUTRAL},
    **{
        (state, method): (status, state) for state in ("init", "ready", "playing") for method, status in REFUSED.items()
    },
}


def _in_state(state: str) -> tuple[Client, list[str]]:
    client = Client()
    if state == "init":
        return client, []
    header = client.set_up()
    if state == "playing":
        client.ask("PLAY", URL, header)
    return client, [header]


def _state(client: Client) -> str:
    states = [session.state.value for session in client.dialogue.sessions.values()]
    return states[0] if states else "init"


@pytest.mark.parametrize(("state", "method"), TABLE.keys())
def test_method_in_state(state: str, method: str) -> None:
    client, fields = _in_state(state)
    status, after = TABLE[state, method]
    reply = client.ask(method, TRACK, *fields, TRANSPORT)
    assert (reply.status, _state(client)) == (status, after)


@pytest.mark.parametrize("state", ["init", "ready", "playing"])
def test_allow_names_exactly_the_methods_that_work(state: str) -> None:
    for method in ("SETUP", "PLAY", "PAUSE", "TEARDOWN"):
        client, fields = _in_state(state)
        reply = client.ask(method, TRACK, *fields, TRANSPORT)
        if reply.status == 455:
            allowed = {element.strip() for element in reply.headers["Allow"].split(",")}
            expected = {name for (in_state, name), (code, _) in TABLE.items() if in_state == state and code == 200}
            assert allowed == expected
