"""Small random models of many architectures, rows for them, and their log-probs and gradients to compare with."""

from __future__ import annotations

import random
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from upo_sdk.policy import Branches, PolicyOutput

__all__ = [
    "BLOCK_MASK",
    "PADDED",
    "PREFIX_CACHE",
    "ROWS",
    "SEPARATE",
    "assert_same",
    "difference_from_plain",
    "gradients",
    "ids",
    "largest_difference",
    "make_model",
    "plain_logps",
]

VOCABULARY = 300
WINDOW = 8  # shorter than the rows

_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
_MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}

BLOCK_MASK: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, tied weights": ("llama", {"tie_word_embeddings": True}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 8}),
    "mistral": ("mistral", {"sliding_window": None}),
    "phi3": ("phi3", {}),
    "smollm3": ("smollm3", {}),
    "olmo2": ("olmo2", {}),
    "granite": ("granite", {"logits_scaling": 3.0}),
    "gpt_neox": ("gpt_neox", {}),
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}),
    "opt": ("opt", {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "falcon": ("falcon", {}),
    "stablelm": ("stablelm", {}),
    "qwen3_moe": ("qwen3_moe", {"head_dim": 8, "decoder_sparse_step": 1, **_MOE}),
    "mixtral": ("mixtral", {"num_local_experts": 4, "sliding_window": None}),
    "mistral, window": ("mistral", {"sliding_window": WINDOW}),
    "qwen2, window": ("qwen2", {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}),
    "starcoder2, window": ("starcoder2", {"sliding_window": WINDOW}),
    "phi3, window": ("phi3", {"sliding_window": WINDOW}),
    "gemma2": ("gemma2", {"head_dim": 8, "sliding_window": WINDOW, "query_pre_attn_scalar": 8}),
    "gemma3": ("gemma3_text", {"head_dim": 8, "sliding_window": WINDOW, "query_pre_attn_scalar": 8}),
    "cohere": ("cohere", {}),
    "cohere2": ("cohere2", {"sliding_window": WINDOW, "head_dim": 8}),
    "gpt_oss": ("gpt_oss", {"head_dim": 8, "sliding_window": WINDOW, "num_local_experts": 4, "num_experts_per_tok": 2}),
}
PREFIX_CACHE: dict[str, tuple[str, dict[str, Any]]] = {
    "bloom": ("bloom", {"n_layer": 2, "n_head": 4}),
    "mpt": ("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 256}),
}
_LINEAR = {
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "full_attention"],
}
SEPARATE: dict[str, tuple[str, dict[str, Any]]] = {
    "mamba": ("mamba", {"state_size": 8}),
    "lfm2": ("lfm2", {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False}),
    "qwen3_next": ("qwen3_next", {"head_dim": 8, "shared_expert_intermediate_size": 16, **_MOE, **_LINEAR}),
}
PADDED: dict[str, tuple[str, dict[str, Any]]] = {
    "llama4": (
        "llama4_text",
        {"head_dim": 8, "num_local_experts": 2, "intermediate_size_mlp": 64, "attention_chunk_size": 16},
    ),
    "modernbert": (
        "modernbert-decoder",
        {"local_attention": WINDOW, "sliding_window": WINDOW, "cls_token_id": 0, "sep_token_id": 1},
    ),
}


def make_model(name: str, **settings: Any) -> PreTrainedModel:
    """Return a random model whose log-probs differ clearly from token to token."""
    family, own = {**BLOCK_MASK, **PREFIX_CACHE, **SEPARATE, **PADDED}[name]
    config = AutoConfig.for_model(family, **{**_COMMON, **own, **settings})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lm = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in lm.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3)
    return lm


def ids(count: int, seed: int) -> list[int]:
    generator = random.Random(seed)
    return [generator.randrange(2, VOCABULARY) for _ in range(count)]


ROWS = [
    Branches(ids(24, 1), [ids(14, 2), ids(16, 3)]),
    Branches(ids(13, 4), [ids(1, 5), ids(30, 6)]),
    Branches(ids(5, 7), [ids(2, 8), ids(9, 9), ids(3, 10)]),
    Branches(ids(20, 11), [ids(20, 12), ids(10, 13)]),
]


@torch.no_grad()
def plain_logps(lm: PreTrainedModel) -> list[torch.Tensor]:
    """Return the log-probs of every response, one plain sequence at a time, written out here."""
    found = list[torch.Tensor]()
    for row in ROWS:
        for response in row.response_ids:
            logits = lm(input_ids=torch.tensor([[*row.prompt_ids, *response]]), use_cache=False).logits[0]
            whole = logits[len(row.prompt_ids) - 1 : -1].float().log_softmax(-1)
            found.append(whole.gather(-1, torch.tensor(response).unsqueeze(-1)).squeeze(-1))
    return found


def largest_difference(output: PolicyOutput, plain: list[torch.Tensor]) -> float:
    differences = [
        (found[: len(own)] - own).abs().max() for found, own in zip(output.logps_NT.detach(), plain, strict=True)
    ]
    return float(torch.stack(differences).max())


@torch.no_grad()
def difference_from_plain(lm: PreTrainedModel, layout: Any) -> float:
    return largest_difference(layout.forward(lm, layout.collate(ROWS)), plain_logps(lm))


def gradients(lm: PreTrainedModel, layout: Any, rows: list[Branches] = ROWS) -> dict[str, torch.Tensor]:
    """Return the gradients of a sum of log-probs in which every token has a weight of its own."""
    lm.zero_grad()
    responses = [response for row in rows for response in row.response_ids]
    logps_NT = layout.forward(lm, layout.collate(rows)).logps_NT
    logps_M = torch.cat([logps_T[: len(r)] for logps_T, r in zip(logps_NT, responses, strict=True)])
    (torch.linspace(-1, 2, len(logps_M)) @ logps_M).backward()
    return {key: value.grad.clone() for key, value in lm.named_parameters() if value.grad is not None}


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], floor: float = 0.0) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, atol=2e-5 * float(value.abs().max()) + floor, rtol=0)
