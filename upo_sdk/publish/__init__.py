"""What others see of a run: its model card and its repository on the Hugging Face hub."""

from upo_sdk.publish.card import CARD_FILE, model_card, refresh_card
from upo_sdk.publish.hub import check_hub, reserve_repository
from upo_sdk.publish.push import push_after_run

__all__ = ["CARD_FILE", "check_hub", "model_card", "push_after_run", "refresh_card", "reserve_repository"]
