"""Anomalies: how well each run tells pictures of another kind from its own test pictures."""

import numpy as np
import pandas as pd
import streamlit as st

import ui
from ui import anomaly_tables, anomaly_words, own_picture_score
from vicreg import charts
from vicreg.evaluation.anomaly_score import DEPTHS, KNOWN, REDUCTIONS, Scoring

SIDES, EXTREME = 8, 10
NARROW = 640  # px, below which the table stands upright
QUESTION = "Can it tell when a picture is unlike those it was trained on?"
NOTICE = (
    "A picture far from all training pictures gets a **high score**. A good score puts pictures of another data set to the "
    "right of the threshold, and test pictures to the left."
)


def headline() -> tuple[str, str]:
    """The title and the sentence below it, from the figures of the data set's runs."""
    return anomaly_words.lesson_of(ui.chosen_data()) or (QUESTION, NOTICE)


def shown_score(value: float) -> str:
    """A score with enough decimals to tell pictures apart."""
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"


ui.page(QUESTION, headline, explains=("representation", "anomaly score", "AUROC", "ROC", "the study"))

width = ui.width()
controls = st.columns([5, 5, 6, 4], vertical_alignment="bottom")
run, second = ui.pick_pair(controls)
named = controls[2].segmented_control(
    "Score",
    [*KNOWN, "custom"],
    default=next(iter(KNOWN)),
    required=True,
    key="scoring",
    bind="query-params",
    help="Distances to training representations, as in the study or as usual in the field (deep kNN). "
    + " ".join(f"{name}: {score.label}." for name, score in KNOWN.items()),
)
if named == "custom":
    choice = st.columns([2, 2, 3], vertical_alignment="bottom")
    k = choice[0].segmented_control("Neighbours, k", DEPTHS, default=10, required=True, key="k", bind="query-params")
    reduction = choice[1].segmented_control(
        "Distance",
        REDUCTIONS,
        default=REDUCTIONS[0],
        required=True,
        key="reduction",
        bind="query-params",
        help="The mean of the k distances, or only the k-th.",
    )
    normalise = choice[2].toggle("Scale representations to length 1", key="normalise", bind="query-params")
    scoring = Scoring(k=k, normalise=normalise, reduction=reduction)
else:
    scoring = KNOWN[named]
own, other = ui.spec(run), ui.anomalous(run)
NORMAL, OTHER = f"{own.title} test pictures", f"{other.title}, anomalies"
GROUPS = {NORMAL: charts.GROUP_COLOURS["normal"], OTHER: charts.GROUP_COLOURS["anomalous"]}
if not ui.has(run, "anomaly"):
    st.stop()
if second is not None and not ui.has(second, "anomaly"):
    second = None
shown = [run] if second is None else [run, second]
pictures = ui.pictures(run)
strangers = ui.anomalies(run) if pictures is not None and ui.metrics(run)["anomaly"]["n_anomalies"] else None
scores = {ui.title(one): anomaly_tables.scores_of(one, scoring) for one in shown}
curves = {ui.title(one): curve for one in shown if (curve := ui.roc(one, scoring)) is not None}
runs = anomaly_tables.anomaly_runs(run)

yours = None
if run.has_network:
    yours = ui.own_picture(controls[3], key="own_anomaly", ahead=lambda: own_picture_score.load_ahead(run))
placed: dict[str, float] = {}  # title -> the score of the visitor's picture
if yours is not None:
    for one in shown:
        if one.has_network and (score := own_picture_score.score_picture(one, yours, scoring)) is not None:
            placed[ui.title(one)] = score
    picture, beside = st.columns([1, 6], vertical_alignment="center")
    with picture:
        ui.tiles(
            yours[None],
            key="yours",
            label="Your picture",
            alts=[
                "your picture as the network sees it" + "".join(f", score {shown_score(s)}" for s in placed.values())
            ],
            captions=[["your picture"]],
            scale=3,
            stored=False,
        )
    for one in shown:
        if ui.title(one) in placed:
            beside.markdown(
                own_picture_score.place_of(one, placed[ui.title(one)], scores[ui.title(one)], named, other.things)
            )
    beside.button("Remove picture", icon=":material/close:", on_click=ui.drop_own_picture, args=("own_anomaly",))

left, right = st.columns(2, gap="large")
with left:
    if runs:
        st.markdown(f"**Every run under two scores**, against {other.title}")
        pairs = anomaly_tables.score_pairs(runs)
        ui.chart(
            ui.drawn(
                charts.score_pairs,
                pairs.table,
                {title: ui.colour(one) for title, one in runs.items()},
                anomaly_tables.PAIR,
                width=max(180, min(width, width // 2 if width > NARROW else width) - 175),
            ),
            alt=f"AUROC against {other.title} under two scores: {pairs.words}",
            key="score_pairs",
        )
    else:
        st.info(
            f"This run was measured without anomalies, because {other.title} was not on the machine. "
            f"{ui.how_to_measure(run, only='anomaly')}",
            icon=":material/info:",
        )
with right:
    histograms = st.container()
    raised = st.slider(
        "Threshold: normal pictures above it, %",
        1,
        50,
        5,
        key="raised",
        bind="query-params",
        help="Pictures above it count as anomalies. The share of normal pictures above it is the same for each run.",
    )
thresholds = {}
with histograms:
    for position, (title, values) in enumerate(scores.items()):
        all_scores, strange = values["score"].to_numpy(), values["anomaly"].to_numpy()
        normal, unusual = all_scores[~strange], all_scores[strange]
        low, high = (float(v) for v in np.quantile(all_scores, [0.001, 0.999]))
        if not high > low:
            st.info(
                f"`{title}`: all pictures have the same score, because the run has collapsed.", icon=":material/info:"
            )
            continue
        thresholds[title] = float(np.quantile(normal, 1 - raised / 100))
        caught = unusual > thresholds[title]
        ui.chart(
            ui.drawn(
                charts.histogram,
                anomaly_tables.score_bins(values, (NORMAL, OTHER), (low, high)),
                thresholds[title],
                groups=GROUPS,
                limits=(low, high),
                width=max(200, (width // 2 if width > NARROW else width) - 130),
                height=190 if len(shown) == 1 else 105,
                title=title if len(shown) > 1 else "",
                legend=not position,
                own=placed.get(title),
            ),
            alt=f"Histogram of anomaly scores under {title}; above the threshold are {raised} % of the normal pictures"
            + (f" and {100 * caught.mean():.2f} % of the {other.things}." if len(caught) else "."),
            key=f"histogram_{position}",
        )
        sentence = f"`{title}`: "
        if title in curves:
            curve = curves[title]
            least, most = curve.interval
            sentence += f"**AUROC {curve.auroc:.3f}** (95 % over pictures: {least:.3f} to {most:.3f}). "
        mistaken = 100 * float((normal > thresholds[title]).mean())
        sentence += f"Above the threshold: **{mistaken:.2f} %** of the normal pictures"
        st.markdown(sentence + (f" and **{100 * caught.mean():.2f} %** of the {other.things}." if len(caught) else "."))

missing = [one for one in runs.values() if "anomaly_sets" not in ui.metrics(one)]
if len(missing) < len(runs):
    st.subheader("Which anomalies does it find?", anchor=False)
    st.markdown(
        f"{anomaly_words.left_out_words(runs)}AUROC of every run under the chosen score, *{scoring.label}*. Green: "
        "anomalies have higher scores. White: chance. Brown: they are *nearer* to the training pictures than test "
        "pictures are."
    )
    narrow = width < NARROW
    across = [one for one in runs.values() if not narrow or one in shown or one.baseline == "untrained"]
    labels = [anomaly_tables.short_title(one) for one in across]
    cells = anomaly_tables.auroc_cells(runs, scoring, shown=labels)
    ui.chart(
        ui.drawn(
            charts.auroc_cells,
            cells.table,
            runs=labels,
            columns=cells.columns,
            width=max(180, width - (150 if narrow else 210)),
            upright=narrow,
        ),
        alt=f"AUROC by run and kind of anomaly: {cells.words}",
        key="auroc_cells",
    )
    if narrow and len(across) < len(runs):
        st.caption("A wider screen shows every run.")
if command := ui.evaluate_command(*missing, only="anomaly_sets"):
    st.caption(f"To measure the other runs, too: `{command}`.")


def show(pictures: ui.Pictures, rows: pd.DataFrame, key: str, label: str) -> None:
    """Pictures of both data sets with their scores. rows: with anomalies only if their pictures are on this machine."""
    images, names = [], []
    for i, anomaly, number in zip(rows["index"], rows["anomaly"], rows["label"], strict=True):
        home = strangers if anomaly and strangers is not None else pictures
        images.append(home[i])
        names.append(home.classes[number])
    ui.tiles(
        np.stack(images) if images else np.zeros((0, 32, 32, 3), np.uint8),
        key=key,
        label=label,
        captions=[[name, shown_score(score)] for name, score in zip(names, rows["score"], strict=True)],
        alts=[f"{name}, score {shown_score(score)}" for name, score in zip(names, rows["score"], strict=True)],
        colours=[
            GROUPS[OTHER] if anomaly else ui.class_colour(label)
            for anomaly, label in zip(rows["anomaly"], rows["label"], strict=True)
        ],
    )


if pictures is not None:
    st.subheader("The most and the least anomalous", anchor=False)
    everything = strangers is not None and (
        st.segmented_control(
            *("Among", ["test pictures", "with anomalies"]),
            default="test pictures",
            required=True,
            key="pool",
            bind="query-params",
        )
        == "with anomalies"
    )
    for position, one in enumerate(shown):
        table = anomaly_tables.ranking(one, scoring, with_anomalies=everything)
        for rows, heading in ((table.head(EXTREME), "Most anomalous"), (table.tail(EXTREME)[::-1], "Least anomalous")):
            st.markdown(f"**{heading}**, `{ui.title(one)}`")
            show(pictures, rows, f"{heading}_{position}", f"{heading} under {ui.title(one)}")
    title = ui.title(run)
    if title in thresholds:
        st.subheader("Just below and just above the threshold", anchor=False)
        if strangers is None and scores[title]["anomaly"].any():
            st.caption(f"Only pictures of {own.title}: the {other.things} are not on this machine.")
        ordered = anomaly_tables.ranking(run, scoring, with_anomalies=strangers is not None)
        over = int((ordered["score"].to_numpy() > thresholds[title]).sum())
        sides = st.columns(2, gap="large")
        halves = (ordered.iloc[over : over + SIDES][::-1], ordered.iloc[max(over - SIDES, 0) : over][::-1])
        for place, rows, heading in zip(sides, halves, ("Below: normal", "Above: anomalous"), strict=True):
            with place:
                st.markdown(f"**{heading}**, `{title}`")
                show(pictures, rows, f"side_{heading[:5]}", heading)

words, drawn = st.columns([3, 2], gap="large")
with words:
    st.markdown(
        r"**What the score is.** The distance of $y$ to its $k$ nearest training representations: their mean, or the "
        "$k$-th. Scaling to length 1 ignores the length of $y$ (how *strongly* a picture excites the network) and keeps only "
        "its direction. Switch on only this scaling (*custom*): if the AUROC falls, the length helped to "
        "separate the anomalies."
    )
    st.markdown(
        "**What it does not prove.** Another data set is easy to tell apart. A high AUROC does not mean that the score would "
        "find a damaged truck among trucks. Leaving a class out is closer to this question. But the class is "
        "missing only from the pictures that we compare with; the network did train on it."
    )
if curves:
    of_curves = pd.concat([curve.points.assign(run=title) for title, curve in curves.items()], ignore_index=True)
    colours = {ui.title(one): ui.colour(one) for one in shown if ui.title(one) in curves}
    side = max(200, min(300, width * 2 // 5 - 110)) if width > NARROW else min(300, width - 80)
    with drawn:
        ui.chart(
            ui.drawn(charts.roc, of_curves, colours, side=side),
            alt=f"ROC of {other.title} against the test pictures of {own.title}: "
            + "; ".join(f"{title} AUROC {curve.auroc:.3f}" for title, curve in curves.items()),
            key="roc",
        )
figures = ui.metrics(run)
protocol = (
    f"Score shown: {scoring.label}. {figures['anomaly']['protocol']} n = {figures['anomaly']['n']:,} test images and "
    f"{figures['anomaly']['n_anomalies']:,} {other.things} (the first of that data set). The scores shown are stored "
    "in half precision; the numbers of the named scores were computed in full precision."
)
if "anomaly_sets" in figures:
    protocol += f"\n\nMore anomalies: {figures['anomaly_sets']['protocol']}"
    if "bank" in figures["anomaly_sets"]:
        protocol += f"\n\n{anomaly_words.bank_words(figures['anomaly_sets']['bank'])}"
ui.measured(protocol, command=ui.evaluate_command(run))
ui.show_source(
    "vicreg.evaluation.anomaly_score:anomaly_scores", "vicreg.evaluation.report_sections.anomaly_sets:anomaly_sets"
)
