"""Log-probs from the chunked head equal those of the whole logits, in value, gradient and never in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.modeling_outputs import BaseModelOutputWithPast

from upo_sdk.policy import head
from upo_sdk.policy.head import response_logps, target_logps

if TYPE_CHECKING:
    from transformers import PreTrainedModel

POSITIONS, HIDDEN, VOCABULARY = 30, 16, 500


def model(family: str = "llama", **settings: Any) -> PreTrainedModel:
    sizes = {"hidden_size": HIDDEN, "intermediate_size": 16, "num_hidden_layers": 1, "vocab_size": VOCABULARY}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = AutoConfig.for_model(family, **{**sizes, **heads, "pad_token_id": 0, **settings})
        return AutoModelForCausalLM.from_config(config)


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(POSITIONS, HIDDEN, generator=generator, requires_grad=True)
    return hidden, torch.randint(VOCABULARY, (POSITIONS,), generator=generator)


MODELS = {
    "plain": ("llama", {}),
    "tied": ("llama", {"tie_word_embeddings": True}),
    "bias": ("phi", {}),
    "logit scale": ("cohere", {"logit_scale": 0.25}),
    "logits scaling": ("granite", {"logits_scaling": 4.0}),
    "soft-cap": ("gemma2", {"final_logit_softcapping": 0.5}),
}


@pytest.mark.parametrize("chunk_bytes", [1, 4 * VOCABULARY * 7, 2**30], ids=["one position", "seven", "all at once"])
@pytest.mark.parametrize("kept_chunks", [0, 2, 1000])
@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen"])
@pytest.mark.parametrize("kind", MODELS)
def test_value_and_gradient_equal_those_of_the_models_own_logits(
    kind: str,
    frozen: bool,  # noqa: FBT001 - of the test
    chunk_bytes: int,
    kept_chunks: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    family, settings = MODELS[kind]
    monkeypatch.setattr(head, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(head, "TILE_BYTES", chunk_bytes)
    monkeypatch.setattr(head, "KEPT_BYTES", kept_chunks * max(chunk_bytes, 4 * POSITIONS))
    lm = model(family, **settings).requires_grad_(not frozen)
    hidden, target = inputs()
    weights = torch.linspace(-1, 2, POSITIONS)
    logps = response_logps(lm, hidden, target)
    (weights * logps).sum().backward()
    of_head = lm.get_output_embeddings().weight.grad
    got = hidden.grad, of_head if frozen else of_head.clone()
    lm.zero_grad()
    whole, _ = inputs()
    trunk_output = BaseModelOutputWithPast(whole.unsqueeze(0))  # the model's own forward on these hidden states
    lm.base_model.forward = lambda **_: trunk_output
    expected = lm(input_ids=torch.zeros(1, POSITIONS, dtype=torch.long)).logits[0].log_softmax(-1)
    expected = expected.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    (weights * expected).sum().backward()
    torch.testing.assert_close(logps, expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(got[0], whole.grad, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(got[1], lm.get_output_embeddings().weight.grad, atol=1e-6, rtol=1e-5)


def test_a_hand_worked_log_prob_and_its_gradient() -> None:
    logits = torch.tensor([[0.0, 0.6931471805599453]], requires_grad=True)  # odds 1 : 2
    logps = target_logps(logits * 1, torch.tensor([1]))
    logps.backward()
    assert logps.item() == pytest.approx(-0.4054651081081644)  # log 2/3
    assert logits.grad is not None
    assert logits.grad.tolist()[0] == pytest.approx([-1 / 3, 1 / 3])


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_stay_finite(size: float) -> None:
    logits = torch.tensor([[size, 0.0, 0.0]], requires_grad=True)
    target_logps(logits * 1, torch.tensor([1])).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


class _Largest(TorchDispatchMode):
    """Notes the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for item in made if isinstance(made, tuple | list) else [made]:
            if isinstance(item, torch.Tensor):
                self.numel = max(self.numel, item.numel())
        return made


@pytest.mark.parametrize("family", ["llama", "phi"])  # in tiles; with a bias, in chunks
def test_no_tensor_of_all_positions_by_vocabulary_is_ever_made(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    per_chunk = 5
    monkeypatch.setattr(head, "CHUNK_BYTES", 4 * VOCABULARY * per_chunk)
    monkeypatch.setattr(head, "TILE_BYTES", 4 * VOCABULARY * per_chunk)
    lm, (hidden, target) = model(family), inputs()
    with _Largest() as largest:
        response_logps(lm, hidden, target).sum().backward()
    weight = VOCABULARY * HIDDEN
    assert largest.numel == max(per_chunk * VOCABULARY, weight) < POSITIONS * VOCABULARY


@pytest.mark.parametrize("kept_positions", [0, 12])
def test_the_logits_kept_for_the_backward_pass_are_bounded(
    kept_positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "TILE_BYTES", 4 * VOCABULARY * 5)
    monkeypatch.setattr(head, "KEPT_BYTES", 4 * VOCABULARY * kept_positions)
    lm, (hidden, target) = model(), inputs()
    saved: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor.numel()) or tensor, lambda t: t):
        logps: Any = response_logps(lm, hidden, target)
    assert saved
    assert all(size < VOCABULARY or size == VOCABULARY * HIDDEN for size in saved)
    kept = sum(power_MC.numel() for power_MC in logps.grad_fn.kept.values())
    assert kept_positions * VOCABULARY // 2 <= kept <= kept_positions * VOCABULARY
    with torch.no_grad():
        assert torch.equal(response_logps(lm, hidden, target), logps)


def test_a_second_backward_pass_finds_the_same_gradient() -> None:
    lm, (hidden, target) = model(), inputs()
    logps = response_logps(lm, hidden, target).sum()
    first, second = (torch.autograd.grad(logps, hidden, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_the_head_is_called_as_a_module_so_that_hooks_fire() -> None:
    lm, (hidden, target) = model(), inputs()
    calls: list[int] = []
    lm.get_output_embeddings().register_forward_hook(lambda *_: calls.append(1))
    response_logps(lm, hidden, target)
    assert calls


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("kind", ["plain", "soft-cap"])
def test_the_fused_kernel_agrees_with_the_chunks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cut_cross_entropy")
    family, settings = MODELS[kind]
    lm = model(family, hidden_size=64, head_dim=32, **settings).to("cuda", torch.bfloat16)
    generator = torch.Generator("cuda").manual_seed(1)
    found = list[tuple[torch.Tensor, torch.Tensor]]()
    for fused in (True, False):
        if not fused:
            monkeypatch.setattr(head, "fused_logps", lambda *_: None)
        hidden = torch.randn(POSITIONS, 64, generator=generator.manual_seed(2), device="cuda", dtype=torch.bfloat16)
        target = torch.arange(POSITIONS, device="cuda")
        logps = response_logps(lm, hidden.requires_grad_(), target)
        logps.sum().backward()
        found.append((logps, hidden.grad))
    torch.testing.assert_close(found[0][0], found[1][0], atol=2e-2, rtol=2e-2)
    torch.testing.assert_close(found[0][1], found[1][1], atol=2e-2, rtol=5e-2)
