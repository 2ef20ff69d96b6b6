"""Claims: every finding of the study, held against the runs on this machine."""

import streamlit as st

import ui
from vicreg.claims import CLOSE, FAILS, HOLDS, UNKNOWN, findings

ICONS = {
    HOLDS: (":material/check_circle:", "blue"),
    FAILS: (":material/cancel:", "orange"),
    CLOSE: (":material/balance:", "violet"),
    UNKNOWN: (":material/help:", "gray"),
}

ui.page(
    "Do the study's findings hold here?",
    "Each finding of the study that this app grew out of is a check with a number on our own runs. **One that does not "
    "hold is not a mistake to hide**: ask what differs.",
)
run = ui.preset_run("vicreg")
runs = ui.measured_runs(run)
metrics = {
    other.name.removeprefix(f"{run.config.dataset}-"): ui.metrics(other)
    for title, other in runs.items()
    if "(own)" not in title
}
judged = findings(metrics)
counts = {verdict: sum(finding.verdict == verdict for _, finding in judged) for verdict in ICONS}
st.markdown(" · ".join(f":{ICONS[v][1]}-badge[{ICONS[v][0]} {v}: {n}]" for v, n in counts.items() if n))
chosen = st.pills(
    "Show", [v for v, n in counts.items() if n], selection_mode="multi", key="verdicts", label_visibility="collapsed"
)
for number, (claim, finding) in enumerate(judged, start=1):
    if chosen and finding.verdict not in chosen:
        continue
    icon, colour = ICONS[finding.verdict]
    with st.container(border=True):
        words, verdict = st.columns([5, 2], vertical_alignment="center")
        words.markdown(f"**{number}. {claim.words}**")
        verdict.markdown(f":{colour}-badge[{icon} {finding.verdict}]")
        ours = f"**Ours:** {finding.ours}. " if finding.ours else ""
        st.markdown(f"**The study:** {claim.study}. {ours}{finding.why} [See it]({claim.page})")

budgets = sorted({ui.budget(other) for other in runs.values() if not other.baseline})
st.markdown(
    "**What a verdict means.** A difference counts where it is larger than its 95 % interval; else it is too close to call. "
    "One seed per run: another seed may move a close one."
)
ui.measured(
    f"Runs: {', '.join(f'`{title}`' for title in runs)}. The presets are compared on one budget; `vicreg-long` is the "
    "reference that had longer. The study: the README of AsafShul/VICReg_selfsupervised_representation_learning.",
    command="python -m vicreg claims",
)
ui.show_source("vicreg.claims:difference", "vicreg.claims:judge")
