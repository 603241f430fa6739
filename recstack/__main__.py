"""`python -m recstack` is `recstack`."""

from recstack.cli import main

main()
