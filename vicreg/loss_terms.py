"""The three terms of the loss as data: names, symbols, colours and explanations, each in one place.

The arithmetic is in `vicreg.method.loss`, the default weights in `vicreg.config`. Everything else reads this table: history
columns, training events, command-line options, charts, model cards and pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Term:
    """One term of the loss. Sentences are Markdown; formulas are LaTeX, in the notation of Bardes et al. 2022.

    name: as in LossTerms, history.csv and events.
    greek, letter: the Greek letter of its weight in the paper, spelled out and as a character.
    function: the letter of the term itself.
    views: `pair` if it compares the two views; `mean` or `sum` if it is averaged or summed over them.
    formula: its definition. colour: the same in all charts and pages.
    meaning: what it measures. label: two words for the diagram. rule: what it requires of the embeddings. aim: a short
        form of rule. reading: what its curve shows.
    without: what happens to the embeddings when its weight is 0. without_curves: what the curves do then; term names in
        braces are shown in their colours.
    collapsed: its value for a collapsed network, used as the end of its axis; None if not informative.
    """

    name: str
    greek: str
    letter: str
    function: str
    views: Literal["pair", "mean", "sum"]
    formula: str
    colour: str
    meaning: str
    label: str
    rule: str
    aim: str
    reading: str
    without: str
    without_curves: str
    collapsed: float | None = None

    @property
    def weight(self) -> str:
        """The name of its weight in Config and `vicreg_loss`: `variance_weight`."""
        return f"{self.name}_weight"

    @property
    def option(self) -> str:
        """The name of its weight on the command line: `variance-weight`."""
        return self.weight.replace("_", "-")

    @property
    def symbol(self) -> str:
        """The letter of its weight, in LaTeX."""
        return rf"\{self.greek}"

    @property
    def of_views(self) -> str:
        """The term as in eq. 6 of the paper, without its weight, in LaTeX."""
        f = self.function
        return f"{f}(Z, Z')" if self.views == "pair" else f"[{f}(Z) + {f}(Z')]"

    @property
    def summand(self) -> str:
        """The term as we compute it, without its weight, in LaTeX: halved if it is averaged over the two views."""
        return rf"\tfrac{{1}}{{2}}{self.of_views}" if self.views == "mean" else self.of_views

    @property
    def normalised(self) -> str:
        """Its name, and how it combines the two views if that differs from eq. 6 of the paper."""
        return f"{self.name} averaged over the two views" if self.views == "mean" else self.name


TERMS: tuple[Term, ...] = (
    Term(
        name="variance",
        greek="mu",
        letter="μ",
        function="v",
        views="mean",
        formula=r"v(Z) = \tfrac{1}{D} \sum_j \max(0,\, \gamma - S(z^j))",
        colour="#6969e1",
        meaning="how far the standard deviations of the embedding's dimensions fall short of 1",
        label="each varies",
        rule="Every dimension of the embedding must vary over the batch.",
        aim=r"Every dimension should **vary**: with a standard deviation $S$ of at least $\gamma = 1$.",
        reading="measures how far the standard deviation of each embedding dimension falls below 1: "
        r"$v(Z) = \frac{1}{D}\sum_j \max(0,\, \gamma - S(z^j))$.",
        without="nothing keeps the embeddings apart. The easiest way to agree is to give every picture the same "
        "embedding: invariance and covariance both fall to almost 0. This is complete collapse.",
        without_curves="{variance} stays near 1 while {invariance} and {covariance} go to 0: all pictures get the same "
        "embedding. The views agree perfectly, but the embedding carries no information. This is complete collapse.",
        collapsed=1.0,
    ),
    Term(
        name="invariance",
        greek="lambda",
        letter="λ",
        function="s",
        views="pair",
        formula=r"s(Z, Z') = \tfrac{1}{nD} \sum_i \lVert z_i - z'_i \rVert^2",
        colour="#d20f87",
        meaning="mean squared difference of the two embeddings of a positive pair",
        label="both agree",
        rule="The two embeddings of a positive pair must agree.",
        aim="Two views of a picture should **agree**.",
        reading="is the mean squared difference of the two views' embeddings, $s(Z, Z')$. It can fall because "
        "the views agree or because all embeddings shrink; only the variance term prevents shrinking.",
        without="two views of a picture need not agree. The embeddings spread and decorrelate, "
        "but nothing makes them keep what the views share.",
        without_curves="{invariance} climbs to 2, the mean squared difference of unrelated embeddings with variance 1: "
        "two views of one picture agree no more than two different pictures. {variance} goes to 0, so the loss "
        "looks fine.",
    ),
    Term(
        name="covariance",
        greek="nu",
        letter="\N{GREEK SMALL LETTER NU}",
        function="c",
        views="sum",
        formula=r"c(Z) = \tfrac{1}{D} \sum_{i \neq j} [C(Z)]_{ij}^2",
        colour="#5aa50f",
        meaning="squared covariances between different dimensions of the embedding",
        label="decorrelated",
        rule="No two dimensions of the embedding may be correlated.",
        aim="No two dimensions should be **correlated**.",
        reading="sums the squared covariances between different dimensions, $c(Z)$. It *rises* as the embeddings "
        "spread. It is also near 0 for a collapsed network, so a low value alone is not a good sign.",
        without="all dimensions may vary in the same way. The variance term is satisfied, "
        "but the embeddings use fewer directions.",
        without_curves="{variance} goes to 0, and {covariance} to hundreds or thousands: the embeddings spread, but all "
        "their dimensions carry the same information.",
    ),
)
IN_LOSS: tuple[Term, ...] = tuple(sorted(TERMS, key=lambda term: term.letter))  # in the order of eq. 6: λ, μ, ν
ALL_ON = (  # what the curves do if all weights are above 0
    "{variance} measures how much spread is missing, so it falls as the embeddings spread out. {invariance} is almost 0 "
    "before the first step, since all embeddings lie close together; spreading them out pulls two views of an image apart, "
    "too. {covariance} also begins near 0; it rises with the spread, until its weight holds it back."
)
NAMES: tuple[str, ...] = tuple(term.name for term in TERMS)
FIGURES: tuple[str, ...] = (
    *NAMES,
    "total",
)  # what the loss gives, in the order of LossTerms and of a history's columns
TOTAL_COLOUR = "#5a695a"
