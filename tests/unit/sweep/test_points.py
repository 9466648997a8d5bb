from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.errors import ConfigError
from upo_sdk.sweep.points import point_name

if TYPE_CHECKING:
    from conftest import GridMaker


def test_every_combination_is_a_point_and_the_last_axis_changes_fastest(grid: GridMaker) -> None:
    made = grid("toxicity:0,0.1", "dpo:beta=0.05,0.1", seeds=2, base={"training": {"seed": 7}})
    assert [point.name for point in made.points][:5] == [
        "toxicity=0,dpo.beta=0.05,seed=7",
        "toxicity=0,dpo.beta=0.05,seed=8",
        "toxicity=0,dpo.beta=0.1,seed=7",
        "toxicity=0,dpo.beta=0.1,seed=8",
        "toxicity=0.1,dpo.beta=0.05,seed=7",
    ]
    assert len(made.points) == 8
    assert made.points[3].row == "toxicity=0,dpo.beta=0.1"
    assert made.points[3].config["training"] == {"seed": 8}
    assert [axis.key for axis in made.axes] == ["toxicity", "dpo.beta", "seed"]


def test_what_does_not_vary_is_in_no_name(grid: GridMaker) -> None:
    made = grid("toxicity:0.3,model=builtin", "dpo:beta=0.05,0.1")
    assert [point.name for point in made.points] == ["dpo.beta=0.05", "dpo.beta=0.1"]
    assert made.points[0].objectives == ("toxicity:0.3,model=builtin", "dpo:1,beta=0.05")


def test_any_setting_can_vary(grid: GridMaker) -> None:
    made = grid(
        "dpo",
        base={"training": {"max_steps": 3}},
        settings={"training.learning_rate": [1e-5, 2e-5], "training.arguments.adam_beta2": [0.9]},
    )
    assert [point.name for point in made.points] == [
        "training.learning_rate=1e-05,training.arguments.adam_beta2=0.9",
        "training.learning_rate=2e-05,training.arguments.adam_beta2=0.9",
    ]
    assert made.points[1].config["training"] == {
        "max_steps": 3,
        "learning_rate": 2e-5,
        "arguments": {"adam_beta2": 0.9},
    }


def test_the_objectives_of_the_base_are_used_if_none_is_given(grid: GridMaker) -> None:
    made = grid(base={"objectives": ["orpo", "length:0.2"]}, seeds=2)
    assert [point.objectives for point in made.points] == [("orpo:1", "length:0.2")] * 2
    assert [point.row for point in made.points] == ["all", "all"]


def test_random_points_are_some_of_the_grid_in_its_order_and_more_keep_the_fewer(grid: GridMaker) -> None:
    objectives = ("toxicity:0,0.1,0.2,0.3", "dpo:beta=0.05,0.1,0.2")
    every = [point.name for point in grid(*objectives).points]
    few, more = ([point.name for point in grid(*objectives, random=count).points] for count in (4, 9))
    assert len(few) == 4
    assert set(few) < set(more) < set(every)
    assert few == sorted(few, key=every.index)
    other = [point.name for point in grid(*objectives, random=4, base={"training": {"seed": 1}}).points]
    assert few != other
    assert [point.name for point in grid(*objectives, random=100).points] == every


def test_the_fingerprint_depends_on_every_setting_and_not_on_the_folder(grid: GridMaker) -> None:
    def of(**base: object) -> str:
        return grid("toxicity:0,0.1", base=base).points[0].fingerprint

    assert of() == of(output_dir="elsewhere")
    assert of() != of(training={"max_steps": 3})
    assert of(training={"learning_rate": 1e-6}) != of()  # the default, which is not the demo's


def test_a_command_hides_nothing_but_passwords_of_urls(grid: GridMaker) -> None:
    made = grid("https://user:secret@example.org/tone:0.1,0.2")
    assert "secret" not in made.points[0].command
    assert "example.org/tone:0.1" in made.points[0].command


def test_an_option_that_the_text_form_cannot_hold_makes_the_command_name_the_file(grid: GridMaker) -> None:
    objective = {"name": "column", "target": "help", "options": {"note": "a,b"}}
    made = grid(base={"objectives": ["dpo", objective]}, seeds=2)
    assert made.points[0].command.startswith("upo train --config points/seed=42/config.resolved.yaml ")


@pytest.mark.parametrize(
    ("objectives", "settings", "what"),
    [
        (["toxicity:0.3"], {}, "no setting has several values"),
        ([], {}, "no setting has several values"),
        (["toxicity:0.3"], {"seeds": 1}, "no setting has several values"),
        (["toxicity:0,1", "toxicity:2,3"], {}, "objective 'toxicity' is named twice"),
        (["dpo"], {"seeds": 0}, "seeds is 0"),
        (["dpo:beta=1,2"], {"random": 0}, "random is 0"),
        (["dpo:beta=1,2"], {"jobs": 0}, "jobs is 0"),
        (["dpo"], {"settings": {"training.seed": [1, 2]}}, "'training.seed' cannot be varied"),
        (["dpo"], {"settings": {"objectives": ["dpo", "kto"]}}, "'objectives' cannot be varied"),
        (["dpo"], {"settings": {"loss.gamma": [1, 1]}}, "the values of 'loss.gamma' are empty or not distinct"),
        (["dpo"], {"settings": {"loss.gama": [1, 2]}}, "unknown key 'gama'"),
        (["dpo"], {"base": {"resume_from_checkpoint": "last"}, "seeds": 2}, "a sweep resumes by itself"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(
    grid: GridMaker, objectives: list[str], settings: dict[str, object], what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        grid(*objectives, **settings)  # type: ignore[arg-type]
    assert what in caught.value.what
    assert caught.value.fix


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1, max_size=4))
def test_a_name_fits_any_file_system(values: dict[str, str]) -> None:
    name = point_name(values)
    assert re.fullmatch(r"[\w.=,+@-]{1,120}", name)
    assert not name.startswith((".", "-"))
    assert not name.endswith(".")


def test_names_that_would_read_alike_are_told_apart() -> None:
    first = point_name({"m.label": "a/b"})
    second = point_name({"m.label": "a:b"}, taken=[first])
    assert first == "m.label=a-b"
    assert second != first
    assert point_name({"m.label": "A/B"}, taken=[first]).casefold() != first.casefold()
    long = point_name({"m": "x" * 500})
    assert len(long) == 120
    assert long != point_name({"m": "x" * 501})
