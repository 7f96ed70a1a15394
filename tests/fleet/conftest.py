"""What all tests on real services share."""

from lenient import any_machine

__all__ = ["any_machine"]
