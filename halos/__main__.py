"""`python -m halos` is the `halos` command."""

import sys

from halos.commands import main

sys.exit(main())
