"""Probe: how well a linear classifier reads the class from the representations: by run, by class, and its worst errors."""

import numpy as np
import pandas as pd
import streamlit as st

import ui
from vicreg import charts
from vicreg.runs.seeds import SECTION
from vicreg.study_results import STUDY_PROBES

SHOWN = 24

ui.page(
    "How well can a linear classifier read the class?",
    "The network is frozen, and a **linear** classifier is fitted to its representations. Compare each run with the same "
    "encoder **untrained**: the difference is what training without labels added.",
    explains=("representation", "linear probe", "kNN", "effective rank", "the study"),
)

width = ui.width()
controls = st.columns([3, 3, 2])
run, second = ui.pick_pair(controls)

runs = ui.measured_runs(run)
figures = {title: ui.metrics(other)["probe"] for title, other in runs.items()}
if not ui.has(run, "probe"):
    st.stop()
if second is not None and not ui.has(second, "probe"):
    second = None
colours = {title: ui.colour(other) for title, other in runs.items()}
table = pd.DataFrame(
    {
        "run": title,
        "accuracy": probe["accuracy"],
        "low": probe["interval"][0],
        "high": probe["interval"][1],
        "study": ui.study(runs[title]) or np.nan,
    }
    for title, probe in figures.items()
)
ui.chart(
    ui.drawn(
        charts.accuracy_bars,
        table,
        colours,
        width=max(110, min(width - 250, 900)),
        chance=ui.spec(run).chance,
        seeds=ui.seeds_frame(runs, {"class": "probe"}),
    ),
    alt="Linear probe accuracy of every run with its 95 % interval: "
    + "; ".join(f"{row.run} {row.accuracy:.2f} %" for row in table.itertuples()),
    key="bars",
)
st.caption(
    "Line at a bar's end: 95 % interval over test pictures, not over seeds. Dashed: guessing. "
    + ("Ticks: other seeds. " if any(SECTION in ui.metrics(one) for one in runs.values()) else "")
    + ("Orange: the study's number (a different encoder, 30 epochs). " if ui.studied(run) else "")
    + "Compare only runs with the same number of epochs (under each name)."
)

mine = figures[ui.title(run)]
shown = {ui.title(one): figures[ui.title(one)] for one in (run, second) if one is not None}
for title in shown:
    low, high = figures[title]["interval"]
    spectrum = ui.metrics(runs[title])["spectrum"]
    st.markdown(
        f"**{title}**: the probe names the class of **{figures[title]['accuracy']:.2f} %** of the test pictures (95 % "
        f"interval over them: {low:.2f} to {high:.2f}). Effective rank of the representations: "
        f"{spectrum['effective_rank']:.2f} of {spectrum['dimensions']}."
    )
if second is not None and (told := ui.seeds_sentence(run, second, "probe", says="The probe reaches")):
    st.markdown(told)
st.subheader("Which classes does it confuse?", anchor=False)
left, right = st.columns([1, 1], gap="large")
classes = ui.class_names(run)
with left:
    event = ui.chart(
        ui.drawn(
            charts.table_of_counts,
            ui.results(run, "confusion").rename(columns={"class": "true class", "predicted": "predicted class"}),
            row="true class",
            column="predicted class",
            rows=classes,
            columns=classes,
            side=min(460, (width if width < 700 else width // 2) - 110),
        ),
        alt=f"Confusion matrix of {ui.title(run)}. Most confused: "
        + "; ".join(f"{' and '.join(pair['classes'])} {pair['share']:.2f} %" for pair in mine.get("confused", [])),
        key="confusion",
        on_select="rerun",
        selection_mode="cell",
    )
    st.caption(
        f"**{ui.title(run)}**, test pictures. Confused most often: "
        + ", ".join(f"{' and '.join(pair['classes'])} ({pair['share']:.2f} %)" for pair in mine.get("confused", []))
        + ". Click a cell to see its pictures below."
    )
with right:
    by_class = pd.DataFrame(
        [
            {"class": name, "run": title, "accuracy": value}
            for title, probe in shown.items()
            for name, value in probe["per_class"].items()
        ]
    )
    ui.chart(
        ui.drawn(
            charts.per_class,
            by_class,
            {title: colours[title] for title in shown},
            classes,
            width=max(180, min(420, (width if width < 700 else width // 2) - 150)),
        ),
        alt=f"Accuracy within each class. {ui.class_words(by_class)}",
        key="per_class",
    )

predictions = ui.results(run, "predictions")
cell = ui.clicked_cell(event, {"true class": classes, "predicted class": classes})
if cell:
    true, guessed = classes.index(cell["true class"]), classes.index(cell["predicted class"])
    listed = predictions[(predictions["label"] == true) & (predictions["predicted"] == guessed)]
    heading = (
        f"{cell['true class']} predicted as {cell['predicted class']}: {len(listed)} picture{'s' * (len(listed) != 1)}"
    )
    if true == guessed:
        heading = f"{cell['true class']} predicted correctly: {len(listed)} picture{'s' * (len(listed) != 1)}"
    listed = listed.sort_values("probability", ascending=true != guessed)
else:
    listed = predictions[predictions["label"] != predictions["predicted"]].sort_values("probability")
    heading = f"Worst errors: lowest probability for the true class ({len(listed):,} errors in all)"
st.subheader(heading, anchor=False)
pictures = ui.pictures(run)


def show(pictures: ui.Pictures, rows: pd.DataFrame, key: str) -> None:
    """The pictures of some predictions, with the predicted class and the probability of the true class."""
    columns = (rows[name].tolist() for name in ("label", "predicted", "probability"))
    names = [(classes[label], classes[predicted], p) for label, predicted, p in zip(*columns, strict=True)]
    ui.tiles(
        pictures[rows["index"].to_numpy()],
        key=key,
        label=heading,
        captions=[
            [true, f"→ {guess}", f"true: {f'{100 * p:.2f}' if p >= 0.0001 else '< 0.01'} %"] for true, guess, p in names
        ],
        alts=[
            f"test picture {i}: {true}, predicted as {guess}"
            for i, (true, guess, _) in zip(rows["index"], names, strict=True)
        ],
        colours=[ui.class_colour(label) for label in rows["label"]],
        scale=2,
    )


if pictures is not None:
    show(pictures, listed.head(SHOWN), "wrong")
    if second is not None and not listed.empty:
        others = ui.results(second, "predictions").set_index("index").loc[listed["index"].head(SHOWN)].reset_index()
        right_now = int((others["label"] == others["predicted"]).sum())
        st.markdown(
            f"**The same pictures under {ui.title(second)}**, which predicts {right_now} of {len(others)} correctly"
        )
        show(pictures, others, "wrong_second")

if (untrained := ui.untrained(run)) is not None:
    st.markdown(
        f"**The untrained encoder already reaches {figures[ui.title(untrained)]['accuracy']:.2f} %**, because random filters "
        "keep information. Only what exceeds this was learned."
        + (f" (`{ui.title(second)}` has a different encoder.)" if second and not ui.same_encoder(run, second) else "")
    )
if ui.spec(run).attributes:
    st.markdown("For these pictures we know more than the class: see [digit or colour?](digit_or_colour)")
st.markdown(
    r"**Why linear.** The probe is $\mathrm{softmax}(W y + b)$ on the representation $y$. It can weight the "
    "dimensions of $y$ but not compute new features from them, so it measures what the encoder has already worked out."
)
st.markdown(
    "**What it does not prove.** A low accuracy means that the class cannot be read *linearly*; it may be there in another "
    "form. And the class is only one of many things that one can read from a representation."
)
ui.measured(
    f"Linear probe: {mine['protocol']}; n = {mine['n']:,} test pictures. Worst errors: the test pictures whose true class "
    "gets the lowest probability. "
    + (
        "The study: a linear classifier on its own network ({vicreg} % VICReg, {no-variance} % without the variance term, "
        "{neighbour-views} % with neighbours instead of views). ".format(**STUDY_PROBES)
        if ui.studied(run)
        else ""
    )
    + f"Pictures: {ui.metrics(run)['sources']['test']['source']}",
    command=ui.evaluate_command(run),
)
ui.show_source("vicreg.evaluation.probe:linear_probe")
