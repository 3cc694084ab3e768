"""Shopify's Admin GraphQL over HTTP: the token, the version, the price of a query, and the schema it is checked against.

A query that names a field which does not exist fails, as it does at Shopify; so does one that costs too much, or needs a scope that the
app was not given. The schema is `admin.graphql` beside this file.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from time import monotonic
from typing import Any

from aiohttp import web
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    StringValueNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from bot.sandbox.shop.admin_changes import BULK, MUTATION, QUESTIONS, SUBSCRIPTION
from bot.sandbox.shop.admin_cost import MOST_COST, Bucket, Plan, bill
from bot.sandbox.shop.admin_fields import CONNECTION, FIELDS, Field, Fields, kind_of
from bot.sandbox.shop.admin_listing import SCOPES, Sight
from bot.sandbox.shop.books import Books
from bot.sandbox.shop.codes import Codes
from bot.sandbox.shop.fault import StoreFaults, lose
from bot.sandbox.shop.subscription import Subscriptions

VERSIONS = ("2025-10", "2026-01", "2026-04", "2026-07", "2026-10")  # each is supported for a year
VERSION = VERSIONS[-1]
AHEAD = ("2027-01", "unstable")  # not out yet
CLIENT_ID, CLIENT_SECRET = "sandbox-client-id", "sandbox-client-secret"
MOST_INPUT = 250  # things in one list of an input
KEPT_DOCUMENTS = 100
LIMITS = "https://shopify.dev/api/usage/rate-limits"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Call:
    """One call that was understood."""

    document: DocumentNode
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]
    coerced: Mapping[str, Any]


class AdminApi:
    """One store as Shopify's apps see it. `scopes` are the app's, `approved` whether it may see protected customer data.

    `seconds` is the clock of the bucket. `calls` are the names of the operations that came.
    """

    def __init__(
        self,
        books: Books,
        codes: Codes,
        faults: StoreFaults,
        calls: list[str],
        *,
        token: str,
        plan: Plan,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self.token, self.books, self.faults = token, books, faults
        self.client_id, self.client_secret = CLIENT_ID, CLIENT_SECRET  # of the app; the secret signs its webhooks, too
        self.scopes = frozenset(SCOPES)
        self.approved = True
        self.base_url = "http://127.0.0.1"
        self.calls = calls
        self.bucket = Bucket(plan, seconds)
        self.codes, self.subscriptions = codes, Subscriptions()

    def routes(self) -> list[web.RouteDef]:
        """The one address there is, in every version."""
        return [web.post("/admin/api/{version}/graphql.json", self._graphql), web.post("/admin/oauth/access_token", self._give_token)]

    # ---- the wire

    async def _give_token(self, request: web.Request) -> web.Response:
        """The client credentials grant: for the app's own id and secret there is a token for a day."""
        given = await request.json()
        if given.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        if (given.get("client_id"), given.get("client_secret")) != (self.client_id, self.client_secret):
            return web.json_response({"error": "invalid_client", "error_description": "The client is not known."}, status=400)
        return web.json_response({"access_token": self.token, "scope": ",".join(sorted(self.scopes)), "expires_in": 86_399})

    async def _graphql(self, request: web.Request) -> web.StreamResponse:
        if not hmac.compare_digest(request.headers.get("X-Shopify-Access-Token", "").encode(), self.token.encode()):
            why = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return web.json_response({"errors": why}, status=401)
        if (trouble := await self.faults.before(request)) is not None:
            return trouble
        try:
            asked = await request.json()
            query, variables, name = str(asked["query"]), asked.get("variables") or {}, asked.get("operationName")
        except (ValueError, KeyError, TypeError):
            return web.json_response({"errors": {"query": "Required parameter missing or invalid"}}, status=400)
        version = served_version(request.match_info["version"])
        if version is None:
            return web.json_response({"errors": "Not Found"}, status=404)
        told, changed = self._answer(query, variables, name, version)
        if changed and self.faults.use("lost_answers"):
            return await lose(request)
        response = web.json_response(told, headers={"X-Shopify-API-Version": version})
        return await self.faults.after(request, response)

    def _answer(self, query: str, variables: Mapping[str, Any], name: str | None, version: str) -> tuple[Json, bool]:
        """The answer, and whether something was changed."""
        try:
            document, errors = _read(query, version)
        except GraphQLError as error:
            return {"errors": [_told(error)]}, False
        if errors:
            return {"errors": [_told(error) for error in errors]}, False
        operation = get_operation_ast(document, name)
        if operation is None:
            return {"errors": [{"message": "An operation name is required"}]}, False
        self.calls.append(operation.name.value if operation.name else "")
        coerced = get_variable_values(_schema(version), operation.variable_definitions or (), dict(variables))
        if isinstance(coerced, list):
            return {"errors": [_told(error) for error in coerced]}, False
        return self._run(_Call(document, operation, variables, coerced), version)

    def _run(self, call: _Call, version: str) -> tuple[Json, bool]:
        price = bill(_schema(version), call.document, call.operation, call.coerced)
        requested = price.requested()
        if too_many := _most_input(call.variables):
            return {"errors": [too_many]}, False
        if requested > MOST_COST:
            return {"errors": [_too_dear(requested)]}, False
        if self.faults.use("throttled"):
            return _throttled(requested, self.bucket.told(empty=True)), False
        if not self.bucket.bears(requested):
            return _throttled(requested, self.bucket.told()), False
        sight = Sight(self.books, self.codes, self.subscriptions, self.scopes, self.approved, self.base_url, self.books.now(), version)
        result = self._execute(call, sight)
        actual = price.actual(result.data)
        self.bucket.spend(actual)
        told: Json = {"data": result.data}
        if result.errors:
            told = {"errors": [_told(error) for error in result.errors], **told}
        costs: Json = {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": self.bucket.told()}
        told["extensions"] = {"cost": costs}
        if sight.warnings:
            why = {"message": "Invalid search field for this query.", "code": "invalid_field"}
            told["extensions"]["search"] = [{"warnings": [{"field": name, **why} for name in sight.warnings]}]
        return told, call.operation.operation.value == "mutation"

    def _execute(self, call: _Call, sight: Sight) -> ExecutionResult:
        return execute_sync(
            _schema(sight.version),
            call.document,
            context_value=sight,
            variable_values=dict(call.variables),
            operation_name=call.operation.name.value if call.operation.name else None,
        )


def served_version(asked: str) -> str | None:
    """The version that answers: an older one than is supported is answered by the oldest that is. None for no version at all."""
    if asked in AHEAD or asked in VERSIONS:
        return asked
    return VERSIONS[0] if re.fullmatch(r"20[0-9]{2}-(01|04|07|10)", asked) and asked < VERSIONS[0] else None


@lru_cache(len(VERSIONS) + len(AHEAD))
def _schema(version: str) -> GraphQLSchema:
    """The schema of a version, where each field has what it says."""
    schema = build_schema(files("bot.sandbox.shop").joinpath("admin.graphql").read_text("utf-8"))
    table: dict[str, Fields] = {
        **FIELDS,
        "QueryRoot": {**FIELDS["QueryRoot"], **QUESTIONS},
        "Mutation": MUTATION,
        "DiscountRedeemCodeBulkCreation": BULK,
        "WebhookSubscription": SUBSCRIPTION,
    }
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            says = CONNECTION if name.endswith("Connection") else table.get(name, {})
            for field_name in [one for one, field in kind.fields.items() if _since(field) > version]:
                del kind.fields[field_name]
            for field_name, field in kind.fields.items():
                _give(field, says.get(field_name))
        elif isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            kind.resolve_type = _which
    return schema


@lru_cache(KEPT_DOCUMENTS)
def _read(query: str, version: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """A query and what is wrong with it. Raises GraphQLError where it is none."""
    document = parse(query)
    return document, validate(_schema(version), document)


def _since(field: GraphQLField) -> str:
    """The version that a field came with."""
    for directive in field.ast_node.directives if field.ast_node else ():
        if directive.name.value == "since" and isinstance(value := directive.arguments[0].value, StringValueNode):
            return value.value
    return ""


def _give(field: GraphQLField, says: Field | None) -> None:
    """A field that nobody speaks for is read from its thing by its own name."""
    if says is not None:

        def resolve(one: Any, info: GraphQLResolveInfo, **args: Any) -> Any:
            return says(one, info.context, args)

        field.resolve = resolve


def _which(one: Any, _: GraphQLResolveInfo, abstract: GraphQLAbstractType) -> str:
    return kind_of(one, abstract.name)


def _told(error: GraphQLError) -> Json:
    """An error as Shopify words it."""
    told: Json = {"message": error.message, "locations": [{"line": at.line, "column": at.column} for at in error.locations or ()]}
    if error.path is not None:
        told["path"] = error.path
    if error.message.startswith("Cannot query field '"):
        _, name, _, kind, *_ = error.message.split("'")
        told["message"] = f"Field '{name}' doesn't exist on type '{kind}'"
        told["extensions"] = {"code": "undefinedField", "typeName": kind, "fieldName": name}
    elif error.extensions:
        told["extensions"] = error.extensions
    return told


def _throttled(requested: int, status: Mapping[str, float]) -> Json:
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": LIMITS}}
    costs = {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": status}
    return {"errors": [error], "extensions": {"cost": costs}}


def _too_dear(requested: int) -> Json:
    why = f"Query cost is {requested}, which exceeds the single query max cost limit ({MOST_COST})."
    return {"message": why, "extensions": {"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": MOST_COST, "documentation": LIMITS}}


def _most_input(given: Any) -> Json | None:
    """Whether a list is longer than Shopify takes."""
    if isinstance(given, list) and len(given) > MOST_INPUT:
        why = f"The input array size of {len(given)} is greater than the maximum allowed of {MOST_INPUT}."
        return {"message": why, "extensions": {"code": "MAX_INPUT_SIZE_EXCEEDED"}}
    inside = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return next((found for each in inside if (found := _most_input(each))), None)
