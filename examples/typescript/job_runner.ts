// SPDX-License-Identifier: MIT
//
// Runs many jobs, each in a container of its own, so many at a time:
//
//     deno run -A job_runner.ts ROOTFS [JOBS [AT_ONCE [TIMEOUT_SECONDS]]]
//
// Every 25th job hangs, as jobs do, and is ended at its time-out.
import { type Client, connect, RunTimeoutError } from "../../mod.ts";

interface Job {
  readonly number: number;
  readonly script: string;
}

/** Runs one job; answers a line that says how it went. */
async function runJob(client: Client, rootfs: string, job: Job, timeoutMs: number) {
  const decoder = new TextDecoder();
  try {
    const { exitStatus, stdout } = await client.run(
      { rootfs, args: ["sh", "-c", job.script], readOnly: true },
      { timeoutMs, maxOutput: 64 * 1024, create: { labels: { job: `${job.number}` } } },
    );
    return { ok: exitStatus === 0, line: `exit ${exitStatus}: ${decoder.decode(stdout).trim()}` };
  } catch (error) {
    if (!(error instanceof RunTimeoutError)) throw error;
    return { ok: false, line: `late, after: ${decoder.decode(error.output.stdout).trim()}` };
  }
}

async function main([rootfs, jobs = "50", atOnce = "8", timeout = "30"]: readonly string[]) {
  if (rootfs === undefined) {
    throw new Error("usage: job_runner.ts ROOTFS [JOBS [AT_ONCE [SECONDS]]]");
  }
  const waiting: Job[] = Array.from({ length: Number(jobs) }, (_, index) => {
    const number = index + 1;
    const hangs = number % 25 === 0;
    return {
      number,
      script: `echo $((${number} * ${number}))${hangs ? "; sleep 1000" : ""}`,
    };
  });
  await using client = await connect();
  let good = 0;
  let bad = 0;
  // Each of these takes the next job when it has done one.
  const workers = Array.from({ length: Number(atOnce) }, async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const { ok, line } = await runJob(client, rootfs, job, Number(timeout) * 1000);
      if (ok) good++;
      else bad++;
      console.log(`job ${job.number}: ${line}`);
    }
  });
  await Promise.all(workers);
  console.log(`${good} good, ${bad} bad`);
}

await main(Deno.args);
