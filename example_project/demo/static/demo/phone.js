// The page's whole logic: one step at a time, each a call of the JSON API.
"use strict";

(() => {
  const app = document.getElementById("phone-app");
  const get = (id) => document.getElementById(id);
  const csrfToken = app.querySelector("[name=csrfmiddlewaretoken]").value;
  const formNumber = get("form-number");
  const formCode = get("form-code");
  const resend = get("resend");
  const WRONG_FIELD = new Set(["invalid_recipient", "recipient_refused", "invalid_code"]);

  let otpId = "";
  let resendAt = 0;
  let ticking = 0;

  // The answer as {ok, body}, even where the site gave none.
  async function call(name, body) {
    try {
      const response = await fetch(app.dataset[name], {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken },
        body: JSON.stringify(body),
      });
      return { ok: response.ok, body: await response.json() };
    } catch {
      return { ok: false, body: { code: "no_answer", detail: "The site did not answer. Please try again." } };
    }
  }

  // What a person should read of an error: its detail, or what is wrong with a field.
  function explain({ body }) {
    const text = body.detail || Object.values(body).flat().join(" ") || "That did not work.";
    const more = [];
    if (body.attempts_left > 0) more.push(plural(body.attempts_left, "try", "tries") + " left.");
    if (body.attempts_left === 0) more.push("That was the last try: please ask for a new code.");
    if (body.retry_after && !body.otp_id) more.push(`It can be tried again in ${span(body.retry_after)}.`);
    return [text, ...more].join(" ");
  }

  const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

  function span(seconds) {
    if (seconds < 120) return plural(seconds, "second", "seconds");
    if (seconds < 7200) return plural(Math.ceil(seconds / 60), "minute", "minutes");
    return plural(Math.ceil(seconds / 3600), "hour", "hours");
  }

  function show(step) {
    for (const section of app.querySelectorAll("section")) section.hidden = section.id !== `step-${step}`;
    for (const name of ["number", "code"]) complain(name, "");
  }

  function complain(name, text, body = {}) {
    const field = name === "number" ? formNumber.recipient : formCode.otp_code;
    get(`error-${name}`).textContent = text;
    field.removeAttribute("aria-invalid");
    if (!text) return;
    // Not for a wait or a failure of the provider: what was typed may be right.
    if (!body.code || WRONG_FIELD.has(body.code)) field.setAttribute("aria-invalid", "true");
    field.focus();
    field.select();
  }

  // One call at a time: a second press of a button does nothing.
  async function whileBusy(button, work) {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  function startClock(seconds) {
    clearInterval(ticking);
    // null: no resend is left in this session.
    resend.hidden = get("resend-text").hidden = seconds === null;
    if (seconds === null) return;
    resendAt = Date.now() + seconds * 1000;
    resend.disabled = true;
    ticking = setInterval(tick, 250);
    tick();
  }

  // By the clock and not by counting: timers of a tab in the background are held back.
  function tick() {
    const left = Math.max(0, Math.ceil((resendAt - Date.now()) / 1000));
    const text = get("resend-text");
    if (left > 0) {
      text.hidden = false;
      get("countdown").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      return;
    }
    clearInterval(ticking);
    text.hidden = true;
    resend.disabled = false;
    if (!get("step-code").hidden) get("news").textContent = "You can ask for another code now.";
  }

  function showExpiry(seconds) {
    const at = new Date(Date.now() + seconds * 1000);
    get("expiry").dateTime = at.toISOString();
    get("expiry").textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  }

  function askForCode(body) {
    otpId = body.otp_id;
    get("sent-to").textContent = body.recipient;
    showExpiry(body.expiry);
    startClock(body.resend_after);
    formCode.reset();
    show("code");
    formCode.otp_code.focus();
  }

  function startAgain(text) {
    clearInterval(ticking);
    otpId = "";
    show("number");
    complain("number", text, { code: "session_closed" });
    formNumber.recipient.focus();
  }

  formNumber.addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(formNumber.querySelector("button"), async () => {
      const recipient = formNumber.recipient.value;
      const answer = await call("send", { recipient });
      if (answer.ok) {
        get("sent-text").textContent = "We sent it to";
        askForCode(answer.body);
      } else if (answer.body.otp_id) {
        // Nobody knows whether it was sent; a message that comes late still works.
        get("sent-text").textContent = "It may be on its way to";
        askForCode({ ...answer.body, recipient, expiry: 600, resend_after: answer.body.retry_after });
        complain("code", explain(answer), answer.body);
      } else {
        complain("number", explain(answer), answer.body);
      }
    });
  });

  formCode.addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(formCode.querySelector("button"), async () => {
      const answer = await call("verify", { otp_id: otpId, otp_code: formCode.otp_code.value });
      if (answer.ok) {
        clearInterval(ticking);
        get("done-number").textContent = answer.body.recipient;
        get("token").value = answer.body.verification_token;
        show("done");
        get("title-done").focus();
      } else if (answer.body.code === "session_closed" || answer.body.attempts_left === 0) {
        startAgain(explain(answer));
      } else {
        complain("code", explain(answer), answer.body);
      }
    });
  });

  resend.addEventListener("click", () => whileBusy(resend, async () => {
    const answer = await call("resend", { otp_id: otpId });
    if (answer.ok) {
      askForCode(answer.body);
      get("news").textContent = "Another code is on its way.";
    } else if (answer.body.code === "session_closed") {
      startAgain(explain(answer));
    } else {
      if (answer.body.retry_after) startClock(answer.body.retry_after);
      complain("code", explain(answer), answer.body);
    }
  }));

  get("cancel").addEventListener("click", () => {
    call("cancel", { otp_id: otpId });
    startAgain("");
  });

  get("restart").addEventListener("click", () => {
    formNumber.reset();
    startAgain("");
  });

  formNumber.recipient.focus();
})();
