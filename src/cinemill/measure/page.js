for (const stage of document.querySelectorAll(".stage")) {
  const range = stage.querySelector("input");
  const show = () => stage.style.setProperty("--at", range.value + "%");
  range.addEventListener("input", show);
  show();
}
for (const button of document.querySelectorAll(".zoom")) {
  const stage = button.closest("figure").querySelector(".stage");
  button.addEventListener("click", () => button.setAttribute("aria-pressed", stage.classList.toggle("near")));
  button.hidden = false;
}
for (const slider of document.querySelectorAll(".slider")) {
  const figures = [...slider.querySelectorAll("figure")];
  const buttons = [...slider.querySelectorAll(".moments button")];
  const choose = (chosen) => {
    figures.forEach((figure, place) => (figure.hidden = place !== chosen));
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", place === chosen));
  };
  buttons.forEach((button, place) => button.addEventListener("click", () => choose(place)));
  if (buttons.length) {
    slider.querySelector(".moments").hidden = false;
    choose(0);
  }
}
