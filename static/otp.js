"use strict";
// Additions only: every page works without this file.

// A form is sent once, and not while its button waits.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent || form.querySelector("[aria-disabled=true]")) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000); // stopped or offline: let them try again
  });
}

// A page from the browser's memory is from before the last step.
addEventListener("pageshow", (event) => event.persisted && location.reload());

for (const time of document.querySelectorAll("time")) {
  const style = { timeStyle: "short", ...("day" in time.dataset && { dateStyle: "medium" }) };
  time.textContent = new Date(time.dateTime).toLocaleString([], style);
}

const wait = document.querySelector("[data-wait]");
if (wait) {
  const over = Date.now() + wait.dataset.wait * 1000;
  const button = wait.closest("form").querySelector("button");
  button.setAttribute("aria-disabled", "true");
  const tick = setInterval(() => {
    const left = Math.ceil((over - Date.now()) / 1000);
    wait.textContent = left === 1 ? "1 second" : `${left} seconds`;
    if (left > 0) return;
    clearInterval(tick);
    button.removeAttribute("aria-disabled");
    wait.parentElement.hidden = true;
  }, 500);
}

// WebOTP, where the browser has it: it asks the person, then fills in the code of the message.
const code = document.getElementById("code");
if (code && "OTPCredential" in window) {
  const stop = new AbortController();
  code.form.addEventListener("submit", () => stop.abort());
  navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal }).then(
    (message) => {
      code.value = message.code;
      code.form.requestSubmit();
    },
    () => {}, // refused, or no message: the field is there
  );
}
