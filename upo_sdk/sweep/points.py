"""From the grid to its points: every combination of what varies, each a configuration of an ordinary run."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.config import ObjectiveRef, RunConfig, build_config, merge
from upo_sdk.config.files import flattened
from upo_sdk.errors import ConfigError, ObjectiveRefError
from upo_sdk.plugin.names import label_of
from upo_sdk.records import SweepAxis, SweepPoint
from upo_sdk.sweep.grid import ObjectiveGrid, Variant, parse_objective

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from upo_sdk.plugin.registry import Registry
    from upo_sdk.sweep.sweep import SweepConfig

__all__ = ["Grid", "make_grid", "point_name", "train_command"]

SEED = "seed"

_OF_THE_SWEEP = {"output_dir", "overwrite_output_dir", "resume_from_checkpoint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What varies, and every point; the points are pending, and have the names they would have in a new folder."""

    axes: tuple[SweepAxis, ...]
    points: tuple[SweepPoint, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """A value of an axis that is no objective's: the settings that it stands for."""

    values: dict[str, str]
    settings: dict[str, Any]


def make_grid(config: SweepConfig, registry: Registry) -> Grid:
    """Return the points of a sweep, in the order of the grid: the last axis changes fastest, the seed fastest of all.

    Raises:
        ConfigError: The grid cannot be read, nothing varies, or a point is no valid configuration.
    """
    objectives = _objective_grids(config, registry)
    settings = [_setting_choices(key, values) for key, values in config.settings.items()]
    seeds = _seed_choices(config)
    axes = [axis for grid in objectives for axis in grid.axes]
    axes += [SweepAxis(key=key, values=tuple(map(str, values))) for key, values in config.settings.items()]
    varied: list[Sequence[Variant | _Choice]] = [*(grid.variants for grid in objectives), *settings]
    combinations = list(product(*varied))
    if config.random is not None:
        combinations = _drawn(combinations, config.random, config.base.training.seed)
    if config.seeds is not None:
        axes.append(SweepAxis(key=SEED, values=tuple(choice.values[SEED] for choice in seeds)))
    if not any(len(axis.values) > 1 for axis in axes):
        raise ConfigError(
            "no setting has several values, so there is nothing to sweep",
            where="`objectives`",
            fix="give several values, for example `objectives=toxicity:0,0.1,0.3`, or `seeds=3`; for one run, train",
        )
    points = list[SweepPoint]()
    for combination in combinations:
        for seed in seeds:
            points.append(_point(config.base, combination, seed, [point.name for point in points]))
    return Grid(axes=tuple(axes), points=tuple(points))


def _objective_grids(config: SweepConfig, registry: Registry) -> list[ObjectiveGrid]:
    if not config.objectives:
        return [
            ObjectiveGrid(label=label_of(ref, registry), axes=(), variants=(Variant(ref=ref, values={}),))
            for ref in config.base.objectives
        ]
    grids = [parse_objective(text, registry) for text in config.objectives]
    labels = [grid.label for grid in grids]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ObjectiveRefError(
            f"objective '{twice}' is named twice",
            where="`objectives`",
            fix=f"give all of its values at once, for example {twice}:0.1,0.3, or one of the two a label: as=NAME",
        )
    return grids


def _setting_choices(key: str, values: Sequence[Any]) -> list[_Choice]:
    if key.partition(".")[0] in {"objectives", "plugins", *_OF_THE_SWEEP} or key == "training.seed":
        fix = "use `seeds=N`" if key == "training.seed" else "vary objectives in `objectives`"
        raise ConfigError(f"'{key}' cannot be varied as a setting", where="`settings`", fix=fix)
    texts = [str(value) for value in values]
    if not values or len(set(texts)) < len(texts) or "" in texts:
        raise ConfigError(f"the values of '{key}' are empty or not distinct", where="`settings`", fix=f"{key}=V1,V2")
    return [_Choice({key: text}, _nested(key, value)) for text, value in zip(texts, values, strict=True)]


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _seed_choices(config: SweepConfig) -> list[_Choice]:
    if config.seeds is None:
        return [_Choice({}, {})]
    first = config.base.training.seed
    return [_Choice({SEED: str(first + n)}, _nested("training.seed", first + n)) for n in range(config.seeds)]


def _drawn(combinations: list[Any], count: int, seed: int) -> list[Any]:
    order = np.random.default_rng(seed).permutation(len(combinations))
    return [combinations[index] for index in sorted(order[:count])]


def _point(
    base: RunConfig, combination: Sequence[Variant | _Choice], seed: _Choice, taken: Sequence[str]
) -> SweepPoint:
    varied = {key: value for choice in combination for key, value in choice.values.items()}
    values = {**varied, **seed.values}
    name = point_name(values, taken)
    refs = [choice.ref for choice in combination if isinstance(choice, Variant)]
    layers = [choice.settings for choice in (*combination, seed) if isinstance(choice, _Choice)]
    settings = _shared(base)
    for layer in layers:
        settings = merge(settings, layer)
    config = build_config(settings, {"objectives": refs}, where=f"point {name}")
    written = config.model_dump(mode="json", exclude_unset=True, by_alias=True, exclude=_OF_THE_SWEEP)
    return SweepPoint(
        name=name,
        row=point_name(varied) if seed.values else name,
        folder=f"points/{name}",
        values=values,
        objectives=tuple(str(ref) for ref in config.objectives),
        seed=config.training.seed,
        command=_command(written, config.objectives, name),
        config=written,
        fingerprint=hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest(),
    )


def _shared(base: RunConfig) -> dict[str, Any]:
    return base.model_dump(exclude_unset=True, by_alias=True, exclude=_OF_THE_SWEEP)


def _command(settings: Mapping[str, Any], objectives: Sequence[ObjectiveRef], name: str) -> str:
    if all(_is_writable(ref) for ref in objectives):
        return train_command(settings, objectives, f"rerun/{name}")
    return train_command({}, (), f"rerun/{name}").replace(
        "train", f"train --config points/{name}/config.resolved.yaml", 1
    )


def _is_writable(ref: ObjectiveRef) -> bool:
    """Whether the text form holds all of it; an option of a YAML file may hold a comma."""
    try:
        return str(ObjectiveRef.model_validate(str(ref))) == str(ref)
    except ConfigError:
        return False


_FLAGS = {"model.path": "--model", "data.path": "--data", "data.format": "--data_format"}


def train_command(settings: Mapping[str, Any], objectives: Sequence[ObjectiveRef], output_dir: str) -> str:
    """Return a command line that makes the same run; without keys and passwords of URLs.

    Args:
        settings: Nested, as written; ``objectives`` and ``output_dir`` in it are not looked at.
        objectives: Whose options can be written in text form.
        output_dir: Where the run writes.
    """
    words = ["upo", "train"]
    for ref in objectives:
        words += ["--objective", str(ref)]
    for section, value in settings.items():
        if section == "plugins":
            words += _plugin_words(value)
        elif section not in {"objectives", "output_dir"}:
            words += [word for key, leaf in flattened({section: value}).items() for word in _words(key, leaf)]
    return shlex.join([*words, "--output_dir", output_dir])


def _words(key: str, value: Any) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or key.startswith("training.arguments."):
        return ["--set", f"{key}={json.dumps(value)}"]
    return [_FLAGS.get(key, f"--{key.rpartition('.')[2]}"), str(value)]


def _plugin_words(policy: Mapping[str, Any]) -> list[str]:
    words = list[str]()
    for key, value in policy.items():
        if key == "allow":
            words += ["--plugins", value if isinstance(value, str) else ",".join(value)] if value != "auto" else []
        elif key in {"block", "require"}:
            words += [word for name in value for word in (f"--{key}_plugin", name)]
        else:
            words += ["--set", f"plugins.{key}={json.dumps(value)}"]
    return words


_UNFIT = re.compile(r"[^\w.=,+@-]+")
_LONGEST = 120
_DIGEST = 8


def point_name(values: Mapping[str, str], taken: Collection[str] = ()) -> str:
    """Return a name like ``toxicity=0.1,dpo.beta=0.05``; a digest is added to names that are equal or too long.

    Args:
        values: The value of every axis, by key.
        taken: Names of other points; upper and lower case do not differ.
    """
    written = ",".join(f"{key}={value}" for key, value in values.items()) or "all"
    name = _UNFIT.sub("-", written).strip("-.")
    if len(name) > _LONGEST or name.casefold() in {other.casefold() for other in taken}:
        digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
        name = f"{name[: _LONGEST - _DIGEST - 1]}-{digest}"
    return name
