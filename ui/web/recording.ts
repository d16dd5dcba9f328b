// A recording is heard from any place of its picture: by mouse or finger on the
// picture, by keys on the slider under it.
import { clock } from "./desk/words";

const wave = document.querySelector<HTMLElement>("[data-wave]");
const sound = wave?.querySelector("audio");
const slider = wave?.querySelector<HTMLInputElement>('[data-part="seek"]');
const picture = wave?.querySelector("svg");
const now = wave?.querySelector<SVGLineElement>('[data-part="now"]');

if (wave && sound && slider && picture && now) {
  const length = Math.max(1, Number(wave.dataset.seconds));
  slider.disabled = false;
  let wanted = 0; // before the first piece of the sound is there

  const show = (at: number): void => {
    const words = (wave.dataset.words ?? "").replace("{at}", clock(at)).replace("{length}", clock(length));
    if (document.activeElement !== slider || Math.abs(Number(slider.value) - at) >= 1) slider.value = String(Math.floor(at));
    slider.setAttribute("aria-valuetext", words);
    const x = String(720 * Math.min(1, at / length));
    now.setAttribute("x1", x);
    now.setAttribute("x2", x);
  };
  const go = (at: number): void => {
    wanted = Math.min(Math.max(0, at), length);
    if (sound.readyState > 0) sound.currentTime = wanted;
    else if (sound.preload !== "metadata") sound.preload = "metadata"; // fetches the beginning, and goes on below
    show(wanted);
  };
  sound.addEventListener("loadedmetadata", () => { if (wanted) sound.currentTime = wanted; });
  sound.addEventListener("timeupdate", () => show(sound.currentTime));
  slider.addEventListener("input", () => go(Number(slider.value)));
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    go(length * (event.clientX - box.left) / box.width);
    void sound.play().catch(() => undefined); // the browser says no: its own button is there
  });
  show(0);
}
