// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";

Deno.test("FdReserve: what needs an fd gets one where there is none", async () => {
  const program = `
    import { FdReserve } from ${JSON.stringify(import.meta.resolve("./fd_reserve.ts"))};
    import { borrowFileLimit } from ${
    JSON.stringify(import.meta.resolve("../process/file_limit.ts"))
  };
    import { open, close } from ${JSON.stringify(import.meta.resolve("./fd.ts"))};
    const reserve = new FdReserve();
    borrowFileLimit(60n);
    const fill = () => { const held = []; try { for (;;) held.push(open("/dev/null", 0)); } catch { return held; } };
    const own = () => close(open("/dev/null", 0));
    const deno = () => Deno.readTextFileSync("/proc/self/comm");
    const tried = (work) => { try { work(); return "ok"; } catch (error) { return error.code; } };
    const held = fill();
    const results = [tried(own), tried(deno)];
    // It is there again after each time.
    for (const work of [own, deno, own]) results.push(tried(() => reserve.run(work)));
    results.push(tried(own));
    results.push(tried(() => reserve.run(() => { throw Object.assign(new Error(), { code: "ENOSPC" }); })));
    reserve[Symbol.dispose]();
    held.push(...fill());
    results.push(tried(() => reserve.run(own)));
    held.splice(0, 3).forEach(close);
    results.push(tried(() => reserve.run(own)));
    held.push(...fill());
    results.push(tried(() => reserve.run(own)));
    console.log(results.join(" "));`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    stdin: "null",
  }).output();
  assert.equal(
    new TextDecoder().decode(stdout).trim(),
    "EMFILE EMFILE ok ok ok EMFILE ENOSPC EMFILE ok ok",
    new TextDecoder().decode(stderr),
  );
});
