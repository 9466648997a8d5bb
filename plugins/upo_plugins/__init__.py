"""Built-in plugins; each is registered through the same entry-point group as a third party's."""
