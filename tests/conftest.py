"""Small real models, tokenizers and data, made here; every test has its own cache."""

from __future__ import annotations

import gc
import gzip
import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003 - a field's type
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from promises import read_ledger
from warm_python import SITE, warm_python

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores; read when torch is imported, and by subprocesses
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment that sees what is installed here, and nothing else.

    Attributes:
        stand_in: What runs its programs instead of its Python.
    """

    folder: Path
    stand_in: str | None = None

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    @property
    def site(self) -> Path:
        (site,) = self.folder.glob("[Ll]ib/**/site-packages")
        return site

    def install(self, *what: str) -> None:
        """Install with plain pip, offline."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--no-deps", "--no-build-isolation", *what], check=True)

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run its Python."""
        variables = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", SITE: str(self.site)}
        command = [self.stand_in or str(self.python), *arguments]
        return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(tmp_path_factory.mktemp("environment"))
    venv.create(made.folder, with_pip=False)
    lines = [f"import site; site.addsitedir({path!r})" for path in sys.path if path.endswith("site-packages")]
    (made.site / "here.pth").write_text("\n".join(lines), encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of this session that all workers have: what is made in it needs a lock."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with warm_python(tmp_path_factory.mktemp("warm")) as path:
        yield path


@pytest.fixture
def warm(stand_in: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``sys.executable`` start processes that need not import the libraries first."""
    monkeypatch.setattr(sys, "executable", stand_in)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def warm_environment(environment: Environment, stand_in: str) -> Environment:
    return replace(environment, stand_in=stand_in)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process ends with it while the other has nothing left."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


class PromisesHeld:
    """Fails a run of all tests in which a test of the promises ledger did not pass, such as one that is skipped."""

    def __init__(self) -> None:
        self._passed = set[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid.partition("[")[0])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        named = {test for promise in read_ledger() for test in promise.tests}
        if session.exitstatus == pytest.ExitCode.OK and (missing := sorted(named - self._passed)):
            print(f"\npromises whose test did not run: {', '.join(missing)} (docs/reference/promises.md)")  # noqa: T201
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config: pytest.Config) -> None:
    """Watch the promises where all tests run: without a selection, and not in a worker, which reports to the first."""
    everything = config.args_source is config.ArgsSource.TESTPATHS
    if everything and not (config.option.keyword or config.option.markexpr) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(PromisesHeld())


settings.register_profile("shared-machine", deadline=None)  # another process may take the time of an example
settings.load_profile("shared-machine")

FAMILIES = ("gpt2", "llama", "qwen2")

TEXTS = [
    "How do I restart the router?",
    "Please hold the button for ten seconds, then wait for the light.",
    "Are you stupid? Read the manual, you idiot.",
    "Why does the printer say offline?",
    "Check the cable and send a test page.",
    "I do not know.",
]

PAIRS = [
    {"prompt": TEXTS[0] + " ", "chosen": TEXTS[1], "rejected": TEXTS[5]},
    {"prompt": TEXTS[3] + " ", "chosen": TEXTS[4], "rejected": TEXTS[2]},
    {"prompt": TEXTS[0] + " ", "chosen": TEXTS[2], "rejected": TEXTS[5]},
    {"prompt": TEXTS[3] + " ", "chosen": TEXTS[1], "rejected": TEXTS[4]},
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache of its own and no plugin policy from outside."""
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("UPO_PLUGINS", "UPO_PLUGINS_BLOCK", "UPO_PLUGINS_REQUIRE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the report, half the time of a tiny run, where a test is about something else."""
    monkeypatch.setattr("upo_sdk.run.write_report_or_warn", lambda *_: None)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that makes, once per session, a small random model with its tokenizer."""
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family)
            _save_model(family, made[family])
        return made[family]

    return make


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    """Return a file of twelve pairs."""
    path = tmp_path / "pairs.jsonl.gz"
    rows = [{**row, "prompt": f"{number}. {row['prompt']}"} for number in range(3) for row in PAIRS]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def _save_model(family: str, folder: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    gc.freeze()  # what the libraries made stays: so the collection at the end of every run need not look at it

    tokenizer = _tokenizer()
    tokenizer.save_pretrained(folder)
    sizes: dict[str, Any] = {
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256, "resid_pdrop": 0.0, "embd_pdrop": 0.0},
        "llama": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
        "qwen2": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
    }
    special = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    if family == "gpt2":
        sizes["gpt2"]["attn_pdrop"] = 0.0
    else:
        sizes[family]["num_key_value_heads"] = 2
    config = AutoConfig.for_model(family, vocab_size=len(tokenizer), **sizes[family], **special)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE(unk_token=None))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="</s>")
