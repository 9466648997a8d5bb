"""The model card of a run, in the Hugging Face format, written from the files of its folder."""

from upo_sdk.publish.card.model_card import CARD_FILE, model_card, refresh_card
from upo_sdk.publish.card.usage import call

__all__ = ["CARD_FILE", "call", "model_card", "refresh_card"]
