"""Attention by segments on a CPU, and what goes with it: the last layer's positions, a tied weight's one gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from architectures import ROWS, assert_same, gradients, ids, largest_difference, make_model, plain_logps

from upo_sdk.policy import TokenizedRow, choose_layout
from upo_sdk.policy.layouts.blocks import BlockLayout
from upo_sdk.policy.layouts.segments import SegmentLayout


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
    lm: Any = make_model("llama")
    lm.model.layers[0].self_attn.attention_dropout = 0.1
    assert isinstance(choose_layout(lm, ROWS).layout, BlockLayout)


def test_the_last_layer_computes_only_what_is_read() -> None:
    lm = make_model("llama")
    policy = choose_layout(lm, ROWS).policy(lm)
    widths = dict[str, list[int]]()
    for name, module in lm.named_modules():
        if name.endswith(("_proj", "act_fn")):
            seen = widths.setdefault(name.removeprefix("model.layers."), [])
            module.register_forward_hook(lambda _module, inputs, _output, seen=seen: seen.append(inputs[0].shape[1]))
    inputs = policy.layout.collate(ROWS)
    policy(**inputs)
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
    rows = [TokenizedRow([7, 9, 7, 7, 30], [[9, 7, 12], [7, 7]]), TokenizedRow([9, 9, 7], [[30, 31], [7]])]
    lm = make_model("llama, tied weights", pad_token_id=pad_token_id)  # the embedding learns nothing from its padding
    layout = choose_layout(lm, rows).layout
    assert isinstance(layout, SegmentLayout)
    found = gradients(lm, layout, rows)
    assert_same(found, gradients(lm, choose_layout(lm, rows, "padded").layout, rows))
    lm.get_input_embeddings().register_forward_hook(lambda *_: None)  # whoever listens to the module is heard
    assert_same(gradients(lm, layout, rows), found)
