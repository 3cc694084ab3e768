"""What a query of Shopify's Admin GraphQL costs, and the bucket of points that pays for it.

Shopify documents: a scalar costs nothing, an object one point, a mutation ten, a connection is sized by `first` or `last`; the requested
cost is what could come, the actual cost what came, and the difference is given back. A single query over 1,000 points is refused.

How a connection is sized is not documented. Figures that others published of real stores in 2025 and 2026 (25, 651, a rise by 385, 6 and
24 points for queries whose text is known) all come out to the point when n nodes weigh as floor(2 ln n), a connection has 2 points of its
own, a plain list counts as one object, and amounts of money, page marks and errors are free. (Its article of 2019 counts each node.)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import floor, log
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

MOST_COST = 1_000  # points of a single query
MUTATION = 10
CONNECTION = 2
FREE = frozenset({"MoneyBag", "MoneyV2", "PageInfo", "UserError", "DiscountUserError", "CustomerMarketingConsentError"})

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


@dataclass(frozen=True, slots=True)
class Plan:
    """What a store's plan gives: so many points a second into a bucket of so many. Standard: 100 into 2,000."""

    bucket: float = 2_000.0
    restore: float = 100.0


@dataclass(slots=True)
class Bucket:
    """A leaky bucket of points. `clock` counts seconds."""

    plan: Plan
    clock: Callable[[], float]
    _available: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._available, self._at = self.plan.bucket, self.clock()

    @property
    def available(self) -> float:
        """The points that are in it now."""
        now = self.clock()
        self._available = min(self.plan.bucket, self._available + (now - self._at) * self.plan.restore)
        self._at = now
        return self._available

    def bears(self, cost: float) -> bool:
        """Whether a call of this requested cost is let through."""
        return self.available >= cost

    def spend(self, cost: float) -> None:
        """Takes out what a call really cost."""
        self._available = self.available - cost

    def told(self, *, empty: bool = False) -> dict[str, float]:
        """The `throttleStatus` of an answer."""
        available = 0.0 if empty else float(int(self.available))
        return {"maximumAvailable": self.plan.bucket, "currentlyAvailable": available, "restoreRate": self.plan.restore}


@dataclass(frozen=True, slots=True)
class Bill:
    """Costs of one operation of a document, by the variables it came with."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def requested(self) -> int:
        """What could come at most."""
        if self.operation.operation is OperationType.MUTATION:
            return sum(MUTATION + self._below(one) for one in self._fields(self.operation.selection_set, self._root()))
        return self._all(self.operation.selection_set, self._root())

    def actual(self, told: Mapping[str, Any] | None) -> int:
        """What came. The payload of a mutation is part of its ten."""
        came = int(self._came_all(self.operation.selection_set, self._root(), told)) if told else 0
        if self.operation.operation is OperationType.MUTATION:
            return came + (MUTATION - 1) * len(told or {})
        return came

    def _root(self) -> GraphQLObjectType:
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None
        return root

    # ---- what could come

    def _all(self, selected: SelectionSetNode, parent: Composite) -> int:
        """Of an abstract type the dearest of its possible ones counts."""
        if isinstance(parent, GraphQLObjectType):
            return sum(self._one(one, kind) for one, kind in self._fields(selected, parent))
        possible = self.schema.get_possible_types(parent)
        return max((self._all(selected, each) for each in possible), default=0)

    def _below(self, named: tuple[FieldNode, GraphQLOutputType]) -> int:
        one, kind = named
        of = get_named_type(kind)
        return self._all(one.selection_set, of) if one.selection_set and isinstance(of, Composite) else 0

    def _one(self, one: FieldNode, kind: GraphQLOutputType) -> int:
        of = get_named_type(kind)
        if one.selection_set is None or not isinstance(of, Composite):
            return 0
        if of.name.endswith("Connection"):
            return CONNECTION + weight(self._size(one)) * self._nodes(one.selection_set, of)
        return (0 if of.name in FREE else 1) + self._all(one.selection_set, of)

    def _nodes(self, selected: SelectionSetNode, connection: Composite) -> int:
        """One node of a connection, whether it is asked for by `nodes` or by `edges`."""
        assert isinstance(connection, GraphQLObjectType)
        total = 0
        for one, kind in self._fields(selected, connection):
            of = get_named_type(kind)
            if one.name.value == "nodes":
                total += 1 + self._below((one, kind))
            elif one.name.value == "edges" and one.selection_set and isinstance(of, GraphQLObjectType):
                total += sum(1 + self._below(named) for named in self._fields(one.selection_set, of) if named[0].name.value == "node")
        return total

    def _size(self, one: FieldNode) -> int:
        for argument in one.arguments:
            if argument.name.value in ("first", "last"):
                value = argument.value
                given = self.variables.get(value.name.value) if isinstance(value, VariableNode) else getattr(value, "value", 0)
                return int(given or 0)
        return 0  # it is refused

    # ---- what came

    def _came_all(self, selected: SelectionSetNode, parent: GraphQLNamedType, told: Mapping[str, Any]) -> float:
        if not isinstance(parent, GraphQLObjectType):
            # which of the possible types came is not told where nobody asked: the one that has most of the fields
            parent = max(self.schema.get_possible_types(parent), key=lambda each: len(self._known(selected, each, told)))  # type: ignore[arg-type]  # abstract by now
        return sum(self._came(told.get(_key(one)), one, kind) for one, kind in self._fields(selected, parent))

    def _known(self, selected: SelectionSetNode, parent: GraphQLObjectType, told: Mapping[str, Any]) -> list[str]:
        return [_key(one) for one, _ in self._fields(selected, parent) if _key(one) in told]

    def _came(self, value: Any, one: FieldNode, kind: GraphQLOutputType) -> float:
        of = get_named_type(kind)
        if one.selection_set is None or of.name in FREE:
            return 0
        if value is None:
            return 1  # it was looked for
        if isinstance(value, list):
            return max((self._came(each, one, kind) for each in value), default=0)
        if of.name.endswith("Connection") and isinstance(of, GraphQLObjectType):
            return CONNECTION + self._nodes_came(one.selection_set, of, value)
        return (0 if of.name.endswith("Edge") else 1) + self._came_all(one.selection_set, of, value)

    def _nodes_came(self, selected: SelectionSetNode, connection: GraphQLObjectType, told: Mapping[str, Any]) -> float:
        """So many nodes weigh as much as that many do, each as the average of them."""
        total = 0.0
        for one, kind in self._fields(selected, connection):
            nodes = told.get(_key(one))
            if one.name.value in ("nodes", "edges") and nodes:
                total += weight(len(nodes)) * sum(self._came(node, one, kind) for node in nodes) / len(nodes)
        return total

    # ---- reading

    def _fields(self, selected: SelectionSetNode, parent: GraphQLObjectType) -> Iterator[tuple[FieldNode, GraphQLOutputType]]:
        for one in selected.selections:
            if isinstance(one, FieldNode):
                if one.name.value in parent.fields:
                    yield one, parent.fields[one.name.value].type
            elif isinstance(one, InlineFragmentNode):
                if one.type_condition is None or self._is(parent, one.type_condition.name.value):
                    yield from self._fields(one.selection_set, parent)
            elif isinstance(one, FragmentSpreadNode):
                fragment = self.fragments[one.name.value]
                if self._is(parent, fragment.type_condition.name.value):
                    yield from self._fields(fragment.selection_set, parent)

    def _is(self, parent: GraphQLObjectType, name: str) -> bool:
        return parent.name == name or any(each.name == name for each in parent.interfaces)


def weight(nodes: int) -> int:
    """What so many nodes of a connection weigh."""
    return max(1, floor(2 * log(nodes))) if nodes > 0 else 0


def bill(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Bill:
    """The bill of an operation."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    return Bill(schema, operation, fragments, variables)


def _key(one: FieldNode) -> str:
    return one.alias.value if one.alias else one.name.value
