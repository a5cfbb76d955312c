"""``python -m overfeat.cli``, the same as ``overfeat``."""

import sys

from overfeat.cli import main

sys.exit(main())
