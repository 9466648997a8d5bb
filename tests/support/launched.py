"""Runs commands one after the other in every rank of a launch: ``torch.distributed.run ... launched.py COMMANDS``."""

from __future__ import annotations

import json
import sys

from upo_cli.main import main

for command in json.loads(sys.argv[1]):
    try:
        main(command)
    except SystemExit as ended:
        if ended.code:
            raise
