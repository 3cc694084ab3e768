"""What a query of Shopify's Admin GraphQL costs, and the bucket of points that pays for it.

Shopify documents: a scalar costs nothing, an object one point, a connection is sized by `first` or `last`, a mutation costs ten; the
requested cost is what could come, the actual cost what came, and the difference is given back. A single query over 1,000 points is
refused. How large lists weigh less is not documented; here each node counts in full, as Shopify's article of 2019 has it, so a query that
passes here passes there. Amounts of money and page marks are free, which that margin pays for many times over.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
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
DEFAULT_LIST = 10  # what a list without a size may bring

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
        """What came."""
        if told is None:
            return MUTATION if self.operation.operation is OperationType.MUTATION else 0
        if self.operation.operation is OperationType.MUTATION:
            return MUTATION * len(told) + sum(self._came(told.get(_key(one)), one, kind) for one, kind in self._mutations())
        return self._came_all(self.operation.selection_set, self._root(), told)

    def _mutations(self) -> Iterator[tuple[FieldNode, GraphQLOutputType]]:
        for one, _ in self._fields(self.operation.selection_set, self._root()):
            yield one, self._root().fields[one.name.value].type

    def _root(self) -> GraphQLObjectType:
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None
        return root

    # ---- what could come

    def _all(self, selected: SelectionSetNode, parent: Composite) -> int:
        """Of an abstract type the dearest of its possible ones counts."""
        if isinstance(parent, GraphQLObjectType):
            return sum(self._one(one, kind) for one, kind in self._typed(selected, parent))
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
            return CONNECTION + self._size(one) * self._nodes(one.selection_set, of)
        each = (0 if of.name in FREE else 1) + self._all(one.selection_set, of)
        if isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList):
            return self._size(one) * each if of.name not in FREE else 0
        return each

    def _nodes(self, selected: SelectionSetNode, connection: Composite) -> int:
        """One node of a connection, whether it is asked for by `nodes` or by `edges`."""
        assert isinstance(connection, GraphQLObjectType)
        total = 0
        for one, kind in self._typed(selected, connection):
            of = get_named_type(kind)
            if one.name.value == "nodes":
                total += 1 + self._below((one, kind))
            elif one.name.value == "edges" and one.selection_set and isinstance(of, GraphQLObjectType):
                total += sum(1 + self._below(named) for named in self._typed(one.selection_set, of) if named[0].name.value == "node")
        return total

    def _size(self, one: FieldNode) -> int:
        for argument in one.arguments:
            if argument.name.value in ("first", "last", "ids"):
                value = argument.value
                if isinstance(value, VariableNode):
                    given = self.variables.get(value.name.value)
                    return len(given) if isinstance(given, list) else int(given or 0)
                return int(value.value) if isinstance(value, IntValueNode) else len(getattr(value, "values", ()))
        return DEFAULT_LIST

    # ---- what came

    def _came_all(self, selected: SelectionSetNode, parent: GraphQLNamedType, told: Mapping[str, Any]) -> int:
        if not isinstance(parent, GraphQLObjectType):
            # which of the possible types came is not told where nobody asked: the one that has most of the fields
            parent = max(self.schema.get_possible_types(parent), key=lambda each: len(self._known(selected, each, told)))  # type: ignore[arg-type]  # abstract by now
        return sum(self._came(told.get(_key(one)), one, kind) for one, kind in self._typed(selected, parent))

    def _known(self, selected: SelectionSetNode, parent: GraphQLObjectType, told: Mapping[str, Any]) -> list[str]:
        return [_key(one) for one, _ in self._typed(selected, parent) if _key(one) in told]

    def _came(self, value: Any, one: FieldNode, kind: GraphQLOutputType) -> int:
        of = get_named_type(kind)
        if value is None or one.selection_set is None or of.name in FREE:
            return 0
        if isinstance(value, list):
            return sum(self._came(each, one, kind) for each in value)
        itself = CONNECTION if of.name.endswith("Connection") else 0 if of.name.endswith("Edge") else 1
        return itself + self._came_all(one.selection_set, of, value)

    # ---- reading

    def _typed(self, selected: SelectionSetNode, parent: GraphQLObjectType) -> Iterator[tuple[FieldNode, GraphQLOutputType]]:
        return self._fields(selected, parent)

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


def bill(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Bill:
    """The bill of an operation."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    return Bill(schema, operation, fragments, variables)


def _key(one: FieldNode) -> str:
    return one.alias.value if one.alias else one.name.value
