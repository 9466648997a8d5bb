"""The preference data: where it is, how its columns are called, and how long a row may be."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from upo_sdk.config.base import PathSection

__all__ = ["DataConfig"]


class DataConfig(PathSection):
    """The data to align on; a bare string is its path."""

    path: str = Field(
        min_length=1,
        description="A .jsonl, .json, .csv (each also .gz) or .parquet file, a save_to_disk folder, or a hub name.",
    )
    split: str = Field(default="train", min_length=1, description="Split of a folder or hub dataset to train on.")
    eval_path: str | None = Field(
        default=None, description="Data to evaluate on, if it is in another file, folder or hub dataset."
    )
    eval_split: str | None = Field(default=None, description="Split of a folder or hub dataset to evaluate on.")
    eval_fraction: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Fraction of the prompts to hold out for evaluation; no prompt is in both parts.",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Which of your columns has which role, for example {prompt: question, chosen: response_a}.",
    )
    format: str | None = Field(
        default=None,
        description="Shape of the rows: pairs, unpaired, or a format of a plugin; default: detected.",
    )
    on_bad_rows: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="Rows that cannot be used: refuse the data, or drop these rows and list them in bad_rows.jsonl.",
    )
    max_rows: int | None = Field(default=None, ge=1, description="Use only the first rows of the training data.")
    max_length: int = Field(
        default=1024, ge=2, description="Most tokens of prompt and response together; longer rows are shortened."
    )
    max_prompt_length: int | None = Field(
        default=None, ge=1, description="Most tokens of the prompt, even if the response leaves room for more."
    )

    @model_validator(mode="after")
    def _one_source_of_evaluation(self) -> DataConfig:
        if self.eval_fraction and (self.eval_path or self.eval_split):
            msg = "`data.eval_fraction` holds out training rows: give it, or `data.eval_path` or `data.eval_split`"
            raise ValueError(msg)
        if self.max_prompt_length is not None and self.max_prompt_length >= self.max_length:
            msg = "`data.max_prompt_length` leaves no room for a response: make it smaller than `data.max_length`"
            raise ValueError(msg)
        return self
