"""`python -m talkpath`."""

import sys

from talkpath.cli import main

sys.exit(main())
