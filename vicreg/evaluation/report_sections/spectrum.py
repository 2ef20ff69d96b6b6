"""The section `spectrum`: how many directions the representations use."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vicreg.evaluation.report_sections.section import Section
from vicreg.evaluation.spectrum import spectrum, typical_deviations


def spectrum_of(test: np.ndarray) -> Section:
    """The singular values and the effective rank."""
    values = spectrum(test)
    metrics = {
        "effective_rank": float(values.effective_rank),
        "dimensions": test.shape[1],
        "n": len(test),
        "protocol": "exponential of the entropy of the singular values of the centred test representations",
    }
    table = pd.DataFrame(
        {
            "dimension": np.arange(1, len(values.singular_values) + 1, dtype=np.int32),
            "singular_value": values.singular_values.astype(np.float32),
            "standard_deviation": values.standard_deviations.astype(np.float32),
            "typical_deviation": typical_deviations(test).astype(np.float32),
        }
    )
    return Section({"spectrum": metrics}, {"spectrum": table})
