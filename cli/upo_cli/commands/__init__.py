"""One module per command; each has a ``NAME`` and ``register(app)``."""
