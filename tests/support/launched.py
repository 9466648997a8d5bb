"""Runs commands one after the other in the ranks of one launch: ``torch.distributed.run launched.py COMMANDS``."""

from __future__ import annotations

import json
import os
import sys

from upo_cli.main import main

if __name__ == "__main__":
    for cache, command in json.loads(sys.argv[1]):
        os.environ["UPO_CACHE_DIR"] = cache
        try:
            main(command)
        except SystemExit as ended:
            if ended.code:
                raise
