"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const text = (cell) => (cell ? cell.textContent.trim() : "");
  const NUMBER = /^(?:p [<=] )?([+-]?\d+(?:\.\d+)?)(?![\w.])/;

  const number = (cell) => {
    if (cell && cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
    const found = NUMBER.exec(text(cell));
    return found ? Number(found[1]) : NaN;
  };

  // Sorting: better values first, then the other way round, then as the page was written. Empty cells stay last.
  const sortable = (table) => {
    const body = table.tBodies[0];
    const written = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      const filled = written.map((row) => row.cells[column]).filter((cell) => text(cell) !== "");
      const numeric = filled.length > 0 && filled.every((cell) => !Number.isNaN(number(cell)));
      const first = numeric && text(head).includes("↑") ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const next = now === null ? first : now === first ? second : null;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (next === null) {
          body.append(...written);
          return;
        }
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        const order = (a, b) => {
          const [one, two] = [a.cells[column], b.cells[column]];
          const missing = (text(one) === "") - (text(two) === "");
          if (missing) return missing;
          if (numeric) return sign * (number(one) - number(two));
          return sign * text(one).localeCompare(text(two), "en", { numeric: true });
        };
        body.append(...[...written].sort(order));
      });
    });
  };
  all("main table").forEach(sortable);

  // Searching: rows that hold all words stay, and with them their tables and pages.
  const field = document.getElementById("search");
  const told = document.getElementById("found");
  const rows = all("main tbody tr").map((row) => ({ row, words: row.textContent.toLowerCase() }));
  let opened = [];
  const search = () => {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach(({ row, words }) => { row.hidden = !wanted.every((word) => words.includes(word)); });
    const holds = (part) => part.querySelector("tbody tr:not([hidden])") !== null;
    all("main .scroll, main article, main section, main details").forEach((part) => { part.hidden = wanted.length > 0 && !holds(part); });
    document.body.classList.toggle("searching", wanted.length > 0);
    opened.forEach((part) => { part.open = false; });
    opened = wanted.length ? all("main details:not([open])").filter(holds) : [];
    opened.forEach((part) => { part.open = true; });
    const hits = rows.filter(({ row }) => !row.hidden).length;
    told.textContent = wanted.length ? `${hits} of ${rows.length} rows` : "";
  };
  field.form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", search);
  field.form.hidden = false;
  search();

  const contents = document.querySelector("nav details");
  if (window.matchMedia("(max-width: 60rem)").matches) contents.open = false;
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = all("main details:not([open])");
    folded.forEach((part) => { part.open = true; });
  });
  window.addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));
})();
