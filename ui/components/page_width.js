export default function ({ data, parentElement, setStateValue }) {
  const element = parentElement.host ?? parentElement;
  let timer = 0;
  const measure = () => {
    const width = Math.floor(element.getBoundingClientRect().width / 20) * 20;
    if (width > 0 && width !== data.width) setStateValue("width", width);
  };
  const observer = new ResizeObserver(() => { clearTimeout(timer); timer = setTimeout(measure, 200); });
  observer.observe(element);
  measure();
  return () => { clearTimeout(timer); observer.disconnect(); };
}
