{
  const viewer = document.getElementById("viewer");
  const part = (name) => viewer.querySelector(`[data-part="${name}"]`);
  const filters = {};
  let gallery = "", slide = 0, map = 0, opacity = null;

  const cells = (name) => [...document.querySelectorAll(`svg[data-gallery="${name}"]`)];
  const base = (name, number) => cells(name).find((each) => each.dataset.base && +each.dataset.slide === number);
  const views = (name, number) => cells(name).filter((each) => each.dataset.view && +each.dataset.slide === number);
  const slides = (name) =>
    cells(name).filter((each) => each.dataset.base && (!filters[name] || each.dataset.said === filters[name])).map((each) => +each.dataset.slide);

  const copy = (cell) => {
    const made = cell.cloneNode(true);
    for (const each of [made, ...made.querySelectorAll("[id]")]) each.removeAttribute("id");
    for (const name of ["tabindex", "style", "data-gallery"]) made.removeAttribute(name);
    made.setAttribute("role", "img");
    if (cell.dataset.label) made.setAttribute("aria-label", cell.dataset.label);
    return made;
  };

  const told = (pairs) => pairs.flatMap(([name, value]) => {
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  });

  const draw = () => {
    const shown = slides(gallery), cell = base(gallery, slide), maps = views(gallery, slide);
    map = Math.min(map, maps.length - 1);
    const over = maps[map], place = shown.indexOf(slide);
    document.getElementById("viewer-title").textContent = cell.dataset.caption;
    viewer.dataset.said = cell.dataset.said || (over ? over.dataset.said : "");
    part("place").textContent = `${place + 1} of ${shown.length}`;
    part("show").value = filters[gallery] || "";
    part("base").replaceChildren(copy(cell));
    part("map").replaceChildren(...(over ? [copy(over)] : []));
    part("map-name").textContent = over ? over.dataset.view : "";
    const layer = part("map").querySelector(".map");
    if (layer) {
      const own = +layer.getAttribute("opacity");
      part("opacity").value = opacity ?? 100 * own;
      layer.setAttribute("opacity", opacity === null ? own : opacity / 100);
    }
    part("outline").hidden = !cell.querySelector(".outline");
    part("maps").replaceChildren(...(maps.length < 2 ? [] : maps.map((each, number) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = each.dataset.view;
      button.className = each.dataset.said;
      if (each.dataset.said) button.setAttribute("aria-label", `${each.dataset.view}, ${each.dataset.said}`);
      button.setAttribute("aria-pressed", number === map);
      button.addEventListener("click", () => { map = number; draw(); part("maps").children[number].focus(); });
      return button;
    })));
    part("facts").replaceChildren(...told([...JSON.parse(cell.dataset.facts), ...(over ? JSON.parse(over.dataset.facts) : [])]));
  };

  const go = (steps) => {
    const shown = slides(gallery), place = shown.indexOf(slide);
    slide = shown[(place + steps + shown.length) % shown.length];
    draw();
  };
  const turn = (steps) => {
    const count = views(gallery, slide).length;
    if (count) map = (map + steps + count) % count;
    draw();
  };
  const open = (name, number, at = 0) => {
    [gallery, slide, map, opacity] = [name, number, at, null];
    const bar = document.querySelector(`[data-bar="${name}"]`);
    part("title").textContent = bar.dataset.title;
    part("show").parentElement.hidden = !bar.querySelector("[data-show]");
    draw();
    viewer.showModal();
  };
  const show = (name, wanted) => {
    filters[name] = wanted;
    for (const button of document.querySelectorAll(`[data-bar="${name}"] [data-show]`)) button.setAttribute("aria-pressed", button.dataset.show === wanted);
    const shown = slides(name);
    for (const cell of cells(name).filter((each) => each.dataset.base)) {
      const number = +cell.dataset.slide;
      for (const box of document.querySelectorAll(`[data-box="${name}-${number}"]`)) box.hidden = !shown.includes(number);
    }
  };

  for (const bar of document.querySelectorAll("[data-bar]")) {
    const name = bar.dataset.bar;
    bar.hidden = false;
    bar.querySelector(".enlarge").addEventListener("click", () => open(name, slides(name)[0]));
    for (const button of bar.querySelectorAll("[data-show]")) button.addEventListener("click", () => show(name, button.dataset.show));
    for (const cell of cells(name)) {
      const number = +cell.dataset.slide, at = Math.max(0, views(name, number).indexOf(cell));
      cell.classList.add("opens");
      cell.addEventListener("click", () => open(name, number, at));
      if (!cell.dataset.base) continue;
      cell.dataset.label = cell.getAttribute("aria-label");
      cell.setAttribute("aria-label", `Enlarge: ${cell.dataset.label}`);
      cell.setAttribute("role", "button");
      cell.setAttribute("tabindex", "0");
      cell.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        open(name, number);
      });
    }
  }

  part("show").addEventListener("change", (event) => {
    show(gallery, event.target.value);
    if (!slides(gallery).includes(slide)) slide = slides(gallery)[0];
    draw();
  });
  part("opacity").addEventListener("input", (event) => { opacity = +event.target.value; draw(); });
  part("outline").querySelector("input").addEventListener("change", (event) => viewer.classList.toggle("bare", !event.target.checked));
  const doing = { close: () => viewer.close(), previous: () => go(-1), next: () => go(1) };
  for (const button of viewer.querySelectorAll("[data-do]")) button.addEventListener("click", doing[button.dataset.do]);
  const keys = {
    ArrowLeft: () => go(-1), ArrowRight: () => go(1), ArrowUp: () => turn(-1), ArrowDown: () => turn(1),
    Home: () => { slide = slides(gallery)[0]; draw(); }, End: () => { slide = slides(gallery).at(-1); draw(); },
  };
  viewer.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.target.matches("input[type=range], select")) return;
    event.preventDefault();
    keys[event.key]();
  });
  viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
  let touched = null;
  part("base").closest(".viewer-panes").addEventListener("touchstart", (event) => { touched = event.touches[0].clientX; }, { passive: true });
  part("base").closest(".viewer-panes").addEventListener("touchend", (event) => {
    const moved = event.changedTouches[0].clientX - touched;
    if (Math.abs(moved) > 50) go(moved < 0 ? 1 : -1);
  });
}
