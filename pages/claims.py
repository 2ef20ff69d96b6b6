"""Claims: every finding of the study, held against the runs on this machine."""

from urllib.parse import urlencode

import streamlit as st

import ui
from vicreg import charts
from vicreg.charts.figures_on_an_axis import figures_on_an_axis
from vicreg.claims import CLOSE, FAILS, HOLDS, UNKNOWN, Claim, Finding, family, findings
from vicreg.runs.discovery import find_runs
from vicreg.study_results import STUDY, STUDY_DATASET

SCORES = {  # verdict -> icon, colour, and what stands above its column after the number of findings
    FAILS: (":material/cancel:", "orange", "do not hold"),
    CLOSE: (":material/balance:", "violet", "too close to call"),
    HOLDS: (":material/check_circle:", "blue", "hold"),
    UNKNOWN: (":material/help:", "gray", "cannot be judged yet"),
}

ui.page(
    "Do the study's findings hold here?",
    "Each finding of the study that this app grew out of, checked on our own runs. **A finding that does not hold is "
    "not a mistake to hide**: ask what differs.",
    dataset=False,  # the study has one
    explains=(
        *(
            "the study",
            "VICReg",
            "representation",
            "linear probe",
            "kNN",
            "effective rank",
            "t-SNE",
            "PCA",
            "AUROC",
            "silhouette",
            "NMI",
        ),
    ),
)
run = ui.preset_run("vicreg", dataset=STUDY_DATASET)
runs, left_out = family(find_runs()[0], run.config.dataset)
judged = list(enumerate(findings({name: ui.metrics(one) for name, one in runs.items()}), start=1))


def link(claim: Claim) -> str:
    """The address of the page and the state of it that show what the claim was judged by."""
    titles = [runs[name].title for name in claim.place.runs if name in runs]
    chosen = dict(zip(("run", "second"), titles, strict=False))
    return f"{claim.place.page}?{urlencode({'data': STUDY_DATASET, **chosen, **claim.place.state}, safe='/')}"


def show(number: int, claim: Claim, finding: Finding) -> None:
    """A card: the finding, the picture that decides it; the rest folded."""
    with st.container(border=True):
        st.markdown(f"**{number}. {claim.words}**")
        if finding.picture:
            ui.drawing(
                figures_on_an_axis(
                    [
                        (f.label, charts.PRESET_COLOURS.get(f.run, ""), f.value, f.interval, f.text)
                        for f in finding.picture.figures
                    ],
                    axis=finding.picture.axis,
                    bar=finding.picture.bar,
                    bar_label=finding.picture.bar_label,
                    seeds=[figure.seeds for figure in finding.picture.figures],
                ),
                key=f"finding_{number:02}",
            )
        else:
            st.markdown(finding.why)
        with st.expander("Numbers and reasons"):
            ours = f"**Ours:** {finding.ours}. " if finding.ours else ""
            st.markdown(f"**The study:** {claim.study}. {ours}{finding.why}")
        st.markdown(f"[See it on the page {claim.place.page.capitalize()}]({link(claim)})")


several = [f"`{name}`" for name, one in runs.items() if ui.metrics(one).get("seeds")]
seeds_known = (
    f"Other seeds are known for {', '.join(several)}."
    if several
    else "Each of these runs was trained once, so another seed may move a close verdict."
)
scores = {
    verdict: [(n, claim, finding) for n, (claim, finding) in judged if finding.verdict == verdict] for verdict in SCORES
}
scores = {verdict: cards for verdict, cards in scores.items() if cards}
for column, (verdict, cards) in zip(st.columns(len(scores)), scores.items(), strict=True):
    icon, colour, words = SCORES[verdict]
    with column:
        st.subheader(f":{colour}[{icon} {len(cards)} {words}]", anchor=False)
        for card in cards:
            show(*card)

st.markdown(
    "**What a verdict means.** A difference counts if its 95 % interval excludes 0, otherwise it is too close to call. "
    "The intervals cover the choice of test pictures, not the seed. Where other seeds of a run are known (ticks), a "
    f"difference must also be larger than their range. {seeds_known}"
)
ui.measured(
    "The interval of a difference: the half-widths of the two intervals are added in quadrature, so the bands around two dots "
    "may overlap a little. Where there is no interval, a fixed threshold decides. "
    f"Runs: {', '.join(f'`{ui.title(one)}`' for one in runs.values())}. {' '.join(left_out)} "
    "The presets are compared with the same budget; `vicreg-long` is a reference with a longer budget. "
    f"The study: the README of https://{STUDY}.",
    command="python -m vicreg claims",
)
ui.show_source("vicreg.claims:difference", "vicreg.claims:judge")
