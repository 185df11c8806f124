// A web interface that nobody here wrote, in a real browser, on ferrobee's demo: it lists the five
// devices, switches a relay, and sees the state change. See README.md.
//
//   node frontend.mjs FERROBEE CHROMIUM NODE_MODULES PACKAGE
//
// With `own` in place of a package it is the page that ferrobee has when none is installed.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [ferrobee, executablePath, modules, name] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "x.js"))("playwright-core");

const DEVICES = ["hall_relay", "study_knob", "bedroom_switch", "kitchen_switch", "front_door"];
const RELAY = "0x00158d0001ab0001";
const KEY = "state_l2";
const LIMIT = 60_000;
const debug = Boolean(process.env.COMPAT_DEBUG);

let failures = 0;
function check(what, holds, details = "") {
  console.log(`${holds ? "ok  " : "FAIL"} ${what}${holds ? "" : `: ${details}`}`);
  if (!holds) failures += 1;
}

async function until(what, condition) {
  const end = Date.now() + LIMIT;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${LIMIT / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const data = mkdtempSync(join(tmpdir(), "ferrobee-frontend-"));
if (name !== "own") {
  mkdirSync(join(data, "frontend"));
  symlinkSync(join(modules, name), join(data, "frontend", name));
}
const port = await freePort();
const bridge = spawn(ferrobee, ["demo", "--data", data, "--port", "0", "--web", port], {
  env: {
    ...process.env,
    ...(name === "own" ? {} : { ZIGBEE2MQTT_CONFIG_FRONTEND_PACKAGE: name }),
  },
});
let story = "";
for (const stream of [bridge.stdout, bridge.stderr]) {
  stream.on("data", (bytes) => {
    story += bytes;
    if (debug) process.stderr.write(bytes);
  });
}
const ended = new Promise((resolve) => bridge.on("exit", resolve));

let browser;
let page;
try {
  await until("five devices", () => story.split("is interviewed").length > DEVICES.length);
  browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  page = await browser.newPage({ viewport: { width: 1600, height: 1200 } });
  page.setDefaultTimeout(LIMIT);
  const exceptions = [];
  page.on("pageerror", (error) => exceptions.push(error.stack ?? String(error)));
  page.on("console", (message) => {
    if (debug) console.error(`console ${message.type()}: ${message.text()}`);
    if (message.type() === "error") exceptions.push(message.text());
  });
  // Pictures of devices are on Zigbee2MQTT's site, which this test has no business with.
  const picture = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  );
  await page.route(
    (url) => url.hostname !== "127.0.0.1",
    (route) => route.fulfill({ contentType: "image/png", body: picture }),
  );
  // The frames in both directions.
  const frames = [];
  let sockets = 0;
  page.on("websocket", (socket) => {
    sockets += 1;
    const note = (direction) => (frame) => {
      try {
        frames.push({ direction, ...JSON.parse(String(frame.payload)) });
      } catch {
        exceptions.push(`a frame that is no JSON, ${direction}`);
      }
    };
    socket.on("framesent", note("sent"));
    socket.on("framereceived", note("received"));
  });
  const told = (wanted) =>
    frames.findLast(({ direction, topic }) => direction === "received" && topic === wanted)?.payload;
  const state = () =>
    frames.findLast(
      ({ direction, topic, payload }) =>
        direction === "received" && topic === "hall_relay" && payload?.[KEY] !== undefined,
    )?.payload[KEY];

  await page.goto(`http://127.0.0.1:${port}/`);
  await until("a websocket", () => sockets > 0);
  check("the page opens a websocket", sockets > 0);
  await until("the lists", () => frames.some(({ topic }) => topic === "bridge/definitions"));
  check("the first frame is bridge/state", frames[0].topic === "bridge/state", frames[0].topic);

  const ui = await import(`./${name}.mjs`);
  await ui.devices(page);
  for (const device of DEVICES) {
    // Lists are drawn anew all the time: that it was there once is all that can be asked.
    await page.getByText(device, { exact: true }).filter({ visible: true }).first().waitFor();
    check(`${device} is listed`, true);
  }

  if (ui.property) {
    // The demo's people leave this one alone.
    const row = await ui.property(page, RELAY, KEY);
    for (const value of ["ON", "OFF"]) {
      await ui.choose(row, value);
      await until(`${KEY} ${value}`, () => state() === value);
      check(`a click switches the relay ${value}`, state() === value);
      await until(`the page shows ${value}`, async () => (await ui.shown(row)) === value);
      check(`the page shows the relay ${value}`, (await ui.shown(row)) === value);
    }
    const sent = frames.filter(({ direction }) => direction === "sent").at(-1);
    check("as a message to its topic", sent.topic.endsWith("/set") && sent.payload[KEY] === "OFF");

    await ui.closeNetwork(page);
    const response = await until("an answer", () => told("bridge/response/permit_join"));
    check("a request is answered", response.status === "ok", JSON.stringify(response));
    await until("the network to be closed", () => told("bridge/info")?.permit_join === false);
  } else {
    // In the demo somebody draws 38.5 W, then 12 W.
    for (const power of ["38.5", "12"]) {
      await page.getByText(new RegExp(`power ${power}\\b`)).first().waitFor();
      check(`the page shows ${power} W`, true);
    }
  }

  const hrefs = [...new Set(await ui.pages(page, RELAY))];
  for (const href of hrefs) {
    await page.goto(new URL(href, page.url()).href);
    await page.waitForLoadState("networkidle");
  }
  check(`${hrefs.length} pages open`, !ui.property || hrefs.length > 5, hrefs.join(" "));
  const errors = frames.filter(
    ({ topic, payload }) => topic === "bridge/logging" && payload.level === "error",
  );
  check("no error in ferrobee's log", errors.length === 0, JSON.stringify(errors));
  check("no exception on the console", exceptions.length === 0, exceptions.join("\n"));
} catch (error) {
  check("no surprise", false, error.stack);
} finally {
  if (failures > 0 && page) {
    const picture = join(tmpdir(), `ferrobee-${name}.png`);
    try {
      writeFileSync(picture, await page.screenshot());
      console.log(`     the page: ${picture}`);
    } catch (error) {
      console.log(`     no picture of the page: ${error.message}`);
    }
  }
  await browser?.close();
  bridge.kill("SIGTERM");
  const status = await ended;
  check("the bridge ends well", status === 0, `status ${status}\n${story.slice(-2000)}`);
  rmSync(data, { recursive: true, force: true });
}
process.exit(failures === 0 ? 0 : 1);
