// The simulator as a child process, and the counting of checks.

import {spawn} from "node:child_process";
import {createInterface} from "node:readline";

export class Simulator {
    static async start(binary, options) {
        const simulator = new Simulator();
        simulator.child = spawn(binary, ["--tcp", "127.0.0.1:0", ...options], {stdio: ["pipe", "pipe", "inherit"]});
        simulator.waiting = [];
        const lines = createInterface({input: simulator.child.stdout});
        const ready = new Promise((resolve) => simulator.waiting.push(resolve));
        lines.on("line", (line) => simulator.waiting.shift()(JSON.parse(line)));
        simulator.tcp = (await ready).tcp;
        return simulator;
    }

    command(command) {
        return new Promise((resolve) => {
            this.waiting.push(resolve);
            this.child.stdin.write(`${JSON.stringify(command)}\n`);
        });
    }

    stop() {
        return new Promise((resolve) => {
            this.child.once("exit", resolve);
            this.child.stdin.end();
        });
    }
}

const results = {passed: 0, failed: 0};

export async function check(name, run) {
    const began = Date.now();
    try {
        await run();
        results.passed += 1;
        console.log(`ok    ${name} (${Date.now() - began} ms)`);
    } catch (error) {
        results.failed += 1;
        console.log(`FAIL  ${name}: ${error.stack ?? error}`);
    }
}

export function finish(client, firmware) {
    console.log(`${client} on ${firmware}: ${results.passed} passed, ${results.failed} failed`);
    process.exit(results.failed === 0 ? 0 : 1);
}
