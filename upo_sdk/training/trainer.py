"""The adapter between the unified loss and transformers.Trainer; everything else is the trainer's own."""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader
from transformers import GenerationConfig, PrinterCallback, Trainer, TrainerCallback
from transformers.trainer_utils import rotate_checkpoints

from upo_sdk.errors import ConfigError, OutputError, TrainingError
from upo_sdk.loss.gradients import probe
from upo_sdk.policy.adapter import has_adapter, save_adapter
from upo_sdk.records import TrainedWith
from upo_sdk.training.callbacks import LogLastStep
from upo_sdk.training.checkpoints import RESUME_WITH_SPACE, STAGING, disk_errors, publish, seal
from upo_sdk.training.free_memory import FreeMemory
from upo_sdk.training.metrics import MetricBuffer, Throughput
from upo_sdk.training.optimizer_settings import Hyperparameters

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments

    from upo_sdk.policy import Policy
    from upo_sdk.training.batching import EpochBatches
    from upo_sdk.training.rows import Collator, PreparedRows
    from upo_sdk.training.step import Step

__all__ = ["UPOTrainer"]

_VALUE_HEAD = "value_head.safetensors"
_VALUE_OPTIMIZER = "value_optimizer.pt"


class UPOTrainer(Trainer):
    """Trains a :class:`Policy` with the unified loss.

    The loss of a step is the mean over all rows of the accumulated batch, on all ranks, weighted if the rows have
    weights; splitting it into micro-batches changes nothing. The value head has an optimizer, a learning rate and a
    gradient clipping of its own.
    """

    loss_is_scaled_for_ga = True

    def __init__(  # noqa: PLR0913 - one per part of a run
        self,
        policy: Policy,
        step: Step,
        args: TrainingArguments,
        *,
        collator: Collator,
        train_rows: PreparedRows,
        eval_rows: PreparedRows | None,
        tokenizer: PreTrainedTokenizerBase,
        callbacks: list[TrainerCallback],
        batches: EpochBatches | None = None,
        trained_with: TrainedWith | None = None,
    ) -> None:
        self._saving_to: Path | None = None
        self._trained_with = trained_with or TrainedWith()
        self._base = deepcopy((policy.lm.config, policy.lm.generation_config))  # both are changed in what follows
        super().__init__(
            model=policy,
            args=args,
            data_collator=collator,
            train_dataset=train_rows,
            eval_dataset=eval_rows,
            processing_class=tokenizer,
            callbacks=[LogLastStep(), *callbacks, _ValueStep(self)],
        )
        self._batches = batches
        if batches is not None:
            self.add_callback(_FollowEpochs(batches))
        self.remove_callback(PrinterCallback)
        self.step = replace(step, mean_over_ranks=self._mean_over_ranks) if args.world_size > 1 else step
        self.step.unified.to(args.device)
        self.value_head = step.unified.value_head
        self.value_optimizer = (
            torch.optim.AdamW(self.value_head.parameters(), lr=step.unified.config.value_learning_rate)
            if self.value_head is not None
            else None
        )
        self._train_metrics, self._eval_metrics = MetricBuffer(), MetricBuffer()
        self._throughput = Throughput(args.device)
        if args.device.type == "cpu" and args.gradient_checkpointing:
            FreeMemory().watch_layers(policy)
        self._summary: dict[str, float] = {}
        if step.probe_steps and (self.is_fsdp_enabled or self.is_deepspeed_enabled):
            raise ConfigError(
                "the probe needs all parameters on every process, but FSDP and DeepSpeed shard them",
                where="`training.probe_steps`",
                fix="leave out `training.probe_steps`; the gradients with respect to the log-probs are still logged",
            )
        self._all_finite = torch.ones((), dtype=torch.bool, device=args.device)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Load the composed batches; without them, the trainer's own batches of a fixed number of rows."""
        if self._batches is None:
            return super().get_train_dataloader()
        loader = DataLoader(
            cast("PreparedRows", self.train_dataset),
            batch_sampler=self._batches,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=self.args.dataloader_persistent_workers,
            prefetch_factor=self.args.dataloader_prefetch_factor,
        )
        return cast("DataLoader[Any]", self.accelerator.prepare(loader))

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002 - the signature of transformers
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the loss of a micro-batch, scaled by its share of the accumulated batch."""
        step, training = self.state.global_step, torch.is_grad_enabled()
        probing = training and self.step.probe_steps > 0 and step % self.step.probe_steps == 0
        logged = training and ((step + 1) % self.state.logging_steps == 0 or step + 1 == self.state.max_steps)
        result = self.step(model(**inputs["policy"]), inputs["loss"], step=step, gradients=probing or logged)
        share = 1.0 if num_items_in_batch is None else inputs["weight"] / num_items_in_batch
        if probing and result.gradients is not None:
            result.metrics.update(probe(result.gradients, model))
        counted = {"rows": inputs["rows"], "weight": inputs["weight"]}
        if training:
            self._all_finite &= result.loss.detach().isfinite()
            self._throughput.add(inputs)
            # over ranks gradients are averaged, and the products of gradients with them: hence the root
            per_rank = share / self.args.world_size**0.5
            self._train_metrics.add(result, **counted, step=step, share=per_rank)
        else:
            self._eval_metrics.add(result, **counted)
        loss = result.loss * share
        return (loss, result) if return_outputs else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Tensor | int | None:
        """Add up the weights of the accumulated rows, per rank on average: gradients are averaged over ranks."""
        weight = sum(batch["weight"] for batch in batch_samples)
        if self.args.world_size == 1 or not batch_samples:
            return weight or None
        return self._mean_over_ranks(torch.tensor(float(weight), device=device))

    def _mean_over_ranks(self, value: Tensor) -> Tensor:
        return cast("Tensor", self.accelerator.reduce(value, reduction="mean"))

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,  # noqa: FBT001 - the signature of transformers
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Evaluate one batch; only its loss and metrics matter."""
        with torch.no_grad():
            loss = self.compute_loss(model, self._prepare_inputs(inputs))
        return loss.detach(), None, None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add our metrics to transformers' own and refuse to continue with a broken model."""
        if "train_runtime" in logs:  # held back until the evaluation at the end, which is not part of training
            self._summary = logs | self._throughput.summary(logs["train_runtime"], self.accelerator.gather)
            return
        if "loss" in logs:
            means = self._train_metrics.flush(self._mean_over_ranks, ranks=self.args.world_size)
            logs |= means | {"loss": logs["loss"]} | self._weights()
            self.require_finite(logs)
        if "eval_loss" in logs:
            means = self._eval_metrics.flush(self._mean_over_ranks, ranks=self.args.world_size)
            logs |= {f"eval_{name}": value for name, value in means.items()}  # eval_loss too: rows, not batches, count
        super().log(logs, start_time)

    @property
    def is_finished(self) -> bool:
        """Whether every step was taken; else the run was cancelled."""
        return self.state.global_step >= self.state.max_steps

    @property
    def advantage_weights(self) -> list[float]:
        """The weights ``exp(λA)`` of the completions in the last logging interval, on this process."""
        return self._train_metrics.last_weights

    def log_summary(self) -> None:
        """Log how fast the run was: the last row of ``metrics.jsonl``."""
        super().log(self._summary)

    def require_finite(self, metrics: dict[str, float]) -> None:
        """Raise if any loss since the start was not finite.

        Raises:
            TrainingError: With the term that broke.
        """
        if bool(self._all_finite):
            return
        losses = {name: value for name, value in metrics.items() if name.endswith("loss")}
        broken = [name for name, value in losses.items() if not abs(value) < float("inf")]
        raise TrainingError(
            f"the loss became infinite or NaN at or before step {self.state.global_step}",
            where=", ".join(broken) or "the policy's log-probabilities",
            fix="lower `training.learning_rate` or `loss.lambda`, or set `loss.advantage_cap=3`",
        )

    def _weights(self) -> dict[str, float]:
        """Return the weights of the step that was just taken."""
        return {
            f"objective/{label}/weight": weight
            for label, weight in self.step.unified.weights_at(self.state.global_step - 1).items()
        }

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a checkpoint aside, seal it and move it to its place, so that a kill leaves none that looks whole."""
        self.require_finite({})
        run = Path(str(self.args.output_dir))
        name = f"checkpoint-{self.state.global_step}"
        staged = run / STAGING / name
        if self.args.should_save:
            shutil.rmtree(run / STAGING, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self._saving_to = run / STAGING
        try:
            with disk_errors("the checkpoint", run / name, RESUME_WITH_SPACE):
                super()._save_checkpoint(model, trial)
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    self._trained_with.save(staged)
                    seal(staged)
                    publish(staged, run / name)
                    shutil.rmtree(run / STAGING, ignore_errors=True)
                    rotate_checkpoints(str(run), self.args.save_total_limit, str(run / name), use_mtime=True)
                self.accelerator.wait_for_everyone()
        finally:
            self._saving_to = None

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._saving_to) if self._saving_to else str(super()._get_output_dir(trial))

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Save the language model, configured as its base, or its adapter, and the tokenizer; no pickle."""
        folder = Path(output_dir or str(self.args.output_dir))
        lm = self.accelerator.unwrap_model(self.model).lm
        weights = state_dict and {name.removeprefix("lm."): tensor for name, tensor in state_dict.items()}
        if not has_adapter(lm):
            self._save_whole(lm, folder, weights)
        elif self.args.should_save:
            save_adapter(lm, folder, weights)
        if not self.args.should_save:
            return
        if self.processing_class is not None:
            self.processing_class.save_pretrained(folder)
        for file in folder.glob("*.safetensors"):  # which safetensors lets nobody else read
            shutil.copymode(next(folder.glob("*config.json")), file)

    def _save_whole(self, lm: PreTrainedModel, folder: Path, weights: dict[str, Any] | None) -> None:
        tied = getattr(lm, "all_tied_weights_keys", {})  # once gathered, each is a tensor of its own
        weights = weights and {name: tensor for name, tensor in weights.items() if name not in tied}
        in_training = lm.config, lm.generation_config
        lm.config, generation = self._base
        plain: Any = GenerationConfig  # of transformers, untyped
        lm.generation_config = plain()  # saving refuses some that loading takes
        try:
            lm.save_pretrained(folder, state_dict=weights, is_main_process=self.args.should_save)
        finally:
            lm.config, lm.generation_config = in_training
        if self.args.should_save and (folder / "generation_config.json").exists():
            generation.to_json_file(folder / "generation_config.json")

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Train on an epoch, unless a checkpoint of the last step is resumed: transformers would take one step more."""
        if self.state.global_step < self.state.max_steps:
            super()._run_epoch(*args, **kwargs)  # type: ignore[no-untyped-call]  # of transformers

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Do nothing: the policy was built from the checkpoint's weights before the trainer existed."""

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.value_head is not None and self.value_optimizer is not None and self.args.should_save:
            save_file(self.value_head.state_dict(), Path(output_dir) / _VALUE_HEAD)
            torch.save(self.value_optimizer.state_dict(), Path(output_dir) / _VALUE_OPTIMIZER)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        planned = Hyperparameters(self.optimizer, self.lr_scheduler)
        try:
            super()._load_optimizer_and_scheduler(checkpoint)
            planned.put_back(self.optimizer, self.lr_scheduler)
            if self.value_head is not None and self.value_optimizer is not None:
                planned = Hyperparameters(self.value_optimizer)
                self.value_head.load_state_dict(load_file(Path(checkpoint) / _VALUE_HEAD))
                state = torch.load(Path(checkpoint) / _VALUE_OPTIMIZER, weights_only=True, map_location="cpu")
                self.value_optimizer.load_state_dict(state)
                planned.put_back(self.value_optimizer)
        except (OSError, ValueError, KeyError, RuntimeError, UnpicklingError, SafetensorError) as error:
            raise OutputError(
                f"the state of the optimizers does not fit this run: {next(iter(str(error).splitlines()), error)}",
                where=checkpoint,
                fix="resume with the settings that it was trained with, or start from its model: `model.path=FOLDER`",
            ) from error

    def step_value_head(self) -> None:
        """Take one step of the value head's own optimizer; the policy's clipping never sees these gradients."""
        if self.value_head is None or self.value_optimizer is None:
            return
        parameters = [parameter for parameter in self.value_head.parameters() if parameter.grad is not None]
        if self.args.world_size > 1:
            for parameter in parameters:
                parameter.grad = self._mean_over_ranks(cast("Tensor", parameter.grad))
        torch.nn.utils.clip_grad_norm_(parameters, self.step.unified.config.value_max_grad_norm)
        self.value_optimizer.step()
        self.value_optimizer.zero_grad()


class _ValueStep(TrainerCallback):
    def __init__(self, trainer: UPOTrainer) -> None:
        self._trainer = trainer

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._trainer.step_value_head()


class _FollowEpochs(TrainerCallback):
    """Passes the epoch to the batches; the trainer's own call is lost in accelerate's wrappers on a resumed rank."""

    def __init__(self, batches: EpochBatches) -> None:
        self._batches = batches

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._batches.set_epoch(int(state.epoch or 0))
