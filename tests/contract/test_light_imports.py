"""What must be quick imports nothing heavy; proved in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "httpx2",
    "transformers",
    "datasets",
    "accelerate",
    "textstat",
    "detoxify",
    "pandas",
    "pyarrow",
    "pytest",
)

QUICK = {
    "import of the SDK": "import upo_sdk",
    "every public name but those that run": "from upo_sdk import ObjectiveRef, Registry, RunConfig, load_registry",
    "what a plugin imports": "import upo_sdk.plugin, upo_sdk.objectives, upo_sdk.errors, upo_sdk.events",
    "loading every plugin": "import upo_sdk; assert len(upo_sdk.load_registry().check().objectives) >= 5",
    "reading every objective's options": """
import upo_sdk
from upo_sdk.config import ObjectiveRef
from upo_sdk.plugin.build import check_options
preference = "dpo:1,beta=0.2 kto simpo cpo orpo sft".split()
texts = preference + "length:1,target=9 lexical:1,metric=hedging toxicity:1,model=builtin".split()
texts += "column:help hf:org/model,label=joy trl:pkg.fn https://scores.example.org/tone:0.3".split()
registry = upo_sdk.load_registry()
assert all(check_options(ObjectiveRef.model_validate(text), registry) for text in texts)
""",
    "the conformance kit": "from upo_sdk.testing import check_objective, parametrize_checks, run_checks",
    "the result of an evaluation": "from upo_sdk import EvaluationRecord; EvaluationRecord.model_json_schema()",
    "records": "from upo_sdk import load_run; load_run('tests/fixtures/written_by_0_1_0/run')",
    "the pages and cards of runs": "import upo_sdk.publish, upo_sdk.report.render, upo_sdk.report.render_sweep",
    "comparing runs": "import upo_sdk.report.compare_runs, upo_cli.commands.runs",
    "a configuration": "from upo_sdk.config import build_config; build_config({'objectives': ['dpo', 'toxicity:0.3']})",
}


def heavy_modules_after(code: str) -> list[str]:
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("what", QUICK)
def test_nothing_heavy_is_imported_by(what: str) -> None:
    assert heavy_modules_after(QUICK[what]) == []


def test_scoring_with_the_built_in_model_needs_no_detoxify() -> None:
    score = """
from upo_sdk import load_registry
from upo_sdk.config import ObjectiveRef
from upo_sdk.objectives import Completion
from upo_sdk.plugin.build import build_objectives
(item,) = build_objectives([ObjectiveRef.model_validate("toxicity:0.3,model=builtin")], load_registry())
item.objective.setup("cpu")
polite, rude = item.objective.rewards([Completion("Hi.", "Gladly."), Completion("Hi.", "You idiot.")])
assert polite > rude
"""
    assert "detoxify" not in heavy_modules_after(score)


def test_the_proof_notices_a_heavy_import() -> None:
    assert heavy_modules_after("import pyarrow") == ["pyarrow"]
