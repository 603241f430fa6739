"""`python -m loadtest --rate 50 --seconds 60`: a load against a running stack.

Exit code 0: every SLO holds; 1: one is broken; 2: there is nothing to load, or a wrong option.
"""

import argparse
import os
import sys

try:
    import locust  # noqa: F401 - first: it makes sockets and locks those of greenlets
except ImportError:
    print("error: a load needs locust: pip install 'recstack[load]'", file=sys.stderr)
    sys.exit(2)

from loadtest.headless import load
from loadtest.options import Options, add_options, options_of
from services.chassis.errors import StartupError

# As the other commands read it.
ENVIRONMENT = {
    "address": "RECSTACK_ADDRESS",
    "url": "RECSTACK_URL",
    "ca": "RECSTACK_TLS_CA",
    "certificate": "RECSTACK_TLS_CERTIFICATE",
    "key": "RECSTACK_TLS_KEY",
}


def main() -> None:
    try:
        report = load(_options())
    except StartupError as error:
        sys.exit(_said(f"error: {error}\n  {error.hint}"))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if report.holds else 1)


def _options() -> Options:
    parser = argparse.ArgumentParser("recstack load", description="A load on a running stack.")
    add_options(parser)
    parser.set_defaults(
        **{name: value for name, key in ENVIRONMENT.items() if (value := os.environ.get(key))}
    )
    try:
        return options_of(parser.parse_args())
    except ValueError as error:
        parser.error(str(error))


def _said(line: str) -> int:
    print(line, file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
