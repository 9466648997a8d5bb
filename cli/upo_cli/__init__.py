"""The ``upo`` command line: parses, calls the SDK, shows what comes back."""
