"""The guide's service works with the objective, and its schemas are those of the wire."""

from __future__ import annotations

import json
import re
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from upo_plugins.http.client import ScoreRequest, ScoreResponse
from upo_plugins.http.objective import Service
from upo_plugins.http.options import ServiceOptions
from upo_sdk.objectives import Completion

GUIDE = (Path(__file__).parents[3] / "docs" / "how-to" / "call-a-service.md").read_text(encoding="utf-8")
REQUEST, ANSWER, ANSWER_SCHEMA, REQUEST_SCHEMA = re.findall(r"^```json\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
(SERVICE,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.network
@pytest.mark.enable_socket
def test_the_service_of_the_guide_scores() -> None:
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(SERVICE, "guide", "exec"), names)
    names["Score"].log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["Score"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scorer = Service(ServiceOptions(url=f"http://127.0.0.1:{server.server_address[1]}/"))
    scorer.setup("cpu")
    try:
        asked = ScoreRequest.model_validate_json(REQUEST).completions
        found = scorer.rewards([Completion(item.prompt, item.response) for item in asked])
    finally:
        scorer.close()
        server.shutdown()
        server.server_close()
        thread.join()
    assert found == ScoreResponse.model_validate_json(ANSWER).scores == [1.0, 0.0]


def without_words(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a schema with its references resolved and without titles, descriptions and defaults."""
    if isinstance(schema, list):
        return [without_words(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return without_words(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    hidden = {"title", "description", "default", "$defs"}
    return {key: without_words(value, definitions) for key, value in schema.items() if key not in hidden}


@pytest.mark.parametrize(("shown", "model"), [(REQUEST_SCHEMA, ScoreRequest), (ANSWER_SCHEMA, ScoreResponse)])
def test_the_schemas_of_the_guide_are_those_of_the_wire(shown: str, model: Any) -> None:
    schema = model.model_json_schema()
    assert json.loads(shown) == without_words(schema, schema.get("$defs", {}))
