// What the pages do of themselves where a browser lets them. Each works without this file.
"use strict";

(() => {
  const codeForm = document.querySelector("[data-d7v-code]");
  const codeField = codeForm && codeForm.querySelector(".d7v-code");
  const live = document.querySelector("[data-d7v-live]");

  const announce = (text) => { if (live) live.textContent = text; };

  // Digits of Arabic and Persian keyboards, one for one.
  const toAscii = (text) => text
    .replace(/[\u0660-\u0669]/g, (digit) => digit.charCodeAt(0) - 0x660)
    .replace(/[\u06f0-\u06f9]/g, (digit) => digit.charCodeAt(0) - 0x6f0);

  // The code in what was pasted: "123 456", "123-456", or the whole message.
  function findCode(text) {
    const length = Number(codeField.dataset.length);
    const visible = toAscii(text.normalize("NFKC")).replace(/\p{Cf}/gu, "");
    const bare = visible.replace(/[\s-]/g, "");
    if (bare.length <= length) return bare;
    const runs = visible.match(/\d(?:[ -]?\d)*/g) || [];
    return runs.map((run) => run.replace(/[ -]/g, "")).find((run) => run.length === length) || bare;
  }

  function watchCode() {
    codeField.addEventListener("paste", (event) => {
      const text = event.clipboardData.getData("text");
      if (!text) return;
      event.preventDefault();
      codeField.value = findCode(text).slice(0, codeField.maxLength);
    });
    codeField.addEventListener("input", () => {
      const ascii = toAscii(codeField.value);
      if (ascii === codeField.value) return;
      const at = codeField.selectionStart;
      codeField.value = ascii;
      codeField.setSelectionRange(at, at);
    });
    codeForm.addEventListener("submit", () => { codeField.value = findCode(codeField.value); });
  }

  // The browser reads the code from the message and fills it in, once the person agrees.
  function readMessage() {
    if (!("OTPCredential" in window)) return;
    const waiting = new AbortController();
    document.addEventListener("submit", () => waiting.abort());
    navigator.credentials.get({ otp: { transport: ["sms"] }, signal: waiting.signal }).then((found) => {
      if (!found || !found.code || waiting.signal.aborted) return;
      codeField.value = findCode(found.code);
      codeForm.requestSubmit();
    }).catch(() => {});
  }

  // A form is sent once, however often its button is pressed.
  function sendOnce() {
    document.addEventListener("submit", (event) => {
      const button = event.target.querySelector(".d7v-card button");
      if (!button) return; // Not a form of ours.
      if (button.getAttribute("aria-busy") === "true") event.preventDefault();
      button.setAttribute("aria-busy", "true");
    });
    window.addEventListener("pageshow", () => {
      for (const button of document.querySelectorAll(".d7v-card [aria-busy]")) button.removeAttribute("aria-busy");
    });
  }

  const two = (number) => String(number).padStart(2, "0");

  function makeClock(seconds) {
    const minutes = Math.floor(seconds / 60);
    const rest = two(seconds % 60);
    return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
  }

  // By the clock and not by counting: timers of a tab in the background are held back.
  function countDown(line) {
    const endsAt = Date.now() + Number(line.dataset.d7vCountdown) * 1000;
    const clock = line.querySelector("[data-d7v-clock]");
    const button = document.querySelector("[data-d7v-resend] button");
    document.querySelector("[data-d7v-wait]").hidden = true;
    line.hidden = false;
    button.disabled = true;
    const timer = setInterval(tick, 250);
    function tick() {
      const left = Math.max(0, Math.ceil((endsAt - Date.now()) / 1000));
      clock.textContent = makeClock(left);
      if (left > 0) return;
      clearInterval(timer);
      button.disabled = false;
      line.hidden = true;
      announce(line.dataset.ready);
    }
    tick();
  }

  // How the message fares: often until it has arrived or failed, then for its age only.
  function followDelivery(line) {
    const isFinal = () => ["delivered", "undelivered"].includes(line.dataset.state);
    const plan = () => setTimeout(ask, isFinal() ? 20000 : 3000);
    async function ask() {
      try {
        const response = await fetch(line.dataset.d7vDelivery, { credentials: "same-origin" });
        const { delivery, text } = await response.json();
        if (!response.ok || !text && line.dataset.state) return;
        line.textContent = text;
        if (delivery !== line.dataset.state) announce(text);
        line.dataset.state = delivery;
      } catch {
        // The next one may be answered.
      }
      plan();
    }
    plan();
  }

  sendOnce();
  if (codeForm) {
    watchCode();
    readMessage();
  }
  const countdown = document.querySelector("[data-d7v-countdown]");
  if (countdown) countDown(countdown);
  const delivery = document.querySelector("[data-d7v-delivery]");
  if (delivery) followDelivery(delivery);
  // What is wrong is to be typed again.
  const wrong = document.querySelector('[aria-invalid="true"]');
  if (wrong) {
    wrong.focus();
    wrong.select();
  }
})();
