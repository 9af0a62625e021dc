"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const lines = (body) => [...body.rows].filter((row) => !row.matches(".sum, .group"));
  const value = (row, place) => row.cells[place].dataset.sort ?? row.cells[place].textContent.trim();
  // "0.812 (0.7 to 0.9)", "+0.03" and "12 %" are sorted by the number at their beginning, a dash comes last
  const number = (text) => (/^[+\-−]?\.?\d/.test(text) ? parseFloat(text.replace("−", "-")) : NaN);
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    return isNaN(x) || isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
  };
  heads.forEach((head, place) => {
    if (head.matches(".unsorted")) return;
    let button = head.querySelector("button");
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
    }
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      for (const body of table.tBodies) {
        const [groups, sums] = [".group", ".sum"].map((kind) => [...body.rows].filter((row) => row.matches(kind)));
        const rows = lines(body).sort((one, other) => {
          const [a, b] = [value(one, place), value(other, place)];
          const [noneA, noneB] = [a, b].map((text) => text === "" || text === "–" || text === "-");
          if (noneA || noneB) return noneA - noneB;
          return down ? compare(b, a) : compare(a, b);
        });
        body.append(...groups, ...rows, ...sums);
      }
    });
  });
}
for (const table of document.querySelectorAll("table.filterable")) {
  if ([...table.tBodies].reduce((count, body) => count + body.rows.length, 0) < 4) continue;
  const label = document.createElement("label"), input = document.createElement("input"), none = document.createElement("p");
  label.className = "filter";
  label.append("Filter ", input);
  input.type = "search";
  input.placeholder = table.dataset.filter ?? "any word of a line";
  none.className = "missing";
  none.textContent = "No line has all of these words.";
  none.hidden = true;
  (table.closest(".scroll") ?? table).before(label);
  (table.closest(".scroll") ?? table).after(none);
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase().split(/\s+/);
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    for (const row of rows) row.hidden = !row.matches(".group") && !wanted.every((word) => row.textContent.toLowerCase().includes(word));
    none.hidden = rows.some((row) => !row.hidden && !row.matches(".group"));
  });
}
addEventListener("beforeprint", () => document.querySelectorAll("details.print").forEach((each) => (each.open = true)));
