"""Runs a command that ends when its parent does, however the parent ends.

`python leash.py SIGNAL PARENT COMMAND...` asks the kernel (Linux, prctl) for SIGNAL when the
process PARENT is gone, then becomes COMMAND. Elsewhere it only becomes COMMAND. Standard library
only: it runs before every service, without site-packages.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(signal: int, parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before the kernel was asked
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
