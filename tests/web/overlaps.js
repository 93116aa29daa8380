// Pairs of texts of which one is drawn over the other, as words; empty where all can be read. What can be unfolded is.
() => {
  document.querySelectorAll("details").forEach((folded) => { folded.open = true; });
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.textContent.trim()) continue;
    const owner = node.parentElement;
    if (owner.closest("script, style, title, desc")) continue;
    const style = getComputedStyle(owner);
    if (style.visibility === "hidden" || style.display === "none") continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 2 || box.height < 2) continue;
      // What a scrolling box hides is not drawn.
      const frame = owner.closest(".scroll");
      if (frame) {
        const seen = frame.getBoundingClientRect();
        if (box.right > seen.right + 1 || box.left < seen.left - 1) continue;
      }
      boxes.push({ left: box.left, right: box.right, top: box.top + box.height * 0.15, bottom: box.bottom - box.height * 0.15, text: node.textContent.trim().slice(0, 40), owner });
    }
  }
  boxes.sort((a, b) => a.top - b.top);
  const found = [];
  for (let i = 0; i < boxes.length; i += 1) {
    for (let k = i + 1; k < boxes.length && boxes[k].top < boxes[i].bottom; k += 1) {
      const [a, b] = [boxes[i], boxes[k]];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (a.owner !== b.owner && wide > 2 && high > 2) found.push(`${a.text} | ${b.text}`);
    }
  }
  return found;
}
