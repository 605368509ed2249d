// SPDX-License-Identifier: MIT
import { runBundler, withoutPaths } from "../build/bundler.ts";
import { ROOT } from "../root.ts";
import { writeDeclarations } from "./declarations.ts";

const README = `# @berth/client

The client of the [berth](https://jsr.io/@berth/berth) container runtime daemon, for Node 20 or later
on Linux: one ES module without dependencies, and its types.

\`\`\`js
import { connect } from "@berth/client";

const client = await connect(); // BERTH_SOCKET, else /run/berth/berth.sock
const container = await client.create({ id: "hello", spec, stdout: "piped" });
await container.start();
console.log(await new Response(container.stdout).text());
console.log((await container.wait()).exitStatus);
await container.delete();
await client.close();
\`\`\`

\`spec\` is an OCI runtime spec. \`client.call(method, params)\` reaches every method of the daemon, with
its types; \`client.events({ after })\` goes on after a lost connection where it was; errors are classes
by what is wrong (\`NotFoundError\`, \`FailedPreconditionError\`, …); every call takes an \`AbortSignal\`.

A user that may open the daemon's socket is as good as root on that machine.
`;

const BUNDLED = `client.js contains json-rpc-2.0, which is under the same license:
Copyright (c) 2021 Shogo Wada
`;

/**
 * Makes the npm package of the client library in `outDir`, which is emptied first: one bundled
 * module that Node 20 runs, its declarations, package.json, README.md and LICENSE.
 */
export async function buildNpm(outDir: string): Promise<void> {
  await Deno.remove(outDir, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(outDir, { recursive: true });
  await Deno.writeTextFile(`${outDir}/client.js`, await bundleClient());
  const types = await writeDeclarations(`${ROOT}/src`, "client/mod.ts", `${outDir}/types`);
  await Deno.writeTextFile(`${outDir}/package.json`, await packageJson(`./types/${types}`));
  await Deno.writeTextFile(`${outDir}/README.md`, README);
  const license = await Deno.readTextFile(`${ROOT}/LICENSE`);
  await Deno.writeTextFile(`${outDir}/LICENSE`, `${license}\n${BUNDLED}`);
}

async function bundleClient(): Promise<string> {
  // "browser": plain ES modules, with nothing that only Deno has put in front.
  const bundled = await runBundler(["--platform=browser", "src/client/mod.ts"]);
  const code = withoutPaths(bundled);
  return `// SPDX-License-Identifier: MIT\n${code}`;
}

async function packageJson(types: string): Promise<string> {
  const { version } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
  const manifest = {
    name: "@berth/client",
    version,
    description: "Client of the berth container runtime daemon",
    license: "MIT",
    type: "module",
    os: ["linux"],
    engines: { node: ">=20" },
    exports: { ".": { types, default: "./client.js" } },
    types,
    files: ["client.js", "types"],
    sideEffects: false,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
