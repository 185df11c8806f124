// Runs zigbee-herdsman against the simulated coordinator: form, endpoints, permit join, interview,
// control, report, resume. Usage: node herdsman.mjs SIMULATOR [FIRMWARE]; prints one line per check.

import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {createRequire} from "node:module";
import {Simulator, check, finish} from "./simulator.mjs";

const require = createRequire(join(process.cwd(), "x.js"));
const {Controller, setLogger} = require("zigbee-herdsman");
const quiet = () => {};
const log = process.env.COMPAT_DEBUG ? console.error : quiet;
setLogger({debug: log, info: log, warning: log, error: log});

const [binary, firmware = "cc2652"] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "herdsman-"));

const options = (tcp) => ({
    network: {
        networkKeyDistribute: false,
        networkKey: [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 13],
        panID: 0x1a62,
        extendedPanID: [0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd, 0xde],
        channelList: [15],
    },
    serialPort: {path: `tcp://${tcp}`, adapter: "zstack"},
    databasePath: join(directory, "database.db"),
    databaseBackupPath: join(directory, "database.db.backup"),
    backupPath: join(directory, "coordinator_backup.json"),
    adapter: {disableLED: false},
    acceptJoiningDeviceHandler: async () => true,
});

const simulator = await Simulator.start(binary, ["--firmware", firmware, "--nv", join(directory, "nv.json")]);
const addresses = {
    LLKZMK11LM: "0x00158d0001000000",
    ZNMS11LM: "0x00158d0001000001",
    ZNXNKG02LM: "0x00158d0001000002",
    QBKG41LM: "0x00158d0001000003",
    QBKG40LM: "0x00158d0001000004",
    BULB: "0x00158d0001000005",
    THERMOMETER: "0x00158d0001000006",
    CONTACT: "0x00158d0001000007",
    PLUG: "0x00158d0001000008",
    REMOTE: "0x00158d0001000009",
};

const waitFor = (emitter, event, match, milliseconds = 10000) =>
    new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            emitter.off(event, listener);
            reject(new Error(`no ${event} within ${milliseconds} ms`));
        }, milliseconds);
        const listener = (data) => {
            if (match(data)) {
                clearTimeout(timer);
                emitter.off(event, listener);
                resolve(data);
            }
        };
        emitter.on(event, listener);
    });

let controller = new Controller(options(simulator.tcp));
await check("start: a network is formed", async () => {
    const result = await controller.start();
    // Z-Stack 1.2 calls a first start "restored".
    if (!["reset", "restored"].includes(result)) throw new Error(`start gave ${result}`);
    const network = await controller.getNetworkParameters();
    if (network.panID !== 0x1a62 || network.channel !== 15) throw new Error(JSON.stringify(network));
});
await check("coordinator version", async () => {
    const version = await controller.getCoordinatorVersion();
    const kind = {cc2652: "ZStack3x0", cc2531: "ZStack12", "cc2531-3.0": "ZStack30x"}[firmware];
    if (version.type !== kind) throw new Error(JSON.stringify(version));
});

await check("a closed network lets nobody in", async () => {
    const answer = await simulator.command({cmd: "add", model: "BULB", device: "0x00158d0001ffffff", join: true});
    if (answer.ok || !/not permitted/.test(answer.error)) throw new Error(JSON.stringify(answer));
    await simulator.command({cmd: "remove", device: "0x00158d0001ffffff"});
});

await check("permit join", async () => controller.permitJoin(254));
for (const [model, device] of Object.entries(addresses)) {
    await check(`join and interview: ${model}`, async () => {
        const interviewed = waitFor(
            controller,
            "deviceInterview",
            (data) => data.device.ieeeAddr === device && data.status !== "started",
            30000,
        );
        const answer = await simulator.command({cmd: "add", model, device, join: true});
        if (!answer.ok) throw new Error(answer.error);
        const result = await interviewed;
        if (result.status !== "successful") throw new Error(`interview ${result.status}`);
        const found = controller.getDeviceByIeeeAddr(device);
        if (!found.modelID || !found.manufacturerName) throw new Error("no model");
    });
}

const endpoint = (model, id = 1) => controller.getDeviceByIeeeAddr(addresses[model]).getEndpoint(id);
const read = async (model, cluster, attribute, id = 1) =>
    (await simulator.command({cmd: "read", device: addresses[model], endpoint: id, cluster, attribute})).number;

await check("relay: on, off, toggle on both endpoints", async () => {
    for (const id of [1, 2]) {
        await endpoint("LLKZMK11LM", id).command("genOnOff", "on", {});
        if ((await read("LLKZMK11LM", 6, 0, id)) !== 1) throw new Error("not on");
        await endpoint("LLKZMK11LM", id).command("genOnOff", "toggle", {});
        if ((await read("LLKZMK11LM", 6, 0, id)) !== 0) throw new Error("not off");
    }
});
await check("relay: read an attribute", async () => {
    const value = await endpoint("LLKZMK11LM").read("genOnOff", ["onOff"]);
    if (value.onOff !== 0) throw new Error(JSON.stringify(value));
});
await check("relay: interlock is written", async () => {
    await endpoint("LLKZMK11LM").write("genBinaryOutput", {65286: {value: 1, type: 0x10}}, {manufacturerCode: 0x115f});
    if ((await read("LLKZMK11LM", 16, 0xff06)) !== 1) throw new Error("not written");
});
await check("relay: a press and a load are reported", async () => {
    await simulator.command({cmd: "act", device: addresses.LLKZMK11LM, action: "load", endpoint: 2, watts: 42.5});
    const power = waitFor(controller, "message", (m) => m.cluster === "genAnalogInput" && m.data.presentValue === 42.5);
    const state = waitFor(controller, "message", (m) => m.cluster === "genOnOff" && m.endpoint.ID === 2 && m.data.onOff === 1);
    await simulator.command({cmd: "act", device: addresses.LLKZMK11LM, action: "press", endpoint: 2});
    await Promise.all([power, state]);
});
// Lumi's own cluster comes with zigbee-herdsman-converters.
for (const model of ["QBKG41LM", "ZNXNKG02LM"]) {
    controller.getDeviceByIeeeAddr(addresses[model]).addCustomCluster("manuSpecificLumi", {
        ID: 0xfcc0, manufacturerCode: 0x115f, attributes: {}, commands: {}, commandsResponse: {},
    });
}
await check("switch: operation mode and press", async () => {
    await endpoint("QBKG41LM").write("manuSpecificLumi", {9: {value: 1, type: 0x20}}, {manufacturerCode: 0x115f});
    const press = waitFor(controller, "message", (m) => m.cluster === "genMultistateInput" && m.data.presentValue === 2);
    await simulator.command({cmd: "act", device: addresses.QBKG41LM, action: "press", button: "right", count: 2});
    await press;
});
await check("knob: rotation", async () => {
    const turn = waitFor(controller, "message", (m) => m.endpoint.ID === 71 && m.data[570] === 2);
    await simulator.command({cmd: "act", device: addresses.ZNXNKG02LM, action: "turn", degrees: 45});
    await turn;
});
await check("lock: an event", async () => {
    const open = waitFor(controller, "message", (m) => m.cluster === "closuresDoorLock" && m.data[65296] === 0x01200005);
    await simulator.command({cmd: "act", device: addresses.ZNMS11LM, action: "finger_open", user: 5});
    await open;
});
await check("bulb: level and colour temperature with transition", async () => {
    await endpoint("BULB").command("genLevelCtrl", "moveToLevelWithOnOff", {level: 100, transtime: 0});
    await endpoint("BULB").command("lightingColorCtrl", "moveToColorTemp", {colortemp: 250, transtime: 0});
    if ((await read("BULB", 8, 0)) !== 100 || (await read("BULB", 0x300, 7)) !== 250) throw new Error("not moved");
});
await check("bulb: bind, configure reporting, report", async () => {
    await endpoint("BULB").bind("genOnOff", controller.getDevicesByType("Coordinator")[0].getEndpoint(1));
    await endpoint("BULB").configureReporting("genOnOff", [
        {attribute: "onOff", minimumReportInterval: 0, maximumReportInterval: 3600, reportableChange: 0},
    ]);
    const report = waitFor(controller, "message", (m) => m.type === "attributeReport" && m.cluster === "genOnOff" && m.device.ieeeAddr === addresses.BULB);
    await endpoint("BULB").command("genOnOff", "toggle", {});
    await report;
});
await check("group: add a member and switch it", async () => {
    const group = controller.createGroup(7);
    await endpoint("BULB").addToGroup(group);
    await group.command("genOnOff", "off", {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    if ((await read("BULB", 6, 0)) !== 0) throw new Error("still on");
});
await check("contact: enrolment and alarm", async () => {
    const coordinator = await controller.getDevicesByType("Coordinator")[0].ieeeAddr;
    await endpoint("CONTACT").write("ssIasZone", {iasCieAddr: coordinator});
    await endpoint("CONTACT").command("ssIasZone", "enrollRsp", {enrollrspcode: 0, zoneid: 23}, {disableDefaultResponse: true});
    const alarm = waitFor(controller, "message", (m) => m.type === "commandStatusChangeNotification" && (m.data.zonestatus & 1) === 1);
    await simulator.command({cmd: "act", device: addresses.CONTACT, action: "open"});
    await alarm;
});
await check("remote: a command", async () => {
    const toggle = waitFor(controller, "message", (m) => m.type === "commandToggle");
    await simulator.command({cmd: "act", device: addresses.REMOTE, action: "press", button: "toggle"});
    await toggle;
});
await check("link quality table", async () => {
    const coordinator = controller.getDevicesByType("Coordinator")[0];
    const table = await coordinator.lqi();
    if (table.length !== 10) throw new Error(JSON.stringify(table));
    await controller.getDeviceByIeeeAddr(addresses.BULB).lqi();
    await coordinator.routingTable();
});
const backupFile = join(directory, "other", "coordinator_backup.json");
if (firmware !== "cc2531") {
    await check("coordinator backup with link keys", async () => {
        await controller.backup();
        const {readFileSync} = await import("node:fs");
        const backup = JSON.parse(readFileSync(join(directory, "coordinator_backup.json"), "utf8"));
        if (backup.devices.length !== 10 || !backup.devices.every((d) => d.link_key)) throw new Error(JSON.stringify(backup.devices));
        const {copyFileSync, mkdirSync} = await import("node:fs");
        mkdirSync(join(directory, "other"));
        copyFileSync(join(directory, "coordinator_backup.json"), backupFile);
    });
}
await check("a device leaves when told to", async () => {
    // Wake it: a sleeping device hears nothing.
    await simulator.command({cmd: "act", device: addresses.REMOTE, action: "press", button: "on"});
    await controller.getDeviceByIeeeAddr(addresses.REMOTE).removeFromNetwork();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const {devices} = await simulator.command({cmd: "devices"});
    if (devices.find((d) => d.device === addresses.REMOTE).joined) throw new Error("still there");
});
await check("a device leaves by itself", async () => {
    const left = waitFor(controller, "deviceLeave", (data) => data.ieeeAddr === addresses.PLUG);
    await simulator.command({cmd: "leave", device: addresses.PLUG});
    await left;
});
await check("stop", async () => controller.stop());
await check("start again: the network is resumed", async () => {
    controller = new Controller(options(simulator.tcp));
    const result = await controller.start();
    if (result !== "resumed") throw new Error(`start gave ${result}`);
    await endpoint("LLKZMK11LM").command("genOnOff", "on", {});
});
await check("restart of the stick from its image: resumed again", async () => {
    await controller.stop();
    await simulator.stop();
    const again = await Simulator.start(binary, ["--firmware", firmware, "--nv", join(directory, "nv.json")]);
    controller = new Controller(options(again.tcp));
    const result = await controller.start();
    await controller.stop();
    await again.stop();
    if (result !== "resumed") throw new Error(`start gave ${result}`);
});
if (firmware !== "cc2531") {
    await check("the backup is restored onto a new stick", async () => {
        const other = await Simulator.start(binary, ["--firmware", firmware, "--seed", "5"]);
        controller = new Controller({...options(other.tcp), databasePath: join(directory, "other", "database.db"), backupPath: backupFile});
        const result = await controller.start();
        const network = await other.command({cmd: "state"});
        await controller.stop();
        await other.stop();
        if (result !== "restored" || network.pan_id !== 0x1a62 || network.channel !== 15) throw new Error(`${result} ${JSON.stringify(network)}`);
    });
}
await check("a network with 100 known devices, from a data directory that the simulator wrote", async () => {
    const data = join(directory, "data");
    const known = await Simulator.start(binary, [
        "--firmware", firmware, "--timing", "instant", "--devices", "LLKZMK11LM:60,QBKG41LM:40", "--data", data,
    ]);
    const again = options(known.tcp);
    Object.assign(again.network, {
        networkKey: [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 13],
        extendedPanID: new Array(8).fill(0xdd),
        channelList: [11],
    });
    again.databasePath = join(data, "database.db");
    again.databaseBackupPath = join(data, "database.db.backup");
    again.backupPath = join(data, "coordinator_backup.json");
    controller = new Controller(again);
    const result = await controller.start();
    if (result !== "resumed") throw new Error(`start gave ${result}`);
    const devices = controller.getDevices();
    if (devices.length !== 101) throw new Error(`${devices.length} devices`);
    const last = devices.find((d) => d.ieeeAddr === "0x00158d0001000063");
    await last.getEndpoint(2).command("genOnOff", "on", {});
    const seen = new Map();
    const all = new Promise((resolve) => {
        controller.on("message", (m) => {
            if (m.cluster !== "genAnalogInput") return;
            const expected = (seen.get(m.device.ieeeAddr) ?? 0) + 1;
            if (m.data.presentValue !== expected) resolve(`${m.device.ieeeAddr}: ${m.data.presentValue}, not ${expected}`);
            seen.set(m.device.ieeeAddr, expected);
            known.command({cmd: "credit"});
            if ([...seen.values()].reduce((a, b) => a + b, 0) === 1000) resolve(null);
        });
    });
    await known.command({cmd: "load", count: 1000, window: 16});
    const wrong = await all;
    await controller.stop();
    await known.stop();
    if (wrong) throw new Error(wrong);
});
rmSync(directory, {recursive: true});
finish("zigbee-herdsman", firmware);
