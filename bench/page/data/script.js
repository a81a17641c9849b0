"use strict";
// Sorting and filtering of the tables in this page. Without it everything can be read.

const number_of = (cell) => (cell.dataset.number === undefined ? null : Number(cell.dataset.number));

// Numbers before words, and what is not known last, whichever way the others are sorted.
const rank_of = (cell) => (number_of(cell) !== null ? 0 : cell.textContent === "" ? 2 : 1);

function compare(left, right, direction) {
  const rank = rank_of(left) - rank_of(right);
  if (rank !== 0) return rank;
  if (rank_of(left) === 0) return direction * (number_of(left) - number_of(right));
  return direction * left.textContent.localeCompare(right.textContent, undefined, { numeric: true });
}

// A click sorts upwards, a second one downwards, a third one restores the order of the file.
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

function sort_by(table, heading, original) {
  const order = NEXT[heading.getAttribute("aria-sort") ?? "none"];
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  const rows = [...original];
  if (order !== "none") {
    heading.setAttribute("aria-sort", order);
    const direction = order === "ascending" ? 1 : -1;
    const column = heading.cellIndex;
    rows.sort((left, right) => compare(left.cells[column], right.cells[column], direction));
  }
  table.tBodies[0].append(...rows);
}

function make_sortable(table) {
  const original = [...table.tBodies[0].rows];
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort_by(table, heading, original));
    heading.append(button);
  }
}

// Rows that hold every word that was typed, in any column.
function make_filterable(table) {
  const rows = [...table.tBodies[0].rows];
  const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase());
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("output");
  input.type = "search";
  label.append("Filter ", input);
  count.className = "count";
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => texts[index].includes(word));
      if (!row.hidden) ++shown;
    });
    count.textContent = `${shown} of ${rows.length} rows`;
  };
  input.addEventListener("input", show);
  show();
  const bar = document.createElement("div");
  bar.className = "filter";
  bar.append(label, count);
  table.parentElement.before(bar);
}

for (const table of document.querySelectorAll("table")) {
  make_sortable(table);
  if ("filter" in table.dataset) make_filterable(table);
}

// On paper nothing can be unfolded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const details of folded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of folded) details.open = false;
});
