"""The lab in a real Chromium: its mathematics against torch and numpy, and its page as a visitor uses it."""

import json
import re
import time

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

import vicreg
from ui.lab.component import ENGINE, drawings, joined

pytestmark = pytest.mark.browser
WEIGHTS = {"lambda": 25.0, "mu": 25.0, "nu": 25.0}
NETWORKS = [
    {"dimensions": 2, "width": 64, "rate": 2e-3, **WEIGHTS, "seed": 1},
    {"dimensions": 8, "width": 128, "rate": 5e-3, "lambda": 10.0, "mu": 25.0, "nu": 5.0, "seed": 2},
]


@pytest.fixture(scope="module")
def engine(browser):
    """A blank page that knows the engine's functions, the drawings (`strokes`) and their digits (`digits`)."""
    page = browser.new_page()
    strokes, labels = drawings()
    page.add_script_tag(content=joined(*ENGINE, "address.js"))
    page.evaluate(
        "([text, labels]) => {"
        " globalThis.strokes = readDrawings(text);"
        " globalThis.digits = Int32Array.from(labels, Number); }",
        [strokes, labels],
    )
    yield page
    page.close()


def answer(engine, function: str, given=None):
    """What a function of JavaScript returns, sent as one text: number by number, Playwright takes seconds."""
    return json.loads(engine.evaluate(f"(given) => JSON.stringify(({function})(given))", given))


def close(found, wanted, relative=1e-4, rounding=0.0):
    """Whether two arrays agree to within a share of the largest value, or to within rounding."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    return np.abs(found - wanted).max() <= max(relative * np.abs(wanted).max(), rounding)


@pytest.mark.parametrize("off", [None, "lambda", "mu", "nu"])
@pytest.mark.parametrize("D", [2, 5, 8])
def test_the_loss_and_its_gradients_are_those_of_torch(engine, D, off):
    rng = np.random.default_rng(D)
    scale = np.linspace(0.3, 1.6, D)  # some standard deviations below gamma, some above
    za, zb = (rng.standard_normal((32, D)) * scale + 0.5 * rng.standard_normal((32, 1)) for _ in range(2))
    weights = WEIGHTS | ({off: 0.0} if off else {})
    found = answer(
        engine,
        """([za, zb, n, D, weights]) => {
          const da = new Float32Array(n * D), db = new Float32Array(n * D);
          const terms = vicregLoss(Float32Array.from(za), Float32Array.from(zb), n, D, weights, da, db);
          return { ...terms, da: [...da], db: [...db] };
        }""",
        [za.ravel().tolist(), zb.ravel().tolist(), 32, D, weights],
    )
    a, b = (torch.tensor(z, dtype=torch.float32, requires_grad=True) for z in (za, zb))
    wanted = vicreg.vicreg_loss(
        a, b, invariance_weight=weights["lambda"], variance_weight=weights["mu"], covariance_weight=weights["nu"]
    )
    wanted.total.backward()
    for name in ("variance", "invariance", "covariance", "total"):
        assert found[name] == pytest.approx(getattr(wanted, name).item(), rel=1e-4)
    assert close(found["da"], a.grad.ravel())
    assert close(found["db"], b.grad.ravel())


@pytest.mark.parametrize("settings", NETWORKS, ids=["D=2", "D=8"])
def test_the_networks_gradients_and_adams_steps_are_those_of_torch(engine, settings):
    found = answer(
        engine,
        """(settings) => {
          const random = randomSource(settings.seed), n = 64, D = settings.dimensions;
          const network = createNetwork(settings.width, D, random);
          const adam = createAdam(network.parameters.length);
          const start = [...network.parameters], steps = [];
          for (let step = 0; step < 3; step++) {
            const pixels = new Float32Array(2 * n * INPUTS), dZ = new Float32Array(2 * n * D);
            for (let i = 0; i < 2 * n; i++) paintView(strokes, (i % n) + n * step, random, pixels, i * INPUTS);
            const Z = embed(network, pixels, 2 * n);
            const [za, zb] = [Z.subarray(0, n * D), Z.subarray(n * D)];
            const terms = vicregLoss(za, zb, n, D, settings, dZ.subarray(0, n * D), dZ.subarray(n * D));
            const embeddings = [...Z];
            backward(network, dZ, 2 * n);
            adamStep(adam, network.parameters, network.gradient, settings.rate);
            steps.push({
              pixels: [...pixels], embeddings, total: terms.total, gradient: [...network.gradient],
              parameters: [...network.parameters],
            });
          }
          return { start, steps };
        }""",
        settings,
    )
    H, D = settings["width"], settings["dimensions"]
    network = torch.nn.Sequential(
        torch.nn.Linear(192, H), torch.nn.ReLU(), torch.nn.Linear(H, H), torch.nn.ReLU(), torch.nn.Linear(H, D)
    )
    torch.nn.utils.vector_to_parameters(torch.tensor(found["start"], dtype=torch.float32), network.parameters())
    adam = torch.optim.Adam(network.parameters(), lr=settings["rate"])
    for step in found["steps"]:
        pixels = torch.tensor(step["pixels"], dtype=torch.float32).reshape(-1, 192)
        z = network(pixels - 0.5)
        assert close(step["embeddings"], z.detach().ravel())
        loss = vicreg.vicreg_loss(
            *z.chunk(2),
            invariance_weight=settings["lambda"],
            variance_weight=settings["mu"],
            covariance_weight=settings["nu"],
        )
        assert step["total"] == pytest.approx(loss.total.item(), rel=1e-4)
        adam.zero_grad()
        loss.total.backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        # Each weight and bias against its own largest value. The last bias's gradient is 0, as the loss does not change
        # when all embeddings move together: what both compute of it is rounding.
        rounding = 1e-4 * max(gradient.abs().max().item() for gradient in gradients)
        offset = 0
        for gradient in gradients:
            own = step["gradient"][offset : offset + gradient.numel()]
            assert close(own, gradient.ravel(), rounding=rounding if gradient is gradients[-1] else 0)
            offset += gradient.numel()
        assert offset == len(step["gradient"])
        # from the browser's own gradient: Adam divides by a gradient's size, so the smallest ones' rounding would count
        flat = torch.tensor(step["gradient"], dtype=torch.float32)
        offset = 0
        for parameter in network.parameters():
            parameter.grad = flat[offset : offset + parameter.numel()].reshape(parameter.shape)
            offset += parameter.numel()
        adam.step()
        after = torch.nn.utils.parameters_to_vector(network.parameters()).detach()
        assert close(step["parameters"], after)
        torch.nn.utils.vector_to_parameters(torch.tensor(step["parameters"]), network.parameters())


def test_one_seed_gives_one_course_and_another_seed_another(engine):
    course = """(settings) => {
      const trainer = createTrainer(strokes, digits, { ...settings });
      const totals = Array.from({ length: 6 }, () => trainer.step().total);
      return { totals, parameters: [...trainer.network.parameters], shown: [...trainer.pictures.drawings.slice(0, 400)] };
    }"""
    first, again = (answer(engine, course, NETWORKS[0]) for _ in range(2))
    other = answer(engine, course, NETWORKS[0] | {"seed": 3})
    assert first == again
    assert first["totals"] != other["totals"]
    assert first["shown"] != other["shown"]


def test_a_view_keeps_the_digit_and_changes_shift_and_colours(engine):
    count = 300
    found = answer(
        engine,
        """(count) => {
          const random = randomSource(5), out = new Float32Array(count * INPUTS);
          const looks = Array.from({ length: count }, (_, i) => paintView(strokes, i, random, out, i * INPUTS));
          return { looks, pixels: [...out], strokes: [...strokes.subarray(0, count * PIXELS)] };
        }""",
        count,
    )
    pixels = np.array(found["pixels"]).reshape(count, 8, 8, 3)
    strokes = np.array(found["strokes"]).reshape(count, 8, 8)
    noise = []
    for i, look in enumerate(found["looks"]):
        moved = np.pad(strokes[i], 1)[1 - look["dy"] : 9 - look["dy"], 1 - look["dx"] : 9 - look["dx"]]
        ink, paper = np.array(look["ink"]), np.array(look["paper"])
        noise.append(pixels[i] - (paper + moved[..., None] * (ink - paper)))
    noise = np.array(noise)
    assert abs(noise.mean()) < 0.001
    assert noise.std() == pytest.approx(0.05, rel=0.02)
    assert {(look["dx"], look["dy"]) for look in found["looks"]} == {(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)}
    inks = np.array([look["ink"] for look in found["looks"]])
    papers = np.array([look["paper"] for look in found["looks"]])
    assert inks.max(1).min() >= 0.3
    assert inks.max(1).max() <= 0.8
    assert papers.max(1).min() >= 0.8
    assert np.unique(inks, axis=0).shape[0] == count


def test_no_picture_that_is_shown_trains(engine):
    found = answer(
        engine,
        "() => { const { drawings, training } = colouredPictures(strokes, 400, randomSource(1));"
        " return { drawings: [...drawings], training: [...training] }; }",
    )
    assert len(set(found["drawings"])) == len(found["drawings"]) == 1796
    assert not set(found["drawings"][:400]) & set(found["training"])


@pytest.mark.parametrize("D", [2, 8])
def test_the_nearest_and_what_they_share_are_numpys(engine, D):
    found = answer(
        engine,
        """(D) => {
          const trainer = createTrainer(strokes, digits, { ...defaults(D), seed: 4, width: 32 });
          for (let i = 0; i < 5; i++) trainer.step();
          const { pictures, network } = trainer;
          const z = embed(network, pictures.pixels, pictures.count);
          const seen = trainer.look();
          return {
            z: [...z], found: [...nearest(z, pictures.count, D, NEAREST, SHOWN)], share: trainer.neighbours(),
            values: ["digit", "ink", "paper"].map((name) => [...pictures[name]]),
            guess: guessing(pictures.digit), eigen: [...seen.eigen], covariance: [...seen.covariance], std: [...seen.std],
          };
        }""",
        D,
    )
    z = np.array(found["z"]).reshape(-1, D)
    distances = ((z[:400, None] - z[None]) ** 2).sum(-1)
    distances[np.arange(400), np.arange(400)] = np.inf
    wanted = np.argsort(distances, axis=1, kind="stable")[:, :10]
    assert (np.array(found["found"]).reshape(400, 10) == wanted).all()
    for values, share in zip(np.array(found["values"]), found["share"], strict=True):
        assert share == pytest.approx((values[wanted] == values[:400, None]).mean())
    assert found["guess"] == pytest.approx(0.1, abs=0.002)
    covariance = np.cov(z[:400].T)
    assert close(np.array(found["covariance"]).reshape(D, D), covariance)
    assert close(found["std"], z[:400].std(0, ddof=1))
    assert close(found["eigen"], np.linalg.eigvalsh(covariance)[::-1])


def test_the_plane_is_orthonormal_reaches_the_principal_directions_and_never_flips(engine):
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    wide = basis @ np.diag([3, 2, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05]) @ basis.T
    planes = engine.evaluate(
        """(covariance) => {
          const planes = [];
          let plane = null;
          for (let i = 0; i < 40; i++) planes.push([...(plane = principalPlane(covariance, 8, plane))]);
          return planes;
        }""",
        wide.ravel().tolist(),
    )
    planes = np.array(planes).reshape(-1, 2, 8)
    assert np.allclose(planes @ planes.transpose(0, 2, 1), np.eye(2), atol=1e-6)
    assert np.allclose(planes[-1].T @ planes[-1], basis[:, :2] @ basis[:, :2].T, atol=1e-4)
    between = (planes[1:] * planes[:-1]).sum(-1)
    assert (between > 0.5).all()  # each direction stays near where it was


def test_the_address_keeps_a_state_and_ignores_nonsense(engine):
    state = {"dimensions": 8, "width": 64, "rate": 0.002, "lambda": 3, "mu": 0, "nu": 12, "seed": 42}
    kept = engine.evaluate("(state) => readAddress(writeAddress('?data=cifar10&mu=9', state, true))", state)
    assert kept == {"settings": state, "points": True}
    query = engine.evaluate("(state) => writeAddress('?data=cifar10&mu=9', state, false)", state)
    assert query.startswith("?data=cifar10&")
    assert engine.evaluate("() => writeAddress('?seed=3', defaults(2), false)") == ""
    for wrong in ("?dimensions=3&mu=-1&nu=51&lambda=x&seed=1.5&rate=9&width=", "?nu=0.4"):  # sliders have whole numbers
        assert engine.evaluate("(query) => readAddress(query).settings", wrong) == engine.evaluate("() => defaults(2)")


def state(page) -> dict:
    return json.loads(page.locator(".lab").evaluate("(lab) => JSON.stringify({ ...lab.dataset })"))


def until(page, holds, seconds=240) -> dict:
    """What the lab says of itself, as soon as something holds."""
    deadline = time.monotonic() + seconds
    while not ((found := state(page)).get("steps") and holds(found)):
        assert time.monotonic() < deadline, found
        page.wait_for_timeout(50)
    return found


# Keeps the font of the last text on a canvas.
FONTS = """() => {
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (...given) {
    globalThis.font = this.font;
    return fillText.apply(this, given);
  };
}"""


def stds(found: dict) -> list[float]:
    return [float(value) for value in found["std"].split()]


def test_it_plays_by_itself_a_switch_lets_everything_fall_into_one_point_and_a_challenge_tells_what_was_seen(
    page, plain_server
):
    page.goto(f"{plain_server}/lab")
    page.get_by_role("heading", name="What happens if you switch a term off?").wait_for()
    until(page, lambda found: min(stds(found)) > 0.5)
    switch = page.get_by_role("switch", name="variance term", exact=True)
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    page.wait_for_function("() => location.search.includes('mu=0')")
    until(page, lambda found: found["kind"] == "point" and max(stds(found)) < 0.02)
    expect(page.locator(".lab .live")).to_contain_text("one point")
    switch.click()
    page.wait_for_function("() => !location.search.includes('mu=')")
    until(page, lambda found: min(stds(found)) > 0.5)

    # a challenge asks, plays and tells what was seen
    page.get_by_role("button", name="Covariance off").click()
    page.get_by_role("button", name="A round cloud").click()
    until(page, lambda found: found.get("told") == "covariance")
    card = page.get_by_role("group", name="Challenge", exact=True)
    expect(card).to_contain_text("You guessed “A round cloud”. What happened: a line.")
    link = card.get_by_role("link", name=re.compile("The same on CIFAR-10"))
    assert link.get_attribute("href").startswith("ablations?")
    page.wait_for_function("() => location.search.includes('nu=0')")


def test_a_link_opens_in_exactly_that_state_and_with_reduced_motion_it_moves_in_steps(page, plain_server):
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{plain_server}/lab?dimensions=8&mu=0&nu=7&seed=5&data=coloured-digits")
    until(page, lambda found: int(found["steps"]) > 0)
    assert len(stds(state(page))) == 8
    expect(page.get_by_role("switch", name="variance term", exact=True)).to_have_attribute("aria-checked", "false")
    expect(page.get_by_role("slider", name=re.compile("weight of the covariance"))).to_have_value("7")
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_label("Seed")).to_have_value("5")
    page.wait_for_timeout(800)
    query = dict(part.split("=") for part in page.url.split("?")[1].split("&"))
    assert query.items() >= {"dimensions": "8", "mu": "0", "nu": "7", "seed": "5"}.items()
    looks = page.locator(".lab").evaluate(
        """(lab) => new Promise((resolve) => {
          const times = [];
          let last = lab.dataset.steps;
          new MutationObserver(() => {
            if (lab.dataset.steps === last) return;
            last = lab.dataset.steps;
            times.push(performance.now());
            if (times.length === 4) resolve(times);
          }).observe(lab, { attributes: true });
        })"""
    )
    assert np.diff(looks).min() > 600  # milliseconds; without, a look takes 50


def test_everything_is_done_by_keyboard(page, plain_server):
    page.goto(f"{plain_server}/lab")
    until(page, lambda found: int(found["steps"]) > 20)
    scene = page.get_by_role("application")
    scene.focus()
    page.keyboard.press("Space")
    until(page, lambda found: found["playing"] == "false")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".lab .caption")).to_contain_text("of its 5 nearest here show a")
    caption = page.locator(".lab .caption")
    before = caption.inner_text()
    for key in ("ArrowUp", "ArrowLeft", "ArrowDown"):  # there is a picture on one of these sides at least
        if caption.inner_text() == before:
            page.keyboard.press(key)
            page.wait_for_timeout(200)
    expect(caption).not_to_have_text(before)
    page.keyboard.press("Escape")
    expect(page.locator(".lab .caption")).to_be_hidden()
    page.wait_for_timeout(1_000)  # a step that was under way when it was paused may still come
    steps = int(state(page)["steps"])
    page.get_by_role("button", name="One step").press("Enter")
    until(page, lambda found: int(found["steps"]) == steps + 1)
    slider = page.get_by_role("slider", name=re.compile("weight of the invariance"))
    slider.press("ArrowLeft")
    page.wait_for_function("() => location.search.includes('lambda=24')")
    page.get_by_role("button", name="Free points").press("Enter")
    scene.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".lab .caption")).to_contain_text("the other view of the same picture")
    loss = page.locator(".lab .loss").inner_text()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    scene.press("Space")
    expect(page.locator(".lab .loss")).not_to_have_text(loss)


def test_a_free_point_is_dragged_and_the_lab_trains_a_network_again_afterwards_also_on_a_low_screen(page, plain_server):
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"{plain_server}/lab?points=true")
    until(page, lambda found: int(found["steps"]) > 200)
    page.get_by_role("button", name="Pause", exact=True).click()
    scene, caption, loss = page.get_by_role("application"), page.locator(".lab .caption"), page.locator(".lab .loss")
    before, lost = stds(state(page)), loss.inner_text()
    box = scene.bounding_box()
    for x in range(0, int(box["width"]), 12):  # from the left, to the first point that is met
        page.mouse.move(box["x"] + x, box["y"] + box["height"] / 2)
        if caption.is_visible():
            break
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 60, steps=4)
    page.mouse.up()
    assert max(stds(state(page))) > max(before) + 0.05
    assert float(loss.inner_text()) > float(lost)
    expect(caption).to_contain_text("the other view of the same picture")

    # another number of dimensions: a network, which trains; the chosen point is forgotten
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Frame pictures by").select_option("ink")
    page.get_by_label("Learning rate").select_option("0.001")
    page.get_by_label("Dimensions").select_option("8")
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, lambda found: len(stds(found)) == 8 and int(found["steps"]) > 5)
    expect(caption).to_be_hidden()

    # the browser's Back leads from free points to the network, which trains
    points = page.get_by_role("button", name="Free points")
    page.evaluate("() => history.pushState(history.state, '', location.href)")
    points.click()
    page.wait_for_function("() => location.search.includes('points')")
    page.go_back()
    until(page, lambda found: len(stds(found)) == 8 and int(found["steps"]) > 5)
    expect(points).to_have_attribute("aria-pressed", "false")

    # the caption follows its picture: another seed draws another one
    scene.focus()
    page.keyboard.press("ArrowRight")
    expect(caption).to_contain_text(" paper: ")
    picture = caption.inner_text().split(" paper: ")[0]
    page.get_by_label("Seed").fill("2")
    page.get_by_label("Seed").press("Enter")
    expect(caption).not_to_contain_text(picture)
    expect(caption).to_contain_text(" paper: ")

    # presenter mode in a low window, as at a zoom of 200 %: there is room for the pictures, and their text is large
    page.evaluate(FONTS)
    page.set_viewport_size({"width": 1280, "height": 400})
    page.keyboard.press("Alt+p")
    page.locator(".lab.hall").wait_for()
    page.wait_for_function("() => globalThis.font?.startsWith('18px')")
    assert scene.bounding_box()["height"] >= 200
    assert not errors


FAST = """const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message) {
  post.call(this, message.type === "pace" ? { ...message, stepsPerSecond: 1e3 } : message);
};"""


def test_start_plays_a_small_version_once(page, plain_server):
    page.add_init_script(FAST)
    page.goto(plain_server)
    page.locator(".lab .sentence").filter(has_text="Variance off").wait_for()
    page.get_by_role("button", name="Play again").wait_for()
    expect(page.locator(".lab .sentence")).to_contain_text("Variance back on")
    assert state(page)["playing"] == "false"
