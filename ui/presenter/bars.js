// The bars above and below a screen: the question, what the exhibit is called, the runs, and where one is.

/** go(step), leave(): what the buttons do. */
export function createBars({ go, leave }) {
  const host = document.createElement("div"), shadow = host.attachShadow({ mode: "open" });
  host.className = "vicreg-presenter";
  shadow.innerHTML = `<style>${BARS_CSS}</style>
    <header><div class="question" role="heading" aria-level="1"></div><div class="section" role="heading" aria-level="2" aria-live="polite"></div></header>
    <footer><div class="runs"></div><div class="place"></div><div class="buttons"><button type="button" class="back">Back</button>
    <button type="button" class="next">Next</button><button type="button" class="leave">Leave</button></div></footer>`;
  const find = (name) => shadow.querySelector(name);
  find(".back").onclick = () => go(-1);
  find(".next").onclick = () => go(1);
  find(".leave").onclick = leave;
  document.body.append(host);
  const write = (name, text) => find(name).textContent !== text && (find(name).textContent = text);

  return {
    tell({ question, section, runs, place }) {
      const page = getComputedStyle(document.querySelector(".stApp")), root = document.documentElement.style;
      const own = getComputedStyle(document.querySelector("[data-testid^=stBidiComponent]")).getPropertyValue("--st-primary-color");
      for (const [name, value] of Object.entries({ "--ground": page.backgroundColor, "--ink": page.color, "--face": page.fontFamily, "--own": own || page.color })) {
        host.style.setProperty(name, value);
      }
      write(".question", question);
      write(".section", section);
      write(".runs", runs.join(" and "));
      write(".place", place);
      for (const [name, bar] of [["--present-top", "header"], ["--present-foot", "footer"]]) {
        const height = `${find(bar).offsetHeight}px`;
        if (root.getPropertyValue(name) !== height) root.setProperty(name, height);
      }
    },
    end() {
      host.remove();
      for (const name of ["--present-top", "--present-foot"]) document.documentElement.style.removeProperty(name);
    },
  };
}
