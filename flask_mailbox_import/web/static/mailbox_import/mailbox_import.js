/* Updates pages in place. Every page works without it. All texts come from the page, for translation. */
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  document.querySelectorAll(".mbi").forEach((each) => each.classList.add("mbi-live"));

  const localTimes = (root) => {
    root.querySelectorAll("time.mbi-time").forEach((each) => {
      const moment = new Date(each.dateTime);
      if (!Number.isNaN(moment.valueOf())) {
        each.textContent = moment.toLocaleString(document.documentElement.lang || undefined, {
          dateStyle: "medium", timeStyle: "short",
        });
      }
    });
  };

  /* The upload page: faults of a file are shown before it is sent. */
  const form = byId("mbi-upload");
  if (form) {
    const words = form.dataset;
    const file = byId("file");
    const pasted = byId("pasted");
    const field = byId("file-field");
    const drop = byId("mbi-drop");
    const submit = form.querySelector("button[type=submit]");
    const caption = submit.textContent;

    const size = (bytes) => (bytes < 1000 ? `${bytes} B` : `${Math.ceil(bytes / 1000).toLocaleString()} kB`);

    const clear = () => {
      byId("mbi-error").hidden = true;
      field.classList.remove("mbi-field-error");
      byId("file-error")?.remove();
      file.removeAttribute("aria-invalid");
      file.setAttribute("aria-describedby", "file-hint");
      document.title = document.title.replace(`${words.error} `, "");
    };

    const fail = (text) => {
      clear();
      const box = byId("mbi-error");
      const link = document.createElement("a");
      link.className = "mbi-link";
      link.href = "#file";
      link.textContent = text;
      box.querySelector(".mbi-error-text").replaceChildren(link);
      box.hidden = false;
      const message = document.createElement("p");
      message.className = "mbi-field-message";
      message.id = "file-error";
      message.textContent = text;
      field.insertBefore(message, drop);
      field.classList.add("mbi-field-error");
      file.setAttribute("aria-invalid", "true");
      file.setAttribute("aria-describedby", "file-hint file-error");
      document.title = `${words.error} ${document.title}`;
      box.focus();
    };

    const fault = (chosen) => {
      if (pasted.value.trim()) return chosen ? words.both : "";
      if (!chosen) return words.none;
      if (!chosen.size) return words.empty;
      if (chosen.size > Number(words.max)) return words.tooLarge;
      const kind = /\.([^.]+)$/.exec(chosen.name.toLowerCase());
      /* Other kinds of files are recognised by the server. */
      return kind && words.refused.split(" ").includes(kind[1]) ? words.kind : "";
    };

    const show = () => {
      const chosen = file.files[0];
      clear();
      byId("mbi-chosen").textContent = chosen ? `${chosen.name}, ${size(chosen.size)}` : "";
      const wrong = chosen ? fault(chosen) : "";
      if (wrong) fail(wrong);
    };

    const send = async (event) => {
      event.preventDefault();
      if (submit.disabled) return;
      const chosen = file.files[0];
      const wrong = fault(chosen);
      if (wrong) {
        fail(wrong);
        return;
      }
      try {
        await chosen?.arrayBuffer();
      } catch {
        /* The file was changed or removed since it was chosen: the browser cannot send it. */
        file.value = "";
        show();
        fail(words.changed);
        return;
      }
      clear();
      submit.disabled = true;
      submit.textContent = words.uploading;
      form.submit();
    };

    file.addEventListener("click", () => {
      file.value = "";
      show();
      /* The message above the form is gone, so the form has moved: scroll back to it. */
      file.scrollIntoView({ block: "nearest" });
    });
    file.addEventListener("change", show);
    form.addEventListener("submit", send);
    window.addEventListener("pageshow", () => {
      submit.disabled = false;
      submit.textContent = caption;
      if (file.files.length) show();
    });
    drop.classList.add("mbi-drop-live");
    drop.querySelector(".mbi-drop-hint").hidden = false;
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("mbi-drop-over");
      });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("mbi-drop-over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("mbi-drop-over");
      if (event.dataTransfer.files.length) {
        file.files = event.dataTransfer.files;
        show();
      }
    });
  }

  /* The page of an import: it is fetched again and again while the import runs. */
  const live = byId("mbi-live");
  if (live) {
    const status = byId("mbi-status");
    const lost = byId("mbi-lost");
    const title = document.title.replace(live.firstElementChild.dataset.title, "\0");
    let timer = 0;
    let failures = 0;
    let busy = false;
    let saidAt = 0;
    let saidShare = 0;
    let saidFailed = false;
    let pressed = false;

    const facts = () => live.firstElementChild.dataset;
    const isUnderWay = () => facts().underWay === "yes";

    const say = (text) => {
      status.textContent = text;
      saidAt = Date.now();
    };

    const announce = () => {
      const { tested, rows, failed, say: text } = facts();
      const share = Math.floor((4 * Number(tested)) / Math.max(1, Number(rows)));
      const first = Number(failed) > 0 && !saidFailed;
      if (!isUnderWay()) say(text);
      else if ((share > saidShare || first) && Date.now() - saidAt >= 10000) say(text);
      else return;
      saidShare = share;
      saidFailed = Number(failed) > 0;
    };

    const entitle = () => {
      const { tested, rows, title: outcome } = facts();
      const share = Math.floor((100 * Number(tested)) / Math.max(1, Number(rows)));
      document.title = title.replace("\0", isUnderWay() ? `(${share}%) ${outcome}` : outcome);
    };

    const focusHeading = () => {
      const heading = live.querySelector("h1");
      heading.tabIndex = -1;
      heading.focus();
    };

    /* A button that is replaced between press and release would not be clicked. */
    for (const name of ["pointerdown", "keydown"]) live.addEventListener(name, () => { pressed = true; });
    for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) {
      window.addEventListener(name, () => setTimeout(() => { pressed = false; }));
    }

    const swap = (html) => {
      const fresh = new DOMParser().parseFromString(html, "text/html").querySelector(".mbi-fragment");
      if (!fresh) throw new Error("no fragment");
      const focused = live.contains(document.activeElement) ? document.activeElement : null;
      const place = focused && [...live.querySelectorAll("button, a, summary")].indexOf(focused);
      const name = focused && focused.textContent;
      live.replaceChildren(fresh);
      if (focused) {
        const found = [...live.querySelectorAll("button, a, summary")];
        const same = found[place]?.textContent === name ? found[place] : found.find((each) => each.textContent === name);
        if (same) same.focus();
        else focusHeading();
      }
      localTimes(live);
      entitle();
      announce();
    };

    const later = (seconds) => {
      clearTimeout(timer);
      timer = setTimeout(look, seconds * 1000);
    };

    const look = async () => {
      clearTimeout(timer);
      if (document.hidden || busy) return;
      busy = true;
      const began = Date.now();
      try {
        const answer = await fetch(live.dataset.address, {
          credentials: "same-origin", redirect: "manual", signal: AbortSignal.timeout(15000),
        });
        if (answer.status === 404) {
          lost.querySelector("span").textContent = live.dataset.gone;
          lost.hidden = false;
          say(live.dataset.gone);
          return;
        }
        if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
          location.reload();
          return;
        }
        if (!answer.ok) throw new Error(String(answer.status));
        const html = await answer.text();
        if (!pressed) swap(html);
        if (!lost.hidden) {
          if (lost.contains(document.activeElement)) focusHeading();
          lost.hidden = true;
          if (failures) say(`${live.dataset.again} ${facts().say}`);
        }
        failures = 0;
        if (isUnderWay()) later(Math.max(1, (4 * (Date.now() - began)) / 1000));
      } catch {
        failures += 1;
        lost.querySelector("span").textContent = live.dataset.lost;
        lost.hidden = false;
        if (failures === 1) say(live.dataset.lost);
        later(Math.min(30, 2 ** failures));
      } finally {
        busy = false;
      }
    };

    byId("mbi-now").addEventListener("click", look);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && isUnderWay()) look();
    });
    entitle();
    if (isUnderWay()) {
      say(facts().say);
      later(1);
    }
  }

  /* The forms of failed rows: Enter, pasted columns, and whether the session still lives. */
  const pressedBy = (field) => {
    const one = field.closest(".mbi-one, .mbi-box");
    return one && one.querySelector("button[name=rows], button[name=test], button[name=changed]");
  };

  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (event.key !== "Enter" || !field.matches?.(".mbi-mend input")) return;
    event.preventDefault();
    const grid = [...(field.closest(".mbi-passwords")?.querySelectorAll("input") || [])];
    const next = grid[grid.indexOf(field) + 1];
    if (next) next.focus();
    else pressedBy(field)?.click();
  });

  document.addEventListener("paste", (event) => {
    const grid = event.target.closest?.(".mbi-passwords");
    const lines = event.clipboardData.getData("text").replace(/\r?\n$/, "").split(/\r?\n/);
    if (!grid || lines.length < 2) return;
    event.preventDefault();
    const fields = [...grid.querySelectorAll("input")];
    const first = fields.indexOf(event.target);
    fields.slice(first, first + lines.length).forEach((each, place) => { each.value = lines[place]; });
    fields[Math.min(first + lines.length, fields.length) - 1].focus();
  });

  /* Renews the token of a form. Where that fails nothing is to be sent, and the page says why. */
  const isSignedIn = async (sent) => {
    let why = "lost";
    try {
      const answer = await fetch(`${live.dataset.address}?token`, {
        credentials: "same-origin", redirect: "manual", signal: AbortSignal.timeout(15000),
      });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("input[name=csrf_token]");
      if (answer.ok && fresh) {
        sent.elements.csrf_token.value = fresh.value;
        return true;
      }
      /* Some hosts answer with the page to sign in on, some lead there, some refuse. */
      if (answer.ok || answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) why = "signedOut";
      if (answer.status === 404) why = "gone";
    } catch { /* there is no network, or no server */ }
    const notice = byId("mbi-unsent");
    notice.firstElementChild.textContent = notice.dataset[why] || live.dataset[why];
    notice.querySelector("a").hidden = why !== "signedOut";
    notice.hidden = false;
    notice.focus();
    return false;
  };

  /* Sends a form as if this button of it were pressed. */
  const chosen = Object.assign(document.createElement("input"), { type: "hidden" });
  const sendAs = (sent, name, value) => {
    sent.append(Object.assign(chosen, { name, value }));
    sent.submit();
  };

  let isAsking = false;
  const whenSignedIn = async (sent, send) => {
    if (isAsking) return;
    isAsking = true;
    if (await isSignedIn(sent)) await send();
    isAsking = false;
  };

  document.addEventListener("submit", (event) => {
    const sent = event.target;
    if (!sent.matches(".mbi-mend")) return;
    event.preventDefault();
    whenSignedIn(sent, () => sendAs(sent, event.submitter?.name || "", event.submitter?.value));
  });

  /* A link to more rows leaves the page: what was typed is saved first. */
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".mbi-mend a[href]");
    if (!link || link.origin !== location.origin || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const sent = link.closest("form");
    whenSignedIn(sent, async () => {
      chosen.remove();
      const body = new URLSearchParams(new FormData(sent));
      body.set("save", "");
      const answer = await fetch(sent.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
      if (answer && answer.type === "opaqueredirect") location.assign(link.href);
      else sendAs(sent, "save", "");
    });
  });

  /* A link to a row or a box opens what is folded around it. */
  const open = () => {
    const place = location.hash.length > 1 && byId(location.hash.slice(1));
    for (let each = place && place.closest("details"); each; each = each.parentElement.closest("details")) each.open = true;
    if (place && !place.closest("summary")) place.scrollIntoView();
  };
  window.addEventListener("hashchange", open);
  open();
  localTimes(document);
})();
