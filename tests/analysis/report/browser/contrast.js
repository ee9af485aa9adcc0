/* Texts whose contrast with what is behind them is under 4.5. */
() => {
  const parse = (text) => {
    const parts = (text.match(/[\d.]+(e-?\d+)?/g) || [0, 0, 0, 0]).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [...parts.slice(0, 3).map((part) => part * scale), parts.length > 3 ? parts[3] : 1];
  };
  const lay = (over, under, opacity = 1) => {
    const share = over[3] * opacity;
    return [0, 1, 2].map((k) => over[k] * share + under[k] * (1 - share)).concat(1);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour
      .map((part) => part / 255)
      .map((s) => (s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((p, q) => p - q);
    return (high + 0.05) / (low + 0.05);
  };
  const opacityOf = (element) => {
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) opacity *= +getComputedStyle(at).opacity;
    return opacity;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
    return layers.reduce((under, over) => lay(over, under), [255, 255, 255, 1]);
  };
  const groundInFigure = (text) => {
    const svg = text.ownerSVGElement;
    const box = text.getBoundingClientRect();
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    let under = ground(svg.parentElement);
    for (const rect of svg.querySelectorAll("rect")) {
      const before = rect.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
      if (!before || rect.closest("clipPath, defs")) continue;
      const area = rect.getBoundingClientRect();
      const style = getComputedStyle(rect);
      if (style.fill === "none" || x < area.left || x > area.right || y < area.top || y > area.bottom) continue;
      under = lay(parse(style.fill), under, +style.fillOpacity * opacityOf(rect));
    }
    return under;
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest("script, style, noscript, option, .sr, #live, .skip, title")) continue;
    if (!parent.getBoundingClientRect().width || !parent.checkVisibility()) continue;
    const style = getComputedStyle(parent);
    const drawn = Boolean(parent.ownerSVGElement);
    const under = drawn ? groundInFigure(parent) : ground(parent);
    const colour = lay(parse(drawn ? style.fill : style.color), under, opacityOf(parent));
    const found = contrast(colour, under);
    if (found < 4.5) faint.push(`${found.toFixed(2)} ${node.data.trim().slice(0, 40)}`);
  }
  return faint;
};
