// The plain status page: what is abnormal, what to do next, live; no build step, no library.
import { words } from "/words.js";

const $ = (id) => document.getElementById(id);
const SEVERITIES = ["urgent", "high", "medium", "low"];
const SHAPES = { urgent: "◆", high: "▲", medium: "■", low: "●" };
const SILENCE_MS = 40000; // the server sends its clock each 15 s
const MAX_PAGES = 20;

const state = {
  language: localStorage.language ?? (navigator.language.startsWith("zh") ? "zh" : "en"),
  site: localStorage.site ?? "",
  user: null, sites: [], equipment: [], points: new Map(), values: new Map(), classes: new Map(),
  alarms: [], incidents: [], orders: [],
  offlineSince: null, heardAt: 0, skew: 0, seen: new Set(), source: null,
};

const t = (word) => words[state.language][word] ?? word.replaceAll("_", " ").replaceAll("-", " ");
const named = (thing, field = "name") => thing[`${field}_${state.language}`] || thing.name_en || thing.key || "";

/* Elements are built, never parsed, so no text from a device can become markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== ""));
  return element;
}

/* ---- asking the server ---- */

class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

async function ask(method, path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method, headers: { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, t("no_answer"));
  }
  if (answer.status === 401 && path !== "/session") { showLogin(); }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, content.detail ?? answer.statusText);
  return content;
}

async function all(path) {
  const items = [];
  let cursor = "";
  for (let page = 0; page < MAX_PAGES; page++) {
    const join = path.includes("?") ? "&" : "?";
    const answer = await ask("GET", `${path}${join}limit=1000${cursor}`);
    items.push(...answer.items);
    if (!answer.next_cursor) break;
    cursor = `&cursor=${encodeURIComponent(answer.next_cursor)}`;
  }
  return items;
}

const loaders = {
  alarms: async () => { state.alarms = await all("/alarms?state=open"); drawAlarms(); drawCounts(); },
  incidents: async () => { state.incidents = await all("/incidents?state=open"); drawIncidents(); },
  "work-orders": async () => { state.orders = await all("/work-orders?state=open"); drawOrders(); },
  equipment: async () => {
    const [sites, equipment, points, values] = await Promise.all(
      [all("/sites"), all("/equipment"), all("/points"), all("/values")]);
    Object.assign(state, { sites, equipment });
    state.points = Map.groupBy ? Map.groupBy(points, (point) => point.equipment_id) : group(points);
    state.values = new Map(values.map((value) => [value.point_id, value]));
    drawSites(); drawEquipment();
  },
};

function group(points) {
  const found = new Map();
  for (const point of points) found.set(point.equipment_id, [...(found.get(point.equipment_id) ?? []), point]);
  return found;
}

/* Many events in a burst ask for one reload each 300 ms, not for one each. */
const due = new Map();
function reload(topic) {
  if (!loaders[topic] || due.has(topic)) return;
  due.set(topic, setTimeout(() => {
    due.delete(topic);
    loaders[topic]().catch((error) => { if (error.status !== 401) setTimeout(() => reload(topic), 3000); });
  }, 300));
}

/* ---- live ---- */

function connect() {
  state.source?.close();
  const source = state.source = new EventSource(
    "/api/v1/stream?topics=alarms,incidents,work-orders,equipment,values,clock");
  source.onopen = () => { heard(); Object.keys(loaders).forEach(reload); };
  source.onerror = () => {
    lost();
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (state.user && state.source === source) start(); }, 3000);
  };
  for (const topic of Object.keys(loaders)) source.addEventListener(topic, () => { heard(); reload(topic); });
  source.addEventListener("values", (event) => { heard(); take(JSON.parse(event.data).items); });
  source.addEventListener("clock", (event) => { heard(); state.skew = Date.parse(JSON.parse(event.data).at) - Date.now(); });
}

function heard() { state.heardAt = Date.now(); state.offlineSince = null; drawLive(); }
function lost() { state.offlineSince ??= Date.now(); drawLive(); }
const serverNow = () => Date.now() + state.skew;

function take(items) {
  for (const value of items) {
    state.values.set(value.point_id, value);
    for (const cell of document.querySelectorAll(`[data-point="${value.point_id}"]`)) fill(cell, value, true);
  }
}

/* ---- drawing ---- */

const two = (number) => String(number).padStart(2, "0");
const clock = (ms) => { const d = new Date(ms); return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`; };

function age(text) {
  const seconds = Math.max(0, Math.round((serverNow() - Date.parse(text)) / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

const since = (text) => make("time", { datetime: text, title: new Date(text).toLocaleString(), "data-age": text, class: "number" }, age(text));

function show(value, unit) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  const text = typeof value === "number"
    ? value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 1 }).replaceAll(",", "\u2009") : String(value);
  return unit ? `${text}\u202f${unit}` : text;
}

function mark(severity, pulse = false) {
  return make("span", { class: `severity ${severity}${pulse ? " pulse" : ""}` }, `${SHAPES[severity] ?? "○"} ${t(severity)}`);
}

const here = (thing) => !state.site || (thing.equipment ?? thing.key ?? "").startsWith(`${state.site}/`);
const bySeverity = (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.id - a.id;

function list(id, rows, emptyWord) {
  $(id).replaceChildren(...(rows.length ? rows : [make("li", { class: "empty" }, t(emptyWord))]));
}

function fresh(kind, id) {
  const key = `${kind}${id}`, isNew = !state.seen.has(key);
  state.seen.add(key);
  return isNew ? "fresh" : "";
}

function drawLive() {
  const off = state.offlineSince !== null;
  $("live").className = off ? "live off" : "live";
  $("live").textContent = off ? `${t("offline_since")} ${clock(state.offlineSince)}` : `● ${t("live")} ${clock(serverNow())}`;
  $("live").hidden = !state.user;
}

function drawCounts() {
  const shown = state.alarms.filter(here);
  $("counts").replaceChildren(...SEVERITIES.map((severity) => {
    const count = shown.filter((alarm) => alarm.severity === severity).length;
    return make("span", { class: count ? `severity ${severity}` : "quiet", title: t(severity), "aria-label": `${t(severity)} ${count}` }, `${SHAPES[severity]}${count}`);
  }));
}

function drawSites() {
  $("site-box").hidden = !state.sites.length;
  // What another server's page remembered would hide everything here.
  if (state.sites.length && !state.sites.some((site) => site.key === state.site)) state.site = "";
  $("site").replaceChildren(make("option", { value: "" }, t("all")),
    ...state.sites.map((site) => make("option", { value: site.key, selected: site.key === state.site }, named(site))));
}

const place = (row) => make("span", { class: "quiet", title: row.equipment }, named(row, "equipment_name"));

function drawIncidents() {
  list("incidents", state.incidents.filter(here).sort(bySeverity).map((row) => make("li", { class: fresh("i", row.id), "data-incident": row.id },
    make("span", { class: "number" }, `#${row.id}`), mark(row.severity),
    make("span", { class: "what", title: row.equipment }, named(row, "title")),
    row.acknowledged_by ? make("span", { class: "quiet" }, `${t("acknowledged")}: ${row.acknowledged_by}`) : null,
    row.alarms > 1 ? make("span", { class: "quiet" }, `${row.alarms} ${t("alarm_count")}`) : null, since(row.opened_at),
    make("span", { class: "buttons" }, row.actions.includes("acknowledge") && mayChange()
      ? make("button", { type: "button", onclick: () => acknowledge("incidents", row, named(row, "title")) }, t("acknowledge")) : null))), "no_incidents");
}

function drawOrders() {
  const due = (row) => row.on_site_due_at ? Date.parse(row.on_site_due_at) : Infinity;
  const rows = state.orders.filter(here).sort((a, b) => due(a) - due(b) || bySeverity(a, b));
  list("orders", rows.map((row) => make("li", { class: fresh("o", row.id), "data-order": row.id },
    make("span", { class: "number" }, `#${row.id}`), mark(row.severity),
    make("span", { class: "what", title: row.equipment }, named(row, "title")),
    make("strong", {}, t(row.state)), row.assignee ? make("span", { class: "quiet" }, row.assignee) : null, dueOf(row),
    make("span", { class: "buttons" }, ...buttonsOf(row)))), "no_orders");
}

function dueOf(row) {
  if (!row.on_site_due_at || !["open", "dispatched", "accepted"].includes(row.state)) return null;
  const minutes = Math.round((Date.parse(row.on_site_due_at) - serverNow()) / 60000);
  return make("span", { class: minutes < 0 ? "late number" : "number" }, minutes < 0 ? `${t("overdue")} ${-minutes} min` : `${t("arrive_in")} ${minutes} min`);
}

function buttonsOf(row) {
  if (!mayChange()) return [];
  return row.actions.map((action, index) => make("button", { type: "button", class: index === 0 ? "main" : null, onclick: () => step(row, action) }, t(action.name)));
}

function drawAlarms() {
  const head = make("tr", {}, ...["severity", "what", "place", "value_then", "since", "state", "by", ""].map((word) => make("th", { scope: "col" }, word ? t(word) : "")));
  const rows = state.alarms.filter(here).sort(bySeverity).map((alarm) => {
    const unseen = alarm.actions.includes("acknowledge");
    return make("tr", { class: `${unseen ? "" : "seen"} ${fresh("a", alarm.id)}`, "data-alarm": alarm.id },
      make("td", {}, mark(alarm.severity, unseen && alarm.severity === "urgent")), make("td", { class: "words" }, named(alarm)),
      make("td", {}, place(alarm)), make("td", { class: "number" }, show(alarm.onset_value, alarm.unit)),
      make("td", {}, since(alarm.active_since)), make("td", {}, t(alarm.state)), make("td", {}, alarm.acknowledged_by ?? ""),
      make("td", { class: "do" }, unseen && mayChange() ? make("button", { type: "button", onclick: () => acknowledge("alarms", alarm, `${named(alarm)} · ${named(alarm, "equipment_name")}`) }, t("acknowledge")) : null));
  });
  $("alarms").replaceChildren(...(rows.length ? [make("thead", {}, head), make("tbody", {}, ...rows)]
    : [make("tbody", {}, make("tr", {}, make("td", { class: "empty" }, t("no_alarms"))))]));
}

function drawEquipment() {
  const opened = new Set([...document.querySelectorAll(".unit details[open]")].map((box) => box.dataset.unit));
  const shown = state.equipment.filter(here).filter((unit) => (state.points.get(unit.id) ?? []).length || unit.equipment_class);
  $("equipment").replaceChildren(...(shown.length ? shown.map((unit) => drawUnit(unit, opened.has(String(unit.id))))
    : [make("p", { class: "empty" }, t("no_equipment"))]));
}

function drawUnit(unit, open) {
  const canonical = state.classes.get(unit.equipment_class);
  const points = (state.points.get(unit.id) ?? []).filter((point) => point.name !== "connection");
  const isKey = (point) => canonical?.points?.[point.name]?.key;
  const first = points.filter(isKey), rest = points.filter((point) => !isKey(point));
  if (!first.length) first.push(...rest.splice(0, 4));
  const word = unit.online ? t("online") : `${t("offline")} ${unit.reason ? t(unit.reason) : ""}`;
  return make("article", { class: unit.online ? "unit" : "unit away", "data-unit": unit.id },
    make("h3", {}, make("span", { title: unit.key }, named(unit) || unit.key),
      make("span", { class: "quiet" }, canonical?.name?.[state.language] ?? unit.equipment_class),
      make("span", { class: "state" }, word.trim(), unit.online ? "" : " ", unit.online ? "" : since(unit.since_at))),
    table(first), rest.length ? make("details", { open, "data-unit": unit.id }, make("summary", {}, `${rest.length} ${t("more_points")}`), table(rest)) : null);
}

function table(points) {
  return make("dl", {}, ...points.flatMap((point) => {
    const value = make("dd", { "data-point": point.id, "data-unit": point.unit }), when = make("dd", { class: "age" });
    const cells = [make("dt", { title: `${point.key}` }, named(point) || point.name), value, when];
    fill(value, state.values.get(point.id), false, when);
    return cells;
  }));
}

function fill(cell, value, changed, when = cell.nextElementSibling) {
  const good = value?.quality === "good";
  const doubt = good ? "" : `${t(value?.quality ?? "stale")} ${value?.reason ? t(value.reason) : ""}`.trim();
  cell.className = good ? "" : "doubt";
  cell.textContent = [show(value?.value, cell.dataset.unit), doubt].filter(Boolean).join("  ");
  if (changed) { cell.classList.remove("fresh"); void cell.offsetWidth; cell.classList.add("fresh"); }
  when.replaceChildren(...(value?.taken_at ? [since(value.taken_at)] : []));
}

/* ---- doing ---- */

const mayChange = () => state.user?.role !== "viewer";
const once = () => ({ "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` });

function dialog({ title, about, fields = [], yes, act }) {
  $("ask-title").textContent = title; $("ask-about").textContent = about; $("ask-yes").textContent = yes;
  $("ask-error").hidden = true;
  $("ask-fields").replaceChildren(...fields.map(({ name, label, options, ...more }) => make("label", {}, label, options
    ? make("select", { name, ...more }, ...options.map((option) => make("option", { value: option }, t(option))))
    : make("input", { name, maxlength: 500, ...more }))));
  const form = $("ask").querySelector("form"), headers = once();
  form.onsubmit = async (event) => {
    event.preventDefault();
    const body = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    try { await act(body, headers); $("ask").close(); }
    catch (error) { $("ask-error").textContent = error.message; $("ask-error").hidden = false; }
  };
  $("ask").showModal();
}

function acknowledge(kind, row, about) {
  dialog({
    title: t("acknowledge"), about, yes: t("acknowledge"), fields: [{ name: "comment", label: t("comment") }],
    act: async (body, headers) => { await ask("POST", `/${kind}/${row.id}/acknowledge`, body, headers); ["incidents", "alarms"].forEach(reload); },
  });
}

function step(order, action) {
  dialog({
    title: t(action.name), about: `#${order.id} ${named(order, "title")}`, yes: t(action.name),
    fields: [...action.fields.map((field) => ({ name: field.name, label: t(field.name), options: field.allowed, required: field.required }))],
    act: async (body, headers) => {
      await ask("POST", `/work-orders/${order.id}/${action.name}`, body, { ...headers, "If-Match": `"${order.version}"` });
      reload("work-orders");
    },
  });
}

function changePassword() {
  const password = (name, autocomplete, more = {}) =>
    ({ name, label: t(name), type: "password", autocomplete, required: true, maxlength: 256, ...more });
  dialog({
    title: t("change_password"), about: t(state.user.must_change_password ? "must_change_password" : "others_end"), yes: t("change_password"),
    fields: [password("old_password", "current-password"), password("new_password", "new-password", { minlength: 8 })],
    act: async (body, headers) => { state.user = await ask("POST", "/session/password", body, headers); await start(); },
  });
}

/* ---- frame ---- */

function showLogin() {
  state.user = null; state.source?.close(); state.source = null;
  if ($("ask").open) $("ask").close();
  $("notice").hidden = true;
  $("login").hidden = false; $("plant").hidden = true; $("logout").hidden = true; $("live").hidden = true;
  $("who").textContent = ""; $("who").hidden = true; $("counts").replaceChildren(); $("site-box").hidden = true;
}

function translate() {
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = t(element.dataset.word);
  $("language").textContent = state.language === "zh" ? "EN" : "中";
  if (!state.user) return;
  $("who").textContent = `${state.user.name} · ${t(state.user.role)}`;
  $("who").hidden = false; $("who").title = t("change_password");
  drawAll();
}

function drawAll() { drawSites(); drawCounts(); drawIncidents(); drawOrders(); drawAlarms(); drawEquipment(); drawLive(); }

async function start() {
  try {
    state.user = await ask("GET", "/session");
    if (state.user.must_change_password) { $("login").hidden = true; $("ask-no").dataset.word = "logout"; translate(); changePassword(); return; }
    $("ask-no").dataset.word = "back";
    state.classes = new Map((await ask("GET", "/classes")).items.map((item) => [item.class, item]));
  } catch (error) {
    if (error.status === 401) { showLogin(); return; }
    state.user ??= { name: "", role: "viewer" }; lost(); setTimeout(start, 3000); return;
  }
  $("login").hidden = true; $("plant").hidden = false; $("logout").hidden = false;
  translate(); connect(); look();
}

/* What the server itself has to say: parts that do not work, and what people should know of others. */
async function look() {
  const health = state.user ? await fetch("/readyz").then((answer) => answer.json()).catch(() => null) : null;
  const ill = Object.entries(health?.parts ?? {}).filter(([, works]) => !works).map(([name]) => `${name}: ${t("does_not_work")}`);
  const notes = Object.entries(health?.notes ?? {}).map(([name, text]) => `${name}: ${text}`);
  $("notice").hidden = !ill.length && !notes.length;
  $("notice").textContent = `◆ ${t("server")} – ${[...ill, ...notes].join("; ")}`;
}
setInterval(look, 30000);

function theme(name) { document.documentElement.dataset.theme = localStorage.theme = name; }

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  try {
    await ask("POST", "/session", Object.fromEntries(new FormData(form)));
    form.reset(); $("login-error").hidden = true; await start();
  } catch (error) { $("login-error").textContent = error.message; $("login-error").hidden = false; }
});
$("logout").addEventListener("click", async () => { await ask("DELETE", "/session").catch(() => null); showLogin(); });
$("who").addEventListener("click", changePassword);
/* A password that is good once must be replaced: only that, or logging out, leads on. */
$("ask").addEventListener("close", () => { if (state.user?.must_change_password) changePassword(); });
$("language").addEventListener("click", () => { state.language = localStorage.language = state.language === "zh" ? "en" : "zh"; translate(); });
$("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
$("site").addEventListener("change", (event) => { state.site = localStorage.site = event.target.value; drawAll(); });
$("ask-no").addEventListener("click", () => { if (state.user?.must_change_password) $("logout").click(); else $("ask").close(); });

setInterval(() => {
  if (!state.user) return;
  if (state.source && Date.now() - state.heardAt > SILENCE_MS) { lost(); connect(); state.heardAt = Date.now(); state.offlineSince ??= Date.now(); }
  drawLive();
  for (const element of document.querySelectorAll("[data-age]")) element.textContent = age(element.dataset.age);
}, 1000);

theme(localStorage.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
translate();
start();
