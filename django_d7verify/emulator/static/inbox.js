// Asks for this page once a second and exchanges what changed.
"use strict";

let tag = null;

function showLocalTimes() {
  for (const time of document.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    time.textContent = moment.toLocaleTimeString();
    time.title = moment.toLocaleString();
  }
}

function exchange(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const scrolled = ["nav", "ol"].map((name) => document.querySelector(name)?.scrollTop ?? 0);
  const focused = document.activeElement?.getAttribute("href");
  for (const part of ["header.bar", "main"]) {
    document.querySelector(part).replaceWith(fresh.querySelector(part));
  }
  document.body.className = fresh.body.className;
  for (const name of ["ol", "nav"]) {
    const list = document.querySelector(name);
    if (list) list.scrollTop = scrolled[name === "nav" ? 0 : 1];
  }
  if (focused) document.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  showLocalTimes();
}

async function refresh() {
  try {
    const headers = tag ? { "If-None-Match": tag } : {};
    const answer = await fetch(location.href, { headers, cache: "no-store" });
    if (answer.status === 200) {
      tag = answer.headers.get("ETag");
      exchange(await answer.text());
    }
    document.body.classList.remove("away");
  } catch {
    document.body.classList.add("away");
  }
}

async function refreshForever() {
  // A selection, as of a code about to be copied, must not vanish under the cursor.
  if (!document.hidden && String(getSelection()) === "") await refresh();
  setTimeout(refreshForever, 1000);
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  try {
    await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  } catch {
    // The next refresh says that the emulator is away.
  }
  await refresh();
});

showLocalTimes();
refreshForever();
