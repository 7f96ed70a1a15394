"""What follows from a frozen object alone is found once and kept with it: reports ask the same of a record many times.

Neither equality, nor the codec, nor `dataclasses.replace` looks at what is kept, so none of it outlives the object.
"""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def kept(find: Callable[[K], T]) -> Callable[[K], T]:
    """Make a function of one frozen object, without slots, find its answer once per object."""
    name = f"kept:{find.__module__}.{find.__qualname__}"

    @wraps(find)
    def found(of: K) -> T:
        known = of.__dict__
        try:
            answer: T = known[name]
        except KeyError:
            answer = known[name] = find(of)
        return answer

    return found
