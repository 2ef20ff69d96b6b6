"""Anomalies: which pictures are unlike all that the network was trained on; ROC against another data set, ranking."""

import numpy as np
import pandas as pd
import streamlit as st

import ui
from vicreg import charts
from vicreg.evaluation.anomaly import DEPTHS, KNOWN, REDUCTIONS, Scoring

SIDES, EXTREME = 8, 10

ui.page(
    "Can it tell what it has never seen?",
    "A picture far from every train picture gets a **high score**. If the score is any good, pictures of another data set, "
    "which the network never saw, lie to the right of the threshold and the data set's own test pictures to the left.",
)

width = ui.width()
controls = st.columns([5, 5, 6, 4], vertical_alignment="bottom")
run, second = ui.pick_pair(controls)
named = controls[2].segmented_control(
    "Score",
    [*KNOWN, "own choice"],
    default=next(iter(KNOWN)),
    required=True,
    key="scoring",
    bind="query-params",
    help="To the train representations. " + " ".join(f"{name}: {score.label}." for name, score in KNOWN.items()),
)
if named == "own choice":
    choice = st.columns([2, 2, 3], vertical_alignment="bottom")
    k = choice[0].segmented_control("Nearest, k", DEPTHS, default=10, required=True, key="k", bind="query-params")
    reduction = choice[1].segmented_control(
        "Distance",
        REDUCTIONS,
        default=REDUCTIONS[0],
        required=True,
        key="reduction",
        bind="query-params",
        help="The mean of all k distances, or the k-th alone.",
    )
    normalise = choice[2].toggle("Scale representations to length 1", key="normalise", bind="query-params")
    scoring = Scoring(k=k, normalise=normalise, reduction=reduction)
else:
    scoring = KNOWN[named]
column = scoring.column
own, other = ui.spec(run), ui.anomalous(run)
NORMAL, OTHER = f"{own.title} test", other.title
GROUPS = {NORMAL: charts.GROUP_COLOURS["normal"], OTHER: charts.GROUP_COLOURS["anomalous"]}
if not ui.has(run, "anomaly"):
    st.stop()
if second is not None and not ui.has(second, "anomaly"):
    second = None
shown = [run] if second is None else [run, second]
pictures = ui.pictures(run)
strangers = None if pictures is None else ui.anomalies(run)
scores = {ui.title(one): ui.results(one, "anomaly").assign(score=lambda t: t[column]) for one in shown}
curves = {ui.title(one): ui.roc(one, scoring) for one in shown}
curves = {title: curve for title, curve in curves.items() if curve is not None}

yours = ui.own_picture(controls[3], key="own_anomaly") if run.has_network else None
score = None
if yours is not None and ui.pictures(run, "train") is not None:
    score = ui.score_picture(run, yours, scoring)
    values = scores[ui.title(run)]
    under = 100 * float((values[~values["anomaly"]]["score"] < score).mean())
    picture, words = st.columns([1, 6], vertical_alignment="center")
    with picture:
        ui.tiles(
            yours[None],
            key="yours",
            label="Your picture",
            alts=[f"your picture as the network sees it, score {score:.2f}"],
            captions=[["your picture", f"{score:.2f}"]],
            scale=3,
        )
    words.markdown(
        f"**Your picture has the score {score:.2f}** under `{ui.title(run)}`: higher than {under:.2f} % of the test pictures"
        + (
            f" and than {100 * float((values[values['anomaly']]['score'] < score).mean()):.2f} % of the {other.things}."
            if values["anomaly"].any()
            else "."
        )
    )
    words.button("Put it away", icon=":material/close:", on_click=ui.drop_own_picture, args=("own_anomaly",))

left, right = st.columns([2, 3], gap="large")
with left:
    if curves:
        for title, curve in curves.items():
            low, high = curve.interval
            st.markdown(
                f"`{title}`: **AUROC {curve.auroc:.3f}** (95 % interval {low:.3f} to {high:.3f}). To catch 95 % of the "
                f"{other.things}, {100 * curve.fpr_at_95_tpr:.2f} % of the normal pictures are raised too."
                + (
                    f" **Under 0.5**: the {other.things} lie *nearer* to the train pictures."
                    if curve.auroc < 0.5
                    else ""
                )
            )
        ui.chart(
            charts.roc(
                pd.concat([curve.points.assign(run=title) for title, curve in curves.items()], ignore_index=True),
                {ui.title(one): ui.colour(one) for one in shown if ui.title(one) in curves},
                side=max(220, min(360, width * 2 // 5 - 90)),
            ),
            alt=f"ROC of {OTHER} against the test pictures of {own.title}: "
            + "; ".join(f"{title} AUROC {curve.auroc:.3f}" for title, curve in curves.items()),
            key="roc",
        )
    else:
        st.info(f"No anomalies were measured with this run: {OTHER} was not at hand.", icon=":material/info:")
with right:
    values = scores[ui.title(run)]
    normal = values[~values["anomaly"]]["score"]
    low, high = (float(v) for v in np.quantile(values["score"], [0.001, 0.999]))
    if not high > low:
        st.info("Every picture has the same score: the representations have collapsed.", icon=":material/info:")
        st.stop()
    threshold = st.slider(
        f"Threshold on `{ui.title(run)}`",
        low,
        high,
        float(np.quantile(normal, 0.95)),
        step=(high - low) / 200,
        format="%.2f" if high - low > 1 else "%.4f",
        key=f"threshold_{ui.title(run)}_{column}",
        help="Pictures with a higher score are raised as anomalies. At first: where 5 % of the normal ones are.",
    )
    bins = np.linspace(low, high, 61)
    binned = []
    for group, part in zip(GROUPS, (values[~values["anomaly"]], values[values["anomaly"]]), strict=True):
        if len(part):
            counts, _ = np.histogram(part["score"].clip(low, high), bins)
            binned.append(
                pd.DataFrame({"group": group, "low": bins[:-1], "high": bins[1:], "share": counts / len(part)})
            )
    caught = values[values["anomaly"]]["score"] > threshold
    raised = 100 * float((normal > threshold).mean())
    ui.chart(
        charts.histogram(
            pd.concat(binned),
            threshold,
            groups=GROUPS,
            limits=(low, high),
            width=max(260, width * 3 // 5 - 90),
            height=230,
            own=score,
        ),
        alt=f"Histogram of anomaly scores under {ui.title(run)}; the threshold {threshold:.3f} raises {raised:.2f} % of the "
        "normal pictures" + (f" and {100 * caught.mean():.2f} % of the {other.things}." if len(caught) else "."),
        key="histogram",
    )
    st.markdown(
        f"Above the threshold: **{100 * caught.mean():.2f} %** of the {other.things} and **{raised:.2f} %** of the "
        "normal pictures."
        if len(caught)
        else f"Above the threshold: **{raised:.2f} %** of the normal pictures."
    )


def seen(table: pd.DataFrame) -> pd.DataFrame:
    """The rows whose pictures are at hand."""
    return table if strangers is not None else table[~table["anomaly"]]


def show(rows: pd.DataFrame, key: str, label: str) -> None:
    """Pictures of both data sets with their scores."""
    images = [
        strangers[i] if anomaly else pictures[i] for i, anomaly in zip(rows["index"], rows["anomaly"], strict=True)
    ]
    names = [
        strangers.classes[strangers.labels[i]] if anomaly else pictures.classes[label]
        for i, anomaly, label in zip(rows["index"], rows["anomaly"], rows["label"], strict=True)
    ]
    ui.tiles(
        np.stack(images) if images else np.zeros((0, 32, 32, 3), np.uint8),
        key=key,
        label=label,
        captions=[[name, f"{score:.2f}"] for name, score in zip(names, rows["score"], strict=True)],
        alts=[f"{name}, score {score:.2f}" for name, score in zip(names, rows["score"], strict=True)],
        colours=[
            GROUPS[OTHER] if anomaly else ui.class_colour(label)
            for anomaly, label in zip(rows["anomaly"], rows["label"], strict=True)
        ],
    )


if pictures is not None:
    st.subheader("Just below and just above the threshold", anchor=False)
    if strangers is None and values["anomaly"].any():
        st.caption(f"Without the {other.things} at hand, {own.title}'s pictures only.")
    ordered = seen(values).sort_values("score", kind="stable")
    below, above = ordered[ordered["score"] <= threshold].tail(SIDES), ordered[ordered["score"] > threshold].head(SIDES)
    sides = st.columns(2, gap="large")
    for place, rows, words in zip(sides, (below, above), ("Below: taken for normal", "Above: raised"), strict=True):
        with place:
            st.markdown(f"**{words}**")
            show(rows, f"side_{words[:5]}", words)
    st.subheader("The most and the least anomalous", anchor=False)
    pool = st.segmented_control(
        "Among",
        ["test pictures", "with anomalies"],
        default="test pictures",
        required=True,
        key="pool",
        bind="query-params",
    )
    for position, one in enumerate(shown):
        table = seen(scores[ui.title(one)])
        table = table if pool == "with anomalies" else table[~table["anomaly"]]
        table = table.sort_values("score", ascending=False, kind="stable")
        for rows, words in ((table.head(EXTREME), "Most anomalous"), (table.tail(EXTREME)[::-1], "Least anomalous")):
            st.markdown(f"**{words}**, `{ui.title(one)}`")
            show(rows, f"{words}_{position}", f"{words} under {ui.title(one)}")

st.markdown(
    r"**What the score is.** The distance of $y$ to its $k$ nearest train representations: their mean, or the $k$-th. Scaling "
    "to length 1 drops how *strongly* a picture excites the network and keeps only the direction. Try both: which of the "
    "two tells the anomalies apart?"
)
st.markdown(
    "**What it does not prove.** Another data set is easy to tell apart. A high AUROC here does not mean that the "
    "score would find a damaged truck among trucks. Look at the most anomalous test pictures instead: are they strange?"
)
figures = ui.metrics(run)["anomaly"]
ui.measured(
    f"Drawn: {scoring.label}. {figures['protocol']} n = {figures['n']:,} test images and {figures['n_anomalies']:,} "
    f"{other.things} (the first of that data set). Scores are kept in half precision to draw; the named settings were "
    "measured in full.",
    command=f"python -m vicreg evaluate {run.name}",
)
ui.show_source("vicreg.evaluation.anomaly:anomaly_scores", "vicreg.evaluation.anomaly:roc")
