"""What can be wrong with a stream."""

from __future__ import annotations

from proxy.core.errors import GroundwireError


class BadLine(GroundwireError):  # noqa: N818 - a finding about a line of the input
    """A line that is no record; the message says what it lacks. The replay goes on with the next."""


class BadStream(GroundwireError):  # noqa: N818 - a finding about the whole input
    """A stream that cannot be replayed at all; the message says where and the mend."""
