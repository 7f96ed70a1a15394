"""How a call to a service can fail: what classify judges."""


class CallFailed(Exception):  # noqa: N818 - what a service answered, judged by classify
    """A call that did not end well: gRPC's code, the service's own reason, and its text (untrusted)."""

    def __init__(self, call: str, code: str, reason: str, message: str) -> None:
        super().__init__(f"{call}: {code} ({reason or 'no reason'}): {message}")
        self.call, self.code, self.reason, self.message = call, code, reason, message


class Malformed(Exception):  # noqa: N818 - a verdict, protocol_violation
    """A reply that is not shaped as the contract says."""


class NotServing(Exception):  # noqa: N818 - a verdict, timed_out
    """The service was not SERVING in time; says what was found instead."""
