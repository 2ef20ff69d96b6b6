"""Anomalies: which pictures are unlike all that the network was trained on; ROC against MNIST, threshold, ranking."""

import numpy as np
import pandas as pd
import streamlit as st

import ui
from vicreg import charts
from vicreg.evaluation.anomaly import FIELD, STUDY, Scoring

SIDES, EXTREME = 8, 10
GROUPS = {"CIFAR-10 test": "#3f90da", "MNIST": "#ffa90e"}

ui.page(
    "Can it tell what it has never seen?",
    "A picture far from every train picture gets a **high score**. If the score is any good, digits of MNIST, which the "
    "network never saw, lie to the right of the threshold and CIFAR-10's own test pictures to the left.",
)

width = ui.width()
controls = st.columns([5, 5, 6])
run, second = ui.pick_pair(controls)
named = controls[2].segmented_control(
    "Score",
    ["study", "field", "own choice"],
    default="study",
    required=True,
    key="scoring",
    bind="query-params",
    help="The study: mean distance to the 2 nearest train representations. The field (deep kNN): distance to the 50th "
    "nearest, representations scaled to length 1.",
)
if named == "own choice":
    choice = st.columns([2, 2, 3], vertical_alignment="bottom")
    k = choice[0].segmented_control("Nearest, k", [2, 10, 50], default=10, required=True, key="k", bind="query-params")
    reduction = choice[1].segmented_control(
        "Distance",
        ["mean", "kth"],
        default="mean",
        required=True,
        key="reduction",
        bind="query-params",
        help="The mean of all k distances, or the k-th alone.",
    )
    normalise = choice[2].toggle("Scale representations to length 1", key="normalise", bind="query-params")
    scoring = Scoring(k=k, normalise=normalise, reduction=reduction)
else:
    scoring = {"study": STUDY, "field": FIELD}[named]
column = scoring.column
if not ui.has(run, "anomaly"):
    st.stop()
if second is not None and not ui.has(second, "anomaly"):
    second = None
shown = [run] if second is None else [run, second]
pictures = ui.pictures(run)
digits = None if pictures is None else ui.anomalies(run)
scores = {ui.title(one): ui.results(one, "anomaly").assign(score=lambda t: t[column]) for one in shown}
curves = {ui.title(one): ui.roc(one, scoring) for one in shown}
curves = {title: curve for title, curve in curves.items() if curve is not None}

left, right = st.columns([2, 3], gap="large")
with left:
    if curves:
        for title, curve in curves.items():
            low, high = curve.interval
            st.markdown(
                f"`{title}`: **AUROC {curve.auroc:.3f}** (95 % interval {low:.3f} to {high:.3f}). To catch 95 % of the "
                f"digits, {100 * curve.fpr_at_95_tpr:.2f} % of the normal pictures are raised too."
                + (" **Under 0.5**: the digits lie *nearer* to the train pictures." if curve.auroc < 0.5 else "")
            )
        ui.chart(
            charts.roc(
                pd.concat([curve.points.assign(run=title) for title, curve in curves.items()], ignore_index=True),
                {ui.title(one): ui.colour(one) for one in shown if ui.title(one) in curves},
                side=max(220, min(360, width * 2 // 5 - 90)),
            ),
            alt="ROC of MNIST against CIFAR-10's test pictures: "
            + "; ".join(f"{title} AUROC {curve.auroc:.3f}" for title, curve in curves.items()),
            key="roc",
        )
    else:
        st.info("No anomalies were measured with this run: MNIST was not at hand.", icon=":material/info:")
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
        ),
        alt=f"Histogram of anomaly scores under {ui.title(run)}; the threshold {threshold:.3f} raises {raised:.2f} % of the "
        "normal pictures" + (f" and {100 * caught.mean():.2f} % of the digits." if len(caught) else "."),
        key="histogram",
    )
    st.markdown(
        f"Above the threshold: **{100 * caught.mean():.2f} %** of the digits and **{raised:.2f} %** of the normal pictures."
        if len(caught)
        else f"Above the threshold: **{raised:.2f} %** of the normal pictures."
    )


def seen(table: pd.DataFrame) -> pd.DataFrame:
    """The rows whose pictures are at hand."""
    return table if digits is not None else table[~table["anomaly"]]


def show(rows: pd.DataFrame, key: str, label: str) -> None:
    """Pictures of both data sets with their scores."""
    images = [digits[i] if anomaly else pictures[i] for i, anomaly in zip(rows["index"], rows["anomaly"], strict=True)]
    names = [
        f"digit {digits.labels[i]}" if anomaly else pictures.classes[label]
        for i, anomaly, label in zip(rows["index"], rows["anomaly"], rows["label"], strict=True)
    ]
    ui.tiles(
        np.stack(images) if images else np.zeros((0, 32, 32, 3), np.uint8),
        key=key,
        label=label,
        captions=[[name, f"{score:.2f}"] for name, score in zip(names, rows["score"], strict=True)],
        alts=[f"{name}, score {score:.2f}" for name, score in zip(names, rows["score"], strict=True)],
        colours=[
            GROUPS["MNIST"] if anomaly else ui.class_colour(label)
            for anomaly, label in zip(rows["anomaly"], rows["label"], strict=True)
        ],
    )


if pictures is not None:
    st.subheader("Just below and just above the threshold", anchor=False)
    if digits is None and values["anomaly"].any():
        st.caption("Without MNIST's digits at hand, CIFAR-10's pictures only.")
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
        ["CIFAR-10 test", "with MNIST"],
        default="CIFAR-10 test",
        required=True,
        key="pool",
        bind="query-params",
    )
    for position, one in enumerate(shown):
        table = seen(scores[ui.title(one)])
        table = table if pool == "with MNIST" else table[~table["anomaly"]]
        table = table.sort_values("score", ascending=False, kind="stable")
        for rows, words in ((table.head(EXTREME), "Most anomalous"), (table.tail(EXTREME)[::-1], "Least anomalous")):
            st.markdown(f"**{words}**, `{ui.title(one)}`")
            show(rows, f"{words}_{position}", f"{words} under {ui.title(one)}")

st.markdown(
    r"**What the score is.** The distance of $y$ to its $k$ nearest train representations: their mean, or the $k$-th. Scaling "
    "to length 1 drops how *strongly* a picture excites the network and keeps only the direction. Try both: which of the "
    "two tells the digits apart?"
)
st.markdown(
    "**What it does not prove.** White strokes on black are easy to see. A high AUROC here does not mean that the "
    "score would find a damaged truck among trucks. Look at the most anomalous CIFAR-10 pictures instead: are they strange?"
)
figures = ui.metrics(run)["anomaly"]
ui.measured(
    f"Drawn: {scoring.label}. {figures['protocol']} n = {figures['n']:,} test images and {figures['n_anomalies']:,} digits "
    "(the first of MNIST's test split). Scores are kept in half precision to draw; the named settings were measured in full.",
    command=f"python -m vicreg evaluate {run.name}",
)
ui.show_source("vicreg.evaluation.anomaly:anomaly_scores", "vicreg.evaluation.anomaly:roc")
