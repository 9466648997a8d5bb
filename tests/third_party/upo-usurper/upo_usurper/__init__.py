"""Leaves a trace when it is imported."""

import os
from pathlib import Path

Path(os.environ["UPO_USURPER_TRACE"]).write_text("ran", encoding="utf-8")
