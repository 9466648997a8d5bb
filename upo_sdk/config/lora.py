"""The section of a low-rank adapter."""

from __future__ import annotations

from pydantic import Field, model_validator

from upo_sdk.config.base import Section
from upo_sdk.errors import ConfigError

__all__ = ["LoraConfig"]


class LoraConfig(Section):
    """A low-rank adapter (LoRA, arXiv 2106.09685) that is trained instead of the weights; names are those of PEFT."""

    use_peft: bool = Field(default=False, description="Train a LoRA adapter (extra peft) instead of all weights.")
    r: int = Field(default=16, ge=1, description="Rank of the adapter's matrices.")
    alpha: float = Field(default=32.0, gt=0, description="The adapter is scaled by alpha / r.")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Dropout in front of the adapter.")
    target_modules: tuple[str, ...] = Field(
        default=("all-linear",),
        min_length=1,
        description="Modules that get an adapter, by the end of their names; all-linear: every linear layer but the "
        "head.",
    )
    modules_to_save: tuple[str, ...] = Field(
        default=(), description="Modules that are trained whole and saved with the adapter, for example lm_head."
    )
    use_dora: bool = Field(default=False, description="Weight-decomposed adapters (DoRA, arXiv 2402.09353).")
    use_rslora: bool = Field(
        default=False, description="Scale by alpha / sqrt(r) instead (rank-stabilised LoRA, arXiv 2312.03732)."
    )

    @model_validator(mode="after")
    def _is_used(self) -> LoraConfig:
        given = self.given()
        if given and not self.use_peft:
            raise ConfigError(
                f"`lora.{given[0]}` is set, and no adapter is trained",
                where=f"`lora.{given[0]}`",
                fix="add `lora.use_peft=true`, or leave it out",
            )
        return self

    def given(self) -> list[str]:
        """Return the settings of the adapter that are not their defaults, by name."""
        fields = type(self).model_fields.items()
        return [name for name, field in fields if name != "use_peft" and getattr(self, name) != field.default]
