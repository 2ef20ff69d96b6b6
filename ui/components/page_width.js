export default function ({ data, parentElement, setStateValue }) {
  const element = parentElement.host ?? parentElement;
  let timer = 0;
  const measure = () => { // what is enlarged for a lecture hall has so much less room
    const scale = Number(getComputedStyle(element).getPropertyValue("--present-scale")) || 1;
    const width = Math.floor(element.getBoundingClientRect().width / scale / 20) * 20;
    if (width > 0 && width !== data.width) setStateValue("width", width);
  };
  const observer = new ResizeObserver(() => { clearTimeout(timer); timer = setTimeout(measure, 200); });
  observer.observe(element);
  measure();
  return () => { clearTimeout(timer); observer.disconnect(); };
}
