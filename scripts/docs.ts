// SPDX-License-Identifier: MIT
//
// `deno task docs`: makes docs/reference, docs/openrpc.json and the client's types anew.
// `deno task docs --check`: fails if they are not what they would be made to.
// `deno task docs --release`: also keeps the contracts in docs/contract, for later versions to be
// compared with. Part of a release.
// `deno task docs --record`: runs the examples anew first, with real containers, as root.
import { untilAborted } from "../src/until_aborted.ts";
import { EXAMPLES_FILE, readExamples } from "./docs/examples.ts";
import { format, generatedFiles, staleFiles } from "./docs/pages.ts";
import { ROOT } from "./root.ts";
import { runScript } from "./run_script.ts";
import { Workspace } from "./workspace.ts";

const [option] = Deno.args;
if (option === "--record") {
  await runScript(async (signal) => {
    await using _workspace = await Workspace.open("berth-docs");
    const { recordExamples } = await import("./docs/record.ts");
    const text = JSON.stringify(await untilAborted(recordExamples(), signal));
    await Deno.mkdir(`${ROOT}/docs/reference`, { recursive: true });
    await Deno.writeTextFile(EXAMPLES_FILE, await format(EXAMPLES_FILE, text));
    return await renew();
  });
} else if (option === "--release") {
  const { goldens } = await import("./docs/goldens.ts");
  await Deno.mkdir(`${ROOT}/docs/contract`, { recursive: true });
  for (const { path, document } of Object.values(goldens())) {
    await Deno.writeTextFile(`${ROOT}/${path}`, await format(path, JSON.stringify(document)));
    console.log(`made ${path}`);
  }
} else if (option !== undefined && option !== "--check") {
  console.error("usage: deno task docs [--check | --record | --release]");
  Deno.exit(2);
}
await runScript(renew);

/** Writes the files that are stale, or with --check only names them; returns the exit status. */
async function renew(): Promise<number> {
  const files = await generatedFiles(await readExamples());
  const stale = await staleFiles(files);
  if (option === "--check") {
    for (const path of stale) console.error(`${path} is stale: run deno task docs`);
    return stale.length === 0 ? 0 : 1;
  }
  for (const path of stale) {
    await Deno.writeTextFile(`${ROOT}/${path}`, files.get(path) ?? "");
    console.log(`made ${path}`);
  }
  return 0;
}
