"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const texts = JSON.parse($("texts").textContent);
const examples = JSON.parse($("examples").textContent);
const tabs = ["sign", "check"];
let lang = navigator.languages.map((l) => l.slice(0, 2).toLowerCase()).find((l) => l in texts) || "en";
let ask = null; // the engine: a name and an input to an output
let place = ""; // of the page, for links

const text = (key, gaps = {}) => Object.entries(gaps).reduce((t, [name, value]) => t.replace(`{${name}}`, () => value), texts[lang][key]);

// make is an element with its properties and what is in it, data as text alone.
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// --- What cannot be seen -----------------------------------------------------

const signs = { "\t": "TAB", "\r": "CR", "\n": "LF", "\u00a0": "NBSP", "\u200b": "ZWSP", "\u200c": "ZWNJ", "\u200d": "ZWJ", "\u2060": "WJ", "\u3000": "IDSP", "\ufeff": "BOM" };
const unseen = /([\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{Zs})/u;
const signOf = (c) => signs[c] || "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

// visible has a text with a sign for each character that cannot be seen; a space has one
// where spaces is true, or at an end. The character stays, for who copies it.
function visible(t, spaces, met) {
  const all = new DocumentFragment();
  for (const part of t.split(spaces ? /([\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Zs}])/u : unseen)) {
    if (part !== " " && !unseen.test(part)) {
      all.append(part);
      continue;
    }
    const sign = part === " " ? "·" : signOf(part);
    const span = make("span", { className: part === " " ? "inv" : "inv named", title: nameOf(sign) }, part);
    span.dataset.sign = sign;
    met.add(sign);
    all.append(span);
  }
  return all;
}

// shown has a text in which nothing turns or hides what is beside it.
const shown = (t) => visible(t, false, new Set());

const nameOf = (sign) => texts[lang]["char_" + (sign === "·" ? "space" : sign)] || sign;

// --- Results -----------------------------------------------------------------

// An output is a text with a title and a button that copies it.
function output(parent, id, title) {
  const pre = make("pre", { id });
  const button = make("button", { type: "button" });
  button.dataset.text = "copy";
  const heading = make("h3", { id: id + "-title" });
  heading.dataset.text = title;
  button.id = id + "-copy";
  button.setAttribute("aria-labelledby", `${button.id} ${heading.id}`);
  button.onclick = () => copy(pre.textContent, button);
  const section = make("section", { className: "output", hidden: true }, make("div", { className: "head" }, heading, button), pre);
  $(parent).append(section);
  return (t) => {
    pre.replaceChildren(...(t || "").split(/(\r?\n)/).map((part, i) => i % 2 ? part : shown(part)));
    section.hidden = !t;
  };
}

const signOutputs = ["string_to_sign", "canonical_request", "headers", "curl", "http"].map((name) => [name, output("sign-outputs", "sign-" + name, name)]);

const details = make("div", { id: "details", className: "results" });
$("check-outputs").append(details);
const checkOutputs = ["string_to_sign", "canonical_request"].map((name) => [name, output("check-outputs", "check-" + name, "verifier_" + name)]);

function notes(id, list) {
  $(id).replaceChildren(...(list || []).map((t) => make("li", {}, t)));
}

// verdict shows one line with its kind in sign and words. It is not told again unless it
// changes.
function verdict(id, kind, line, ...more) {
  const icon = { good: "✓", bad: "✗", late: "◷" }[kind] || "…";
  const box = make("div", {}, make("p", {}, Object.assign(make("span", { className: "icon" }, icon), { ariaHidden: "true" }), make("span", {}, shown(line))), ...more);
  const now = $(id);
  if (now.className === "verdict " + kind && now.textContent === box.textContent) return;
  now.className = "verdict " + kind;
  now.replaceChildren(...box.childNodes);
}

// block is a part of the results with a title.
const block = (title, ...children) => make("section", { className: "output" }, make("div", { className: "head" }, make("h3", {}, title)), ...children);

// lines shows two texts line by line: what they share once, else the client's (or the gateway's) and then
// the verifier's, with the part that differs marked.
function lines(all, id, ofGateway = false) {
  const met = new Set();
  const whole = (m) => m.before + m.differs + m.after;
  const row = (kind, sign, spoken, marked, tag) => {
    const line = make("div", { className: kind }, Object.assign(make("span", { className: "sign" }, sign), { ariaHidden: "true" }), make("span", { className: "unseen" }, spoken));
    if (!tag) {
      line.append(visible(whole(marked), false, met));
      return line;
    }
    line.append(visible(marked.before, false, met), make(tag, {}, visible(marked.differs, true, met)), visible(marked.after, false, met));
    return line;
  };
  const alone = (m) => ({ before: "", differs: whole(m) || "\n", after: "" });
  const rows = [];
  for (const { client, server } of all) {
    if (client && server && !client.differs && !server.differs) {
      rows.push(row("same", " ", "", server));
      continue;
    }
    if (client) rows.push(row("theirs", "−", text(ofGateway ? "of_gateway" : "of_client"), server ? client : alone(client), "del"));
    if (server) rows.push(row("ours", "+", text("of_verifier"), client ? server : alone(server), "ins"));
  }
  const legend = [...met].map((sign) => `${sign} ${nameOf(sign)}`).join(text("comma"));
  return [make("p", { className: "hint" }, text(ofGateway ? "lines_of_gateway" : "lines_of_client")), make("div", { className: "lines", id }, ...rows), make("p", { className: "hint" }, legend && text("lines_signs", { signs: legend }))];
}

// --- The two tabs ------------------------------------------------------------

// put gives a field its value. A textarea takes CR out of it: what had some is kept for as
// long as nobody changes the field.
const written = new Map();
function put(field, value) {
  field.value = value;
  if (field.tagName === "TEXTAREA") written.set(field, { shown: field.value, value });
}
const valueOf = (field) => (written.has(field) && written.get(field).shown === field.value ? written.get(field).value : field.value);

const values = (form) => Object.fromEntries([...form.elements].filter((e) => e.name).map((e) => [e.name, e.type === "checkbox" ? e.checked : valueOf(e)]));
const formOf = (tab) => $(tab).querySelector("form");

const run = {
  sign() {
    const input = { ...values(formOf("sign")), lang };
    const signed = input.url || input.secret || input.key_id ? ask("sign", input) : { error: text("sign_first"), field: "url" };
    const field = signed.error && formOf("sign").elements[signed.field];
    for (const e of formOf("sign").elements) {
      e.removeAttribute("aria-invalid");
      e.removeAttribute("aria-errormessage");
    }
    if (field && field.value) {
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-errormessage", "sign-status");
      if (field.closest("details")) field.closest("details").open = true;
    }
    if (signed.error) verdict("sign-status", field && !field.value ? "wait" : "bad", signed.error);
    else verdict("sign-status", "good", text("signed"));
    notes("sign-notes", signed.error ? [] : [text("signed_at", { date: signed.date }), ...(signed.notes || [])]);
    for (const [name, show] of signOutputs) show(signed.error ? "" : signed[name]);
  },
  check() {
    const input = { ...values(formOf("check")), lang };
    details.replaceChildren();
    const found = input.request.trim() ? ask("check", input) : { error: text("check_first"), first: true };
    for (const [name, show] of checkOutputs) show(found[name]);
    if (found.error) {
      verdict("verdict", found.first ? "wait" : "bad", found.error);
      return;
    }
    const kind = found.late ? "late" : found.accepted ? "good" : found.reason === "no_secret" ? "wait" : "bad";
    verdict("verdict", kind, text({ late: "is_late", good: "is_accepted", wait: "is_unchecked", bad: "is_refused" }[kind]), ...[found.text, found.late_text].filter(Boolean).map((t) => make("p", {}, shown(t))));
    const facts = [["clock", input.date], ["scheme", found.scheme], ["algorithm", found.algorithm], ["key_id", found.key_id], ["signed_headers", (found.signed_headers || []).join(", ")], ["pieces", (found.pieces || []).join(", ")]].filter(([, value]) => value);
    if (found.mistakes) details.append(block(text("mistakes"), make("ul", { className: "mistakes", id: "mistakes" }, ...found.mistakes.map((m) => make("li", {}, shown(m.text), " ", make("code", {}, m.code))))));
    if (found.own) details.append(block(text(found.own.gateway ? "gateway_result" : "own_result"), make("p", { id: "own-text" }, found.own.text), ...(found.own.lines ? lines(found.own.lines, "own-lines", found.own.gateway) : [])));
    if (found.differences) details.append(block(text("differences"), ...lines(found.differences, "differences")));
    if (found.notes) details.append(block(text("notes"), make("ul", { className: "notes" }, ...found.notes.map((t) => make("li", {}, t)))));
    if (facts.length) details.append(block(text("facts"), make("dl", { className: "facts", id: "facts" }, ...facts.flatMap(([name, value]) => [make("dt", {}, text(name)), make("dd", {}, shown(value))]))));
  },
};

// soon runs what is to be done once nothing has been typed for a moment.
const timers = {};
function soon(name, work) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(work, 120);
}

function refresh(tab) {
  const results = $(tab + "-results");
  results.ariaBusy = "true";
  soon(tab, () => {
    if (!ask) return; // it is done once the engine is there
    run[tab]();
    results.ariaBusy = "false";
  });
}

// fill takes the request out of what was pasted.
function fill() {
  $("paste-error").textContent = "";
  notes("paste-notes", []);
  if (!$("paste").value.trim()) return;
  const read = ask("read", { text: $("paste").value, lang });
  if (read.error) {
    $("paste-error").textContent = read.error;
    return;
  }
  notes("paste-notes", read.notes);
  for (const name of ["method", "url", "headers", "body"]) put(formOf("sign").elements[name], read[name]);
  refresh("sign");
}

function select(tab) {
  for (const name of tabs) {
    $("tab-" + name).ariaSelected = String(name === tab);
    $("tab-" + name).tabIndex = name === tab ? 0 : -1;
    $(name).hidden = name !== tab;
  }
}

const selected = () => tabs.find((name) => !$(name).hidden);

// --- Schemes -----------------------------------------------------------------

let schemes = []; // as the engine has them

// choose fills a list; what was chosen stays, if it is there. The algorithm at first is that
// of the command.
function choose(list, names) {
  const now = list.value;
  list.replaceChildren(...names.map((name) => make("option", { defaultSelected: name === "hmac-sha256" }, name)));
  if (names.includes(now)) list.value = now;
}

// ofScheme shows the options that the scheme has.
function ofScheme() {
  const s = schemes.find(({ name }) => name === $("scheme").value);
  if (!s) return;
  choose($("algorithm"), s.algorithms);
  choose($("query_form"), s.query_forms || []);
  choose($("content_md5"), s.content_md5 || []);
  const has = { query_form: s.query_forms, content_md5: s.content_md5, keep_environment: s.environment, region: s.derived, service: s.derived };
  for (const [id, there] of Object.entries(has)) {
    $(id).disabled = !there;
    $(id).closest(".field").hidden = !there;
  }
}

// --- Fields, links, examples -------------------------------------------------

// set fills the fields of a tab; those that are not named are empty, or as at first.
function set(tab, fields, secret) {
  const form = formOf(tab);
  form.reset();
  for (const e of form.elements) {
    if (!e.name || !(e.name in fields) || (e.name === "secret" && !secret)) continue;
    if (e.type === "checkbox") e.checked = String(fields[e.name]) === "true";
    else put(e, fields[e.name]);
    if (e.name === "scheme") ofScheme();
  }
  if (tab === "sign") {
    if (!("scheme" in fields)) ofScheme();
    $("paste-error").textContent = "";
    notes("paste-notes", []);
  }
  refresh(tab);
}

function follow(hash) {
  const fields = Object.fromEntries(new URLSearchParams(hash.slice(1)));
  if (!tabs.includes(fields.tab)) return;
  select(fields.tab);
  set(fields.tab, fields, false);
}

const named = "[\\w.-]*(?:token|secret|passw|api-?_?key|session|cookie|credential)[\\w.-]*";
const ours = /^(?:hmac|SDK-HMAC-|V11-HMAC-)/i;

// withoutSecrets leaves out what is by its name a secret, in headers, parameters and JSON,
// and tells the names.
function withoutSecrets({ url, headers, body }, left) {
  const out = (name) => {
    left.add(name);
    return text("left_out");
  };
  const parameters = (t) => t.replace(new RegExp(`(^|[?&])(${named})=([^&#\\s]*)`, "gi"), (all, before, name) => `${before}${name}=${encodeURIComponent(out(name))}`)
    .replace(new RegExp(`"(${named})"(\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"`, "gi"), (all, name, colon) => `"${name}"${colon}"${out(name)}"`);
  return {
    url: parameters(url.replace(/^([a-z]+:\/\/)[^/?#@]*@/i, (all, scheme) => (out("user:password"), scheme))),
    headers: headers.split("\n").map((line) => {
      const [, name, value] = /^\s*([^:\s]+)\s*:\s*(.*)$/.exec(line) || [];
      const secret = name && (/^(?:proxy-)?authorization$/i.test(name) ? !ours.test(value) : new RegExp(`^${named}$`, "i").test(name));
      return secret ? `${name}: ${out(name)}` : line;
    }).join("\n"),
    body: parameters(body),
  };
}

// raw is a request as HTTP/1.1 has it.
function raw({ method, url, headers, body }) {
  const [, host, target] = /^[a-z]+:\/\/([^/?#]*)([^#]*)/i.exec(url) || ["", "", url];
  const all = /^host:/im.test(headers) || !host ? headers : `Host: ${host}\n${headers}`;
  return `${method} ${target.startsWith("/") ? target : "/" + target} HTTP/1.1\n${all.trim()}\n\n${body}`;
}

// holds tells whether a secret stands in a text, however it is written there.
function holds(t, secret) {
  const decoded = (s) => s.replace(/(?:%[0-9a-f]{2})+/gi, (codes) => {
    try {
      return decodeURIComponent(codes);
    } catch {
      return codes;
    }
  });
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(secret))).replace(/=+$/, "");
  return [t, decoded(t), decoded(t.replaceAll("+", " "))].some((s) => [secret, JSON.stringify(secret).slice(1, -1), base64].some((written) => s.includes(written)));
}

// share makes a link of the tab and its fields, without the secret and without what else
// is one by its name. A link with the secret in it is not made.
function share() {
  const tab = selected(), left = new Set();
  const { secret, ...fields } = values(formOf(tab));
  let problem = "";
  if (tab === "sign") Object.assign(fields, withoutSecrets(fields, left));
  else if (fields.request.trim()) {
    const read = ask ? ask("read", { text: fields.request, lang }) : { error: text("loading") };
    if (read.error) problem = read.error;
    else {
      const request = raw({ ...read, ...withoutSecrets(read, left) });
      const accepted = (t) => ask("check", { ...fields, request: t, secret, lang }).accepted;
      if (left.size || new RegExp(named, "i").test(fields.request)) { // or behind the request, as in an answer
        if (accepted(request) && !accepted(fields.request)) problem = text("share_differs");
        fields.request = request;
      }
    }
    if (new RegExp(named, "i").test(fields.own)) {
      left.add(text("own"));
      fields.own = "";
    }
  }
  const kept = Object.entries(fields).filter(([, value]) => value !== "" && value !== false);
  if (!problem && secret && kept.some(([, value]) => holds(String(value), secret.trim() || secret))) problem = text("share_secret");
  const link = place + "#" + new URLSearchParams([["tab", tab], ...kept]);
  $("shared").hidden = false;
  $("link").value = problem ? "" : link;
  $("copy-link").disabled = Boolean(problem);
  $("shared-note").className = problem ? "error" : "hint";
  $("shared-note").textContent = problem ? text("no_link", { why: problem }) : text("share_about") + (left.size ? " " + text("share_left_out", { names: [...left].join(text("comma")) }) : "");
  $("said").textContent = $("shared-note").textContent;
  if (!problem) $("link").select();
}

async function copy(t, button) {
  let copied = true;
  try {
    await navigator.clipboard.writeText(t);
  } catch { // no such thing, or not in this frame
    const area = make("textarea", { value: t, readOnly: true, className: "unseen" });
    document.body.append(area);
    area.select();
    copied = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  $("said").textContent = button.textContent = text(copied ? "copied" : "not_copied");
  setTimeout(() => {
    button.textContent = text("copy");
    $("said").textContent = "";
  }, 2000);
}

function listExamples(tab) {
  const list = $(tab + "-example"), now = list.value;
  list.replaceChildren(make("option", { value: "" }, text("example_choose")), ...examples[tab].map((e, i) => make("option", { value: String(i) }, text("example_" + e.name))));
  list.value = now;
}

// --- Language and theme ------------------------------------------------------

function speak() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : lang;
  for (const e of document.querySelectorAll("[data-text]")) e.textContent = text(e.dataset.text);
  for (const e of document.querySelectorAll("[data-label]")) e.ariaLabel = text(e.dataset.label);
  for (const e of document.querySelectorAll("[data-hint]")) e.placeholder = text(e.dataset.hint);
  $("language").textContent = lang === "zh" ? "English" : "中文";
  $("language").lang = lang === "zh" ? "en" : "zh-CN";
  $("shared").hidden = true;
  tabs.forEach(listExamples);
  theme();
  if (ask) {
    fillNotes();
    tabs.forEach((tab) => run[tab]());
  } else {
    verdict("sign-status", "wait", text("loading"));
    verdict("verdict", "wait", text("loading"));
  }
}

// fillNotes says in the language what was said of the pasted text, whose fields may have
// changed since.
function fillNotes() {
  if (!$("paste").value.trim()) return;
  const read = ask("read", { text: $("paste").value, lang });
  $("paste-error").textContent = read.error || "";
  notes("paste-notes", read.notes);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.style.colorScheme || (dark.matches ? "dark" : "light")) === "dark";

function theme() {
  $("theme").textContent = text(isDark() ? "light" : "dark");
}

// --- Events ------------------------------------------------------------------

$("language").onclick = () => {
  lang = lang === "zh" ? "en" : "zh";
  speak();
};
$("theme").onclick = () => {
  document.documentElement.style.colorScheme = isDark() ? "light" : "dark";
  theme();
};
dark.onchange = theme;
$("share").onclick = share;
$("copy-link").onclick = () => copy($("link").value, $("copy-link"));
$("scheme").onchange = ofScheme;
$("paste").oninput = (e) => {
  e.stopPropagation();
  soon("fill", () => ask && fill());
};
for (const button of document.querySelectorAll(".show")) {
  button.onclick = () => {
    const field = $(button.getAttribute("aria-controls")), shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.dataset.text = shown ? "show" : "hide";
    button.dataset.label = shown ? "show_secret" : "hide_secret";
    button.textContent = text(button.dataset.text);
    button.ariaLabel = text(button.dataset.label);
  };
}
for (const tab of tabs) {
  const form = formOf(tab), list = $(tab + "-example");
  form.onsubmit = (e) => e.preventDefault();
  form.oninput = form.onchange = (e) => {
    if (e.target !== list) refresh(tab);
  };
  list.onchange = () => {
    const chosen = list.value;
    if (chosen) set(tab, examples[tab][chosen].fields, true);
    list.value = chosen;
  };
  $("tab-" + tab).onclick = () => select(tab);
  $("tab-" + tab).onkeydown = (e) => {
    const at = tabs.indexOf(tab), to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    const next = tabs.at(to % tabs.length);
    select(next);
    $("tab-" + next).focus();
  };
}

// --- The engine --------------------------------------------------------------

function fail() {
  ask = null;
  $("failed").textContent = text("failed");
  $("failed").hidden = false;
}

// decode reads what pack of internal/page/build writes: seven bits a character, fourteen
// one that is not ASCII.
function decode(coded) {
  const unkept = [0, 8, 9, 10, 11, 12, 13, 26, 27, 28, 29, 30, 31, 60, 127];
  const bytes = new Uint8Array(parseInt(coded));
  let n = 0, bits = 0, count = 0;
  for (let i = coded.indexOf(" ") + 1; i < coded.length; i++) {
    const c = coded.charCodeAt(i);
    if (c < 128) {
      bits = (bits << 7) | c;
      count += 7;
    } else {
      bits = (bits << 14) | (unkept[(c - 128) >> 7] << 7) | ((c - 128) & 127);
      count += 14;
    }
    for (; count >= 8; count -= 8) bytes[n++] = bits >> (count - 8);
  }
  return bytes; // what is behind them fills the last character
}

async function start(coded, hash) {
  const code = new Blob([decode(coded)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const go = new Go();
  fs.writeSync = (fd, data) => data.length; // nothing goes to the console
  go.exit = fail;
  globalThis.engine = (call) => {
    delete globalThis.engine;
    ask = (name, input) => {
      try {
        return JSON.parse(call(name, JSON.stringify(input)));
      } catch {
        fail();
        return { error: text("failed") };
      }
    };
    document.documentElement.dataset.ready = "true";
    schemes = ask("options", {}).schemes;
    choose($("scheme"), schemes.map(({ name }) => name));
    ofScheme();
    follow(hash);
    fillNotes();
    for (const tab of tabs) {
      clearTimeout(timers[tab]);
      run[tab]();
      $(tab + "-results").ariaBusy = "false";
    }
  };
  const { instance } = await WebAssembly.instantiateStreaming(new Response(code, { headers: { "Content-Type": "application/wasm" } }), go.importObject);
  await go.run(instance);
}

addEventListener("message", (e) => {
  if (e.source !== parent) return;
  place = e.data.base;
  if (e.data.wasm) start(e.data.wasm, e.data.hash).catch(fail);
  else if (ask) follow(e.data.hash);
});

speak();
parent.postMessage("ready", "*");
})();
