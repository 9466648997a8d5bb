"""Evaluation: generations before and after, and what each objective did, in plain words."""

from upo_sdk.evaluation.answers import Answers, answer_prompts
from upo_sdk.evaluation.before_after import compare_rewards, explain
from upo_sdk.evaluation.generation import generate_responses

__all__ = ["Answers", "answer_prompts", "compare_rewards", "explain", "generate_responses"]
