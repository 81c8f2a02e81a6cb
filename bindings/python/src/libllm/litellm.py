"""LiteLLM's two calls on libllm: `import libllm.litellm as litellm` where `completion` and `acompletion` are used.

Answers have LiteLLM's shape: attributes and keys (`answer.choices[0].message.content`), chunks when streaming.
Errors are libllm's classes, under LiteLLM's names too. What is not here: callbacks, LiteLLM's own router, budgets and
caches (the library's configuration has those). `metadata` and `tags` are words for the library's rules, as LiteLLM's
are for its own: no provider is sent them. The README says what else differs, and what is ignored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ._asyncio import AsyncClient
from ._client import Client
from ._errors import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ContentFilterError,
    ContextLengthError,
    InternalServerError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
    UnsupportedError,
)
from ._litellm import CustomStreamWrapper, ModelResponse, answer
from ._options import NAMES

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "ContentPolicyViolationError",
    "ContextWindowExceededError",
    "CustomStreamWrapper",
    "InternalServerError",
    "ModelResponse",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServiceUnavailableError",
    "Timeout",
    "UnprocessableEntityError",
    "acompletion",
    "completion",
]

Timeout = APITimeoutError
ContextWindowExceededError = ContextLengthError
ContentPolicyViolationError = ContentFilterError
ServiceUnavailableError = OverloadedError

# LiteLLM's name of an option -> ours.
_OPTIONS = {
    "api_base": "base_url",
    "caching": "cache",
    "custom_llm_provider": "provider",
    "num_retries": "max_retries",
    "request_timeout": "timeout",
}
# What steers LiteLLM itself, and no provider is sent.
_OWN = frozenset(
    (
        # These mean the same here, by another way (`_translate`).
        *("deployment_id", "drop_params", "mock_response"),
        # Azure's version is a provider's; connections are the library's; schemas: `[[guardrails]]`.
        *("api_version", "shared_session", "enable_json_schema_validation"),
        # Google's wish to be told of tools that ran there, which is told here in any case.
        "include_server_side_tool_invocations",
        # Its logging, its callbacks, its router and its prices, which the configuration has here.
        *("id", "litellm_call_id", "litellm_metadata", "litellm_session_id", "litellm_trace_id", "litellm_logging_obj"),
        *("logger_fn", "verbose", "no-log", "callbacks", "success_callback", "failure_callback"),
        *("input_cost_per_token", "output_cost_per_token", "model_info", "base_model"),
        *("allowed_openai_params", "additional_drop_params", "retry_policy", "retry_strategy"),
        *("context_window_fallback_dict", "force_timeout", "ssl_verify"),
    )
)
# Bytes of one word in `metadata` and `tags` (docs/config.md).
_WORD_MAX = 256


def completion(
    model: str,
    messages: Sequence[Mapping[str, Any]] = (),
    timeout: float | str | Any | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    n: int | None = None,
    stream: bool | None = None,
    stream_options: Mapping[str, Any] | None = None,
    stop: str | Sequence[str] | None = None,
    max_completion_tokens: int | None = None,
    max_tokens: int | None = None,
    modalities: Sequence[str] | None = None,
    prediction: Mapping[str, Any] | None = None,
    audio: Mapping[str, Any] | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    logit_bias: Mapping[str, float] | None = None,
    user: str | None = None,
    reasoning_effort: str | None = None,
    verbosity: str | None = None,
    response_format: Mapping[str, Any] | type | None = None,
    seed: int | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    logprobs: bool | None = None,
    top_logprobs: int | None = None,
    parallel_tool_calls: bool | None = None,
    web_search_options: Mapping[str, Any] | None = None,
    include_server_side_tool_invocations: bool | None = None,
    deployment_id: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    safety_identifier: str | None = None,
    service_tier: str | None = None,
    store: bool | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_retention: str | None = None,
    functions: Sequence[Mapping[str, Any]] | None = None,
    function_call: str | Mapping[str, Any] | None = None,
    base_url: str | None = None,
    api_version: str | None = None,
    api_key: str | None = None,
    model_list: Sequence[Mapping[str, Any]] | None = None,
    thinking: Mapping[str, Any] | None = None,
    shared_session: Any = None,
    enable_json_schema_validation: bool | None = None,
    **kwargs: Any,
) -> ModelResponse | CustomStreamWrapper:
    """litellm.completion(): the whole answer, or chunks with `stream=True`. More parameters go to the provider."""
    request, options = _split(locals())
    client: Client = _shared(Client)
    if stream:
        return CustomStreamWrapper(client.stream(request, **options), model, _wants_usage(stream_options))
    return answer(client.chat(request, **options), model)


async def acompletion(
    model: str,
    messages: Sequence[Mapping[str, Any]] = (),
    functions: Sequence[Mapping[str, Any]] | None = None,
    function_call: str | Mapping[str, Any] | None = None,
    timeout: float | str | Any | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    n: int | None = None,
    stream: bool | None = None,
    stream_options: Mapping[str, Any] | None = None,
    stop: str | Sequence[str] | None = None,
    max_tokens: int | None = None,
    max_completion_tokens: int | None = None,
    modalities: Sequence[str] | None = None,
    prediction: Mapping[str, Any] | None = None,
    audio: Mapping[str, Any] | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    logit_bias: Mapping[str, float] | None = None,
    user: str | None = None,
    response_format: Mapping[str, Any] | type | None = None,
    seed: int | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    parallel_tool_calls: bool | None = None,
    logprobs: bool | None = None,
    top_logprobs: int | None = None,
    deployment_id: str | None = None,
    reasoning_effort: str | None = None,
    verbosity: str | None = None,
    safety_identifier: str | None = None,
    service_tier: str | None = None,
    store: bool | None = None,
    prompt_cache_key: str | None = None,
    prompt_cache_retention: str | None = None,
    base_url: str | None = None,
    api_version: str | None = None,
    api_key: str | None = None,
    model_list: Sequence[Mapping[str, Any]] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    thinking: Mapping[str, Any] | None = None,
    web_search_options: Mapping[str, Any] | None = None,
    include_server_side_tool_invocations: bool | None = None,
    shared_session: Any = None,
    enable_json_schema_validation: bool | None = None,
    **kwargs: Any,
) -> ModelResponse | CustomStreamWrapper:
    """litellm.acompletion(): as completion(), for asyncio. The order of parameters is its own, as in LiteLLM."""
    request, options = _split(locals())
    client: AsyncClient = _shared(AsyncClient)
    if stream:
        return CustomStreamWrapper(client.stream(request, **options), model, _wants_usage(stream_options))
    return answer(await client.chat(request, **options), model)


_clients: dict[Any, Any] = {}


def _shared(kind: Callable[[], Any]) -> Any:
    """The process's client, configured from the environment, made at the first call and anew after a fork."""
    key: Any = (kind, os.getpid())
    # Without a lock, which a fork may leave taken: of two clients made at once one is kept.
    return _clients.get(key) or _clients.setdefault(key, kind())


def _split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Request and options, of what LiteLLM takes in one."""
    request: dict[str, Any] = {}
    options: dict[str, Any] = {}
    told = {**given, **given["kwargs"]}
    del told["kwargs"]
    for name, value in told.items():
        if name in _OWN or value is None:
            continue
        if name == "model_list":
            raise _unsupported("model_list", "name the targets of a model in [models] of the configuration")
        if name in _OPTIONS or name in NAMES:
            options[_OPTIONS.get(name, name)] = value
        else:
            request[name] = list(value) if name == "messages" else value
    _translate(told, request, options)
    return request, options


def _translate(given: Mapping[str, Any], request: dict[str, Any], options: dict[str, Any]) -> None:
    """What LiteLLM says in another way."""
    if given.get("deployment_id") is not None:
        request["model"], options["provider"] = given["deployment_id"], "azure"
    if given.get("drop_params") is not None:
        options.setdefault("unsupported", "drop" if given["drop_params"] else "error")
    said = given.get("mock_response")
    if said is not None:
        if not isinstance(said, str):
            raise _unsupported("mock_response", "pass the text to answer, or ask a model such as mock/status=429")
        request["model"] = f"mock/text={quote(said, safe=' ')}"
        for name in ("provider", "base_url", "api_key"):
            options.pop(name, None)
    options.update(_patience(options.pop("timeout", None)))
    # Rules look at words; LiteLLM's own of these hold anything.
    if "metadata" in options:
        options["metadata"] = {key: value for key, value in options["metadata"].items() if _is_word(value)}
    if "tags" in options:
        options["tags"] = [tag for tag in options["tags"] if _is_word(tag)]
    if isinstance(request.get("response_format"), type):
        request["response_format"] = _schema(request["response_format"])


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.encode(errors="replace")) <= _WORD_MAX


def _patience(timeout: Any) -> dict[str, float]:
    """`timeout` as options: seconds (or their text) for all of it; of an httpx.Timeout, `read` for each wait."""
    if timeout is None:
        return {}
    if hasattr(timeout, "read") and hasattr(timeout, "connect"):
        # Connecting has its limit in the configuration, timeouts.connect; writing, and the pool, have none.
        wait = float("inf") if timeout.read is None else timeout.read
        return {"first_token_timeout": wait, "idle_timeout": wait}
    if isinstance(timeout, (int, float, str)):
        try:
            return {"timeout": float(timeout)}
        except ValueError:
            pass
    raise _unsupported("timeout", "pass seconds, or an httpx.Timeout, whose `read` bounds each wait for the provider")


def _unsupported(name: str, advice: str) -> UnsupportedError:
    told = {"status": "LLM_ERR_UNSUPPORTED", "kind": "unsupported", "param": name, "phase": "local"}
    return UnsupportedError(f"{name} of this form is not taken: {advice}", told)


def _schema(model: Any) -> dict[str, Any]:
    # A pydantic model, as LiteLLM takes it; pydantic itself is not needed here.
    schema = {"name": model.__name__, "schema": model.model_json_schema(), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _wants_usage(stream_options: Mapping[str, Any] | None) -> bool:
    return bool(stream_options and stream_options.get("include_usage"))
