"""The table of terms says what the loss computes, what a Config weighs and which ablations there are."""

import string

import pytest
import torch

from vicreg.loss_terms import ALL_ON, FIGURES, IN_LOSS, NAMES, TERMS
from vicreg.method import loss
from vicreg.presets import ABLATIONS


def test_the_terms_are_those_of_the_loss_in_its_order():
    assert loss.LossTerms._fields == FIGURES


def test_the_order_of_the_formula_is_the_papers():
    assert [term.greek for term in IN_LOSS] == ["lambda", "mu", "nu"]
    assert {term.letter for term in IN_LOSS} == set("λμ\N{GREEK SMALL LETTER NU}")


@pytest.mark.parametrize("term", TERMS, ids=NAMES)
def test_a_term_has_an_ablation_without_its_weight(term):
    assert ABLATIONS[f"no-{term.name}"] == {term.weight: 0.0}


@pytest.mark.parametrize("term", TERMS, ids=NAMES)
def test_a_terms_views_are_put_together_as_the_loss_does(term):
    z_a, z_b = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0)) / 2
    of = getattr(loss, term.name)
    wanted = {
        "pair": lambda: of(z_a, z_b),
        "mean": lambda: (of(z_a) + of(z_b)) / 2,
        "sum": lambda: of(z_a) + of(z_b),
    }[term.views]()
    torch.testing.assert_close(getattr(loss.vicreg_loss(z_a, z_b), term.name), wanted)


@pytest.mark.parametrize("term", [term for term in TERMS if term.collapsed is not None], ids=lambda term: term.name)
def test_what_a_collapsed_network_pays_is_what_the_loss_gives_for_one_point(term):
    z = torch.zeros(8, 4)
    assert getattr(loss.vicreg_loss(z, z), term.name).item() == pytest.approx(term.collapsed, abs=0.02)  # eps


def test_words_about_curves_name_no_other_terms():
    for words in (ALL_ON, *(term.without_curves for term in TERMS)):
        assert {name for _, name, _, _ in string.Formatter().parse(words) if name is not None} <= set(NAMES)
