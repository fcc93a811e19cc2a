"""`python -m maskgit` is the command line."""

import sys

from maskgit.cli import main

sys.exit(main())
