"""What the Ablations page says a preset leaves out."""

import pytest

from ui.ablation_words import without
from vicreg.presets import ABLATIONS


@pytest.mark.parametrize("preset", ABLATIONS)
def test_every_preset_has_a_sentence_of_its_own(preset):
    assert without(preset).startswith("**")
    assert "Other settings" not in without(preset)


def test_a_preset_without_a_sentence_names_the_settings_that_it_changes(monkeypatch):
    monkeypatch.setitem(ABLATIONS, "weak-invariance", {"invariance_weight": 5.0})
    assert without("weak-invariance") == "**Other settings** than those of `vicreg`: invariance weight 5.0."
