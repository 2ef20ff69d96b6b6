export default function ({ data, parentElement }) {
  parentElement.querySelector(".drawing").innerHTML = data.svg;
}
