"""``python -m upo_cli``, and with it ``accelerate launch -m upo_cli train ...``."""

from __future__ import annotations

from upo_cli.main import main

if __name__ == "__main__":
    main()
