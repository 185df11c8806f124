"""`python -m ferrobee` is the command `ferrobee`."""

from __future__ import annotations

import sys

from ferrobee.cli import main

sys.exit(main())
