"""Claims: every finding of the study, held against the runs on this machine."""

import streamlit as st

import ui
from vicreg.claims import CLOSE, FAILS, HOLDS, UNKNOWN, Claim, family, findings
from vicreg.runs.discovery import find_runs
from vicreg.study import STUDY_DATASET

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
    dataset=False,  # the study has one
)
run = ui.preset_run("vicreg", dataset=STUDY_DATASET)
runs, left_out = family(find_runs()[0], run.config.dataset)
judged = findings({name: ui.metrics(one) for name, one in runs.items()})
counts = {verdict: sum(finding.verdict == verdict for _, finding in judged) for verdict in ICONS}
st.markdown(" · ".join(f":{ICONS[v][1]}-badge[{ICONS[v][0]} {v}: {n}]" for v, n in counts.items() if n))
chosen = st.pills(
    "Show",
    [v for v, n in counts.items() if n],
    selection_mode="multi",
    key="verdicts",
    bind="query-params",
    label_visibility="collapsed",
)


def link(claim: Claim) -> str:
    """The page that shows a claim, with the runs that it compares."""
    if claim.page == "ablations":
        setting = "nearest images as positives" if "neighbour-views" in claim.needs else "no variance"
        return f"ablations?data={STUDY_DATASET}&setting={setting.replace(' ', '+')}"
    titles = [runs[name].title for name in claim.needs if name in runs][:2]
    return (
        claim.page
        + f"?data={STUDY_DATASET}&"
        + "&".join(f"{key}={title}" for key, title in zip(("run", "second"), titles, strict=False))
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
        st.markdown(f"**The study:** {claim.study}. {ours}{finding.why} [See it]({link(claim)})")

st.markdown(
    "**What a verdict means.** A difference counts where it is larger than its 95 % interval; else it is too close to call. "
    "Where there is no interval, a fixed bar decides, and the text says so. One seed per run: another may move a close one."
)
ui.measured(
    f"Runs: {', '.join(f'`{ui.title(one)}`' for one in runs.values())}. {' '.join(left_out)} "
    "The presets are compared on one budget; `vicreg-long` is the "
    "reference that had longer. The study: the README of AsafShul/VICReg_selfsupervised_representation_learning.",
    command="python -m vicreg claims",
)
ui.show_source("vicreg.claims:difference", "vicreg.claims:judge")
