"""What is asked beside conversations (docs/operations.md): each is one request that is answered in one piece."""

from __future__ import annotations

from ._handle import encoded, request_body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from typing_extensions import Unpack

    from ._answer import Response
    from ._handle import MessagesLike, RequestLike
    from .types import RequestOptions


class Asks:
    """The operations of a blocking client."""

    __slots__ = ()

    def _ask(self, request: bytes, options: RequestOptions) -> Response:
        raise NotImplementedError

    def ask(
        self, operation: str, request: Mapping[str, Any] | None = None, /, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """Whatever `operation` names ("moderation", "images", "speech", "cache.invalidate" ..): its JSON object, or for
        what is none `{"data": bytes, "media_type": ..}`; empty if there is nothing to say, as of "warm"."""
        options["operation"] = operation
        return told(self._ask(encoded(dict(request or {})), options))

    def embed(
        self, request: RequestLike, texts: str | Sequence[str] | None = None, /, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """Vectors in OpenAI's shape, of a whole request or of a model's name and texts: the numbers are
        `["data"][0]["embedding"]`."""
        return self.ask("embeddings", embeddings(request, texts), **options)

    def rerank(
        self,
        request: RequestLike,
        query: str | None = None,
        documents: Sequence[str | Mapping[str, Any]] | None = None,
        /,
        **options: Unpack[RequestOptions],
    ) -> dict[str, Any]:
        """The documents' places by relevance, best first: `["results"][0]["index"]`."""
        return self.ask("rerank", rerank(request, query, documents), **options)

    def models(self, provider: str, /, page: str | None = None, **options: Unpack[RequestOptions]) -> dict[str, Any]:
        """Models of a provider: `["data"][0]["id"]`. `page` is an earlier list's `["next_page"]`."""
        options["provider"] = provider
        return self.ask("models", {} if page is None else {"page": page}, **options)

    def count_tokens(
        self, request: RequestLike, messages: MessagesLike = None, /, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """Tokens of a chat request: `["prompt_tokens"]`, and by `["source"]` who counted.

        That is "tokenizer" (here, by the model's vocabulary), "provider" or "estimated".
        """
        return self.ask("count_tokens", request_body(request, messages), **options)

    def explain(
        self, request: RequestLike, messages: MessagesLike = None, /, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """The route that a chat request would take now: `["candidates"]`, in order. Nothing is sent."""
        return self.ask("explain", request_body(request, messages), **options)


class AsyncAsks:
    """The operations of a client for asyncio."""

    __slots__ = ()

    async def _ask(self, request: bytes, options: RequestOptions) -> Response:
        raise NotImplementedError

    async def ask(
        self, operation: str, request: Mapping[str, Any] | None = None, /, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """Whatever `operation` names ("moderation", "images", "speech", "cache.invalidate" ..): its JSON object, or for
        what is none `{"data": bytes, "media_type": ..}`; empty if there is nothing to say, as of "warm"."""
        options["operation"] = operation
        return told(await self._ask(encoded(dict(request or {})), options))

    async def embed(
        self, request: RequestLike, texts: str | Sequence[str] | None = None, /, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """Vectors in OpenAI's shape, of a whole request or of a model's name and texts: the numbers are
        `["data"][0]["embedding"]`."""
        return await self.ask("embeddings", embeddings(request, texts), **options)

    async def rerank(
        self,
        request: RequestLike,
        query: str | None = None,
        documents: Sequence[str | Mapping[str, Any]] | None = None,
        /,
        **options: Unpack[RequestOptions],
    ) -> dict[str, Any]:
        """The documents' places by relevance, best first: `["results"][0]["index"]`."""
        return await self.ask("rerank", rerank(request, query, documents), **options)

    async def models(
        self, provider: str, /, page: str | None = None, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """Models of a provider: `["data"][0]["id"]`. `page` is an earlier list's `["next_page"]`."""
        options["provider"] = provider
        return await self.ask("models", {} if page is None else {"page": page}, **options)

    async def count_tokens(
        self, request: RequestLike, messages: MessagesLike = None, /, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """Tokens of a chat request: `["prompt_tokens"]`, and by `["source"]` who counted.

        That is "tokenizer" (here, by the model's vocabulary), "provider" or "estimated".
        """
        return await self.ask("count_tokens", request_body(request, messages), **options)

    async def explain(
        self, request: RequestLike, messages: MessagesLike = None, /, **options: Unpack[RequestOptions]
    ) -> dict[str, Any]:
        """The route that a chat request would take now: `["candidates"]`, in order. Nothing is sent."""
        return await self.ask("explain", request_body(request, messages), **options)


def embeddings(request: RequestLike, texts: str | Sequence[str] | None) -> dict[str, Any]:
    """A request for vectors, of a whole one or of a model's name and texts."""
    body = request_body(request, None)
    if texts is not None:
        body["input"] = texts
    return body


def rerank(
    request: RequestLike, query: str | None, documents: Sequence[str | Mapping[str, Any]] | None
) -> dict[str, Any]:
    """A request for a ranking, of a whole one or of a model's name, a question and texts."""
    body = request_body(request, None)
    if query is not None:
        body["query"] = query
    if documents is not None:
        body["documents"] = list(documents)
    return body


def told(answer: Response) -> dict[str, Any]:
    """What an operation said."""
    if answer.contents is None:
        return {}
    result = answer.result
    return {"data": answer.contents, "media_type": answer.media_type} if result is None else result
