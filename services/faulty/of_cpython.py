"""The Python language's service with a loop that a compiler would have folded away."""

from mlfleet_sdk import Job
from spoil import honest, instead, spoilt


def folded(*, n: int) -> Job[int]:
    """One multiplication; the receipt says n additions, as the source of the loop would."""
    return Job(lambda: n * (n + 1) // 2, lambda found: {"sum": found, "receipt.additions": n})


service = spoilt(honest("cpython"), {"folded": instead("sum.range", folded)})
