"""The peer's side: ``trl.DPOTrainer`` with an ordinary ``DPOConfig``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import trl.trainer.utils
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer

if TYPE_CHECKING:
    from benchmarks.throughput.meter import Meter
    from benchmarks.throughput.sides import Side, Spec

__all__ = ["run"]


class _Watch(TrainerCallback):
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def on_train_begin(self, *_: Any, **_named: Any) -> None:
        self._meter.prepared()

    def on_log(self, *_: Any, logs: dict[str, float], **_named: Any) -> None:
        if "loss" in logs:
            self._meter.step(logs["loss"])


def run(side: Side, spec: Spec, meter: Meter) -> None:
    """Train and save."""
    if side.completion_head:
        _score_responses_only()
    on_gpu = torch.cuda.is_available()
    arguments = DPOConfig(
        output_dir=spec.output,
        learning_rate=spec.learning_rate,
        lr_scheduler_type="constant",
        optim=spec.optimizer,
        per_device_train_batch_size=spec.batch_size,
        per_device_eval_batch_size=spec.batch_size,
        gradient_checkpointing=side.checkpointing,
        precompute_ref_log_probs=side.precompute,
        max_length=spec.max_length,
        num_train_epochs=1,
        logging_steps=1,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        seed=spec.seed,
        train_sampling_strategy="sequential",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=on_gpu,
        model_init_kwargs={"dtype": "float32"},
    )
    trainer = DPOTrainer(
        model=spec.model,
        args=arguments,
        train_dataset=load_dataset("json", data_files=spec.rows, split="train"),
        processing_class=AutoTokenizer.from_pretrained(spec.model),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear") if side.lora else None,
        callbacks=[_Watch(meter)],
    )
    trainer.train()
    trainer.save_model()


def _score_responses_only() -> None:
    """Let TRL drop prompt and padding before its head wherever it runs, as it does by itself where it has Triton.

    Only the choice of positions changes; the tiles are computed as before.
    """
    vars(trl.trainer.utils)["_use_triton"] = lambda _device: True
