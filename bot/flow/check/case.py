"""A flow under judgement: what is written, what it is judged against, and what is told of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.flow.account import Account
from bot.flow.file import OwnFile
from bot.flow.model import AnyStep, Flow, walk
from bot.flow.revision import Template
from bot.flow.rules import StoreRules


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a flow is checked against: the store's rules and templates.

    Faulty segments and templates have problems of their own. `template_languages` are those, beside the first, that each template
    is complete in, `own` the owner's files that messages can show.
    """

    rules: StoreRules = field(default_factory=StoreRules)
    faulty_segments: frozenset[str] = frozenset()
    templates: Mapping[str, Template] = field(default_factory=dict)
    faulty_templates: frozenset[str] = frozenset()
    template_languages: Mapping[str, frozenset[str]] = field(default_factory=dict)
    own: Mapping[str, OwnFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One flow, its steps by path in reading order, and its labels with how many steps have each."""

    flow: Flow
    told: Account
    around: Surroundings
    steps: Mapping[str, AnyStep]
    labels: Mapping[str, int]

    @property
    def rules(self) -> StoreRules:
        """The rules of the store."""
        return self.around.rules


def open_case(flow: Flow, told: Account, around: Surroundings) -> Case:
    """The case of a flow."""
    steps = dict(walk(flow.steps))
    return Case(flow, told, around, steps, Counter(step.label for step in steps.values() if step.label is not None))
