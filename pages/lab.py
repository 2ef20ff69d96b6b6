"""Lab: a small network trained live in the visitor's browser, so that a term can be switched off and its loss be seen."""

import ui
from ui.lab import lab

ui.page(
    "What happens if you switch a term off?",
    "A network learns in your browser, now. Every picture lies where its **embedding** is. Switch one term off and watch.",
    dataset=False,
)
lab(key="lab")
