"""Where a class or function stands, so that another process finds it."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["find", "locate"]


def locate(found: Any) -> dict[str, str] | None:
    """Return module, file and name of a class or function; None if it is local, a lambda, or has no file."""
    name: str = getattr(found, "__qualname__", "<")
    module = sys.modules.get(getattr(found, "__module__", ""))
    file = getattr(module, "__file__", None)
    if module is None or file is None or "<" in name:
        return None
    return {"module": module.__name__, "file": file, "name": name}


def find(place: dict[str, str]) -> Any:
    """Return what :func:`locate` described; a module that cannot be imported by name is loaded from its file."""
    found: Any = _module(place["module"], place["file"])
    for part in place["name"].split("."):
        found = getattr(found, part)
    return found


def _module(name: str, file: str) -> ModuleType:
    if name != "__main__":
        try:
            return import_module(name)
        except ImportError:
            pass
    spec = spec_from_file_location(name if name != "__main__" else "__upo_main__", file)
    if spec is None or spec.loader is None:
        msg = f"{file} cannot be loaded"
        raise ImportError(msg)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
