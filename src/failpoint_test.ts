// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Failpoints } from "./failpoint.ts";

const FAILPOINT = new URL("failpoint.ts", import.meta.url).href;

Deno.test("Failpoints: each term applies as often as it says, then the next one does", () => {
  const points = new Failpoints(() => "a=2*off->1*fail:ENOSPC->delay:20, b=crash\nc=1*off->off");
  const kinds = (name: string, hits: number) =>
    Array.from({ length: hits }, () => points.hit(name).kind);
  assert.deepEqual(kinds("a", 5), ["off", "off", "fail", "delay", "delay"]);
  assert.deepEqual(kinds("b", 2), ["crash", "crash"]);
  assert.deepEqual(kinds("unknown", 1), ["off"]);
});

Deno.test("Failpoints: a point is off after its last count", () => {
  const points = new Failpoints(() => "a=1*delay:5");
  assert.deepEqual(points.hit("a"), { kind: "delay", ms: 5 });
  assert.deepEqual(points.hit("a"), { kind: "off" });
});

Deno.test("Failpoints: a list that changes counts anew", () => {
  let list = "a=1*crash";
  const points = new Failpoints(() => list);
  assert.equal(points.hit("a").kind, "crash");
  assert.equal(points.hit("a").kind, "off");
  list = "a=1*fail:EIO";
  assert.deepEqual(points.hit("a"), { kind: "fail", code: "EIO" });
});

for (
  const list of [
    "a",
    "a=",
    "a=explode",
    "a=fail",
    "a=fail:5",
    "a=delay:x",
    "a=crash:1",
    "=off",
  ]
) {
  Deno.test(`Failpoints: ${JSON.stringify(list)} is refused`, () => {
    assert.throws(() => new Failpoints(() => list).hit("a"), /BERTH_FAILPOINTS: /);
  });
}

/** Runs `code`, which may use both functions, with BERTH_FAILPOINTS set. */
async function run(list: string, code: string) {
  const imports = `import { failpoint, failpointAsync } from ${JSON.stringify(FAILPOINT)};`;
  const { signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", `${imports}\n${code}`],
    env: { BERTH_FAILPOINTS: list, NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { signal, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("failpoint: crash is a SIGKILL, and nothing after it runs", async () => {
  const { signal, stdout } = await run(
    "a=1*off->crash",
    "failpoint('a'); console.log('once'); failpoint('a'); console.log('twice');",
  );
  assert.deepEqual({ signal, stdout }, { signal: "SIGKILL", stdout: "once\n" });
});

Deno.test("failpoint: fail throws an error with the code, in both forms", async () => {
  const { stdout, stderr } = await run(
    "a=fail:ENOSPC,b=fail:EMFILE",
    `try { failpoint("a"); } catch (error) { console.log(error.name, error.code); }
     try { await failpointAsync("b"); } catch (error) { console.log(error.name, error.code); }`,
  );
  assert.equal(stdout, "FailpointError ENOSPC\nFailpointError EMFILE\n", stderr);
});

Deno.test("failpoint: failpointAsync: others go on during a delay; failpoint blocks them", async () => {
  const { stdout, stderr } = await run(
    "a=delay:100",
    `setTimeout(() => console.log("timer"), 1);
     await failpointAsync("a");
     console.log("yielded");
     setTimeout(() => console.log("late timer"), 1);
     failpoint("a");
     console.log("blocked");`,
  );
  assert.equal(stdout, "timer\nyielded\nblocked\nlate timer\n", stderr);
});

Deno.test("failpoint: a list in a file arms and disarms while the process runs", async () => {
  const file = await Deno.makeTempFile();
  try {
    const { stdout, stderr } = await run(
      `@${file}`,
      `const hit = () => { try { failpoint("a"); return "off"; } catch { return "failed"; } };
       console.log(hit());
       Deno.writeTextFileSync(${JSON.stringify(file)}, "a=fail:EIO");
       console.log(hit());
       Deno.removeSync(${JSON.stringify(file)});
       console.log(hit());`,
    );
    assert.equal(stdout, "off\nfailed\noff\n", stderr);
  } finally {
    await Deno.remove(file).catch(() => {});
  }
});
