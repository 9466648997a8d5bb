"""For every architecture, `auto` finds a layout that computes what the model itself computes, and says which."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from upo_sdk.errors import ModelError
from upo_sdk.policy import Branches, Policy, PolicyOutput, choose_layout
from upo_sdk.policy.layouts import choose
from upo_sdk.policy.layouts.blocks import BlockLayout
from upo_sdk.policy.layouts.segments import SegmentLayout

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


def _expected(names: dict[str, Any], layout: str) -> list[Any]:
    return [pytest.param(name, layout, id=name) for name in names]


@pytest.mark.filterwarnings("ignore")  # of architectures whose fast kernels are not installed
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        *_expected(BLOCK_MASK, "prefix-packed"),
        *_expected(PREFIX_CACHE, "prefix-cache"),
        *_expected(SEPARATE, "separate"),
        *_expected(PADDED, "padded"),
    ],
)
def test_auto_is_exact_and_says_what_it_chose_and_why(name: str, layout: str) -> None:
    lm = make_model(name)
    plain = plain_logps(lm)
    chosen = choose_layout(lm, ROWS)
    assert chosen.layout.name == layout
    assert chosen.reason.startswith(f"layout {layout}: ")
    assert ("not prefix-packed" in chosen.reason) == (layout != "prefix-packed")
    inputs = chosen.layout.collate(ROWS)
    assert largest_difference(chosen.layout.forward(lm, inputs), plain) < 1e-5
    policy = Policy(lm, chosen.layout)
    policy.training = True  # the model alone stays as it is, without dropout
    assert largest_difference(policy(**inputs), plain) < 1e-5


@pytest.mark.parametrize("layout", ["padded", "separate", "packed", "prefix-shared", "prefix-packed", "prefix-cache"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_every_layout_is_exact_under_every_attention(layout: Any, attention: str) -> None:
    lm = make_model("gemma3", attn_implementation=attention)
    assert difference_from_plain(lm, choose_layout(lm, ROWS, layout).layout) < 1e-5


@pytest.mark.parametrize("layout", ["separate", "packed", "prefix-shared", "prefix-packed", "prefix-cache"])
def test_gradients_equal_those_of_the_padded_layout(layout: Any) -> None:
    lm = make_model("llama, tied weights")
    padded = gradients(lm, choose_layout(lm, ROWS, "padded").layout)
    assert_same(gradients(lm, choose_layout(lm, ROWS, layout).layout), padded)


@pytest.mark.parametrize("layout", ["separate", "packed", "prefix-shared", "prefix-packed", "prefix-cache"])
def test_prompt_states_are_those_of_the_padded_layout(layout: Any) -> None:
    lm = make_model("llama")
    with torch.no_grad():
        states = [
            chosen.forward(lm, chosen.collate(ROWS)).prompt_state_PH
            for chosen in (choose_layout(lm, ROWS, name).layout for name in ("padded", layout))
        ]
    torch.testing.assert_close(*states, atol=1e-5, rtol=1e-5)


def test_a_layout_that_was_asked_for_and_is_wrong_is_refused_with_the_difference() -> None:
    with pytest.raises(ModelError, match=r"prefix-shared: differs by .* nats") as caught:
        choose_layout(make_model("mpt"), ROWS, "prefix-shared")
    assert "--layout auto" in str(caught.value.fix)


def test_the_padded_layout_is_not_refused_for_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_EXACT", 0.0)
    monkeypatch.setattr(choose, "_NOISE", 0.0)
    assert choose_layout(make_model("llama"), ROWS, "padded").layout.name == "padded"


def test_the_check_holds_the_logits_of_one_row_at_most() -> None:
    lm = make_model("llama")
    shapes = list[torch.Size]()
    lm.get_output_embeddings().register_forward_hook(lambda *call: shapes.append(call[-1].shape))
    choose_layout(lm, ROWS)
    whole = [shape[0] for shape in shapes if len(shape) == 3]  # the others are chunks of bounded size
    assert len(whole) > len(ROWS)
    assert max(whole) == max(len(row.response_ids) for row in ROWS)


def test_single_completions_have_no_prompt_to_share() -> None:
    single = [row._replace(response_ids=row.response_ids[:1]) for row in ROWS]
    assert choose_layout(make_model("llama"), single).layout.name == "packed"


def test_under_activation_checkpointing_no_cache_is_shared() -> None:
    assert choose_layout(make_model("bloom"), ROWS, caches=False).layout.name == "separate"


def test_packed_shared_rows_feed_every_distinct_token_once() -> None:
    lm = make_model("llama")
    layout = choose_layout(lm, ROWS).layout
    inputs = layout.collate(ROWS)
    longest = 24 + 13 + 15
    distinct = longest + (13 + 29) + (5 + 1 + 8 + 2) + (20 + 19 + 9)
    assert inputs["ids_1S"].shape == (1, distinct)
    masked = choose_layout(make_model("llama", attn_implementation="eager"), ROWS).layout.collate(ROWS)
    assert masked["ids_RL"].shape == (4, longest)
    assert int((masked["sequence_RL"] >= 0).sum()) == distinct


@pytest.mark.filterwarnings("ignore")  # of transformers' own masks, and of running uncompiled
@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_block_masks_of_flex_attention_are_exact(name: str) -> None:
    lm = make_model(name, attn_implementation="flex_attention")
    with torch.compiler.set_stance("force_eager"):
        assert choose_layout(lm, ROWS).layout.name == "prefix-packed"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_flex_attention_trains_on_a_gpu_as_dense_masks_do() -> None:
    gradients = list[torch.Tensor]()
    for attention in ("sdpa", "flex_attention"):
        lm = make_model("llama", attn_implementation=attention, head_dim=16).to("cuda")
        layout = choose_layout(lm, ROWS).layout
        inputs = {name: tensor.to("cuda") for name, tensor in layout.collate(ROWS).items()}
        layout.forward(lm, inputs).logps_NT.sum().backward()
        gradients.append(lm.get_input_embeddings().weight.grad)
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("layout", ["packed", "prefix-packed"])
@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt_neox"])
def test_on_a_cpu_segments_replace_the_mask_and_give_its_gradients(name: str, layout: Any) -> None:
    found = list[dict[str, torch.Tensor]]()
    for attention in ("eager", "sdpa"):  # eager attention takes the mask
        lm = make_model(name, attn_implementation=attention)
        chosen = choose_layout(lm, ROWS, layout).layout
        assert isinstance(chosen, SegmentLayout) == (attention == "sdpa")
        found.append(gradients(lm, chosen))
    assert_same(*found, floor=1e-6)  # the gradient of a key's bias is zero but for rounding


@pytest.mark.parametrize("name", ["mistral, window", "gemma2", "gpt_oss", "falcon"])
def test_where_segments_do_not_fit_the_model_keeps_its_own_attention(name: str) -> None:
    lm = make_model(name)
    attention = lm.config._attn_implementation
    assert isinstance(choose_layout(lm, ROWS).layout, BlockLayout)
    assert lm.config._attn_implementation == attention


def test_without_segments_the_attention_is_the_models_own() -> None:
    lm, plain = make_model("llama"), make_model("llama")
    choose_layout(lm, ROWS)
    batch = {"input_ids": torch.tensor([ids(9, 1), [0] * 4 + ids(5, 2)]), "attention_mask": torch.ones(2, 9).long()}
    batch["attention_mask"][1, :4] = 0
    assert torch.equal(lm(**batch).logits, plain(**batch).logits)
    assert lm.generate(**batch, max_new_tokens=4).tolist() == plain.generate(**batch, max_new_tokens=4).tolist()


def test_a_model_with_dropout_keeps_the_mask() -> None:
    assert isinstance(choose_layout(make_model("llama", attention_dropout=0.1), ROWS).layout, BlockLayout)


def test_the_last_layer_computes_only_what_is_read() -> None:
    lm = make_model("llama")
    layout = choose_layout(lm, ROWS).layout
    widths = dict[str, list[int]]()
    for name, module in lm.named_modules():
        if name.endswith(("_proj", "act_fn")):
            seen = widths.setdefault(name.removeprefix("model.layers."), [])
            module.register_forward_hook(lambda _module, inputs, _output, seen=seen: seen.append(inputs[0].shape[1]))
    inputs = layout.collate(ROWS)
    layout.forward(lm, inputs)
    fed, read = inputs["ids_1S"].numel(), sum(len(r) - 1 for row in ROWS for r in row.response_ids) + len(ROWS)
    assert {widths[f"0.{part}"][0] for part in ("self_attn.q_proj", "mlp.up_proj", "mlp.act_fn")} == {fed}
    assert widths["1.self_attn.k_proj"] == widths["1.self_attn.v_proj"] == [fed]
    skipping = ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.act_fn", "mlp.down_proj")
    assert [widths[f"1.{part}"] for part in skipping[2:]] == [[read]] * 4
    lm(input_ids=inputs["ids_1S"])
    assert [widths[f"1.{part}"][-1] for part in skipping] == [fed] * 6  # the model by itself is as it was


def test_a_model_that_runs_its_last_layer_twice_gets_another_layout() -> None:
    lm: Any = make_model("llama")
    lm.model.layers.append(lm.model.layers[-1])
    lm.config.num_hidden_layers = 3
    plain = plain_logps(lm)
    for _again in range(2):
        chosen = choose_layout(lm, ROWS)
        assert isinstance(chosen.layout, BlockLayout)
        assert "not differs by" in chosen.reason
        assert largest_difference(chosen.layout.forward(lm, chosen.layout.collate(ROWS)), plain) < 1e-5


def test_activation_checkpointing_reads_the_same_positions_again() -> None:
    lm = make_model("llama, tied weights")
    layout = choose_layout(lm, ROWS).layout
    expected = gradients(lm, layout)
    lm.activation_checkpointing_enable()
    assert_same(gradients(lm.train(), layout), expected)


@pytest.mark.parametrize("pad_token_id", [None, 7])
def test_a_tied_weight_gets_the_gradient_of_embedding_and_head(pad_token_id: int | None) -> None:
    rows = [Branches([7, 9, 7, 7, 30], [[9, 7, 12], [7, 7]]), Branches([9, 9, 7], [[30, 31], [7]])]
    lm = make_model("llama, tied weights", pad_token_id=pad_token_id)  # the embedding learns nothing from its padding
    layout = choose_layout(lm, rows).layout
    assert isinstance(layout, SegmentLayout)
    found = gradients(lm, layout, rows)
    assert_same(found, gradients(lm, choose_layout(lm, rows, "padded").layout, rows))
    lm.get_input_embeddings().register_forward_hook(lambda *_: None)  # whoever listens to the module is heard
    assert_same(gradients(lm, layout, rows), found)
