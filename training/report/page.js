"use strict";
// Moves the sliders: counts, rates and marks follow, and so does the address,
// so that #SPAM=0.8&INSULT=0.9 shares a setting.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const whole = (value) => value.toLocaleString("en-US");
  const rate = (part, of) => (of === 0 ? "–" : `${((part / of) * 100).toFixed(1)} %`);
  const settings = () => new URLSearchParams(location.hash.slice(1));
  const moves = new Map();

  for (const of of figures.attributes) {
    const key = of.swapped ? `${of.attribute}-moved` : of.attribute;
    const section = document.getElementById(key);
    const slider = document.getElementById(`${key}-slider`);
    const { rows, positives } = of.pooled;
    const { threshold, true_positives, false_positives } = of.counts;
    const show = (name, text) => { document.getElementById(`${key}-${name}`).textContent = text; };

    const place = (mark, x, y) => {
      const svg = mark.ownerSVGElement;
      const at = (axis, value) => {
        const [from, to] = svg.dataset[axis].split(" ").map(Number);
        return from + (to - from) * value;
      };
      if (mark.classList.contains("cut")) {
        mark.setAttribute("x1", at("x", x));
        mark.setAttribute("x2", at("x", x));
      } else {
        mark.setAttribute("visibility", Number.isFinite(x + y) ? "visible" : "hidden");
        if (Number.isFinite(x + y)) {
          mark.setAttribute("cx", at("x", x));
          mark.setAttribute("cy", at("y", y));
        }
      }
    };

    const update = () => {
      const i = Math.round(slider.value * threshold.length) - 1;
      const found = true_positives[i], wrong = false_positives[i], negatives = rows - positives;
      show("threshold", threshold[i].toFixed(3));
      show("true-positives", whole(found));
      show("false-negatives", whole(positives - found));
      show("false-positives", whole(wrong));
      show("true-negatives", whole(negatives - wrong));
      show("precision", rate(found, found + wrong));
      show("recall", rate(found, positives));
      show("false-positive-rate", rate(wrong, negatives));
      show("queue", rate(found + wrong, rows));
      const recall = found / positives;
      for (const mark of section.querySelectorAll(".cut")) place(mark, threshold[i]);
      for (const mark of section.querySelectorAll("[data-plot=roc]")) place(mark, wrong / negatives, recall);
      for (const mark of section.querySelectorAll("[data-plot=precision-recall]")) place(mark, recall, found / (found + wrong));
    };

    slider.hidden = false;
    slider.addEventListener("input", () => {
      update();
      const all = settings();
      for (const name of [...all.keys()]) if (!moves.has(name) || all.get(name) === "") all.delete(name);
      all.set(key, slider.value);
      history.replaceState(null, "", `#${all}`);
    });
    moves.set(key, (value) => {
      slider.value = value;
      update();
    });
    update();
  }

  const follow = () => {
    let first = null;
    for (const [key, value] of settings()) {
      const threshold = value.trim() === "" ? NaN : Number(value);
      if (!moves.has(key) || !Number.isFinite(threshold)) continue;
      moves.get(key)(threshold);
      first ??= key;
    }
    if (first !== null) document.getElementById(`${first}-slider`).closest(".threshold").scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", follow);
  follow();
  document.documentElement.dataset.ready = "true";
})();
