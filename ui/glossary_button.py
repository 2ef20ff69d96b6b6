"""The technical words of a page, each explained in a sentence from `vicreg.GLOSSARY`."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from vicreg.glossary import GLOSSARY


def words_here(words: Sequence[str]) -> None:
    """A button beside the title that opens the explanations, by pointer, finger or keyboard. words: keys of GLOSSARY."""
    with st.popover("Glossary", icon=":material/dictionary:", type="tertiary", key="words"):
        st.markdown("\n".join(f"- **{word}**: {GLOSSARY[word]}." for word in words))
