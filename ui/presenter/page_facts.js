// Hands on what the page shows, for the bars of presenter mode, which may come up earlier or later.
export default function ({ data }) {
  document.documentElement.dataset.presented = JSON.stringify(data);
  document.dispatchEvent(new CustomEvent("vicreg-presented"));
}
