"use strict";
// Tables that the page marks can be sorted by any column and filtered by words. Without script they are plain tables.
const numberIn = (text) => {
  const found = text.replace(/[\u2009\u00a0,]/g, "").replace(/\u2212/g, "-").match(/^-?\d+(\.\d+)?(?!-\d)/);
  return found ? Number(found[0]) : null;
};
const compare = (one, other) => {
  const [a, b] = [numberIn(one), numberIn(other)];
  if (a !== null && b !== null && a !== b) return a - b;
  return one < other ? -1 : one > other ? 1 : 0;
};
for (const figure of document.querySelectorAll("figure[data-interactive]")) {
  const table = figure.querySelector("table");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = (row) => row.cells[column].textContent.trim();
      const sorted = rows.slice().sort((a, b) => (down ? compare(text(b), text(a)) : compare(text(a), text(b))));
      body.append(...sorted);
    });
  });
  const label = document.createElement("label");
  label.className = "filter";
  const words = document.createElement("input");
  words.type = "search";
  const told = document.createElement("output");
  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    told.textContent = `${shown} of ${rows.length} rows`;
  };
  words.addEventListener("input", show);
  label.append("Show rows with", words);
  const line = document.createElement("p");
  line.className = "filter-line";
  line.append(label, told);
  figure.querySelector(".scroll").before(line);
  show();
}
