"""For every architecture, `auto` finds a layout that computes what the model itself computes, and says which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from architectures import (
    BLOCK_MASK,
    PADDED,
    PREFIX_CACHE,
    ROWS,
    SEPARATE,
    SINGLE,
    assert_same,
    difference_from_plain,
    gradients,
    largest_difference,
    make_model,
    plain_logps,
)

from benchmarks.margins.families import BORDER
from benchmarks.margins.measure import LAYOUTS, PAIRS, largest_margin
from upo_sdk.errors import ModelError
from upo_sdk.policy import PaddedLayout, Policy, choose_layout
from upo_sdk.policy.layouts.exactness import _Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

EXACT = 1e-4
NO_MARGIN = 1e-3


def _expected(names: Sequence[str], layout: str) -> list[Any]:
    return [pytest.param(name, layout, id=name) for name in names]


@pytest.mark.filterwarnings("ignore")  # of architectures whose fast kernels are not installed
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        *_expected(BLOCK_MASK, "prefix-packed"),
        *_expected(PREFIX_CACHE, "prefix-cache"),
        *_expected(SEPARATE, "separate"),
        *_expected(PADDED, "padded"),
        *_expected(SINGLE, "single"),
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
    assert largest_difference(chosen.layout.forward(lm, inputs), plain) < EXACT
    policy = chosen.policy(lm)
    assert largest_difference(policy.train()(**inputs), plain) < EXACT
    assert max(largest_margin(policy, size) for size in (1, 4)) < NO_MARGIN


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
    assert "`training.layout=auto`" in str(caught.value.fix)


@pytest.mark.filterwarnings("ignore")  # of architectures whose fast kernels are not installed
@pytest.mark.parametrize("name", ["gemma2", "bloom", "mamba2", "phi3, longrope"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_policy_that_learns_nothing_has_no_margins_in_any_layout_or_is_refused(name: str, layout: Any) -> None:
    lm = make_model(name)
    try:
        chosen = choose_layout(lm, PAIRS, layout)
    except ModelError:
        assert layout != "single"
        return
    assert name != "phi3, longrope" or layout == "single"
    policy = chosen.policy(lm)
    assert max(largest_margin(policy, size) for size in (1, 4)) < NO_MARGIN


@pytest.mark.parametrize("name", SINGLE)
def test_where_padding_changes_a_row_the_padded_layout_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"padded: differs by 0\.\d+ nats"):
        choose_layout(make_model(name), PAIRS, "padded")


@pytest.mark.parametrize("name", SINGLE)
def test_rows_on_one_side_of_the_border_keep_the_fast_layout(name: str) -> None:
    short = [row for row in PAIRS if len(row.prompt_ids) + max(map(len, row.response_ids)) < BORDER]
    assert choose_layout(make_model(name), short).layout.name == "prefix-packed"


def test_the_margin_of_a_wrong_layout_is_seen() -> None:
    policy = Policy(make_model("phi3, longrope"), PaddedLayout())
    assert largest_margin(policy, 4) > 10 * NO_MARGIN


@pytest.mark.parametrize("name", ["llama", "phi3, longrope"])
def test_in_half_precision_the_noise_is_that_of_rows_alone(name: str) -> None:
    lm = make_model(name).to(torch.bfloat16)  # type: ignore[arg-type]  # transformers types it as if it were a method of a tensor
    noise = _Precision(lm, PAIRS[:2], autocast=False).tolerance
    assert 0.01 < noise.logps < 1
    chosen = choose_layout(lm, PAIRS)
    assert chosen.layout.name == "prefix-packed" if name == "llama" else chosen.reason


@pytest.mark.parametrize("checkpointing", [False, True])
def test_noise_in_training_mode_is_kept_out_or_refused(checkpointing: bool) -> None:  # noqa: FBT001 - of the test
    lm = make_model("phimoe", input_jitter_noise=0.3)
    if checkpointing:
        with pytest.raises(ModelError) as caught:
            choose_layout(lm, PAIRS, checkpointing=True)
        assert "`training.gradient_checkpointing`" in str(caught.value.fix)
    else:
        assert largest_margin(choose_layout(lm, PAIRS).policy(lm), 4) < NO_MARGIN


def test_the_check_holds_the_logits_of_one_response_at_most() -> None:
    lm = make_model("llama")
    shapes = list[torch.Size]()
    lm.get_output_embeddings().register_forward_hook(lambda *call: shapes.append(call[-1].shape))
    choose_layout(lm, ROWS)
    whole = [shape[:2] for shape in shapes if len(shape) == 3]  # the others are chunks of bounded size
    assert sorted(whole) == sorted((1, len(response) + 1) for row in ROWS for response in row.response_ids)


def test_single_completions_have_no_prompt_to_share() -> None:
    single = [row._replace(response_ids=row.response_ids[:1]) for row in ROWS]
    assert choose_layout(make_model("llama"), single).layout.name == "packed"


def test_under_activation_checkpointing_no_cache_is_shared() -> None:
    assert choose_layout(make_model("bloom"), ROWS, checkpointing=True).layout.name == "separate"


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
        assert choose_layout(lm, ROWS, training=False).layout.name == "prefix-packed"


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
