// SPDX-License-Identifier: MIT
//
// `deno task build:npm [DIR]`: the npm package of the client library, in dist/npm or DIR.
import { ROOT } from "./root.ts";
import { buildNpm } from "./npm/package.ts";

const outDir = Deno.args[0] ?? `${ROOT}/dist/npm`;
await buildNpm(outDir);
console.log(`${outDir}: npm publish it, or npm install it from there`);
