// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../../tests/harness/stand_in.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { until } from "../../../tests/harness/poll.ts";
import { O_NONBLOCK, O_WRONLY, OwnedFd, setNonblocking } from "../../linux/fd/fd.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { processStat } from "../../linux/process/stat.ts";
import { BinaryLogger } from "./binary_logger.ts";

/**
 * Runs a script as a logger and writes output to it, when so many warnings were logged. Returns what
 * has been logged when the logger has ended.
 */
async function logged(
  script: string,
  output: Uint8Array<ArrayBuffer>,
  warnings: number,
): Promise<string[]> {
  using temp = new TempDir();
  const dir = temp.path;
  const [program, pid] = [`${dir}/logger`, `${dir}/pid`];
  writeScript(program, `echo $$ >${pid}\n${script}`);
  const said: string[] = [];
  const reaper = Reaper.start({ reapAll: false });
  const poller = new Poller();
  try {
    const [stdout, stderr] = [`${dir}/stdout`, `${dir}/stderr`];
    const log = (level: string, text: string) => void said.push(`${level}: ${text}`);
    const context = { namespace: "test", reaper, poller, log };
    const logger = await BinaryLogger.start({
      ...{ id: "c", argv: [program], mustSay: false, stdout, stderr, context },
    });
    const number = Number(Deno.readTextFileSync(pid));
    {
      using out = OwnedFd.open(stdout, O_WRONLY | O_NONBLOCK);
      using _err = OwnedFd.open(stderr, O_WRONLY | O_NONBLOCK);
      await until("the warning", () => said.length === warnings);
      logger.releaseFifos();
      setNonblocking(out.fd, false);
      using file = await Deno.open(`/proc/self/fd/${out.fd}`, { write: true });
      for (let at = 0; at < output.length;) at += await file.write(output.subarray(at));
    }
    await until("the end of the logger", () => processStat(number) === undefined);
    await logger.end();
    return said;
  } finally {
    await poller[Symbol.asyncDispose]();
    reaper[Symbol.dispose]();
  }
}

Deno.test("BinaryLogger: one that ends with its input is no reason to warn, before end() too", async () => {
  const script = "exec 5>&-\ncat <&3 >/dev/null\ncat <&4 >/dev/null\n";
  assert.deepEqual(await logged(script, new TextEncoder().encode("out\n"), 0), []);
});

Deno.test("BinaryLogger: the output of a process whose logger has ended is discarded, with a warning", async () => {
  const said = await logged("exit 3\n", new Uint8Array(300_000), 1);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^warning: .* has ended with 3: output is lost from here on$/);
});
