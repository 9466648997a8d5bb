from __future__ import annotations

import pytest
from transformers import GPT2Config, OPTConfig, RobertaConfig

from upo_sdk.policy.positions import positions


@pytest.mark.parametrize(
    ("config", "most"),
    [
        (GPT2Config(n_positions=64), 64),
        (OPTConfig(max_position_embeddings=64), 64),  # its table has two more than it says
        (RobertaConfig(max_position_embeddings=514, pad_token_id=1), 512),
        (RobertaConfig(max_position_embeddings=64, pad_token_id=0), 63),
    ],
)
def test_models_that_begin_behind_padding_have_fewer_positions(config: object, most: int) -> None:
    assert positions(config) == most
