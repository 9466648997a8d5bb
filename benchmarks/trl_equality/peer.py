"""TRL's own losses on a table of log-probs."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer
from trl.trainer.utils import FusedCausalLMOutput

from benchmarks.trl_equality.tensors import PAIRS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.trl_equality.tensors import Tensors

__all__ = ["trl_cpo", "trl_dpo", "trl_kto", "trl_orpo"]

DEFAULTS: dict[str, Any] = {
    "beta": 0.1,
    "ld_alpha": None,
    "f_divergence_type": "reverse_kl",
    "f_alpha_divergence_coef": 0.5,
    "label_smoothing": 0.0,
    "use_weighting": False,
}


class Table(nn.Module):
    """Stands for a language model whose log-probs are given: by TRL's fused head, or as logits over two tokens."""

    is_gradient_checkpointing = False

    def __init__(self, *logps_NT: Tensor, mask_NT: Tensor) -> None:
        super().__init__()
        self.tables = [table_NT.masked_fill(~mask_NT, 0.0) for table_NT in logps_NT]

    def forward(self, input_ids: Tensor, **options: Any) -> FusedCausalLMOutput | SimpleNamespace:
        """Return the table that the first token id names."""
        logps_NT = self.tables[int(input_ids[0, 0])]
        zeros_NT = torch.zeros_like(logps_NT)
        if "fused_lm_head" in options:
            return FusedCausalLMOutput(
                log_probs=logps_NT,
                entropy=zeros_NT,
                log_sum_sq_probs=zeros_NT,
                mean_logits=zeros_NT,
                is_top1=zeros_NT.bool(),
            )
        held_NT = logps_NT.clamp(max=-1e-6)  # padding; the other token's probability is what is left
        logits_NT2 = torch.stack([logps_NT, torch.log(-torch.expm1(held_NT))], dim=-1)
        return SimpleNamespace(logits=nn.functional.pad(logits_NT2, (0, 0, 0, 1)))


def stand_in(kind: type, model: nn.Module, reference: nn.Module, settings: dict[str, Any]) -> Any:
    """Return a trainer of TRL without what its constructor loads."""
    trainer = object.__new__(kind)
    trainer.__dict__.update(
        DEFAULTS
        | {
            "model": model,
            "ref_model": reference,
            "accelerator": SimpleNamespace(device="cpu", gather=_same, gather_for_metrics=_same),
            "args": SimpleNamespace(gradient_checkpointing_kwargs=None, discopop_tau=0.05),
            "precompute_ref_logps": False,
            "aux_loss_enabled": False,
            "is_encoder_decoder": False,
            "loss_weights": [1.0],
            "_metrics": {"train": defaultdict(list)},
            "_total_train_tokens": 0,
            "_tp_size": 1,
        }
        | settings
    )
    return trainer


def _same(value: Tensor) -> Tensor:
    return value


def trl_dpo(tensors: Tensors, settings: dict[str, Any]) -> Tensor:
    """Run the loss of ``DPOTrainer``."""
    models = _models(tensors)
    trainer = stand_in(DPOTrainer, *models, settings)
    return trainer._compute_loss(models[0], _inputs(tensors.mask_NT), return_outputs=False)  # noqa: SLF001 - the peer


def trl_kto(tensors: Tensors, settings: dict[str, Any]) -> Tensor:
    """Run the loss of ``KTOTrainer`` on the pairs as single completions."""
    models = _models(tensors)
    weights = {"desirable_weight": 1.0, "undesirable_weight": 1.0}
    trainer = stand_in(KTOTrainer, *models, {"calculate_KL": settings["loss_type"] == "kto"} | weights | settings)
    inputs = _inputs(tensors.mask_NT)
    kl_inputs = {f"KL_{name}": value for name, value in inputs.items()}
    kl_inputs["KL_input_ids"] = torch.ones_like(inputs["input_ids"])
    inputs = {**inputs, **kl_inputs, "label": torch.arange(2 * PAIRS) < PAIRS}
    return trainer._compute_loss(models[0], inputs, return_outputs=False)  # noqa: SLF001 - the peer


def trl_cpo(tensors: Tensors, settings: dict[str, Any]) -> Tensor:
    """Run the loss of ``CPOTrainer``."""
    extra = {"alpha": 0.0, "cpo_alpha": 1.0, "simpo_gamma": 0.5, "pad_token_id": 0}
    return _contrastive(CPOTrainer, tensors, extra | settings)


def trl_orpo(tensors: Tensors, settings: dict[str, Any]) -> Tensor:
    """Run the loss of ``ORPOTrainer``; its likelihood covers the prompt too, here one token that is never predicted."""
    return _contrastive(ORPOTrainer, tensors, {"padding_value": 0} | settings)


def _contrastive(kind: type, tensors: Tensors, settings: dict[str, Any]) -> Tensor:
    model, reference = _models(tensors)
    inputs = _inputs(tensors.mask_NT)
    inputs["labels"] = torch.zeros_like(inputs["input_ids"]).masked_fill(inputs.pop("completion_mask") == 0, -100)
    batch = {f"{side}_{name}": value for name, both in inputs.items() for side, value in _sides(both)}
    loss, _metrics = stand_in(kind, model, reference, settings).get_batch_loss_metrics(model, batch)
    return loss


def _sides(value_N: Tensor) -> Iterable[tuple[str, Tensor]]:
    return zip(("chosen", "rejected"), value_N.chunk(2), strict=True)


def _models(tensors: Tensors) -> tuple[nn.Module, nn.Module]:
    return (
        Table(tensors.policy_NT, tensors.kl_policy_NT, mask_NT=tensors.mask_NT),
        Table(tensors.reference_NT, tensors.kl_reference_NT, mask_NT=tensors.mask_NT),
    )


def _inputs(mask_NT: Tensor) -> dict[str, Tensor]:
    completion_NL = nn.functional.pad(mask_NT.long(), (1, 0))
    attention_NL = completion_NL.clone()
    attention_NL[:, 0] = 1  # a prompt of one token
    return {
        "input_ids": torch.zeros_like(completion_NL),
        "attention_mask": attention_NL,
        "completion_mask": completion_NL,
    }
