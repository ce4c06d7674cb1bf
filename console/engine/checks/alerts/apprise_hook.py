"""Hands one notification to Apprise, in a process of its own that can be ended: JSON on standard input."""

from __future__ import annotations

import importlib
import json
import sys


def main() -> int:
    """0: every address took it. Addresses hold passwords: none is ever shown."""
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        sys.stderr.write("it is not installed: pip install 'opsconsole[apprise]'\n")
        return 2
    document = json.load(sys.stdin)
    teller = apprise.Apprise()
    for number, url in enumerate(document["urls"], 1):
        if not teller.add(url):
            sys.stderr.write(f"address {number} of [notify].apprise is none that it knows\n")
            return 2
    if teller.notify(title=document["title"], body=document["text"]):
        return 0
    sys.stderr.write("not every address took it\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
