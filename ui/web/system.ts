import { compareClocks } from "./clocks";

const words = JSON.parse(document.querySelector<HTMLMetaElement>('meta[name="words"]')?.content ?? "{}") as Record<string, string>;
for (const live of document.querySelectorAll<HTMLElement>("[data-live]")) live.hidden = false;
compareClocks(words);

// An update on its way: how far it has come. Without this script the form is
// sent as any other, and only the browser says how far.
const form = document.querySelector<HTMLFormElement>("[data-update]");
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  send(form);
});

function send(form: HTMLFormElement): void {
  const bar = form.querySelector("progress")!, status = form.querySelector<HTMLElement>("[data-update-words]")!, button = form.querySelector("button")!;
  const request = new XMLHttpRequest(); // fetch does not tell how much has been sent
  request.open("POST", form.action);
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = event.loaded / event.total;
  });
  request.upload.addEventListener("load", () => { status.textContent = status.dataset.checking!; });
  request.addEventListener("load", () => {
    // What came is the page itself, with what became of the update.
    const next = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
    if (!next) return location.reload();
    history.replaceState(null, "", "/admin/system");
    document.querySelector("main")!.replaceWith(document.adoptNode(next));
    document.querySelector<HTMLFormElement>("[data-update]")?.addEventListener("submit", (event) => {
      event.preventDefault();
      send(event.currentTarget as HTMLFormElement);
    });
    document.querySelector<HTMLElement>("[data-update-trouble], [data-waiting]")?.scrollIntoView();
  });
  request.addEventListener("error", () => {
    status.textContent = status.dataset.lost!;
    bar.hidden = true;
    button.disabled = false;
  });
  bar.hidden = false;
  button.disabled = true;
  status.textContent = status.dataset.sending!;
  request.send(new FormData(form));
}
