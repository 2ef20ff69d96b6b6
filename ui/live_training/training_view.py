"""A training on the page Train: live while it runs, and its result afterwards.

Thirty visitors may watch one training, so each chart is made once and sent only if it has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ui
from ui.live_training import next_training, training_charts, training_limits, training_time
from vicreg import jobs
from vicreg.config import Config
from vicreg.jobs.record import DamagedRecord
from vicreg.jobs.status import Job
from vicreg.loss_terms import ALL_ON, TERMS
from vicreg.presets import presets
from vicreg.runs.discovery import find_runs
from vicreg.runs.errors import RunError
from vicreg.runs.folder import open_run
from vicreg.storage import paths
from vicreg.storage.json_values import JsonObject
from vicreg.study_results import study_probe

EVERY = 2.0  # seconds between updates
KEY = "_operator_key"
ASIDE = "_put_aside"  # jobs hidden in this session: (name, created)
WATCHED = "_watched"  # the job that this session saw running last: (name, created)


def watch(job: Job, *, width: int) -> None:
    """Show a running job, updated until it is over. width: of the page, in pixels."""

    @st.fragment(run_every=EVERY)
    def live() -> None:
        try:
            now = jobs.get(job.name)
        except DamagedRecord:  # its folder was damaged in the meantime
            now = None
        if now is None or not now.active:
            st.rerun()
        st.progress(_share(now), text=told(now))
        training_charts.curves(now, width=width, behind=behind)

    st.session_state[WATCHED] = (job.name, job.created)
    row = st.columns([1, 3, 2], vertical_alignment="bottom")
    behind = pick_behind(job, row[2])
    if may_command(job) and row[0].button(
        "Stop and save", icon=":material/stop:", width="stretch", key=f"stop_{job.name}_{job.created}"
    ):
        command(jobs.stop, job)
    if training_limits.hosted():
        who = "this browser tab (until you reload it)" if may_command(job) else "the browser tab that started it"
        row[1].caption(f"Only {who}{' or the operator' if training_limits.has_operator() else ''} can stop it.")
    live()
    if words := expectation(job.config):
        st.markdown(f"**What to expect.** {words}")


def follow(job: Job) -> None:
    """While another training is about to follow a finished job, wait for it; or say why it could not start."""
    planned = next_training.plan_after(job)
    if planned is None or (planned.over and not planned.problem):
        return
    if planned.problem:
        st.warning(
            f"{planned.preset} was to follow, but could not start: {training_charts.as_text(planned.problem)}. "
            "To start it yourself, press *Train another* and choose it.",
            icon=":material/error:",
        )
        return

    @st.fragment(run_every=next_training.EVERY)
    def wait() -> None:
        if planned.over:
            st.rerun()
        st.caption(f"Next: `{planned.preset}`. It starts in a moment.")

    wait()


def pick_behind(job: Job, place: DeltaGenerator) -> str:
    """Select the run whose curves are drawn dashed behind a training: its folder, or "" for none.

    Runs of the same data set; first the one that was trained just before, if any, else the bundled run with this preset.
    """
    config = job.config
    runs = [run for run in find_runs()[0].values() if run.config.dataset == config.dataset and not run.baseline]
    names = {str(run.folder): ui.title(run) for run in runs}
    preset = config.preset if config.preset in presets(config.dataset) else "vicreg"
    earlier = next_training.before(job)
    usual = str(paths.runs_folder() / earlier if earlier else paths.BUNDLED / f"{config.dataset}-{preset}")
    options = ["", *names]
    return place.selectbox(
        "Dashed curves",
        options,
        index=options.index(usual) if usual in options else 0,
        format_func=lambda folder: names.get(folder, "none"),
        key=f"train_behind_{config.dataset}_{usual}",
        persist_state="session",
    )


def watched(found: list[Job]) -> None:
    """Show how a training ended that this session was watching but had not started."""
    for job in found:
        if (job.name, job.created) == st.session_state.get(WATCHED) and not may_command(job):
            over(job)


def expectation(config: Config) -> str:
    """What to expect from the terms, based on the bundled runs; empty if no bundled run has these settings."""
    zero = [term for term in TERMS if not getattr(config, term.weight)]
    if len(zero) > 1:
        return ""
    names = {term.name: ui.coloured(term.name.capitalize(), term.name) for term in TERMS}
    return (zero[0].without_curves if zero else ALL_ON).format(**names)


def expected(config: Config, *, width: int) -> str:
    """Draw the curves of the bundled run with this preset. Returns what to expect of the terms, in words."""
    preset = config.preset if config.preset in presets(config.dataset) else "vicreg"
    try:
        title, drawn = training_charts.bundled(config.dataset, preset, width)
    except RunError as error:
        st.warning(str(error), icon=":material/broken_image:")
        return ""
    ui.chart(
        drawn, alt=f"Total and the three terms of {title} over epochs, on training pictures.", key="expected_terms"
    )
    st.caption(f"The bundled run `{title}`, on training pictures. Start your own, and its curves are drawn over these.")
    return expectation(config)


def told(job: Job) -> str:
    """The progress of a job in one line, with the remaining time."""
    label, done, total = job.stage or ("", 0, 0)
    words = {
        "starting": f"starting {label}".strip(),
        "running": f"step {job.step:,} of {job.steps:,}, epoch {job.epoch} of {job.epochs}",
        "measuring": f"training done; {label}, {done:,} of {total:,}",
        "stopping": "saving and stopping",
    }[job.state]
    if job.state == "running" and job.seconds_left is not None:
        words += f", {training_time.minutes(job.seconds_left)} left, {job.images_per_second:,.0f} pictures a second"
    return f"`{job.name}`: {words}" + (f" ({job.device})" if job.device else "")


def _share(job: Job) -> float:
    """The progress of the current stage, from 0 to 1."""
    _, done, total = job.stage if job.state == "measuring" and job.stage else ("", job.step, job.steps)
    return min(1.0, done / total) if total else 0.0


def over(job: Job) -> None:
    """Show a job that has ended: its result, and what you can do with it."""
    if job.state == "finished":
        figure = f": linear probe {job.probe[0]:.2f} % ({job.probe[1]:.2f} to {job.probe[2]:.2f})" if job.probe else ""
        if (study := study_probe(job.config)) is not None:
            figure += f"; the study's: {study} %"
        sections = _measured(job)
        st.success(
            f"`{job.name}` is trained{' and evaluated' if sections else ''}{figure}. You can choose it on "
            f"{'every page' if 'projection' in sections else 'the pages below'}, where it is marked (own).",
            icon=":material/check_circle:",
        )
        st.markdown(_links(job, sections))
    else:
        became = {"stopped": "was stopped and saved", "interrupted": "was interrupted", "failed": "failed"}[job.state]
        at = f" at step {job.step:,} of {job.steps:,}" if job.steps else ""
        if job.steps and job.step == job.steps:
            at = " after its last step: training is done, but not the evaluation"
        why = job.sentence if may_command(job) else ""  # only the owner can act on it
        st.warning(f"`{job.name}` {became}{at}. {why}".strip(), icon=":material/pause_circle:")
    if not may_command(job):
        return
    row = st.columns([1, 1, 1, 2])
    if job.state == "finished":  # the run stays
        if row[0].button(
            "Train another", icon=":material/add:", width="stretch", key=f"another_{job.name}_{job.created}"
        ):
            command(jobs.discard, job)
        return
    if row[2].button(
        "Train another",
        icon=":material/add:",
        width="stretch",
        key=f"aside_{job.name}_{job.created}",
        help="Keeps this one.",
    ):
        put_aside().update((one.name, one.created) for one in jobs.find())
        st.rerun()
    if job.bounded:
        st.caption("It has reached this server's limits. Discard it, or train on your own machine.")
    elif row[0].button("Resume", icon=":material/play_arrow:", width="stretch", key=f"resume_{job.name}_{job.created}"):
        command(jobs.resume, job)
    with row[1].popover("Discard", icon=":material/delete:", width="stretch"):
        st.markdown(f"This deletes everything `{job.name}` has learned so far.")
        if st.button("Delete permanently", key=f"discard_{job.name}_{job.created}"):
            command(jobs.discard, job)
    if job.log_tail:
        with st.expander("Last lines of the log", icon=":material/description:"):
            st.code("\n".join(job.log_tail), language=None)


def _measured(job: Job) -> JsonObject:
    """The metrics of a finished job's run: a quick training has some sections, one without evaluation has none."""
    try:
        return open_run(paths.runs_folder() / job.name).metrics
    except RunError:  # removed or damaged; the run picker names damaged runs
        return {}


def _links(job: Job, sections: JsonObject) -> str:
    """Links to the pages that can show a finished job's run."""
    prefix = f"{job.config.dataset}-"
    title = f"{job.config.dataset}/{job.name.removeprefix(prefix)}" if job.name.startswith(prefix) else job.name
    query = f"?data={job.config.dataset}&run={quote(f'{title} (own)')}"
    pages = {"retrieval": ("neighbours", "retrieval"), "projection": ("map", "maps"), "probe": ("probe", "probe")}
    shown = [f"its [{says}]({page}{query})" for section, (says, page) in pages.items() if section in sections]
    return f"See {', '.join(shown)}{' or ' * bool(shown)}its [curves](training_curves{query})."


def put_aside() -> set[tuple[str, float]]:
    """The jobs hidden in this session: (name, created)."""
    return st.session_state.setdefault(ASIDE, set())


def kept(mine: list[Job]) -> None:
    """An expander that lists unfinished trainings, each with a button to show it."""
    unfinished = [job for job in mine if job.state != "finished"]
    if not unfinished:
        return
    with st.expander(
        f"{len(unfinished)} unfinished training run" + "s" * (len(unfinished) > 1), icon=":material/pending:"
    ):
        for job in unfinished:
            words, button = st.columns([5, 1], vertical_alignment="center")
            words.markdown(f"`{job.name}`: {job.state} at step {job.step:,} of {job.steps:,}")
            if button.button("Show", key=f"show_{job.name}", width="stretch"):
                put_aside().discard((job.name, job.created))
                st.rerun()


def command(act: Callable[[Job], object], job: Job) -> None:
    """Apply an action to a job, or show why it failed."""
    try:
        act(job)
    except (ValueError, OSError) as error:
        refused(error)
    else:
        st.rerun()


def refused(error: Exception) -> None:
    """Show an error message as a plain sentence, without Markdown."""
    said = str(error)
    plain = training_charts.as_text(said[:1].upper() + said[1:])
    st.warning(plain + "." * (not said.endswith((".", "!", "?"))), icon=":material/error:")


def may_command(job: Job) -> bool:
    """Whether this session may control the job, with the operator's key if entered."""
    return training_limits.may_command(job, str(st.session_state.get(KEY) or ""))


def ask_for_key() -> None:
    """An expander where the operator enters the key, if the server has one."""
    if training_limits.has_operator():
        with st.expander("For the operator", icon=":material/key:"):
            key = st.text_input(
                "Operator's key", type="password", key=KEY, help="The value of VICREG_OPERATOR on this server."
            )
            if key:
                st.caption(
                    "You are the operator." if training_limits.is_operator(key) else "This is not the operator's key."
                )
