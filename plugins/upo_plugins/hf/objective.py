"""The ``hf`` objective: a sequence classifier or reward model of the Transformers library."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_plugins.hf.outputs import choose_activation, choose_label, pooled, reward
from upo_sdk.classifiers import Window, windows
from upo_sdk.errors import ModelError
from upo_sdk.objectives import Needs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_plugins.hf.options import Activation, ClassifierOptions, Input
    from upo_sdk.objectives import Completion

__all__ = ["Classifier"]

_INSTEAD = "a local folder, hf:FOLDER"


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    tokenizer: Any
    label: int
    activation: Activation
    input: Input
    limit: int
    batch_size: int
    fingerprint: Mapping[str, str]


class Classifier:
    """The ``hf`` objective."""

    def __init__(self, options: ClassifierOptions) -> None:
        self.options = options
        self.needs = Needs(messages=options.input in {None, "chat"})
        self._found: _Loaded | None = None

    def setup(self, device: str, /) -> None:
        """Load model and tokenizer.

        Raises:
            ModelError: It cannot be loaded; pickled weights and remote code are refused.
            OfflineError: It would have to be downloaded, and the network is out of reach.
            ObjectiveRefError: It has no such label.
        """
        self._found = _load(self.options, device)

    def check(self) -> str:
        """Return where model and tokenizer come from.

        Raises:
            ModelError: There is no such folder.
            OfflineError: They would have to be downloaded, and the network is out of reach.
        """
        from upo_sdk.classifiers import hub_source

        where = f"hf:{self.options.model}"
        if _local(self.options, where):
            return "nothing to download"
        return hub_source(self.options.model, self.options.revision, weights=True, where=where, instead=_INSTEAD)

    def close(self) -> None:
        """Release the model."""
        self._found = None

    def fingerprint(self) -> Mapping[str, str]:
        """Return the hashes of weights, config and tokenizer, and what was chosen where an option was left unset."""
        return self._loaded().fingerprint

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Return one reward per completion."""
        from upo_sdk.classifiers import window_logits

        loaded, options = self._loaded(), self.options
        found = _windows_of(loaded.tokenizer, completions, loaded.input, loaded.limit)
        rewards: dict[int, list[float]] = defaultdict(list)
        for window, logits in window_logits(loaded.model, loaded.tokenizer, found, loaded.batch_size):
            rewards[window.text].append(reward(logits, loaded.label, loaded.activation, reverse=options.reverse))
        return [pooled(rewards[text], options.pool) for text in range(len(completions))]

    def _loaded(self) -> _Loaded:
        if self._found is None:
            msg = "call setup() first"
            raise RuntimeError(msg)
        return self._found


def _load(options: ClassifierOptions, device: str) -> _Loaded:
    import torch

    from upo_sdk.classifiers import (
        classifier_fingerprint,
        load_classifier,
        load_tokenizer,
        safe_batch_size,
        token_limit,
    )

    where = f"hf:{options.model}"
    folder = _folder(options, where)
    model, tokenizer = load_classifier(folder), load_tokenizer(folder)
    config = model.config
    labels = [str(config.id2label[index]) for index in range(config.num_labels)]
    activation = choose_activation(options.activation, len(labels), config.problem_type, where)
    kind = _choose_input(options.input, tokenizer, len(labels))
    if kind == "chat" and not tokenizer.chat_template:
        raise ModelError("its tokenizer has no chat template", where=where, fix="write input=pair, or input=response")
    limit = token_limit(config, tokenizer, options.max_length)
    model = model.to(device=device, dtype=getattr(torch, options.dtype)).eval()
    return _Loaded(
        model=model,
        tokenizer=tokenizer,
        label=choose_label(options.label, labels, where),
        activation=activation,
        input=kind,
        limit=limit,
        batch_size=safe_batch_size(model, tokenizer, limit, options.batch_size),
        fingerprint={**classifier_fingerprint(folder), "activation": activation, "input": kind},
    )


def _folder(options: ClassifierOptions, where: str) -> Path:
    from upo_sdk.classifiers import hub_folder

    local = _local(options, where)
    return local or hub_folder(options.model, options.revision, weights=True, where=where, instead=_INSTEAD)


def _local(options: ClassifierOptions, where: str) -> Path | None:
    """Return the folder that is named, or None if it is a hub id."""
    from upo_sdk.classifiers import HUB_ID

    path = Path(options.model).expanduser()
    if path.is_dir():
        return path
    if not HUB_ID.fullmatch(options.model):
        raise ModelError(
            f"there is no folder '{options.model}', and it is no hub id",
            where=where,
            fix="check the path, or write owner/name",
        )
    return None


def _choose_input(wanted: Input | None, tokenizer: Any, outputs: int) -> Input:
    """Return the input that was asked for, or the one that fits the model."""
    if wanted is not None:
        return wanted
    if tokenizer.chat_template:
        return "chat"
    return "pair" if outputs == 1 else "response"


def _windows_of(tokenizer: Any, completions: Sequence[Completion], kind: Input, limit: int) -> list[Window]:
    """Return at least one window for every completion; a chat has one, which loses its beginning if it is too long."""
    responses = [item.response for item in completions]
    match kind:
        case "chat":
            found = _chats(tokenizer, completions, limit)
        case "pair":
            found = windows(tokenizer, responses, limit, before=[item.prompt for item in completions])
        case "response":
            found = windows(tokenizer, responses, limit)
    empty = set(range(len(completions))) - {window.text for window in found}
    return [*found, *(_without_tokens(tokenizer, text) for text in sorted(empty))]


def _chats(tokenizer: Any, completions: Sequence[Completion], limit: int) -> list[Window]:
    texts = [tokenizer.apply_chat_template(_messages(item), tokenize=False) for item in completions]
    if not texts:
        return []
    encoded = tokenizer(texts, add_special_tokens=False, verbose=False)
    names = [name for name in tokenizer.model_input_names if name in encoded]
    found = (Window(text, {name: encoded[name][text][-limit:] for name in names}) for text in range(len(texts)))
    return [window for window in found if len(window)]


def _messages(item: Completion) -> list[Mapping[str, Any]]:
    if item.prompt_messages is not None and item.response_messages is not None:
        return [*item.prompt_messages, *item.response_messages]
    return [{"role": "user", "content": item.prompt}, {"role": "assistant", "content": item.response}]


def _without_tokens(tokenizer: Any, text: int) -> Window:
    """Stand in for a text without tokens: one token that says nothing."""
    candidates = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    token = next(candidate for candidate in candidates if candidate is not None)
    values = {"input_ids": token, "attention_mask": 1}
    return Window(text, {name: [values.get(name, 0)] for name in tokenizer.model_input_names})
