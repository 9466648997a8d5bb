"""Small random models of many families, made from configurations."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from upo_sdk.policy.dropout import disable_dropout

__all__ = ["BORDER", "FAMILIES", "VOCABULARY", "WINDOW", "make_model"]

VOCABULARY = 300
WINDOW = 8
"""Of attention, shorter than most rows."""
BORDER = 32
"""Positions from which length-switched rotary embeddings are others; some rows end before it, some behind."""

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
_HEAD = {"head_dim": 8}
_MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_LOCAL = {"num_local_experts": 4, "num_experts_per_tok": 2}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
_LINEAR = {
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "full_attention"],
}
_LATENT = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "first_k_dense_replace": 1,
    "n_group": 1,
    "topk_group": 1,
}
_SSM = {"mamba_d_state": 8, "mamba_d_conv": 4, "mamba_expand": 2}
_SSM2 = {**_SSM, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_chunk_size": 16}
_LONG_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 10_000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [4.0, 8.0, 12.0, 16.0],
    "original_max_position_embeddings": BORDER,
}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, tied weights": ("llama", {"tie_word_embeddings": True}),
    "llama, dynamic rope": (
        "llama",
        {
            "max_position_embeddings": BORDER,
            "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 8.0},
        },
    ),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral, window": ("mistral", {"sliding_window": WINDOW}),
    "mixtral": ("mixtral", {"num_local_experts": 4, "sliding_window": None}),
    "qwen2": ("qwen2", {}),
    "qwen2, window": ("qwen2", {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}),
    "qwen2_moe": ("qwen2_moe", {"shared_expert_intermediate_size": 16, "decoder_sparse_step": 1, **_MOE}),
    "qwen3": ("qwen3", _HEAD),
    "qwen3_moe": ("qwen3_moe", {"decoder_sparse_step": 1, **_HEAD, **_MOE}),
    "qwen3_next": ("qwen3_next", {"shared_expert_intermediate_size": 16, **_HEAD, **_MOE, **_LINEAR}),
    "gemma": ("gemma", _HEAD),
    "gemma2": ("gemma2", {"sliding_window": WINDOW, "query_pre_attn_scalar": 8, **_HEAD}),
    "gemma3": ("gemma3_text", {"sliding_window": WINDOW, "query_pre_attn_scalar": 8, **_HEAD}),
    "phi": ("phi", {}),
    "phi3": ("phi3", {}),
    "phi3, window": ("phi3", {"sliding_window": WINDOW}),
    "phi3, longrope": ("phi3", {"original_max_position_embeddings": BORDER, "rope_parameters": _LONG_ROPE}),
    "phimoe": ("phimoe", {"input_jitter_noise": 0.1, **_LOCAL}),
    "gpt2": ("gpt2", _GPT2),
    "gpt_neo": (
        "gpt_neo",
        {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": WINDOW},
    ),
    "gptj": ("gptj", {"rotary_dim": 4, **_GPT2}),
    "gpt_neox": ("gpt_neox", {}),
    "gpt_bigcode": ("gpt_bigcode", _GPT2),
    "codegen": ("codegen", {"rotary_dim": 4, **_GPT2}),
    "opt": ("opt", {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "bloom": ("bloom", {"n_layer": 2, "n_head": 4}),
    "falcon": ("falcon", {}),
    "falcon, alibi": ("falcon", {"alibi": True, "new_decoder_architecture": False}),
    "mpt": ("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 256}),
    "stablelm": ("stablelm", {}),
    "starcoder2": ("starcoder2", {}),
    "starcoder2, window": ("starcoder2", {"sliding_window": WINDOW}),
    "cohere": ("cohere", {}),
    "cohere2": ("cohere2", {"sliding_window": WINDOW, **_HEAD}),
    "olmo": ("olmo", {}),
    "olmo2": ("olmo2", {}),
    "olmo3": ("olmo3", {"sliding_window": WINDOW}),
    "olmoe": ("olmoe", _MOE),
    "granite": ("granite", {"logits_scaling": 3.0}),
    "granitemoe": ("granitemoe", _LOCAL),
    "granitemoehybrid": (
        "granitemoehybrid",
        {"layer_types": ["mamba", "attention"], "shared_intermediate_size": 32, **_LOCAL, **_SSM2},
    ),
    "deepseek_v2": ("deepseek_v2", _LATENT),
    "deepseek_v3": ("deepseek_v3", _LATENT),
    "jamba": (
        "jamba",
        {
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "use_mamba_kernels": False,
            "mamba_dt_rank": 4,
            **_MOE,
            **_SSM,
        },
    ),
    "bamba": ("bamba", {"attn_layer_indices": [1], **_SSM2}),
    "mamba": ("mamba", {"state_size": 8}),
    "mamba2": ("mamba2", {"state_size": 8, "num_heads": 4, "head_dim": 16, "n_groups": 1, "chunk_size": 16}),
    "falcon_mamba": ("falcon_mamba", {"state_size": 8}),
    "falcon_h1": ("falcon_h1", {"mamba_d_ssm": 64, **_HEAD, **_SSM2}),
    "zamba2": (
        "zamba2",
        {
            "layers_block_type": ["mamba", "hybrid"],
            "mamba_ngroups": 1,
            "n_mamba_heads": 4,
            "mamba_headdim": 16,
            "chunk_size": 16,
            "num_mem_blocks": 1,
            "num_key_value_heads": 4,
            "use_mem_rope": True,
            "mamba_d_state": 8,
        },
    ),
    "nemotron": ("nemotron", _HEAD),
    "nemotron_h": (
        "nemotron_h",
        {
            "layers_block_type": ["mamba", "attention"],
            "mamba_num_heads": 4,
            "mamba_head_dim": 16,
            "n_groups": 1,
            "ssm_state_size": 8,
            "chunk_size": 16,
            **_HEAD,
        },
    ),
    "recurrent_gemma": (
        "recurrent_gemma",
        {"block_types": ["recurrent", "attention"], "lru_width": 32, "attention_window_size": WINDOW, **_HEAD},
    ),
    "rwkv": ("rwkv", {"attention_hidden_size": 32, "context_length": 256}),
    "minimax": (
        "minimax",
        {"layer_types": ["linear_attention", "full_attention"], "block_size": 16, **_HEAD, **_LOCAL},
    ),
    "glm": ("glm", _HEAD),
    "glm4": ("glm4", _HEAD),
    "exaone4": ("exaone4", {"sliding_window": WINDOW, "sliding_window_pattern": 2}),
    "smollm3": ("smollm3", {}),
    "ernie4_5": ("ernie4_5", _HEAD),
    "helium": ("helium", _HEAD),
    "arcee": ("arcee", {}),
    "lfm2": ("lfm2", {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False}),
    "dbrx": (
        "dbrx",
        {
            "d_model": 32,
            "n_heads": 4,
            "n_layers": 2,
            "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10_000.0},
            "ffn_config": {"ffn_hidden_size": 32, "moe_num_experts": 4, "moe_top_k": 2, "hidden_size": 32},
        },
    ),
    "gpt_oss": ("gpt_oss", {"sliding_window": WINDOW, **_HEAD, **_LOCAL}),
    "apertus": ("apertus", {}),
    "persimmon": ("persimmon", {}),
    "xglm": ("xglm", {"d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 64}),
    "biogpt": ("biogpt", {}),
    "seed_oss": ("seed_oss", _HEAD),
    "hunyuan_v1_dense": ("hunyuan_v1_dense", _HEAD),
    "jetmoe": ("jetmoe", {"kv_channels": 8, **_LOCAL}),
    "ctrl": ("ctrl", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "dff": 64}),
    "openai-gpt": ("openai-gpt", _GPT2),
    "nanochat": ("nanochat", {}),
    "llama4": (
        "llama4_text",
        {"num_local_experts": 2, "intermediate_size_mlp": 64, "attention_chunk_size": 16, **_HEAD},
    ),
    "modernbert": (
        "modernbert-decoder",
        {"local_attention": WINDOW, "sliding_window": WINDOW, "cls_token_id": 0, "sep_token_id": 1},
    ),
}


def make_model(name: str, **settings: Any) -> PreTrainedModel:
    """Return a random model whose log-probs differ clearly from token to token."""
    family, own = FAMILIES[name]
    config = AutoConfig.for_model(family, **{**_COMMON, **own, **settings})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lm: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
    disable_dropout(lm)
    with torch.no_grad():
        for parameter in lm.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3)
    return lm
