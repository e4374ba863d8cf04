"""`groundwire demo`."""

from __future__ import annotations

from argparse import Namespace


def demo(arguments: Namespace) -> int:
    """Run the story; 0 only if the route was really reverted and its base really answered."""
    from proxy.demo.run import main  # noqa: PLC0415 - it loads a display and a client

    return main(arguments.upstream, keep=arguments.keep, plain=arguments.plain)
