"""What one new picture costs: encoding it, placing it by a formula, or fitting everything again."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from vicreg.runs.folder import Run


def amortisation(eigenmap: Run) -> None:
    """The cost of one new picture: with an encoder, with the Nyström extension, and by fitting the eigenmap again."""
    timing = eigenmap.record.get("timing")
    if not timing:
        return
    encoder = timing.get("encoder")
    rows = [
        ("Encoder, one forward pass", encoder),
        ("Nyström extension", timing["rule"]),
        ("Fitting everything again", timing["fit"]),
    ]
    st.dataframe(
        pd.DataFrame(
            {
                "One new picture": label,
                "time": f"{1000 * seconds:.1f} ms" if seconds < 1 else f"{seconds:,.0f} s",
                "times the encoder's": f"{seconds / encoder:,.0f}" if encoder else "",
            }
            for label, seconds in rows
            if seconds
        ),
        hide_index=True,
    )
    encoded = f"; encoder of `{timing['encoder_run']}`" if encoder else ""
    st.caption(
        f"Medians over 20 single test pictures, measured when the eigenmap was fitted ({eigenmap.record['device']}){encoded}."
    )
