// Forms with data-security-key: asks there what to sign (or to register), turns to the key, and sends its answer with the
// form. JSON as WebAuthn Level 3 has it (5.1, 5.4, 5.5), converted here because not every browser does it itself.
"use strict";
(() => {
  const decode = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const encode = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (keys = []) => keys.map((key) => ({ ...key, id: decode(key.id) }));

  async function create(asked) {
    const user = { ...asked.user, id: decode(asked.user.id) };
    const excludeCredentials = named(asked.excludeCredentials);
    return navigator.credentials.create({
      publicKey: { ...asked, challenge: decode(asked.challenge), user, excludeCredentials },
    });
  }

  async function get(asked) {
    const allowCredentials = named(asked.allowCredentials);
    return navigator.credentials.get({ publicKey: { ...asked, challenge: decode(asked.challenge), allowCredentials } });
  }

  function json({ id, rawId, type, response }) {
    const told = { clientDataJSON: encode(response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (response[name]) told[name] = encode(response[name]);
    }
    if (response.getTransports) told.transports = response.getTransports();
    return JSON.stringify({ id, rawId: encode(rawId), type, response: told });
  }

  function ready(form) {
    const button = form.querySelector("button");
    const error = form.querySelector(".error");
    const say = (text, address) => {
      error.textContent = text;
      if (address) {
        const link = document.createElement("a");
        link.href = link.textContent = address;
        error.append(" ", link);
      }
      error.hidden = !text;
    };

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      say("");
      if (!window.PublicKeyCredential) return say(form.dataset.unsupported);
      button.disabled = true;
      try {
        const answer = await fetch(form.dataset.securityKey, { method: "POST" });
        const { options, origins, id, goTo, error: refused } = await answer.json();
        if (goTo) return location.assign(goTo);
        if (refused) return say(refused);
        if (!origins.includes(location.origin)) return say(form.dataset.elsewhere, origins[0] + location.pathname);
        const credential = await (options.user ? create(options) : get(options));
        form.elements[form.dataset.field].value = json(credential);
        if (id) form.elements.id.value = id;
        form.submit();
      } catch (cause) {
        console.warn(cause);
        say(form.dataset.failed);
      } finally {
        button.disabled = false;
      }
    });
    button.hidden = false;
  }

  document.querySelectorAll("form[data-security-key]").forEach(ready);
})();
