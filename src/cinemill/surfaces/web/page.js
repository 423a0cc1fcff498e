// What the page draws by itself: the file that is worked on, a job as it goes, the queue, and cues over their sound.
// Values come from Python as data and enter the page as text, never as markup.
(() => {
  const make = (tag, facts = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(facts)) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "class") made.className = value;
      else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (name in made && name !== "style" && typeof value !== "string") made[name] = value;
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  };
  const button = (text, onclick, kind = "", facts = {}) =>
    make("button", { type: "button", class: `cm-button ${kind}`, onclick, ...facts }, text);
  const fileAddress = (path) => new URL(path, document.baseURI).href;
  const clock = (seconds) => {
    const s = Math.max(0, Math.round(seconds));
    const parts = s >= 3600 ? [Math.floor(s / 3600), Math.floor((s % 3600) / 60), s % 60] : [Math.floor(s / 60), s % 60];
    return parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
  };
  const asked = async (call) => {
    // A server function gives back {error: sentence} instead of failing.
    try {
      const answer = await call;
      return answer ?? {};
    } catch (error) {
      return { error: "The studio does not answer. Is it still running?", lost: true };
    }
  };
  const says = (element, sentence) =>
    element.replaceChildren(sentence ? make("p", { class: "cm-error", role: "alert" }, sentence) : "");
  // What is typed before everything stands as it was left here would be overwritten: until then, nothing can be.
  const root = document.documentElement;
  const ready = () => (root.inert = false);
  root.inert = true;
  setTimeout(ready, 20000);
  const isSeen = (element) => element.isConnected && element.offsetParent !== null && !document.hidden;

  // The file that is worked on -----------------------------------------------------------------------------------

  function source(element, props, trigger, watch, server) {
    const home = element.querySelector(".cm-source");
    const kinds = home.dataset.kinds.split(" ");
    const many = home.dataset.many === "yes";
    const accepts = { video: "video/*,.mkv,.avi,.dv,.mts,.m2ts,.vob,.mxf", audio: "audio/*,video/*,.mkv,.avi,.mts,.m2ts,.mxf", image: "image/*",
      subtitle: ".srt,.vtt,.ass,.ssa,.ttml,.dfxp,.xml,.lrc,.tsv,.json,.rttm,.txt,video/*,.mkv" };
    // What a browser would grey out by its name may be media all the same; only narrow lists are worth having.
    const accept = kinds.every((kind) => accepts[kind]) ? kinds.map((kind) => accepts[kind]).join(",") : null;
    const notice = make("div", { class: "cm-notice" });
    const stage = make("div");
    home.replaceChildren(stage, notice);

    const picker = make("input", { type: "file", class: "cm-hidden", multiple: many, "aria-hidden": "true", tabindex: "-1",
      onchange: () => { send([...picker.files]); picker.value = ""; } });
    if (accept) picker.setAttribute("accept", accept);

    const files = () => (Array.isArray(props.value) ? props.value : props.value ? [props.value] : []);
    const hold = (list) => { props.value = many ? list : list[0] ?? null; draw(); trigger("taken"); };

    function upload(file, onshare) {
      return new Promise((resolve) => {
        const body = new FormData();
        body.append("files", file, file.name);
        const request = new XMLHttpRequest();
        const root = (window.gradio_config?.root ?? "").replace(/\/$/, "");
        request.open("POST", `${root}/gradio_api/upload`);
        request.upload.onprogress = (event) => event.lengthComputable && onshare(event.loaded / event.total);
        request.onload = () => {
          if (request.status === 200) resolve({ path: JSON.parse(request.responseText)[0] });
          else if (request.status === 413) resolve({ error: `${file.name} is larger than this studio accepts.` });
          else resolve({ error: `${file.name} could not be uploaded (${request.status}).` });
        };
        request.onerror = () => resolve({ error: `${file.name} could not be uploaded; the studio does not answer.` });
        request.send(body);
      });
    }
    async function send(list) {
      if (!list.length) return;
      says(notice, "");
      const taken = many ? [...files()] : [];
      for (const file of many ? list : list.slice(0, 1)) {
        const bar = make("div", { class: "cm-bar" }, make("span"));
        stage.replaceChildren(make("div", { class: "cm-drop", role: "status" },
          make("strong", {}, `Reading ${file.name}`), bar));
        const sent = await upload(file, (share) => (bar.firstChild.style.width = `${100 * share}%`));
        bar.classList.add("cm-busy");
        const answer = sent.error ? sent : await asked(server.take({ path: sent.path, kinds }));
        if (answer.error) says(notice, answer.error);
        else taken.push(answer);
      }
      if (taken.length) hold(taken);
      else draw();
    }
    async function pick(path) {
      const answer = await asked(server.pick({ path, kinds }));
      if (answer.error) return says(notice, answer.error);
      says(notice, "");
      hold(many ? [...files(), answer] : [answer]);
    }
    function recent() {
      const list = make("ul", { class: "cm-recent" });
      const shown = make("details", { class: "cm-earlier", ontoggle: async () => {
        if (!shown.open) return;
        const answer = await asked(server.recent({ kinds }));
        const rows = (answer.files ?? []).map((one) =>
          make("li", {}, button(one.name, () => pick(one.path), "cm-link"), make("span", {}, one.told)));
        list.replaceChildren(...(rows.length ? rows : [make("li", {}, "Nothing was uploaded or made yet.")]));
      } }, make("summary", {}, "Files that are here already"), list);
      return shown;
    }
    function card(one, number) {
      const picture = one.poster ? make("img", { src: fileAddress(one.poster), alt: "" }) : make("span",
        { class: "cm-glyph", "aria-hidden": "true" }, { audio: "♪", subtitle: "CC", text: "T" }[one.kind] ?? "▤");
      const away = () => { const list = files(); list.splice(number, 1); hold(list); };
      return make("div", { class: "cm-file" }, picture,
        make("div", { class: "cm-file-told" }, make("strong", {}, one.name), make("span", {}, one.told)),
        button(many ? "Remove" : "Change", many ? away : () => picker.click(), "cm-quiet",
          { "aria-label": `${many ? "Remove" : "Change"} ${one.name}` }));
    }
    function drop(text) {
      return make("div", { class: "cm-drop" }, button(text, () => picker.click(), "cm-choose"),
        make("span", {}, home.dataset.hint));
    }
    function draw() {
      const list = files();
      const parts = list.map(card);
      if (!list.length) parts.push(drop(home.dataset.label));
      else if (many) parts.push(button("Add more", () => picker.click(), "cm-quiet"));
      stage.replaceChildren(...parts, picker, ...(list.length && !many ? [] : [recent()]));
    }
    home.addEventListener("dragover", (event) => { event.preventDefault(); home.classList.add("cm-over"); });
    home.addEventListener("dragleave", () => home.classList.remove("cm-over"));
    home.addEventListener("drop", (event) => {
      event.preventDefault();
      home.classList.remove("cm-over");
      send([...event.dataTransfer.files]);
    });
    const again = () => { draw(); if (files().length) trigger("shown"); };
    watch("value", again);
    again();
  }

  // A job as it goes ---------------------------------------------------------------------------------------------

  function player(one) {
    if (one.kind === "image") return make("img", { src: fileAddress(one.url), alt: one.name, loading: "lazy" });
    if (one.kind === "text") return make("pre", { class: "cm-text", tabindex: "0", "aria-label": one.name }, one.text);
    if (one.kind === "report") return make("iframe", { class: "cm-report", src: fileAddress(one.page), title: one.name,
      sandbox: "allow-scripts", loading: "lazy", referrerpolicy: "no-referrer" });
    if (one.kind !== "video" && one.kind !== "audio") return null;
    const made = make(one.kind, { controls: true, preload: "metadata", "aria-label": one.name,
      poster: one.poster ? fileAddress(one.poster) : null });
    made.addEventListener("error", () => {
      const picture = one.poster ? make("img", { src: fileAddress(one.poster), alt: `A picture of ${one.name}` }) : "";
      made.replaceWith(make("div", {}, picture, make("p", { class: "cm-soft" },
        "Browsers do not play this format; the file itself is in order. Download it to see it.")));
    }, { once: true });
    made.src = fileAddress(one.url);
    return made;
  }
  function outputs(list) {
    return list.map((one) => make("figure", { class: "cm-output" }, player(one),
      make("figcaption", {}, make("span", {}, one.name, make("small", {}, one.size)),
        one.page ? make("a", { class: "cm-button", href: fileAddress(one.page), target: "_blank", rel: "noopener noreferrer" },
          "Open by itself") : null,
        make("a", { class: "cm-button cm-download", href: fileAddress(one.url), download: one.name },
          `Download ${one.suffix}`))));
  }
  const words = { queued: "Waiting", running: "Working", paused: "Paused", done: "Done", failed: "Failed",
    cancelled: "Cancelled" };
  const deeds = { stop: "Stop", pause: "Pause", resume: "Go on", cancel: "Cancel", retry: "Try again", remove: "Remove" };

  function jobParts(act) {
    // The pieces of a job's card, kept from one look to the next so that focus and players stay.
    const title = make("strong", { class: "cm-title" });
    const badge = make("span", { class: "cm-badge" });
    const fill = make("span");
    const bar = make("div", { class: "cm-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
    const told = make("p", { class: "cm-told" });
    const live = make("p", { class: "cm-sr", role: "status" });
    const row = make("div", { class: "cm-deeds" });
    const problem = make("div");
    let shownActions = "", shownError = "", shownState = "";
    function draw(job) {
      title.textContent = job.title;
      badge.textContent = words[job.state] ?? job.state;
      badge.dataset.state = job.state;
      bar.hidden = !["queued", "running", "paused"].includes(job.state);
      bar.classList.toggle("cm-busy", job.state === "running" && job.share === null);
      bar.setAttribute("aria-label", `Progress of ${job.title}`);
      if (job.share === null) bar.removeAttribute("aria-valuenow");
      else bar.setAttribute("aria-valuenow", Math.round(100 * job.share));
      fill.style.width = `${100 * (job.share ?? 0)}%`;
      told.textContent = job.told;
      if (job.state !== shownState) { live.textContent = `${job.title}: ${badge.textContent}. ${job.told}`; shownState = job.state; }
      if ((job.error ?? "") !== shownError) { shownError = job.error ?? ""; says(problem, shownError); }
      const actions = job.id + job.actions.join();
      if (actions !== shownActions) {
        shownActions = actions;
        row.replaceChildren(...job.actions.map((name) => button(deeds[name], () => act(job.id, name),
          name === "cancel" || name === "stop" ? "cm-stop" : "cm-quiet", { "aria-label": `${deeds[name]}: ${job.title}` })));
      }
    }
    return { draw, title, badge, bar, told, live, row, problem };
  }

  function card(element, props, trigger, watch, server) {
    const home = element.querySelector(".cm-card");
    const parts = jobParts(async (id, name) => { await asked(server.act({ id, name })); look(); });
    const made = make("div", { class: "cm-made" });
    const notes = make("details", { class: "cm-notes" });
    const whole = make("section", { class: "cm-job" }, make("header", {}, parts.title, parts.badge), parts.bar, parts.told,
      parts.live, parts.row, parts.problem, made, notes);
    const empty = make("p", { class: "cm-empty" }, home.dataset.empty);
    let timer = 0, shownOutputs = "", shownNotes = "", ended = "", known = props.value;
    async function look() {
      clearTimeout(timer);
      const id = props.value;
      const isNew = id && id !== known && isSeen(home);
      known = id;
      if (!id) return home.replaceChildren(empty);
      const job = await asked(server.look({ id }));
      if (props.value !== id) return;
      if (job.gone) { props.value = null; return home.replaceChildren(empty); }
      if (job.error && !job.id) { says(parts.problem, job.error); timer = setTimeout(look, 3000); return; }
      if (!whole.isConnected) home.replaceChildren(whole);
      parts.draw(job);
      if (isNew) whole.scrollIntoView({ block: "nearest", behavior: "smooth" });
      const key = id + job.outputs.map((one) => one.url).join();
      if (key !== shownOutputs) { shownOutputs = key; made.replaceChildren(...outputs(job.outputs)); }
      const said = job.notes.join("\n");
      if (said !== shownNotes) {
        shownNotes = said;
        const wasOpen = notes.open;
        notes.replaceChildren(make("summary", {}, "What was found and done"),
          make("ul", {}, ...job.notes.map((note) => make("li", {}, note))));
        notes.open = wasOpen;
      }
      notes.hidden = !job.notes.length;
      if (["done", "failed", "cancelled"].includes(job.state)) {
        if (ended !== id + job.state) { ended = id + job.state; trigger("ended"); }
        return;
      }
      ended = "";
      timer = setTimeout(look, isSeen(home) ? 500 : 2000);
    }
    watch("value", look);
    look();
  }

  // What a deck plays --------------------------------------------------------------------------------------------

  function deck(element, props, trigger, watch, server) {
    const home = element.querySelector(".cm-deck");
    const parts = jobParts(async (id, name) => { await asked(server.act({ id, name })); look(); });
    const picture = make("img", { class: "cm-monitor", alt: "What the deck plays" });
    const scopes = make("img", { class: "cm-scopes", alt: "Waveform of its brightness, and its vectorscope" });
    const counters = make("dl", { class: "cm-counters" });
    const seen = make("ul", { class: "cm-recent", tabindex: "0", "aria-label": "What happened" });
    const whole = make("section", { class: "cm-job" }, make("header", {}, parts.title, parts.badge), parts.live, picture,
      scopes, counters, seen, parts.row, parts.problem);
    const empty = make("p", { class: "cm-empty" }, home.dataset.empty);
    const rows = {};
    const count = (name, value, bad) => {
      rows[name] ??= make("dd");
      if (!rows[name].isConnected) counters.append(make("div", {}, make("dt", {}, name), rows[name]));
      rows[name].textContent = value;
      rows[name].classList.toggle("cm-bad", Boolean(bad));
    };
    let timer = 0, ended = "", shown = "";
    async function look() {
      clearTimeout(timer);
      const id = props.value;
      if (!id) return home.replaceChildren(empty);
      if (id !== shown) { shown = id; picture.removeAttribute("src"); scopes.removeAttribute("src"); }
      const job = await asked(server.look({ id }));
      if (props.value !== id) return;
      if (job.gone) { props.value = null; return home.replaceChildren(empty); }
      if (job.error && !job.id) { says(parts.problem, job.error); timer = setTimeout(look, 3000); return; }
      if (!whole.isConnected) home.replaceChildren(whole);
      const over = ["done", "failed", "cancelled"].includes(job.state);
      parts.draw({ ...job, actions: over ? [] : job.actions });
      if (job.state === "running") parts.badge.textContent = job.stores ? "Recording" : "Looking";
      for (const [place, name] of [[picture, "picture.jpg"], [scopes, "scopes.jpg"]]) {
        if (job.pictures[name]) place.src = job.pictures[name];
        place.hidden = !place.hasAttribute("src");
      }
      const known = job.figures;
      if (known.pictures !== undefined) {
        count("Time", clock(known.seconds));
        count("Frames", known.pictures);
        count("Dropped", known.dropped, known.dropped);
        count("Duplicated", known.doubled, known.doubled);
        count("Sound drift", `${known.drift_ms >= 0 ? "+" : ""}${known.drift_ms.toFixed(0)} ms`, Math.abs(known.drift_ms) > 40);
        count("Luma", `${known.levels[0]}–${known.levels[2]}`, known.levels[2] > 253);
        count("Sound peak", `${Math.round(100 * known.peak)} %`, known.peak >= 0.99);
        if (known.timecode) count("Timecode", known.timecode);
        if (job.stores) count("Written", `${(known.bytes / 1e6).toFixed(0)} MB`);
        count("Free space", known.free ? `${(known.free / 1e9).toFixed(0)} GB` : "…");
        seen.replaceChildren(...known.seen.filter((one) => one.what !== "scene").slice(-12).reverse().map((one) =>
          make("li", {}, make("span", {}, clock(one.time)), one.count > 1 ? `${one.what}, ${one.count} frames` : one.what)));
      }
      seen.hidden = !seen.children.length;
      if (over) {
        if (ended !== id + job.state) { ended = id + job.state; trigger("ended"); }
        return;
      }
      timer = setTimeout(look, isSeen(home) ? 140 : 1500);
    }
    watch("value", look);
    look();
  }

  // How a network learns -----------------------------------------------------------------------------------------

  function curve(lines, wide = 640, high = 220) {
    // lines: [{name, points: [[x, y]]}], drawn to one scale.
    const ns = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(ns, "svg");
    const add = (tag, facts, text) => {
      const made = document.createElementNS(ns, tag);
      for (const [name, value] of Object.entries(facts)) made.setAttribute(name, value);
      if (text !== undefined) made.textContent = text;
      svg.append(made);
    };
    svg.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    svg.setAttribute("role", "img");
    const all = lines.flatMap((line) => line.points);
    if (!all.length) return svg;
    const xs = all.map((point) => point[0]), ys = all.map((point) => point[1]);
    const right = Math.max(...xs, 1), low = Math.min(...ys), top = Math.max(...ys, low + 0.5);
    const x = (value) => 46 + ((wide - 58) * value) / right, y = (value) => high - 26 - ((high - 44) * (value - low)) / (top - low);
    for (const level of [low, (low + top) / 2, top]) {
      add("line", { x1: 46, x2: wide - 12, y1: y(level), y2: y(level), class: "cm-grid" });
      add("text", { x: 40, y: y(level) + 4, "text-anchor": "end" }, level.toFixed(1));
    }
    add("text", { x: 46, y: high - 6 }, "0");
    add("text", { x: wide - 12, y: high - 6, "text-anchor": "end" }, `${right} steps`);
    lines.forEach((line, number) => {
      if (!line.points.length) return;
      add("polyline", { points: line.points.map((point) => `${x(point[0])},${y(point[1])}`).join(" "), class: `cm-line-${number}` });
      const last = line.points[line.points.length - 1];
      add("circle", { cx: x(last[0]), cy: y(last[1]), r: 3, class: `cm-dot-${number}` });
    });
    svg.setAttribute("aria-label", lines.map((line) => `${line.name}: ${line.points.length
      ? line.points[line.points.length - 1][1].toFixed(2) : "nothing yet"} dB`).join("; "));
    return svg;
  }

  function lesson(element, props, trigger, watch, server) {
    const home = element.querySelector(".cm-lesson");
    const place = make("div", { class: "cm-curve" });
    const names = ["what it learns from", "what it does not learn from"];
    const legend = make("p", { class: "cm-legend" }, ...names.map((name, number) => make("span", { class: `cm-key-${number}` }, name)));
    const sample = make("img", { class: "cm-sample", alt: "From left to right: as it is given, as the network makes it, as it should be" });
    const whole = make("figure", { class: "cm-output" }, place, legend, sample,
      make("figcaption", {}, make("span", {}, "PSNR in dB. The picture is not learned from: given, made, wanted.")));
    const empty = make("p", { class: "cm-empty" }, home.dataset.empty);
    let timer = 0, key = "";
    async function look() {
      clearTimeout(timer);
      const id = props.value;
      if (!id) return home.replaceChildren(empty);
      const told = await asked(server.look({ id }));
      if (props.value !== id) return;
      if (told.gone) { props.value = null; return home.replaceChildren(empty); }
      if (!told.error && told.curve.length) {
        const now = id + told.curve.length;
        if (now !== key) {
          key = now;
          const held = told.curve.filter((point) => point[2] !== null).map((point) => [point[0], point[2]]);
          place.replaceChildren(curve([{ name: names[0], points: told.curve.map((point) => [point[0], point[1]]) }, { name: names[1], points: held }]));
        }
        if (told.sample) sample.src = told.sample;
        sample.hidden = !sample.hasAttribute("src");
        if (!whole.isConnected) home.replaceChildren(whole);
      } else if (!whole.isConnected) home.replaceChildren(empty);
      if (["done", "failed", "cancelled"].includes(told.state)) return;
      timer = setTimeout(look, isSeen(home) ? 700 : 3000);
    }
    watch("value", look);
    look();
  }

  // The queue ----------------------------------------------------------------------------------------------------

  function queue(element, props, trigger, watch, server) {
    const home = element.querySelector(".cm-queue");
    const rows = new Map();
    const list = make("div", { class: "cm-jobs" });
    const empty = make("p", { class: "cm-empty" }, "Nothing was asked for yet. Jobs of every tab, of the API and of the command line's server appear here.");
    const summary = make("p", { class: "cm-soft", role: "status" });
    const notice = make("div");
    home.replaceChildren(summary, notice, list);
    let timer = 0;
    const act = async (id, name) => {
      const answer = await asked(server.act({ id, name }));
      says(notice, answer.error);
      look();
    };
    function row(job) {
      const parts = jobParts(act);
      const log = make("pre", { class: "cm-text", tabindex: "0", "aria-label": "Log" });
      const files = make("div", { class: "cm-made" });
      const params = make("p", { class: "cm-soft" });
      const more = make("details", { ontoggle: () => inside() }, make("summary", {}, "Outputs and log"), params, files, log);
      const whole = make("section", { class: "cm-job", "data-job": job.id },
        make("header", {}, parts.title, parts.badge), parts.bar, parts.told, parts.live, parts.row, parts.problem, more);
      let key = "";
      async function inside() {
        if (!more.open) return;
        const told = await asked(server.inside({ id: job.id }));
        if (told.error) return;
        params.textContent = told.params;
        const found = told.outputs.map((one) => one.url).join();
        if (found !== key) { key = found; files.replaceChildren(...outputs(told.outputs)); }
        if (log.textContent !== told.log) {
          const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
          log.textContent = told.log;
          if (atEnd) log.scrollTop = log.scrollHeight;
        }
      }
      return { whole, inside, draw: (now) => { parts.draw(now); if (more.open) inside(); } };
    }
    async function look() {
      clearTimeout(timer);
      if (!element.isConnected) return;
      if (isSeen(home)) {
        const answer = await asked(server.all({}));
        if (answer.error) says(notice, answer.error);
        else {
          summary.textContent = answer.summary;
          const here = new Set();
          answer.jobs.forEach((job, place) => {
            here.add(job.id);
            if (!rows.has(job.id)) rows.set(job.id, row(job));
            const one = rows.get(job.id);
            one.draw(job);
            if (list.children[place] !== one.whole) list.insertBefore(one.whole, list.children[place] ?? null);
          });
          for (const [id, one] of rows) if (!here.has(id)) { one.whole.remove(); rows.delete(id); }
          if (!answer.jobs.length) list.replaceChildren(empty);
          else empty.remove();
        }
      }
      timer = setTimeout(look, 1000);
    }
    look();
  }

  // Cues over their sound ----------------------------------------------------------------------------------------

  function cues(element, props, trigger, watch) {
    const home = element.querySelector(".cm-cues");
    function draw() {
      const value = props.value;
      if (!value) return home.replaceChildren();
      const total = Math.max(value.seconds || 0, ...value.cues.map((cue) => cue.end), 0.1);
      const media = make(value.media === "video" ? "video" : "audio", { controls: true, preload: "metadata",
        "aria-label": value.name, poster: value.poster ? fileAddress(value.poster) : null });
      media.src = fileAddress(value.url);
      if (value.vtt) {
        const track = make("track", { kind: "captions", label: value.language || "captions", srclang: value.language || "en",
          src: URL.createObjectURL(new Blob([value.vtt], { type: "text/vtt" })) });
        track.default = true;
        media.append(track);
      }
      const caption = make("p", { class: "cm-caption", "aria-live": "off" });
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const count = value.levels.length || 1;
      svg.setAttribute("viewBox", `0 0 ${count} 100`);
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("aria-hidden", "true");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const top = value.levels.map((level, i) => `${i},${50 - 48 * level}`);
      const low = value.levels.map((level, i) => `${i},${50 + 48 * level}`).reverse();
      if (top.length) path.setAttribute("d", `M${[...top, ...low].join("L")}Z`);
      svg.append(path);
      const needle = make("span", { class: "cm-needle" });
      const boxes = value.cues.map((cue, number) => {
        const box = make("button", { type: "button", class: "cm-cue", title: cue.text,
          "aria-label": `Cue ${number + 1}, at ${clock(cue.start)}: ${cue.text}`,
          onclick: (event) => { event.stopPropagation(); media.currentTime = cue.start; media.play().catch(() => {}); } });
        box.style.left = `${(100 * cue.start) / total}%`;
        box.style.width = `${Math.max(0.2, (100 * (cue.end - cue.start)) / total)}%`;
        if (cue.wrong) box.classList.add("cm-wrong");
        return box;
      });
      const wave = make("div", { class: "cm-wave", onclick: (event) => {
        const box = wave.getBoundingClientRect();
        media.currentTime = (total * (event.clientX - box.left)) / box.width;
      } }, svg, ...boxes, needle);
      const follow = () => {
        needle.style.left = `${(100 * media.currentTime) / total}%`;
        const at = value.cues.findIndex((cue) => cue.start <= media.currentTime && media.currentTime < cue.end);
        boxes.forEach((box, number) => box.classList.toggle("cm-now", number === at));
        caption.textContent = value.media === "video" || at < 0 ? "" : value.cues[at].text;
      };
      media.addEventListener("timeupdate", follow);
      media.addEventListener("seeking", follow);
      home.replaceChildren(media, caption, make("div", { class: "cm-scroll" }, wave));
      // Cues of a long programme would be too thin to hit: give each minute room, and scroll.
      wave.style.minWidth = `${Math.max(100, (total / 60) * 100)}%`;
      home.querySelectorAll("track").forEach(() => media.textTracks[0] && (media.textTracks[0].mode = "showing"));
    }
    watch("value", draw);
    draw();
  }

  // Models and engines -------------------------------------------------------------------------------------------

  function shelf(element, props, trigger, watch, server) {
    const home = element.querySelector(".cm-shelf");
    const notice = make("div");
    const list = make("div", { class: "cm-goods" });
    const search = make("input", { type: "search", class: "cm-search", placeholder: "Search", "aria-label": "Search models and engines",
      oninput: () => filter() });
    const onlyHere = make("input", { type: "checkbox", onchange: () => filter() });
    home.replaceChildren(make("div", { class: "cm-tools" }, search, make("label", { class: "cm-check" }, onlyHere, " only what is here")), notice, list);
    const rows = new Map();
    let timer = 0;
    function filter() {
      const asked = search.value.trim().toLowerCase();
      for (const one of rows.values()) {
        one.whole.hidden = !(one.text.includes(asked) && (!onlyHere.checked || one.here));
      }
      for (const head of list.querySelectorAll("h3")) {
        let next = head.nextElementSibling, any = false;
        while (next && next.tagName !== "H3") { any ||= !next.hidden; next = next.nextElementSibling; }
        head.hidden = !any;
      }
    }
    async function act(one, name) {
      if (name === "get" && one.terms && !confirm(`${one.name}: ${one.terms}\n\nDo you agree to these terms?`)) return;
      if (name === "remove" && !confirm(`Remove ${one.name}?`)) return;
      const answer = await asked(server.act({ kind: one.kind, name: one.name, deed: name, agreed: Boolean(one.terms) }));
      says(notice, answer.error);
      look();
    }
    function draw(one) {
      let row = rows.get(one.kind + one.name);
      if (!row) {
        const name = make("strong", {}, one.name), told = make("span", { class: "cm-soft" }), size = make("span", { class: "cm-size" });
        const licence = make("span", { class: "cm-licence" }), deed = make("div", { class: "cm-deeds" }), live = make("p", { class: "cm-told", role: "status" });
        row = { whole: make("div", { class: "cm-good", "data-name": one.name }, make("div", {}, name, licence, told, live), size, deed),
          told, size, licence, deed, live, key: "" };
        rows.set(one.kind + one.name, row);
      }
      row.here = one.here;
      row.text = `${one.name} ${one.told} ${one.licence}`.toLowerCase();
      row.told.textContent = one.told;
      row.size.textContent = one.size;
      row.licence.textContent = one.licence;
      row.whole.dataset.here = one.here ? "yes" : "no";
      row.live.textContent = one.doing;
      row.live.classList.toggle("cm-error", one.failed);
      const key = `${one.here}${one.busy}${one.builtin}`;
      if (key !== row.key) {
        row.key = key;
        row.deed.replaceChildren(one.busy ? make("span", { class: "cm-soft" }, "working") : one.builtin ? make("span", { class: "cm-soft" }, "comes with cinemill")
          : one.here ? button("Remove", () => act(one, "remove"), "cm-quiet", { "aria-label": `Remove ${one.name}` })
          : button("Get", () => act(one, "get"), "cm-quiet", { "aria-label": `Get ${one.name}` }));
      }
      return row.whole;
    }
    async function look() {
      clearTimeout(timer);
      if (!element.isConnected) return;
      if (isSeen(home)) {
        const answer = await asked(server.all({}));
        if (answer.error) says(notice, answer.error);
        else if (!list.children.length) {
          list.replaceChildren(...answer.groups.flatMap((group) => [make("h3", {}, group.title), ...group.goods.map(draw)]));
          filter();
        } else { answer.groups.forEach((group) => group.goods.forEach(draw)); }
        timer = setTimeout(look, answer.busy ? 700 : 5000);
      } else timer = setTimeout(look, 1000);
    }
    look();
  }

  /* One of many forms is seen, and the other menus that lead to them lose their choice. */
  function only(chosen, menus, forms) {
    const updates = [...Array(menus).fill({ value: null }), ...forms.map((name) => ({ visible: name === chosen }))];
    return updates.map((update) => ({ ...update, __type__: "update" }));
  }

  window.cinemill = { source, card, deck, lesson, queue, cues, shelf, only, ready };
})();
