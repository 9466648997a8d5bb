"""Implicit reward margins of models that learn nothing, for every family and layout: they must be zero."""
