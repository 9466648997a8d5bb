"""Whether our preference losses are TRL's: value and gradient on the same random tensors.

    pip install -e '.[peer]'
    python benchmarks/trl_equality.py [--seeds 5] [--write docs/reference/trl-equality.md]

TRL's own methods run (``DPOTrainer._compute_loss``, ``KTOTrainer._compute_loss``, ``CPOTrainer`` and ``ORPOTrainer``
``.get_batch_loss_metrics``); in place of a language model stands a table of log-probs, the leaf of both gradients.
Exits 1 when an error exceeds 1e-5.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer
from trl.trainer.utils import FusedCausalLMOutput

from upo_sdk import load_registry
from upo_sdk.config import ObjectiveRef
from upo_sdk.objectives import PreferenceBatch, TokenLogps
from upo_sdk.objectives.build import build_objectives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["CASES", "TOLERANCE", "Case", "Comparison", "compare", "page"]

TOLERANCE = 1e-5
PAIRS, TOKENS = 8, 12
DEFAULTS: dict[str, Any] = {
    "beta": 0.1,
    "ld_alpha": None,
    "f_divergence_type": "reverse_kl",
    "f_alpha_divergence_coef": 0.5,
    "label_smoothing": 0.0,
    "use_weighting": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Log-probs of ``2 · PAIRS`` responses, chosen ones first, under policy and reference; ``kl`` ones mismatched."""

    policy_NT: Tensor
    reference_NT: Tensor
    kl_policy_NT: Tensor
    kl_reference_NT: Tensor
    mask_NT: Tensor


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table: our text form, and what TRL is told."""

    objective: str
    peer: Callable[[Tensors, dict[str, Any]], Tensor]
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The largest values over several draws.

    Attributes:
        loss: TRL's loss.
        slope: Largest component of its gradient by the log-probs.
        loss_error: Absolute difference of ours.
        slope_error: Largest absolute difference of a component of ours.
    """

    loss: float
    slope: float
    loss_error: float
    slope_error: float

    @property
    def error(self) -> float:
        """The larger of the two errors."""
        return max(self.loss_error, self.slope_error)


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


def random_tensors(seed: int) -> Tensors:
    """Return responses of 1 to TOKENS tokens, with a policy that has moved a little from its reference."""
    generator = torch.Generator().manual_seed(seed)

    def logps() -> tuple[Tensor, Tensor]:
        reference_NT = -3 * torch.rand(2 * PAIRS, TOKENS, generator=generator) - 0.05
        moved_NT = reference_NT + 0.3 * torch.randn(2 * PAIRS, TOKENS, generator=generator)
        return moved_NT.clamp(max=-0.01).requires_grad_(), reference_NT

    lengths_N1 = torch.randint(1, TOKENS + 1, (2 * PAIRS, 1), generator=generator)
    (policy_NT, reference_NT), (kl_policy_NT, kl_reference_NT) = logps(), logps()
    return Tensors(
        policy_NT=policy_NT,
        reference_NT=reference_NT,
        kl_policy_NT=kl_policy_NT.detach() + 0.1,  # so that the estimate is positive, not clamped to zero
        kl_reference_NT=kl_reference_NT,
        mask_NT=torch.arange(TOKENS) < lengths_N1,
    )


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


def our_loss(tensors: Tensors, text: str) -> Tensor:
    """Return the mean loss of an objective in its text form, as the engine takes it."""
    (live,) = build_objectives([ObjectiveRef.model_validate(text)], load_registry())
    sums_N = [
        TokenLogps(logps_NT, tensors.mask_NT).sum_N() for logps_NT in (tensors.kl_policy_NT, tensors.kl_reference_NT)
    ]
    batch = PreferenceBatch(
        policy=TokenLogps(tensors.policy_NT, tensors.mask_NT),
        reference=TokenLogps(tensors.reference_NT, tensors.mask_NT),
        desirable_N=torch.arange(2 * PAIRS) < PAIRS,
        chosen_B=torch.arange(PAIRS),
        rejected_B=torch.arange(PAIRS) + PAIRS,
        kl=(sums_N[0] - sums_N[1]).mean().clamp(min=0),
    )
    return live.preference.loss(batch).loss_B.mean()


CASES: Sequence[Case] = [
    *(
        Case(f"dpo,loss_type={name}{options}", trl_dpo, {"loss_types": [name], **settings})
        for name, options, settings in [
            ("sigmoid", "", {}),
            ("sigmoid", ",beta=0.5", {"beta": 0.5}),
            ("sigmoid_norm", ",beta=2", {"beta": 2.0}),
            ("robust", ",label_smoothing=0.1", {"label_smoothing": 0.1}),
            ("hinge", "", {}),
            ("ipo", "", {}),
            ("exo_pair", "", {"label_smoothing": 1e-3}),
            ("nca_pair", "", {}),
            ("bco_pair", "", {}),
            ("sppo_hard", "", {}),
            ("aot", ",label_smoothing=0.1", {"label_smoothing": 0.1}),
            ("aot_unpaired", "", {}),
            ("apo_zero", "", {}),
            ("apo_down", "", {}),
            ("discopop", "", {}),
            ("sigmoid", ",f_divergence_type=forward_kl", {"f_divergence_type": "forward_kl"}),
            ("sigmoid", ",f_divergence_type=js_divergence", {"f_divergence_type": "js_divergence"}),
            ("sigmoid", ",f_divergence_type=alpha_divergence", {"f_divergence_type": "alpha_divergence"}),
            ("ipo", ",f_divergence_type=js_divergence", {"f_divergence_type": "js_divergence"}),
            ("sigmoid", ",ld_alpha=0.5", {"ld_alpha": 0.5}),
            ("aot", ",ld_alpha=0", {"ld_alpha": 0.0}),
            ("sigmoid", ",use_weighting=true", {"use_weighting": True}),
            ("apo_zero", ",use_weighting=true", {"use_weighting": True}),
        ]
    ),
    Case("kto", trl_kto, {"loss_type": "kto"}),
    Case("kto,desirable_weight=2", trl_kto, {"loss_type": "kto", "desirable_weight": 2.0}),
    Case("kto,loss_type=apo_zero_unpaired", trl_kto, {"loss_type": "apo_zero_unpaired"}),
    Case("sft,average=batch", trl_dpo, {"loss_types": ["sft"]}),
    Case("simpo", trl_cpo, {"loss_type": "simpo", "cpo_alpha": 0.0, "beta": 2.0}),
    *(
        Case(f"cpo,average=batch,loss_type={name}{options}", trl_cpo, {"loss_type": name, **settings})
        for name, options, settings in [
            ("sigmoid", "", {}),
            ("sigmoid", ",label_smoothing=0.1", {"label_smoothing": 0.1}),
            ("hinge", "", {}),
            ("ipo", "", {}),
            ("simpo", ",beta=2", {"beta": 2.0}),
        ]
    ),
    Case("orpo,average=batch", trl_orpo),
]


def compare(case: Case, seeds: Iterable[int]) -> Comparison:
    """Return the largest values over several draws of random tensors."""
    draws = [_compare_once(case, random_tensors(seed)) for seed in seeds]
    return Comparison(*(max(values) for values in zip(*draws, strict=True)))


def _compare_once(case: Case, tensors: Tensors) -> tuple[float, float, float, float]:
    ours, theirs = our_loss(tensors, case.objective), case.peer(tensors, case.settings)
    (our_gradient_NT,) = torch.autograd.grad(ours, tensors.policy_NT)
    (their_gradient_NT,) = torch.autograd.grad(theirs, tensors.policy_NT)
    difference_NT = our_gradient_NT - their_gradient_NT
    return (
        theirs.item(),
        their_gradient_NT.abs().max().item(),
        (ours - theirs).abs().item(),
        difference_NT.abs().max().item(),
    )


def page(rows: Sequence[tuple[Case, Comparison]], seeds: int) -> str:
    """Return the table as a page of the documentation."""
    lines = [
        f"| `{case.objective}` | {found.loss:.3g} | {found.loss_error:.0e} "
        f"| {found.slope:.2g} | {found.slope_error:.0e} |"
        for case, found in rows
    ]
    return _PAGE.format(
        trl=version("trl"), torch=torch.__version__.partition("+")[0], seeds=seeds, rows="\n".join(lines)
    )


_PAGE = """# Equality with TRL

The offline preference losses of TRL {trl}, against TRL's own code on the same random log-probs (fp32, 8 pairs of 1 to
12 tokens): the loss, the largest component of its gradient by the log-probs, and the absolute errors of ours; each the
largest of {seeds} draws. Measured with torch {torch} on a CPU by `python benchmarks/trl_equality.py`; the extra `peer`
installs TRL.

| objective | loss | error | gradient | error |
|---|---|---|---|---|
{rows}

What to know when you come from TRL:

- `use_weighting` is compared with TRL's weight alignment held at nothing (`Σ p² = 1`): ours is the paper's equation 2
  without it.
- `sft`, `cpo` and `orpo` average the likelihood over each response's tokens first by default (`average=response`);
  TRL averages over all tokens of the batch (`average=batch`, compared here).
- TRL's ORPO counts the prompt's tokens in the likelihood; ours never does. The comparison has prompts of one token.
- `label_smoothing` of `sigmoid`, `sigmoid_norm` and `hinge` is ours: TRL {trl} reads it for `robust`, `exo_pair`, `aot`
  and `aot_unpaired` only.
- TRL's `bco_pair` has no reward shift, and so has ours. BCO on unpaired data needs a running mean of the rewards,
  which an objective cannot keep between batches; it is not included. Neither is AlphaPO (`alpha` of TRL's CPO).
- `aot` and `aot_unpaired` sort within the batch of one device, in TRL as here: how rows are split changes the loss.
"""


def main() -> None:
    """Print the table, write it where asked, and fail if a loss differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    rows = [(case, compare(case, range(arguments.seeds))) for case in CASES]
    text = page(rows, arguments.seeds)
    print(text)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    if any(found.error > TOLERANCE for _, found in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
