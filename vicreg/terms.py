"""The terms of the loss as data: everything about a term that is not arithmetic stands here, and once.

The arithmetic is in `vicreg.method.loss`, the weights' defaults in `vicreg.config`. Everything else reads this table: the
columns of a history, the events of a training, options, charts, the model card and the pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Term:
    """One term of the loss. Sentences are Markdown; formulas are LaTeX, in the notation of Bardes et al. 2022.

    name: as in LossTerms, in history.csv and in events. greek: the name of its weight's letter in the paper. letter: that
    letter. function: the term's letter. views: what it is of: `pair`, both views together; `mean` or `sum`, the mean or the
    sum over the two views. formula: its definition. colour: the same everywhere.
    meaning: what it measures. label: in two words, for the drawing. rule: what it asks of embeddings, in a sentence. aim:
    the same, shorter. reading: what its curve shows. without: what happens to embeddings when its weight is 0.
    without_curves: what the terms' curves do then; the names of terms in braces are drawn in their colours. collapsed: what
    a collapsed network pays, to which the axis of its curve reaches; None where that says nothing.
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
        """The name of its weight in a Config and in `vicreg_loss`: `variance_weight`."""
        return f"{self.name}_weight"

    @property
    def option(self) -> str:
        """The name of its weight on the command line: `variance-weight`."""
        return self.weight.replace("_", "-")

    @property
    def symbol(self) -> str:
        """Its weight's letter in LaTeX."""
        return rf"\{self.greek}"

    @property
    def of_views(self) -> str:
        """The term as the paper's eq. 6 writes it, in LaTeX, without its weight."""
        f = self.function
        return f"{f}(Z, Z')" if self.views == "pair" else f"[{f}(Z) + {f}(Z')]"

    @property
    def normalised(self) -> str:
        """Its name, and how the two views are put together where that differs from the paper's eq. 6."""
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
        rule="Every number of the embedding must vary over the batch.",
        aim=r"Every number **varies**: its standard deviation $S$ is at least $\gamma = 1$.",
        reading="counts how far the standard deviation of each dimension of the embedding falls short of 1: "
        r"$v(Z) = \frac{1}{D}\sum_j \max(0,\, \gamma - S(z^j))$.",
        without="nothing keeps the embeddings apart. Agreeing is easiest when every picture says "
        "the same: invariance and covariance both fall to almost nothing, and that is the collapse.",
        without_curves="{variance} climbs to 1 while {invariance} and {covariance} go to 0: all pictures get the same "
        "embedding, which is perfect agreement and no information. This is the collapse.",
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
        rule="Both sides of a positive pair must agree.",
        aim="Two views of a picture **agree**.",
        reading="is the mean squared difference of the two views' embeddings, $s(Z, Z')$. It can fall because "
        "the views agree, or because everything shrinks; only the variance term forbids the second.",
        without="the views of a picture need not agree. The embeddings spread and decorrelate "
        "perfectly well, without a reason to keep what the views share.",
        without_curves="{invariance} climbs to 2, what two unrelated embeddings of variance 1 are apart: two views of a "
        "picture agree no more than two pictures. {variance} goes to 0, and it looks like a success.",
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
        label="none repeats",
        rule="No two numbers of the embedding may say the same.",
        aim="Different numbers are **not correlated**.",
        reading="sums the squared covariances of different dimensions, $c(Z)$. It *rises* as the embeddings "
        "spread, and is near zero for a collapsed network too: a low value alone is no good sign.",
        without="every number may vary and still say the same as its neighbour: the variance "
        "term is content, and the directions become fewer.",
        without_curves="{variance} goes to 0, and {covariance} to hundreds or thousands: the embeddings spread, but their "
        "components all say the same.",
    ),
)
IN_LOSS: tuple[Term, ...] = tuple(sorted(TERMS, key=lambda term: term.letter))  # in the order of eq. 6: λ, μ, ν
ALL_ON = (  # what the curves do when no weight is 0
    "{variance} falls all the way: the embeddings spread. {covariance} rises from almost 0 while they do, until its "
    "own weight holds it: embeddings that lie together have nothing to covary."
)
NAMES: tuple[str, ...] = tuple(term.name for term in TERMS)
FIGURES: tuple[str, ...] = (
    *NAMES,
    "total",
)  # what the loss gives, in the order of LossTerms and of a history's columns
TOTAL_COLOUR = "#5a695a"
