// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ROOT } from "../../scripts/root.ts";
import {
  incompatibilities,
  type KeptContract,
  mayBreak,
} from "../../scripts/docs/compatibility.ts";
import { goldens } from "../../scripts/docs/goldens.ts";
import { PROTOCOL, VERSION } from "../../src/version.ts";

const ADVICE = "see CONTRIBUTING.md, Versions";
const RENEW = "the kept contract lacks what is new: run deno task docs --release";

async function golden(path: string): Promise<KeptContract> {
  return JSON.parse(await Deno.readTextFile(`${ROOT}/${path}`));
}

Deno.test("contract: the daemon's contract breaks no client of a release unless the version says so", async () => {
  const { daemon } = goldens();
  for await (const { name } of Deno.readDir(`${ROOT}/docs/contract`)) {
    const version = name.match(/^daemon-(.*)\.json$/)?.[1];
    if (version === undefined || mayBreak(version, VERSION)) continue;
    const old = await golden(`docs/contract/${name}`);
    assert.deepEqual(incompatibilities(old, daemon.document), [], `since ${version}: ${ADVICE}`);
  }
});

Deno.test("contract: the shim's contract breaks no daemon of a release unless PROTOCOL says so", async () => {
  const { shim } = goldens();
  const old = await golden(`docs/contract/shim-${PROTOCOL}.json`);
  assert.deepEqual(incompatibilities(old, shim.document), [], `${ADVICE}; raise PROTOCOL`);
});

Deno.test("contract: what is kept for the next release has all that the contracts have", async () => {
  for (const { path, document } of Object.values(goldens())) {
    assert.deepEqual(incompatibilities(document, await golden(path)), [], `${path}: ${RENEW}`);
  }
});
